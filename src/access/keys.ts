/** API keys: how they are written in a setting, where a request carries them, and how they are compared. */
import { hash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { AccessRequest } from './addresses.ts';

export interface ApiKey {
  /** Names the key in logs and rate limits without giving it away: the first 12 hex digits of its SHA-256. */
  readonly id: string;
  /** Default app of what is sent with it. */
  readonly app: string;
  readonly digest: Buffer;
}

/** Reads `key` or `key:app`, comma-separated. A key itself may hold no colon and no comma. */
export function readApiKeys(text: string, defaultApp: string): ApiKey[] {
  const keys: ApiKey[] = [];
  for (const part of text.split(',')) {
    const entry = part.trim();
    if (entry === '') continue;
    const colon = entry.indexOf(':');
    const secret = colon < 0 ? entry : entry.slice(0, colon);
    const app = colon < 0 ? defaultApp : entry.slice(colon + 1).trim();
    if (secret === '' || app === '') throw new TypeError('an API key is written as key or key:app');
    keys.push(createApiKey(secret, app));
  }
  return keys;
}

export function createApiKey(secret: string, app: string): ApiKey {
  const digest = hash('sha256', secret, 'buffer');
  return { id: digest.toString('hex', 0, 6), app, digest };
}

/** A secret of the catalogue's: 256 random bits behind a prefix by which people, and scanners for secrets, know it. */
export interface NewSecret {
  /** Shown once, and kept nowhere. */
  readonly secret: string;
  /** Its first characters, to tell keys apart by. */
  readonly prefix: string;
  /** SHA-256, in hex. */
  readonly digest: string;
}

const SECRET_BYTES = 32;
const SECRET = /^slk_[\w-]{43}$/;
const SHOWN_CHARS = 8;

export function makeSecret(): NewSecret {
  const secret = `slk_${randomBytes(SECRET_BYTES).toString('base64url')}`;
  return { secret, prefix: secret.slice(0, SHOWN_CHARS), digest: digestOf(secret) };
}

/** Whether it looks like one that `makeSecret` made. */
export const isSecret = (credential: string): boolean => SECRET.test(credential);

/** Under which a secret is kept. It has too many bits to be guessed, so that a plain hash is enough. */
export const digestOf = (secret: string): string => hash('sha256', secret, 'hex');

/** The key whose secret this is. Looks at all of them, so that the time taken tells nothing. */
export function findApiKey(keys: readonly ApiKey[], secret: string): ApiKey | null {
  if (keys.length === 0) return null;
  const digest = hash('sha256', secret, 'buffer');
  let found: ApiKey | null = null;
  for (const key of keys) {
    if (timingSafeEqual(key.digest, digest)) found = key;
  }
  return found;
}

/** The credential of a request: `Authorization: Bearer`, `x-api-key`, or `?api_key=` where that is allowed. */
export function readCredential(request: AccessRequest, queryAllowed: boolean): string | null {
  const { authorization } = request.headers;
  if (authorization !== undefined) {
    const match = /^Bearer +(\S+) *$/i.exec(authorization);
    if (match !== null) return match[1]!;
  }
  const header = request.headers['x-api-key'];
  if (typeof header === 'string' && header !== '') return header;
  if (!queryAllowed) return null;
  const url = request.url ?? '';
  const question = url.indexOf('?');
  if (question < 0) return null;
  return new URLSearchParams(url.slice(question + 1)).get('api_key') || null;
}
