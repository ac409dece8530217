import { HttpProblem } from '../http/problem.ts';
import type { StoreReader } from '../store/questions/buckets.ts';
import type { HistoriesReader } from '../store/questions/histories.ts';
import { nobodyWaits } from './crowd.ts';

export interface BoundedStore extends StoreReader, HistoriesReader {
  /** Statements that wait for their turn, and those that come, are refused as `closing`. */
  close(): void;
}

type StatementOptions = NonNullable<Parameters<StoreReader['select']>[2]>;

const RETRY_AFTER_MS = 1_000;

/**
 * Sends at most so many statements at once, first come, first served: more of them would be no sooner done, and would
 * take the machine from ingest. A statement for which nobody waits any more ends in the database, too.
 */
export function boundStore(store: StoreReader & HistoriesReader, atOnceMax: number): BoundedStore {
  let running = 0;
  let closed = false;
  const waiting: (() => void)[] = [];
  async function begin(): Promise<void> {
    if (running < atOnceMax) running++;
    // Whoever ends hands on its place.
    else await new Promise<void>((resolve) => waiting.push(resolve));
    if (!closed) return;
    end();
    throw new HttpProblem('closing', 'The service is stopping.', { retryAfterMs: RETRY_AFTER_MS });
  }
  function end(): void {
    const next = waiting.shift();
    if (next === undefined) running--;
    else next();
  }
  return {
    ...(store.sharded === undefined ? {} : { sharded: store.sharded }),
    async select(sql, params, options) {
      await begin();
      try {
        return await store.select(sql, params, whileWaited(options));
      } finally {
        end();
      }
    },
    async *stream<Row>(...[sql, params, options]: Parameters<HistoriesReader['stream']>) {
      await begin();
      try {
        yield* store.stream<Row>(sql, params, whileWaited(options));
      } finally {
        end();
      }
    },
    close() {
      closed = true;
    },
  };
}

function whileWaited(options: StatementOptions | undefined): StatementOptions | undefined {
  const signal = nobodyWaits();
  return signal === undefined ? options : { signal, ...options };
}
