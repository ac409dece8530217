import { watchPercentageSql } from './measures.ts';
import { bucketStatesSql, foldViewsSql, VIEW_BUCKET_COLUMNS, VIEW_COLUMNS } from './views.ts';

/**
 * The statements that recompute buckets, in order: each level reads the one before it.
 * `buckets`: a list of `(app_id, bucket)` tuples. `asOf`: the version that the new rows carry. `hoursBefore`: tuples of
 * `(app_id, hour)` in which the touched views began until now; a late event may have moved their begin.
 */
export function recomputeSql(
  buckets: string,
  asOf: string,
  gapLimitMs: number,
  hoursBefore: string,
): string[] {
  const rows = `(app_id, toStartOfFiveMinutes(timestamp)) IN (${buckets})`;
  const touched = `SELECT app_id, video_id, view_id FROM view_buckets WHERE (app_id, bucket) IN (${buckets})`;
  return [
    viewBuckets(rows, asOf, gapLimitMs),
    views(touched, asOf, gapLimitMs),
    videoRollup(rows, asOf),
    eventCounts(rows, asOf),
    actorBuckets(rows, asOf),
    videoMetricsHourly(touched, asOf, hoursBefore),
  ];
}

/** The `(app_id, hour)` in which views with rows in these buckets begin, by what was known so far. Hour: epoch seconds. */
export function viewHoursSql(buckets: string): string {
  return `SELECT DISTINCT app_id, toUnixTimestamp(toStartOfHour(started_at)) AS hour FROM views FINAL
WHERE (app_id, video_id, view_id) IN (
  SELECT DISTINCT app_id, video_id, view_id FROM events
  WHERE view_id != '' AND (app_id, toStartOfFiveMinutes(timestamp)) IN (${buckets}))`;
}

function viewBuckets(rows: string, asOf: string, gapLimitMs: number): string {
  const columns = VIEW_BUCKET_COLUMNS.join(', ');
  return `INSERT INTO view_buckets (${columns}, version)
SELECT ${columns}, ${asOf} FROM (${bucketStatesSql('events', rows, gapLimitMs)})`;
}

function views(touched: string, asOf: string, gapLimitMs: number): string {
  const columns = VIEW_COLUMNS.join(', ');
  const states = `(SELECT ${VIEW_BUCKET_COLUMNS.join(', ')} FROM view_buckets FINAL WHERE (app_id, video_id, view_id) IN (${touched}))`;
  return `INSERT INTO views (${columns}, version)
SELECT ${columns}, ${asOf} FROM (${foldViewsSql(states, gapLimitMs)})`;
}

function videoRollup(rows: string, asOf: string): string {
  return `INSERT INTO video_rollup_5m (app_id, video_id, bucket, impressions, completions, reach, watch_ms, version)
SELECT app_id, video_id, toStartOfFiveMinutes(timestamp) AS b,
  count(), countIf(completed), uniqCombined64State(actor), sum(ifNull(watch_ms, 0)), ${asOf}
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
function videoMetricsHourly(touched: string, asOf: string, hoursBefore: string): string {
  const hours = [
    `SELECT app_id, toDateTime(toStartOfHour(started_at), 'UTC') AS hour FROM views FINAL WHERE (app_id, video_id, view_id) IN (${touched})`,
    ...(hoursBefore === ''
      ? []
      : [`SELECT t.1 AS app_id, t.2 AS hour FROM (SELECT arrayJoin([${hoursBefore}]) AS t)`]),
  ].join(' UNION ALL ');
  const percentage = watchPercentageSql('duration_ms');
  return `INSERT INTO video_metrics_hourly (app_id, video_id, hour, views, viewers, watch_time_seconds, watch_percentage_sum, watch_percentage_views, completed_views, version)
SELECT app_id, video_id, hour,
  sum(one), uniqCombined64StateIf(viewer, one = 1), sum(watch_ms) / 1000,
  sum(ifNull(${percentage}, 0)), count(${percentage}), countIf(completed), ${asOf}
FROM
(
  SELECT app_id, video_id, toDateTime(toStartOfHour(started_at), 'UTC') AS hour, viewer, watch_ms, duration_ms, completed, 1 AS one
  FROM views FINAL
  WHERE NOT is_bot AND (app_id, toStartOfHour(started_at)) IN (${hours})
  UNION ALL
  SELECT app_id, video_id, hour, '', 0, NULL, false, 0
  FROM video_metrics_hourly FINAL
  WHERE (app_id, hour) IN (${hours})
)
GROUP BY app_id, video_id, hour`;
}
