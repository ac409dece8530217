/**
 * Keys from a JWKS address (RFC 7517, 5). Fetched when first wanted, again when they are old or a token names one that is
 * not among them, and never more often than the pause allows, whatever tokens come.
 */
import { HttpProblem } from '../http/problem.ts';
import type { TokenHeader, TokenKey } from './jwt.ts';
import { jwkTokenKey } from './token-keys.ts';

export interface KeySet {
  /** Those that may have signed it. Rejects with HttpProblem `token_keys_unavailable` while there are none at all. */
  keysFor(header: TokenHeader): readonly TokenKey[] | Promise<readonly TokenKey[]>;
}

export interface KeySetOptions {
  readonly url: string;
  /** Milliseconds of a clock that is never set back. */
  readonly now: () => number;
  readonly log: { warn(facts: object, message: string): void };
  /** Default: the global one. */
  readonly fetch?: typeof fetch;
}

/** Keys are good for so long without a question. */
const FRESH_MS = 600_000;
/** Between two fetches. */
const PAUSE_MS = 10_000;
const TIMEOUT_MS = 5_000;
const BYTES_MAX = 1_048_576;
const KEYS_MAX = 100;

export function openKeySet(options: KeySetOptions): KeySet {
  const { url, now, log } = options;
  let keys: readonly TokenKey[] | null = null;
  let fetchedAt = Number.NEGATIVE_INFINITY;
  let triedAt = Number.NEGATIVE_INFINITY;
  let fetching: Promise<void> | null = null;

  /** Never rejects: keys that are there stay when it fails. */
  function refresh(): Promise<void> {
    triedAt = now();
    fetching ??= fetchKeys(options)
      .then(
        (found) => {
          keys = found;
          fetchedAt = now();
        },
        (error: unknown) =>
          log.warn({ err: error, url: placeOf(url) }, 'the keys of tokens could not be fetched'),
      )
      .finally(() => {
        fetching = null;
      });
    return fetching;
  }

  function fitting({ alg, kid }: TokenHeader): readonly TokenKey[] {
    return (keys ?? []).filter(
      (key) => key.alg === alg && (kid === null || key.kid === null || key.kid === kid),
    );
  }

  return {
    keysFor(header) {
      const known = fitting(header);
      const mayTry = now() - triedAt >= PAUSE_MS;
      if (known.length > 0) {
        // Old keys are used while new ones come, so that nobody waits.
        if (now() - fetchedAt >= FRESH_MS && mayTry) void refresh();
        return known;
      }
      if (fetching === null && !mayTry) return keys === null ? Promise.reject(unavailable()) : known;
      return (fetching ?? refresh()).then(() => {
        if (keys === null) throw unavailable();
        return fitting(header);
      });
    },
  };
}

const unavailable = () =>
  new HttpProblem('token_keys_unavailable', 'The keys that tokens are checked with could not be fetched.', {
    retryAfterMs: PAUSE_MS,
  });

async function fetchKeys({ url, fetch: get = fetch }: KeySetOptions): Promise<readonly TokenKey[]> {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  // To whom else it might lead is not for that server to say.
  const answer = await get(url, { signal, redirect: 'error', headers: { accept: 'application/json' } });
  if (answer.status !== 200) throw new Error(`it answered ${answer.status}`);
  const { keys } = JSON.parse(await readText(answer)) as { keys?: unknown };
  if (!Array.isArray(keys)) throw new Error('it answered no key set');
  return keys.slice(0, KEYS_MAX).flatMap((jwk: unknown) => jwkTokenKey(jwk) ?? []);
}

async function readText(answer: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of answer.body ?? []) {
    bytes += chunk.length;
    if (bytes > BYTES_MAX) throw new Error(`it answered more than ${BYTES_MAX} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

/** Without what may be secret in it. */
function placeOf(url: string): string {
  const { origin, pathname } = new URL(url);
  return origin + pathname;
}
