/**
 * Keys of the catalogue. In: a secret. Out: whose it is. What was looked up is remembered for a moment, so that ingest
 * decides at once, and a key that was revoked opens nothing a few seconds later, in every process.
 */
import { HttpProblem } from '../http/problem.ts';
import type { CredentialVerifier, Principal, Scope, Verdict } from './access.ts';
import { digestOf, isSecret } from './keys.ts';

/** What is kept of a key. */
export interface StoredKey {
  readonly id: string;
  readonly scopes: readonly Scope[];
  /** Null: every app. */
  readonly apps: readonly string[] | null;
}

export interface StoredKeysOptions {
  /** Null: there is no such key, or it was revoked. Rejects when nobody can tell now. */
  readonly find: (digest: string) => Promise<StoredKey | null>;
  /** The app of events that name none, sent with a key of every app. */
  readonly defaultApp: string;
  /** Milliseconds of a clock that is never set back. */
  readonly now: () => number;
}

export interface StoredKeys {
  readonly verify: CredentialVerifier;
  /** What was remembered is looked up again: a key was changed by this process. */
  forget(): void;
}

/** Within this time nothing is asked again. */
const FRESH_MS = 1_000;
/** Until then the answer is given from memory, while it is asked again: a key in use makes nobody wait. */
const USABLE_MS = 4_000;
/** While the catalogue does not answer nobody can revoke a key either: those that were good stay so for a while. */
const OUTAGE_MS = 600_000;
/** How long a known key waits for a catalogue that does not answer, before it counts as away. */
const PATIENCE_MS = 500;
const KNOWN_MAX = 10_000;
const UNKNOWN_MAX = 1_000;
/** Look-ups of secrets that nobody knows, at once. */
const LOOKUPS_MAX = 64;
const RETRY_AFTER_MS = 2_000;

interface Entry {
  /** Null: no key. */
  readonly principal: Principal | null;
  /** When the catalogue said so. */
  readonly saidAt: number;
  /** When it last failed to, if it did since. */
  failedAt: number;
}

const REFUSED: Verdict = { refused: 'The key is not known here, or was revoked.' };

export function createStoredKeys(options: StoredKeysOptions): StoredKeys {
  return new StoredKeyRing(options);
}

class StoredKeyRing implements StoredKeys {
  readonly #options: StoredKeysOptions;
  readonly #known = new Map<string, Entry>();
  readonly #unknown = new Map<string, Entry>();
  readonly #asking = new Map<string, Promise<Entry>>();

  constructor(options: StoredKeysOptions) {
    this.#options = options;
  }

  readonly verify = (credential: string): Verdict | Promise<Verdict> => {
    if (!isSecret(credential)) return null;
    const digest = digestOf(credential);
    const entry = this.#known.get(digest) ?? this.#unknown.get(digest);
    if (entry === undefined) return this.#askFirst(digest);
    const now = this.#options.now();
    const age = now - entry.saidAt;
    if (age < FRESH_MS) return verdictOf(entry);
    const away = now - entry.failedAt < RETRY_AFTER_MS && age < OUTAGE_MS && entry.principal !== null;
    if (age >= USABLE_MS && !away) return this.#askAgain(digest, entry);
    if (!away) this.#ask(digest).catch(() => {});
    return verdictOf(entry);
  };

  forget(): void {
    this.#known.clear();
    this.#unknown.clear();
    // What is under way may have been read before the change.
    this.#asking.clear();
  }

  async #askFirst(digest: string): Promise<Verdict> {
    if (!this.#asking.has(digest) && this.#asking.size >= LOOKUPS_MAX)
      throw new HttpProblem('overloaded', 'Too many keys are looked up at once.', {
        retryAfterMs: RETRY_AFTER_MS,
      });
    return verdictOf(await this.#ask(digest));
  }

  async #askAgain(digest: string, entry: Entry): Promise<Verdict> {
    const asked = this.#ask(digest);
    const usable = this.#options.now() - entry.saidAt < OUTAGE_MS && entry.principal !== null;
    if (!usable) return verdictOf(await asked);
    const gaveUp = Promise.withResolvers<null>();
    const timer = setTimeout(() => gaveUp.resolve(null), PATIENCE_MS);
    try {
      const said = await Promise.race([asked.catch(() => null), gaveUp.promise]);
      if (said !== null) return verdictOf(said);
      entry.failedAt = this.#options.now();
      return verdictOf(entry);
    } finally {
      clearTimeout(timer);
    }
  }

  /** What the catalogue says, once for all who ask at the same time. */
  #ask(digest: string): Promise<Entry> {
    const under = this.#asking.get(digest);
    if (under !== undefined) return under;
    // Before it is asked: what changes meanwhile is to be asked again in time.
    const saidAt = this.#options.now();
    const asked: Promise<Entry> = this.#options.find(digest).then(
      (key) => this.#keep(digest, asked, { principal: this.#principalOf(key), saidAt, failedAt: -Infinity }),
      (error: unknown) => {
        const entry = this.#known.get(digest);
        if (entry !== undefined) entry.failedAt = this.#options.now();
        if (this.#asking.get(digest) === asked) this.#asking.delete(digest);
        throw error;
      },
    );
    this.#asking.set(digest, asked);
    return asked;
  }

  #keep(digest: string, asked: Promise<Entry>, entry: Entry): Entry {
    // Forgotten meanwhile: good for those who asked before, and for nobody else.
    if (this.#asking.get(digest) !== asked) return entry;
    this.#asking.delete(digest);
    this.#known.delete(digest);
    this.#unknown.delete(digest);
    const [map, max] = entry.principal === null ? [this.#unknown, UNKNOWN_MAX] : [this.#known, KNOWN_MAX];
    if (map.size >= max) map.delete(map.keys().next().value!);
    map.set(digest, entry);
    return entry;
  }

  #principalOf(key: StoredKey | null): Principal | null {
    if (key === null) return null;
    const { id, scopes, apps } = key;
    return { id: `key:${id}`, app: apps?.[0] ?? this.#options.defaultApp, apps, scopes };
  }
}

function verdictOf({ principal }: Entry): Verdict {
  return principal ?? REFUSED;
}
