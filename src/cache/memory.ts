import type { Cache, CacheOptions } from './cache.ts';

/** What an entry costs beside its bytes: the Map's slot, the object, the view on its bytes. */
const ENTRY_BYTES = 200;

interface Entry {
  readonly value: Uint8Array;
  /** By the even clock. */
  readonly until: number;
  readonly bytes: number;
}

export interface MemoryCacheOptions extends Pick<CacheOptions, 'bytesMax' | 'observe'> {
  /** Milliseconds of a clock that goes on evenly. Default: the process's. */
  readonly now?: () => number;
}

/** Within this process: what was not asked for the longest goes first when the bound is reached. */
export function createMemoryCache(options: MemoryCacheOptions): Cache {
  const { bytesMax, observe, now = () => performance.now() } = options;
  // A Map keeps the order of insertion, so the first key is the one not used for the longest.
  const entries = new Map<string, Entry>();
  let bytes = 0;

  function remove(key: string): void {
    const entry = entries.get(key);
    if (entry === undefined) return;
    entries.delete(key);
    bytes -= entry.bytes;
  }

  return {
    kind: 'memory',
    async get(key) {
      const entry = entries.get(key);
      if (entry === undefined || entry.until <= now()) {
        remove(key);
        observe('get', 'miss');
        return null;
      }
      entries.delete(key);
      entries.set(key, entry);
      observe('get', 'hit');
      return entry.value;
    },
    async set(key, value, ttlMs) {
      remove(key);
      const size = ENTRY_BYTES + 2 * key.length + value.byteLength;
      // One that would drive out all others is not worth it.
      if (size > bytesMax / 2) {
        observe('set', 'skipped');
        return;
      }
      // A copy: the caller's bytes may change, and a view would keep all of its buffer alive.
      entries.set(key, { value: Uint8Array.from(value), until: now() + ttlMs, bytes: size });
      bytes += size;
      for (const oldest of entries.keys()) {
        if (bytes <= bytesMax) break;
        remove(oldest);
      }
      observe('set', 'done');
    },
    async delete(key) {
      remove(key);
      observe('delete', 'done');
    },
    state: () => ({ ok: true, reason: null }),
    async close() {
      entries.clear();
      bytes = 0;
    },
  };
}
