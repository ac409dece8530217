import { randomUUID } from 'node:crypto';
import { createEngagementDays, type EngagementDay, engagementSql, STALE_DAYS_SQL } from './engagement.ts';
import { NOT_WHILE_SETTLING, NOTHING_SETTLES, RECOMPUTE_QUERY, settleReplays } from './replay-marks.ts';
import { noteSplitViews, type RecomputeStore, type ShardPlace, SplitSql } from './split-views.ts';
import { hourlySql, viewHoursSql } from './sql/hours.ts';
import { quoted } from './sql/quoted.ts';
import { recomputeSql } from './sql/recompute.ts';

/**
 * Recomputes what is counted from raw, bucket by bucket.
 *
 * In: marks in bucket_state, rows in events. Out: view_buckets, views, the five-minute rollups, the hourly and daily
 * tables, and at the end the bucket's `as_of`, which makes it clean. What can be lost: nothing; each statement replaces
 * what it wrote before, so a recompute that was cut off or ran twice leaves the same numbers.
 */

export interface RecomputeOptions {
  readonly store: RecomputeStore;
  readonly gapLimitMs: number;
  /** Raw rows that one recompute may read at about the most. */
  readonly rowsMax: number;
  /** A day's engagement is recomputed at most this often. */
  readonly engagementEveryMs: number;
  /** Which of several shards `store` is; null when it is the only one. */
  readonly place?: ShardPlace | null;
}

export interface RecomputeRound {
  /** Buckets made clean. */
  readonly buckets: number;
  /** True when settled dirty buckets were left for the next round. */
  readonly more: boolean;
}

export interface Recompute {
  /** Recomputes dirty buckets that can become clean now, oldest first. One round at a time. */
  round(): Promise<RecomputeRound>;
}

interface DirtyBucket {
  readonly app_id: string;
  /** Epoch seconds. */
  readonly bucket: number;
}

interface ViewHour {
  readonly app_id: string;
  /** Epoch seconds. */
  readonly second: number;
}

const BUCKETS_MAX = 1_024;
/** Long lists of buckets need room in the parser, and may span more months than a server writes in one block. */
const LONG = {
  max_query_size: 16 * 1024 * 1024,
  max_ast_elements: 1_000_000,
  max_expanded_ast_elements: 1_000_000,
  max_partitions_per_insert_block: 0,
};
const REPLAYS_EVERY_MS = 60_000;
/** A replay that noted its buckets so long ago does not live any more, or harms nobody by being early. */
const REPLAY_STEP_MS = 600_000;
const OF_ALL_SHARDS = { distributed_product_mode: 'global' };

/** Settled: the lease of the last mark has ended, so no announced row can still land. */
const SETTLED_SQL = `
SELECT app_id, toUnixTimestamp(bucket) AS bucket
FROM bucket_state
WHERE ${NOTHING_SETTLES}
GROUP BY app_id, bucket
HAVING max(lease_until) >= max(as_of) AND max(lease_until) < now64(3)
ORDER BY bucket, app_id
LIMIT ${BUCKETS_MAX}`;

/** Literals only: a call in each tuple would cost the server more than the rows do. */
function bucketTuples(buckets: readonly DirtyBucket[]): string {
  return buckets.map((b) => `(${quoted(b.app_id)}, ${b.bucket})`).join(', ');
}

function hoursSql(buckets: string, split: SplitSql | null): string {
  return `SELECT app_id, toUnixTimestamp(hour) AS second FROM (${viewHoursSql(buckets, split)})`;
}

function hourTuples(hours: readonly ViewHour[]): string {
  return hours.map(({ app_id, second }) => `(${quoted(app_id)}, ${second})`).join(', ');
}

