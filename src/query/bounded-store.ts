import { HttpProblem } from '../http/problem.ts';
import type { StoreReader } from '../store/questions/buckets.ts';

export interface BoundedStore extends StoreReader {
  /** Statements that wait for their turn, and those that come, are refused as `closing`. */
  close(): void;
}

const RETRY_AFTER_MS = 1_000;

/**
 * Sends at most so many statements at once, first come, first served: more of them would be no sooner done, and would
 * take the machine from ingest.
 */
export function boundStore(store: StoreReader, atOnceMax: number): BoundedStore {
  let running = 0;
  let closed = false;
  const waiting: (() => void)[] = [];
  return {
    ...(store.sharded === undefined ? {} : { sharded: store.sharded }),
    async select(...question) {
      if (running < atOnceMax) running++;
      // Whoever ends hands on its place.
      else await new Promise<void>((resolve) => waiting.push(resolve));
      try {
        if (closed)
          throw new HttpProblem('closing', 'The service is stopping.', { retryAfterMs: RETRY_AFTER_MS });
        return await store.select(...question);
      } finally {
        const next = waiting.shift();
        if (next === undefined) running--;
        else next();
      }
    },
    close() {
      closed = true;
    },
  };
}
