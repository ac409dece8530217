import type { SplitSql } from '../split-views.ts';
import { watchPercentageSql } from './measures.ts';
import { bucketStatesSql, foldViewsSql, VIEW_BUCKET_COLUMNS, VIEW_COLUMNS } from './views.ts';

/**
 * The statements that recompute buckets, in order: each level reads the one before it. Each takes its own `asOf`, the
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
      (asOf) => views(buckets, asOf, gapLimitMs, split),
      (asOf) => videoRollup(rows, asOf),
      (asOf) => eventCounts(rows, asOf),
      (asOf) => actorBuckets(rows, asOf),
      (asOf) => videoMetricsHourly(viewHoursSql(buckets, split), asOf, split),
    ],
  };
}

function touchedViews(buckets: string): string {
  return `SELECT app_id, video_id, view_id FROM view_buckets WHERE (app_id, bucket) IN (${buckets})`;
}

/**
 * The `(app_id, hour)` in which views with rows in these buckets begin, or began before these rows were known. A late
 * row moves the begin of its view forward, from a bucket after it; so any later bucket in which the view could begin is
 * named. This can be read at any time, so that a recompute that was cut off half-way is made good by the next.
 */
export function viewHoursSql(buckets: string, split: SplitSql | null): string {
  const touched = touchedViews(buckets);
  const ofSplit = split === null ? '' : `\nUNION DISTINCT\n${split.hours(buckets)}`;
  return `SELECT app_id, toDateTime(toStartOfHour(started_at), 'UTC') AS hour FROM views FINAL WHERE (app_id, video_id, view_id) IN (${touched})
UNION DISTINCT
SELECT app_id, toDateTime(toStartOfHour(bucket), 'UTC') AS hour
FROM view_buckets
INNER JOIN (
  SELECT app_id, video_id, view_id, min(bucket) AS since FROM view_buckets
  WHERE start_key != 0 AND (app_id, bucket) IN (${buckets}) GROUP BY app_id, video_id, view_id
) AS moved USING (app_id, video_id, view_id)
WHERE start_key != 0 AND bucket >= since AND (app_id, video_id, view_id) IN (${touched})${ofSplit}`;
}

function viewBuckets(rows: string, asOf: string, gapLimitMs: number): string {
  const columns = VIEW_BUCKET_COLUMNS.join(', ');
  return `INSERT INTO view_buckets (${columns}, version)
SELECT ${columns}, ${asOf} FROM (${bucketStatesSql('events', rows, gapLimitMs)})`;
}

function views(buckets: string, asOf: string, gapLimitMs: number, split: SplitSql | null): string {
  const columns = VIEW_COLUMNS.join(', ');
  const own = `SELECT ${VIEW_BUCKET_COLUMNS.join(', ')} FROM view_buckets FINAL WHERE (app_id, video_id, view_id) IN (${touchedViews(buckets)})`;
  // What several shards have parts of the first one folds from raw.
  const states = split?.first
    ? `(${own} AND (app_id, video_id, view_id) NOT IN (${split.touched(buckets)})
  UNION ALL ${bucketStatesSql(split.events, split.rows(buckets), gapLimitMs)})`
    : `(${own})`;
  return `INSERT INTO views (${columns}, version)
SELECT ${columns}, ${asOf} FROM (${foldViewsSql(states, gapLimitMs)})`;
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

/**
 * Whole hours, from the views table. The keys that are there already take part with nothing, so that an hour whose views
 * all moved away becomes zero rather than stay.
 */
export function videoMetricsHourly(hours: string, asOf: string, split: SplitSql | null): string {
  const percentage = watchPercentageSql('duration_ms');
  const counted = split?.counted(`(app_id, toStartOfHour(bucket)) IN (${hours})`) ?? '1';
  return `INSERT INTO video_metrics_hourly (app_id, video_id, hour, views, viewers, watch_time_seconds, watch_percentage_sum, watch_percentage_views, completed_views, version)
SELECT app_id, video_id, hour,
  sum(one), uniqCombined64StateIf(viewer, one = 1), sum(watch_ms) / 1000,
  sum(ifNull(${percentage}, 0)), count(${percentage}), countIf(completed), ${asOf}
FROM
(
  SELECT app_id, video_id, toDateTime(toStartOfHour(started_at), 'UTC') AS hour, viewer, watch_ms, duration_ms, completed, 1 AS one
  FROM views FINAL
  WHERE NOT is_bot AND (app_id, toStartOfHour(started_at)) IN (${hours}) AND ${counted}
  UNION ALL
  SELECT app_id, video_id, hour, '', 0, NULL, false, 0
  FROM video_metrics_hourly FINAL
  WHERE (app_id, hour) IN (${hours})
)
GROUP BY app_id, video_id, hour`;
}