export function createRecompute(options: RecomputeOptions): Recompute {
  const { store, place = null } = options;
  const split = place === null ? null : new SplitSql(place);
  const settings = place === null ? LONG : { ...LONG, ...OF_ALL_SHARDS };
  const days = createEngagementDays(options.engagementEveryMs);
  let staleDaysKnown = false;
  let replaysAt = -Infinity;

  async function recompute(settled: readonly DirtyBucket[]): Promise<number> {
    const chosen = await chooseWithin(store, settled, options.rowsMax);
    // Read before the rows are: what lands later makes the bucket dirty again.
    const asOf = await readClock(store);
    const buckets = bucketTuples(chosen);
    const run = (sql: string) =>
      store.command(sql, {}, { settings, queryId: `${RECOMPUTE_QUERY}${randomUUID()}` });
    const now = async () => `addSeconds(${await readClock(store)}, ${NOT_WHILE_SETTLING})`;
    const { states, rest } = recomputeSql(buckets, options.gapLimitMs, split);
    await run(states(await now()));
    if (place !== null) await noteSplitViews(store, place, buckets, settings);
    for (const statement of rest) await run(statement(await now()));
    const hours = await store.select<ViewHour>(hoursSql(buckets, split), {}, { settings });
    const hourly = hours.length === 0 ? [] : hourlySql(hourTuples(hours), split);
    for (const statement of hourly) await run(statement(await now()));
    // Last: only now may queries trust the tables for these buckets.
    await run(
      `INSERT INTO bucket_state (app_id, bucket, as_of)
       SELECT b.1, toDateTime(b.2, 'UTC'), ${asOf} FROM (SELECT arrayJoin([${buckets}]) AS b)`,
    );
    for (const { app_id, bucket } of chosen) days.touch({ app_id, day: Math.floor(bucket / 86_400) });
    // The day in which a view begins counts it, also for what happens after midnight.
    for (const { app_id, second } of hours) days.touch({ app_id, day: Math.floor(second / 86_400) });
    return chosen.length;
  }

  async function refreshEngagement(): Promise<void> {
    if (!staleDaysKnown) for (const day of await store.select<EngagementDay>(STALE_DAYS_SQL)) days.touch(day);
    staleDaysKnown = true;
    const due = days.takeDue();
    if (due.length === 0) return;
    const tuples = due.map((d) => `(${quoted(d.app_id)}, toDate(${d.day}))`).join(', ');
    try {
      await store.command(engagementSql(tuples, split), {}, { settings });
    } catch (error) {
      for (const day of due) days.touch(day);
      throw error;
    }
  }

  /** What a replay changed that did not come to its end. */
  async function takeUpReplays(): Promise<void> {
    const now = performance.now();
    if (now - replaysAt < REPLAYS_EVERY_MS) return;
    // At the start, whatever there is: whoever noted it is most likely gone.
    await settleReplays(store, replaysAt === -Infinity ? 0 : REPLAY_STEP_MS);
    replaysAt = now;
  }

  async function round(): Promise<RecomputeRound> {
    await takeUpReplays();
    const settled = await store.select<DirtyBucket>(SETTLED_SQL);
    const buckets = settled.length === 0 ? 0 : await recompute(settled);
    await refreshEngagement();
    return { buckets, more: buckets < settled.length || settled.length === BUCKETS_MAX };
  }

  return { round };
}

/** The server's clock, as SQL. */
async function readClock(store: RecomputeStore): Promise<string> {
  const [clock] = await store.select<{ now: string }>('SELECT toString(now64(3)) AS now');
  return `toDateTime64(${quoted(clock!.now)}, 3, 'UTC')`;
}

/** The oldest buckets whose raw rows together stay within the bound; at least one. */
async function chooseWithin(
  store: RecomputeStore,
  settled: readonly DirtyBucket[],
  rowsMax: number,
): Promise<readonly DirtyBucket[]> {
  const counts = await store.select<DirtyBucket & { rows: number }>(
    `SELECT app_id, toUnixTimestamp(toStartOfFiveMinutes(timestamp)) AS bucket, count() AS rows FROM events
     WHERE (app_id, toStartOfFiveMinutes(timestamp)) IN (${bucketTuples(settled)}) GROUP BY app_id, bucket`,
    {},
    { settings: LONG },
  );
  const rowsOf = new Map(counts.map((c) => [`${c.bucket} ${c.app_id}`, c.rows]));
  let rows = 0;
  const end = settled.findIndex(({ app_id, bucket }, i) => {
    rows += rowsOf.get(`${bucket} ${app_id}`) ?? 0;
    return i > 0 && rows > rowsMax;
  });
  return end < 0 ? settled : settled.slice(0, end);
}
