import { setTimeout as delay } from 'node:timers/promises';
import type { StoreClient } from '../src/store/client.ts';

/** What lies in ClickHouse: how much, how fresh it was, whether it is what was acknowledged, what the server did for it. */

export interface Stored {
  readonly rows: number;
}

export interface Verdict {
  readonly rows: number;
  readonly distinct: number;
  /** Events that were acknowledged and are not there. */
  readonly lost: number;
  /** Rows with an id that another row has, and events that nobody sent. */
  readonly doubled: number;
}

const POLL_MS = 100;
/** Without any progress for this long, what is missing is taken to be lost. */
const STALL_MS = 20_000;

/** Resolves when so many rows are there, or when no more come. */
export async function waitUntilStored(client: StoreClient, expected: number): Promise<Stored> {
  let rows = -1;
  let movedAt = performance.now();
  for (;;) {
    const [row] = await client.select<{ rows: number }>('SELECT count() AS rows FROM events');
    if (row!.rows !== rows) movedAt = performance.now();
    rows = row!.rows;
    if (rows >= expected || performance.now() - movedAt > STALL_MS) return { rows };
    await delay(POLL_MS);
  }
}

/** `unknown` events were sent without an answer: they may be there or not. */
export async function verify(client: StoreClient, expected: number, unknown: number): Promise<Verdict> {
  const [row] = await client.select<{ rows: number; distinct: number }>(
    'SELECT count() AS rows, uniqExact(event_id) AS distinct FROM events',
    {},
    { timeoutMs: 120_000 },
  );
  const { rows, distinct } = row!;
  const extra = Math.max(0, distinct - expected - unknown);
  return { rows, distinct, lost: Math.max(0, expected - distinct), doubled: rows - distinct + extra };
}

/** From receipt to the server's clock when it took the block, ms, over the events received between two moments (epoch ms). */
export async function readFreshness(
  client: StoreClient,
  from: number,
  to: number,
): Promise<{ p50: number; p95: number }> {
  const age = 'toUnixTimestamp64Milli(inserted_at) - toUnixTimestamp64Milli(received_at)';
  const [row] = await client.select<{ p50: number; p95: number }>(
    `SELECT quantile(0.5)(${age}) AS p50, quantile(0.95)(${age}) AS p95 FROM events
     WHERE received_at >= fromUnixTimestamp64Milli({from:Int64}) AND received_at < fromUnixTimestamp64Milli({to:Int64})`,
    { from: Math.floor(from), to: Math.floor(to) },
  );
  return row!;
}

/** The server's own counters since it started, by name. */
export async function readServerEvents(client: StoreClient): Promise<ReadonlyMap<string, number>> {
  const rows = await client.select<{ event: string; value: number }>(
    `SELECT event, value FROM system.events WHERE event IN
     ('QueryTimeMicroseconds', 'InsertQueryTimeMicroseconds', 'SelectQueryTimeMicroseconds', 'InsertQuery',
      'MergeExecuteMilliseconds', 'MergedRows', 'InsertedRows')`,
  );
  return new Map(rows.map(({ event, value }) => [event, value]));
}
