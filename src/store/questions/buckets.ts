import type { StoreClient } from '../client.ts';
import { appTimesSql } from '../sql/app-times.ts';
import { VIEW_HASH } from '../sql/current.ts';
import { quoted } from '../sql/quoted.ts';
import { BUCKET_OF, bucketSecond, type TimeRange } from '../sql/range.ts';
import { appsSql, SqlValues } from '../sql/values.ts';

/** All that a question needs of the store. */
export type StoreReader = Pick<StoreClient, 'select'> & Partial<Pick<StoreClient, 'sharded'>>;

/** Which buckets may hold rows that the recomputed tables do not know yet. */
export interface DirtyBuckets {
  readonly apps: readonly string[];
  /** Epoch seconds, one for each of `apps`. */
  readonly buckets: readonly number[];
}

/**
 * Reads the dirty buckets, before the question itself is asked. In this order no answer can be wrong: what was clean
 * then is in the tables since, and what was dirty is read from raw, whatever is recomputed meanwhile. Were the list read
 * within the question, each place that uses it could see another moment, and a bucket that becomes clean in between
 * would be left out or counted twice.
 */
export async function readDirtyBuckets(
  store: StoreReader,
  apps: readonly string[] | null,
  range: TimeRange | null,
): Promise<DirtyBuckets> {
  const values = new SqlValues();
  const within = range === null ? '1' : withinSql(range, values);
  const rows = await store.select<{ app_id: string; second: number }>(
    `SELECT app_id, toUnixTimestamp(bucket) AS second FROM bucket_state WHERE ${appsSql(values, apps)} AND ${within}
     GROUP BY app_id, bucket, shardNum() HAVING max(lease_until) >= max(as_of)`,
    values.params,
  );
  return { apps: rows.map((row) => row.app_id), buckets: rows.map((row) => row.second) };
}

/** Views that lie on several shards, by VIEW_HASH in decimals. */
export type SplitViews = readonly string[];

/**
 * Reads which views lie on several shards, of those that have rows in the range or in a dirty bucket, which may move them
 * there. To be read after the dirty buckets, by the same reasoning: one that became known later has a bucket among those.
 */
export async function readSplitViews(
  store: StoreReader,
  apps: readonly string[] | null,
  range: TimeRange,
  dirty: DirtyBuckets,
): Promise<SplitViews> {
  if (!store.sharded) return [];
  const values = new SqlValues();
  const keys = 'app_id, video_id, view_id';
  const rows = await store.select<{ hash: string }>(
    `SELECT DISTINCT toString(${VIEW_HASH}) AS hash FROM split_views
     WHERE ${appsSql(values, apps)} AND (${withinSql(range, values)} OR (${keys}) IN (
       SELECT ${keys} FROM events WHERE view_id != '' AND (app_id, ${BUCKET_OF}) IN (${dirtyListSql(dirty, values)})))`,
    values.params,
  );
  return rows.map((row) => row.hash);
}

/** The list as a SELECT, to stand after IN; null when it is empty. */
export function splitListSql(split: SplitViews, values: SqlValues): string | null {
  if (split.length === 0) return null;
  return `SELECT arrayJoin(${values.list('UInt64', split.map(BigInt))})`;
}

function withinSql(range: TimeRange, values: SqlValues): string {
  return `bucket >= ${values.second(bucketSecond(range.from))} AND bucket < ${values.second(Math.ceil(range.to / 1000))}`;
}

/**
 * Another text whenever a row may have landed in a range; null while one may land there at any moment. A mark comes before
 * its rows, and where all is clean every lease has ended: the next mark's lease ends later than all of them.
 */
export async function readSettledStamp(
  store: StoreReader,
  apps: readonly string[] | null,
  range: TimeRange,
): Promise<string | null> {
  const values = new SqlValues();
  const [row] = await store.select<{ dirty: number; buckets: number; last: number }>(
    `SELECT countIf(lease >= clean) AS dirty, count() AS buckets, max(toUnixTimestamp64Milli(lease)) AS last
     FROM (SELECT max(lease_until) AS lease, max(as_of) AS clean FROM bucket_state
       WHERE ${appsSql(values, apps)} AND ${withinSql(range, values)} GROUP BY app_id, bucket, shardNum())`,
    values.params,
  );
  const { dirty, buckets, last } = row!;
  return dirty > 0 ? null : `${buckets} ${last}`;
}

/** The list of `(app_id, bucket)`, to stand within IN (…). */
export function dirtyListSql({ apps, buckets }: DirtyBuckets, values: SqlValues): string {
  return appTimesSql(apps, buckets, values);
}

/** The same as a SELECT of literals, for statements that are no questions: their parameters have no more room than an address. */
export function dirtyLiteralSql({ apps, buckets }: DirtyBuckets): string {
  const ofApp = new Map<string, number[]>();
  apps.forEach((app, i) => {
    const list = ofApp.get(app) ?? [];
    ofApp.set(app, list);
    list.push(buckets[i]!);
  });
  const pairs = [...ofApp].map(([app, list]) => `arrayMap(b -> (${quoted(app)}, b), [${list.join(', ')}])`);
  if (pairs.length === 0) return "SELECT '' AS app_id, toDateTime(0, 'UTC') AS bucket WHERE 0";
  return `SELECT pair.1 AS app_id, toDateTime(pair.2, 'UTC') AS bucket FROM (SELECT arrayJoin(arrayConcat(${pairs.join(', ')})) AS pair)`;
}
