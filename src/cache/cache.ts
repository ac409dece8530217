/**
 * A cache of bytes with a time to live. What is in it can be had again from elsewhere, so nothing here ever rejects and
 * nothing waits for long: a cache that is away is one that holds nothing.
 */
import { createMemoryCache } from './memory.ts';
import { openRedisCache, type RedisOptions } from './redis.ts';

export interface Cache {
  readonly kind: 'memory' | 'redis';
  /** Null when there is nothing, or the cache does not answer in time. */
  get(key: string): Promise<Uint8Array | null>;
  /** @param ttlMs at least 1; after it the value is not given back any more */
  set(key: string, value: Uint8Array, ttlMs: number): Promise<void>;
  delete(key: string): Promise<void>;
  /** The reason is for the operator. */
  state(): { readonly ok: boolean; readonly reason: string | null };
  close(): Promise<void>;
}

export type CacheOperation = 'get' | 'set' | 'delete';

/** What became of an operation: `skipped` while a cache that failed is left alone. */
export type CacheOutcome = 'hit' | 'miss' | 'done' | 'failed' | 'skipped';

export interface CacheOptions {
  /** Null: in this process. */
  readonly redis: RedisOptions | null;
  /** Of the cache in this process, keys and values together. */
  readonly bytesMax: number;
  readonly observe: (operation: CacheOperation, outcome: CacheOutcome) => void;
  readonly log: { warn(facts: object, message: string): void; info(facts: object, message: string): void };
}

/** Never waits for a server: one that is away at the start is used once it is there. */
export function openCache({ redis, bytesMax, observe, log }: CacheOptions): Cache {
  if (redis !== null) return openRedisCache(redis, observe, log);
  return createMemoryCache({ bytesMax, observe });
}
