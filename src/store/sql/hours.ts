import type { SplitSql } from '../split-views.ts';
import { watchPercentageSql } from './measures.ts';

/**
 * What is counted by the hour in which views begin. An hour is counted as a whole, from the views of that hour; the keys
 * that are there already take part with nothing, so that an hour whose views all moved away becomes zero rather than stay.
 */

/** The fields of a view by which hours are counted, besides all views together (''). */
export const VIEW_HOUR_FIELDS = [
  'video_id',
  'event_name',
  'country',
  'device',
  'browser',
  'os',
  'referrer',
  'utm_source',
  'utm_campaign',
] as const;

/** Columns of `view_hours`, without the version. */
export const VIEW_HOUR_COLUMNS = 'app_id, field, hour, value, views, viewers, watch_ms, completed';

/** Views with rows in these buckets. `buckets`: a list of `(app_id, bucket)` tuples, the bucket in epoch seconds. */
export function touchedViews(buckets: string): string {
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

/** The statements that count hours. `hours`: a list of `(app_id, hour)` tuples; `asOf`: see recomputeSql. */
export function hourlySql(hours: string, split: SplitSql | null): ((asOf: string) => string)[] {
  return [(asOf) => videoMetricsHourly(hours, asOf, split), (asOf) => viewHours(hours, asOf, split)];
}

/** Condition on rows of `views_by_hour`: people's views of these hours that this shard counts. */
function countedSql(hours: string, split: SplitSql | null): string {
  const counted = split?.counted(`(app_id, toStartOfHour(bucket)) IN (${hours})`) ?? '1';
  return `NOT is_bot AND (app_id, hour) IN (${hours}) AND ${counted}`;
}

function videoMetricsHourly(hours: string, asOf: string, split: SplitSql | null): string {
  const percentage = watchPercentageSql('duration_ms');
  return `INSERT INTO video_metrics_hourly (app_id, video_id, hour, views, viewers, watch_time_seconds, watch_percentage_sum, watch_percentage_views, completed_views, version)
SELECT app_id, video_id, hour,
  sum(one), uniqCombined64StateIf(viewer, one = 1), sum(watch_ms) / 1000,
  sum(ifNull(${percentage}, 0)), count(${percentage}), countIf(completed), ${asOf}
FROM
(
  SELECT app_id, video_id, hour, viewer, watch_ms, duration_ms, completed, 1 AS one
  FROM views_by_hour FINAL
  WHERE ${countedSql(hours, split)}
  UNION ALL
  SELECT app_id, video_id, hour, '', 0, NULL, false, 0
  FROM video_metrics_hourly FINAL
  WHERE (app_id, hour) IN (${hours})
)
GROUP BY app_id, video_id, hour`;
}

function viewHours(hours: string, asOf: string, split: SplitSql | null): string {
  return `INSERT INTO view_hours (${VIEW_HOUR_COLUMNS}, version)
SELECT ${HOUR_SUMS}, ${asOf}
FROM
(
  ${byFieldsSql(`SELECT * FROM views_by_hour FINAL WHERE ${countedSql(hours, split)}`)}
  UNION ALL
  SELECT app_id, hour, toString(field), value, '', 0, false, 0
  FROM view_hours FINAL
  WHERE (app_id, hour) IN (${hours})
)
GROUP BY app_id, field, hour, value`;
}

const HOUR_SUMS = `app_id, field, hour, value, sum(one) AS views, uniqCombined64StateIf(viewer, viewer != '') AS viewers,
  sum(watch_ms) AS watch_ms, countIf(completed) AS completed`;

/** Each view of a SELECT once for each field. */
function byFieldsSql(views: string): string {
  const fields = VIEW_HOUR_FIELDS.map((field) => `'${field}'`).join(', ');
  const values = VIEW_HOUR_FIELDS.map((field) => `toString(${field})`).join(', ');
  return `SELECT app_id, hour, field, value, viewer, watch_ms, completed, 1 AS one
  FROM (${views})
  ARRAY JOIN ['', ${fields}] AS field, ['', ${values}] AS value`;
}

/** What `view_hours` would say of these views, a SELECT of VIEW_COLUMNS and `hour`, all of them people's. */
export function hoursOfViewsSql(views: string): string {
  return `SELECT ${HOUR_SUMS} FROM (${byFieldsSql(views)}) GROUP BY app_id, field, hour, value`;
}
