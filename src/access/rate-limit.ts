/**
 * Token buckets, one per key. A request is let in while its bucket is not in debt and pays afterwards, because how
 * many events it holds is only known once it was read; one request can so overdraw by itself, and the next ones wait.
 */
export interface RateLimiter {
  /** 0 when the bucket has tokens, else ms until it will. */
  waitMs(id: string): number;
  spend(id: string, tokens: number): void;
}

interface RateLimitOptions {
  readonly tokensPerSecond: number;
  /** The most that a bucket holds. */
  readonly burst: number;
  /** Buckets kept; the one longest unused goes first, and counts as full when it comes back. */
  readonly bucketsMax: number;
  /** Epoch ms. */
  readonly now: () => number;
}

interface Bucket {
  tokens: number;
  at: number;
}

export function createRateLimiter(options: RateLimitOptions): RateLimiter {
  const { tokensPerSecond, burst, bucketsMax, now } = options;
  const buckets = new Map<string, Bucket>();

  function refreshed(id: string): Bucket {
    const at = now();
    let bucket = buckets.get(id);
    if (bucket === undefined) {
      bucket = { tokens: burst, at };
      if (buckets.size >= bucketsMax) buckets.delete(buckets.keys().next().value!);
    } else {
      buckets.delete(id);
      const gained = (Math.max(0, at - bucket.at) / 1000) * tokensPerSecond;
      bucket.tokens = Math.min(burst, bucket.tokens + gained);
      bucket.at = at;
    }
    // A Map keeps the order of insertion, so the first key is the one longest unused.
    buckets.set(id, bucket);
    return bucket;
  }

  return {
    waitMs(id) {
      const { tokens } = refreshed(id);
      return tokens > 0 ? 0 : Math.max(1, Math.ceil(((1 - tokens) / tokensPerSecond) * 1000));
    },
    spend(id, tokens) {
      refreshed(id).tokens -= tokens;
    },
  };
}
