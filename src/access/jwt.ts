/**
 * JSON Web Tokens (RFC 7519) in compact form, signed with HS256, RS256 or ES256 (RFC 7515, 7518). In: a token and the keys
 * that may have signed it. Out: what it claims, or why it counts for nothing. No clock, no network.
 *
 * A key belongs to one algorithm, and only keys of the token's algorithm are tried, so that none can be taken for another.
 * Keys that a token brings along (`jwk`, `jku`, `x5c`, `x5u`) are not looked at.
 */
import { constants, createHmac, type KeyObject, timingSafeEqual, verify } from 'node:crypto';

export const ALGORITHMS = ['HS256', 'RS256', 'ES256'] as const;
export type Algorithm = (typeof ALGORITHMS)[number];

export interface TokenKey {
  readonly alg: Algorithm;
  /** Null: it has no name, and is tried for every token of its algorithm. */
  readonly kid: string | null;
  readonly key: KeyObject;
}

export interface TokenHeader {
  readonly alg: Algorithm;
  readonly kid: string | null;
}

/** Taken apart, and not yet believed. */
export interface ParsedToken {
  readonly header: TokenHeader;
  readonly claims: Readonly<Record<string, unknown>>;
  /** What is signed. */
  readonly signed: string;
  readonly signature: Buffer;
}

export interface TokenDemands {
  /** `aud` has to hold it; '' asks for none. */
  readonly audience: string;
  /** `iss` has to be it; '' asks for none. */
  readonly issuer: string;
}

/** Clocks may differ by so much. */
const LEEWAY_SECONDS = 10;
export const TOKEN_CHARS_MAX = 8_192;
const ES256_SIGNATURE_BYTES = 64;

/** Whether it has the three parts of a token, the first of which begins an object. */
export const looksLikeToken = (credential: string): boolean => /^eyJ[\w-]*\.[\w-]*\.[\w-]*$/.test(credential);

/** Null: it is no token that this service understands. */
export function parseToken(text: string): ParsedToken | null {
  if (text.length > TOKEN_CHARS_MAX) return null;
  const parts = text.split('.');
  if (parts.length !== 3) return null;
  const [header, claims, signature] = parts.map(decodePart);
  if (header == null || claims == null || signature == null) return null;
  const head = readObject(header);
  const body = readObject(claims);
  if (head === null || body === null) return null;
  const { alg, kid = null } = head;
  const known = ALGORITHMS.find((name) => name === alg);
  // `crit` names what a reader must understand, and nothing of that is understood here.
  if (known === undefined || 'crit' in head || !(kid === null || typeof kid === 'string')) return null;
  const signed = text.slice(0, text.lastIndexOf('.'));
  return { header: { alg: known, kid }, claims: body, signed, signature };
}

/** Whether one of these keys signed it. */
export function isSigned({ header, signed, signature }: ParsedToken, keys: readonly TokenKey[]): boolean {
  return keys.some(({ alg, kid, key }) => {
    if (alg !== header.alg || (kid !== null && header.kid !== null && kid !== header.kid)) return false;
    return checkSignature(alg, key, Buffer.from(signed), signature);
  });
}

function checkSignature(alg: Algorithm, key: KeyObject, signed: Buffer, signature: Buffer): boolean {
  switch (alg) {
    case 'HS256': {
      const expected = createHmac('sha256', key).update(signed).digest();
      return signature.length === expected.length && timingSafeEqual(signature, expected);
    }
    case 'RS256':
      return verify('sha256', signed, { key, padding: constants.RSA_PKCS1_PADDING }, signature);
    case 'ES256':
      if (signature.length !== ES256_SIGNATURE_BYTES) return false;
      return verify('sha256', signed, { key, dsaEncoding: 'ieee-p1363' }, signature);
  }
}

/**
 * Null when a signed token counts; else why not, for its bearer.
 * @param nowSeconds since 1970
 */
export function findFault(
  claims: ParsedToken['claims'],
  { audience, issuer }: TokenDemands,
  nowSeconds: number,
): string | null {
  const { exp, nbf, aud, iss } = claims;
  if (!isTime(exp)) return 'The token has no time at which it expires (exp).';
  if (nowSeconds >= exp + LEEWAY_SECONDS) return 'The token has expired.';
  if (nbf !== undefined && !(isTime(nbf) && nowSeconds >= nbf - LEEWAY_SECONDS))
    return 'The token is not valid yet.';
  if (audience !== '' && ![aud].flat().includes(audience)) return 'The token is for another audience (aud).';
  if (issuer !== '' && iss !== issuer) return 'The token is of another issuer (iss).';
  return null;
}

const isTime = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);

/** Base64url as it is written by those who know how: no padding, no other characters, no stray bits at the end. */
function decodePart(text: string): Buffer | null {
  const bytes = Buffer.from(text, 'base64url');
  return bytes.toString('base64url') === text ? bytes : null;
}

function readObject(bytes: Buffer): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : null;
  } catch {
    return null;
  }
}
