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

/** `(app_id, bucket)` of every dirty bucket; `scope` is a condition on app_id, or '1'. */
export function dirtyBucketsSql(scope: string): string {
  return `SELECT app_id, bucket FROM bucket_state WHERE ${scope} GROUP BY app_id, bucket HAVING max(lease_until) >= max(as_of)`;
}

const bucketOf = 'toStartOfFiveMinutes(timestamp)';
const viewKey = '(app_id, video_id, view_id)';

export interface ViewScope {
  /** Condition on app_id alone, or '1'. */
  readonly apps: string;
  /** Condition on app_id, video_id and view_id, or '1'. It holds for a view as a whole. */
  readonly views: string;
  /** Condition on the finished view (started_at, the dimensions, is_bot …), or '1'. */
  readonly where: string;
  readonly gapLimitMs: number;
  /** What the answer needs beside the keys, the viewer and the measures; default all. */
  readonly dimensions?: readonly ViewDimension[];
  /**
   * SELECT of the dirty buckets, when they were read before this statement. Without it each place below reads
   * bucket_state for itself: a recompute that ends between two of these reads makes the answer wrong.
   */
  readonly dirty?: string;
  /** States of the dirty buckets that were made already (store/view-moments.ts), with `dirty` as it was then. */
  readonly moment?: { readonly table: string; readonly intact: string };
}

/** Views in scope (`viewColumns`), exact at this moment, as a SELECT. */
export function currentViewsSql(scope: ViewScope): string {
  const { dimensions = VIEW_DIMENSIONS, gapLimitMs } = scope;
  const dirty = scope.dirty ?? dirtyBucketsSql(scope.apps);
  const open = openStates(scope, dirty, dimensions);
  const states = `(
    ${open.states}
    UNION ALL
    SELECT ${viewBucketColumns(dimensions).join(', ')} FROM view_buckets FINAL
    WHERE ${scope.apps} AND ${scope.views} AND ${viewKey} IN (${open.views}) AND (app_id, bucket) NOT IN (${dirty})
  )`;
  const columns = viewColumns(dimensions).join(', ');
  return `
SELECT ${columns} FROM views FINAL
WHERE ${scope.apps} AND ${scope.views} AND (${scope.where}) AND ${viewKey} NOT IN (${open.views})
UNION ALL
SELECT ${columns} FROM (${foldViewsSql(states, gapLimitMs, dimensions)})
WHERE ${scope.where}`;
}

/** States of the dirty buckets in scope, and the views that have any, each as a SELECT. */
function openStates(
  { apps, views, moment, gapLimitMs }: ViewScope,
  dirty: string,
  dimensions: readonly ViewDimension[],
): { states: string; views: string } {
  if (moment !== undefined) {
    const rows = `FROM ${moment.table} WHERE NOT torn AND ${moment.intact} AND ${apps} AND ${views}`;
    return {
      states: `SELECT ${viewBucketColumns(dimensions).join(', ')} ${rows}`,
      views: `SELECT DISTINCT app_id, video_id, view_id ${rows}`,
    };
  }
  const open = `(app_id, ${bucketOf}) IN (${dirty}) AND ${apps} AND ${views}`;
  return {
    states: bucketStatesSql('events', open, gapLimitMs, dimensions),
    views: `SELECT DISTINCT app_id, video_id, view_id FROM events WHERE view_id != '' AND ${open}`,
  };
}
