import {
  bucketStatesSql,
  foldViewsSql,
  VIEW_DIMENSIONS,
  type ViewDimension,
  viewBucketColumns,
  viewColumns,
} from './views.ts';

/**
 * What is true now: recomputed buckets where they are clean, raw rows where they are not.
 * A bucket is dirty while rows may have landed in it since its last recompute (see migrations/0001_events.sql).
 */

/**
 * `(app_id, bucket)` of every dirty bucket; `scope` is a condition on app_id, or '1'. A bucket is dirty when it is so on
 * any shard, by that shard's own marks (`shardNum()` is 0 where there are no shards).
 */
export function dirtyBucketsSql(scope: string): string {
  return `SELECT app_id, bucket FROM bucket_state WHERE ${scope} GROUP BY app_id, bucket, shardNum() HAVING max(lease_until) >= max(as_of)`;
}

/** What names a view in the list of those that lie on several shards. */
export const VIEW_HASH = 'cityHash64(toString(app_id), video_id, view_id)';

const bucketOf = 'toStartOfFiveMinutes(timestamp)';
const viewKey = '(app_id, video_id, view_id)';

export interface ViewScope {
  /** Condition on app_id alone, or '1'. */
  readonly apps: string;
  /** Condition on app_id, video_id and view_id, or '1'. It holds for a view as a whole. */
  readonly views: string;
  /** Condition on the finished view (started_at, the dimensions, is_bot …), or '1'. */
  readonly where: string;
  /** Condition on `hour` and `app_id`, which holds in the hours where these views begin; default: it is not known. */
  readonly hours?: string;
  readonly gapLimitMs: number;
  /** What the answer needs beside the keys, the viewer and the measures; default all. */
  readonly dimensions?: readonly ViewDimension[];
  /**
   * SELECT of the dirty buckets, when they were read before this statement. Without it each place below reads
   * bucket_state for itself: a recompute that ends between two of these reads makes the answer wrong.
   */
  readonly dirty?: string;
  /**
   * SELECT of VIEW_HASH of the views that lie on several shards (store/split-views.ts), read after `dirty`; null when
   * there is none. Default null.
   */
  readonly split?: string | null;
}

/** Views in scope (`viewColumns`), exact at this moment, as a SELECT. */
export function currentViewsSql(scope: ViewScope): string {
  const { dimensions = VIEW_DIMENSIONS, apps, views, where, gapLimitMs, split = null } = scope;
  const dirty = scope.dirty ?? dirtyBucketsSql(apps);
  const inScope = `${apps} AND ${views}`;
  const open = `(app_id, ${bucketOf}) IN (${dirty}) AND ${inScope}`;
  const touched = `SELECT DISTINCT app_id, video_id, view_id FROM events WHERE view_id != '' AND ${open}`;
  // A view on several shards is folded from all of its raw rows: states of parts do not add up.
  const isSplit = split === null ? '0' : `${VIEW_HASH} IN (${split})`;
  const whole = `${isSplit} AND ${viewKey} IN (${touched})`;
  const raw =
    split === null
      ? open
      : `((${open}) OR (${inScope} AND ${whole} AND (app_id, ${bucketOf}) IN (
    SELECT app_id, bucket FROM split_views WHERE ${inScope} AND ${whole})))`;
  const states = `(
    ${bucketStatesSql('events', raw, gapLimitMs, dimensions)}
    UNION ALL
    SELECT ${viewBucketColumns(dimensions).join(', ')} FROM view_buckets FINAL
    WHERE ${inScope} AND ${viewKey} IN (${touched}) AND (app_id, bucket) NOT IN (${dirty})${split === null ? '' : ` AND NOT ${isSplit}`}
  )`;
  const columns = viewColumns(dimensions).join(', ');
  return `
SELECT ${columns} FROM views FINAL
WHERE ${inScope} AND (${where}) AND ${viewKey} NOT IN (${touched})${split === null ? '' : ` AND (NOT ${isSplit} OR shardNum() = 1)`}
UNION ALL
SELECT ${columns} FROM (${foldViewsSql(states, gapLimitMs, dimensions)})
WHERE ${where}`;
}

/**
 * The same of a moment whose dirty views are finished in a table: those there, and of the others what the recomputed
 * table says.
 */
export function momentViewsSql(
  scope: Pick<ViewScope, 'apps' | 'views' | 'where' | 'hours'>,
  moment: { readonly table: string; readonly intact: string },
  dimensions: readonly ViewDimension[],
): string {
  const { apps, views, where, hours } = scope;
  const columns = viewColumns(dimensions).join(', ');
  const touched = `SELECT app_id, video_id, view_id FROM ${moment.table} WHERE ${apps} AND ${views}`;
  return `
SELECT ${columns} FROM ${hours === undefined ? 'views' : 'views_by_hour'} FINAL
WHERE ${hours ?? '1'} AND ${apps} AND ${views} AND (${where}) AND ${viewKey} NOT IN (${touched})
UNION ALL
SELECT ${columns} FROM ${moment.table}
WHERE ${moment.intact} AND ${hours ?? '1'} AND ${apps} AND ${views} AND (${where})`;
}
