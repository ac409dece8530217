import type { SplitSql } from '../split-views.ts';
import { touchedViews } from './hours.ts';
import {
  bucketStatesSql,
  foldViewsSql,
  VIEW_BUCKET_COLUMNS,
  VIEW_COLUMNS,
  VIEW_DIMENSIONS,
} from './views.ts';

/**
 * The statements that recompute buckets, in order: each level reads the one before it, and what is counted by the hour
 * comes after them (./hours.ts). Each takes its own `asOf`, the
 * version that its rows carry, from the server's clock when the statement before it is done: of two recomputes at once,
 * whoever read last then wins, and has read all that the other had written.
 * `buckets`: a list of `(app_id, bucket)` tuples, the bucket in epoch seconds. `split`: where there are other shards.
 */
export interface RecomputeSql {
  /** The first, on which views that lie on other shards as well are found. */
  readonly states: (asOf: string) => string;
  readonly rest: readonly ((asOf: string) => string)[];
}

export function recomputeSql(buckets: string, gapLimitMs: number, split: SplitSql | null): RecomputeSql {
  const rows = `(app_id, toStartOfFiveMinutes(timestamp)) IN (${buckets})`;
  return {
    states: (asOf) => viewBuckets(rows, asOf, gapLimitMs),
    rest: [
      (asOf) => viewsByHour(buckets, asOf, gapLimitMs, split),
      (asOf) => views(buckets, asOf, gapLimitMs, split),
      (asOf) => videoRollup(rows, asOf),
      (asOf) => eventCounts(rows, asOf),
      (asOf) => actorBuckets(rows, asOf),
    ],
  };
}

function viewBuckets(rows: string, asOf: string, gapLimitMs: number): string {
  const columns = VIEW_BUCKET_COLUMNS.join(', ');
  return `INSERT INTO view_buckets (${columns}, version)
SELECT ${columns}, ${asOf} FROM (${bucketStatesSql('events', rows, gapLimitMs)})`;
}

function views(buckets: string, asOf: string, gapLimitMs: number, split: SplitSql | null): string {
  const columns = VIEW_COLUMNS.join(', ');
  return `INSERT INTO views (${columns}, version)
SELECT ${columns}, ${asOf} FROM (${foldViewsSql(touchedStates(buckets, gapLimitMs, split), gapLimitMs)})`;
}

/**
 * A view in the hour in which it begins, and as gone in every other in which it could have begun. In one statement: in
 * between a view would stand in two hours, or in none.
 */
function viewsByHour(buckets: string, asOf: string, gapLimitMs: number, split: SplitSql | null): string {
  const columns = VIEW_COLUMNS.join(', ');
  const folded = foldViewsSql(touchedStates(buckets, gapLimitMs, split), gapLimitMs, VIEW_DIMENSIONS, [
    'start_hours',
  ]);
  return `INSERT INTO views_by_hour (${columns}, hour, gone, version)
SELECT ${columns}, hour, hour != toDateTime(toStartOfHour(started_at), 'UTC') AS gone, ${asOf}
FROM (${folded}) ARRAY JOIN start_hours AS hour`;
}

/** The states of the views with rows in these buckets. What several shards have parts of the first one folds from raw. */
function touchedStates(buckets: string, gapLimitMs: number, split: SplitSql | null): string {
  const own = `SELECT ${VIEW_BUCKET_COLUMNS.join(', ')} FROM view_buckets FINAL WHERE (app_id, video_id, view_id) IN (${touchedViews(buckets)})`;
  if (!split?.first) return `(${own})`;
  return `(${own} AND (app_id, video_id, view_id) NOT IN (${split.touched(buckets)})
  UNION ALL ${bucketStatesSql(split.events, split.rows(buckets), gapLimitMs)})`;
}

function videoRollup(rows: string, asOf: string): string {
  return `INSERT INTO video_rollup_5m (app_id, video_id, bucket, impressions, completions, reach, watch_ms, version)
SELECT app_id, video_id, toStartOfFiveMinutes(timestamp) AS b,
  count(), countIf(completed), uniqCombined64StateIf(actor, actor != ''), sum(ifNull(watch_ms, 0)), ${asOf}
FROM events
WHERE event_name = 'view_end' AND watch_ms >= 600 AND NOT instant_skip AND NOT is_bot AND ${rows}
GROUP BY app_id, video_id, b`;
}

function eventCounts(rows: string, asOf: string): string {
  return `INSERT INTO event_counts_5m (app_id, event_name, bucket, events, users, sessions, version)
SELECT app_id, event_name, toStartOfFiveMinutes(timestamp) AS b, count(),
  uniqCombined64StateIf(actor, actor != ''), uniqCombined64StateIf(session_id, session_id != ''), ${asOf}
FROM events
WHERE NOT is_bot AND ${rows}
GROUP BY app_id, event_name, b`;
}

function actorBuckets(rows: string, asOf: string): string {
  return `INSERT INTO actor_buckets (app_id, bucket, actor, events, page_views, errors, sessions, version)
SELECT app_id, toStartOfFiveMinutes(timestamp) AS b, actor, count(), countIf(event_name = 'page_view'),
  countIf(event_name IN ('error', 'video_error')), uniqCombined64StateIf(session_id, session_id != ''), ${asOf}
FROM events
WHERE NOT is_bot AND actor != '' AND ${rows}
GROUP BY app_id, b, actor`;
}
