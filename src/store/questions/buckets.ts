import type { StoreClient } from '../client.ts';
import { bucketSecond, type TimeRange } from '../sql/range.ts';
import { appsSql, SqlValues } from '../sql/values.ts';

/** All that a question needs of the store. */
export type StoreReader = Pick<StoreClient, 'select'>;

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
  const within =
    range === null
      ? '1'
      : `bucket >= ${values.second(bucketSecond(range.from))} AND bucket < ${values.second(Math.ceil(range.to / 1000))}`;
  const rows = await store.select<{ app_id: string; second: number }>(
    `SELECT app_id, toUnixTimestamp(bucket) AS second FROM bucket_state WHERE ${appsSql(values, apps)} AND ${within}
     GROUP BY app_id, bucket HAVING max(lease_until) >= max(as_of)`,
    values.params,
  );
  return { apps: rows.map((row) => row.app_id), buckets: rows.map((row) => row.second) };
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
  const within = `bucket >= ${values.second(bucketSecond(range.from))} AND bucket < ${values.second(Math.ceil(range.to / 1000))}`;
  const [row] = await store.select<{ dirty: number; buckets: number; last: number }>(
    `SELECT countIf(lease >= clean) AS dirty, count() AS buckets, max(toUnixTimestamp64Milli(lease)) AS last
     FROM (SELECT max(lease_until) AS lease, max(as_of) AS clean FROM bucket_state
       WHERE ${appsSql(values, apps)} AND ${within} GROUP BY app_id, bucket)`,
    values.params,
  );
  const { dirty, buckets, last } = row!;
  return dirty > 0 ? null : `${buckets} ${last}`;
}

/** The list as a SELECT of `app_id, bucket`, to stand after IN. */
export function dirtyListSql(dirty: DirtyBuckets, values: SqlValues): string {
  const apps = values.texts(dirty.apps);
  const buckets = values.add('Array(UInt32)', dirty.buckets);
  return `SELECT pair.1 AS app_id, toDateTime(pair.2, 'UTC') AS bucket FROM (SELECT arrayJoin(arrayZip(${apps}, ${buckets})) AS pair)`;
}
