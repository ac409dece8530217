/** Tokens as credentials: from a JWT to who it is. */
import { hash } from 'node:crypto';
import type { CredentialVerifier, Scope, Verdict } from './access.ts';
import type { KeySet } from './jwks.ts';
import {
  findFault,
  isSigned,
  looksLikeToken,
  type ParsedToken,
  parseToken,
  type TokenDemands,
  type TokenKey,
} from './jwt.ts';

export interface TokenOptions extends TokenDemands {
  /** Keys that are known from the start. */
  readonly keys: readonly TokenKey[];
  /** Keys of an address; null without one. */
  readonly keySet: KeySet | null;
  /** The app of events that name none, sent with a token of every app. */
  readonly defaultApp: string;
  /** Epoch ms. */
  readonly now: () => number;
}

const SCOPES: readonly Scope[] = ['ingest', 'read', 'admin'];
const SUBJECT_CHARS_MAX = 200;
const APPS_MAX = 1_000;
const UNSIGNED = 'The token is damaged, or not signed for this service.';

export function createTokenVerifier(options: TokenOptions): CredentialVerifier {
  const { keys, keySet } = options;

  function judge(text: string, token: ParsedToken, candidates: readonly TokenKey[]): Verdict {
    if (!isSigned(token, candidates)) return { refused: UNSIGNED };
    // Only now, so that nobody learns from a forgery what would be taken.
    const fault = findFault(token.claims, options, options.now() / 1000);
    return fault === null ? readPrincipal(text, token.claims, options.defaultApp) : { refused: fault };
  }

  return (credential) => {
    if (!looksLikeToken(credential)) return null;
    const token = parseToken(credential);
    if (token === null) return { refused: UNSIGNED };
    const own = keys.filter(({ alg }) => alg === token.header.alg);
    // A secret never comes from an address.
    if (keySet === null || token.header.alg === 'HS256' || isSigned(token, own))
      return judge(credential, token, own);
    const found = keySet.keysFor(token.header);
    return found instanceof Promise
      ? found.then((late) => judge(credential, token, [...own, ...late]))
      : judge(credential, token, [...own, ...found]);
  };
}

/** Claims of ours: `scope` (separated by spaces) and `apps` (absent: all). What is odd opens nothing. */
function readPrincipal(
  text: string,
  { sub, scope, apps }: ParsedToken['claims'],
  defaultApp: string,
): Verdict {
  if (apps !== undefined && !isNames(apps)) return { refused: 'apps of the token is no list of names.' };
  const given = typeof scope === 'string' ? scope.split(' ') : [];
  const named = typeof sub === 'string' && sub !== '' && sub.length <= SUBJECT_CHARS_MAX;
  return {
    // Two tokens that name nobody are two callers.
    id: named ? `jwt:${sub}` : `jwt#${hash('sha256', text, 'hex').slice(0, 12)}`,
    app: apps?.[0] ?? defaultApp,
    apps: apps ?? null,
    scopes: SCOPES.filter((known) => given.includes(known)),
  };
}

function isNames(value: unknown): value is string[] {
  return (
    Array.isArray(value) &&
    value.length <= APPS_MAX &&
    value.every((name) => typeof name === 'string' && name !== '')
  );
}
