import { hoursOfViewsSql, VIEW_HOUR_COLUMNS } from './hours.ts';
import { BUCKET_OF } from './range.ts';
import {
  bucketStatesSql,
  foldViewsSql,
  VIEW_BUCKET_COLUMNS,
  VIEW_COLUMNS,
  VIEW_DIMENSIONS,
} from './views.ts';

/**
 * The statements of a moment (store/view-moments.ts): every view with rows in a dirty bucket, finished, in a table.
 * `dirty`: a SELECT of `app_id, bucket`.
 */

const STATE = VIEW_BUCKET_COLUMNS.join(', ');
const VIEW = VIEW_COLUMNS.join(', ');
const VIEW_KEY = '(app_id, video_id, view_id)';

/** What tells that nothing landed in a bucket: how many rows it has, and when they came. */
export function bucketPrintsSql(dirty: string): string {
  return `
SELECT app_id, toUnixTimestamp(${BUCKET_OF}) AS second, count() AS rows, toString(sum(toUnixTimestamp64Milli(inserted_at))) AS print
FROM events WHERE (app_id, ${BUCKET_OF}) IN (${dirty})
GROUP BY app_id, second`;
}

export function createStatesSql(table: string): string {
  return `CREATE TABLE ${table} ENGINE = Memory AS SELECT ${STATE} FROM view_buckets WHERE 0`;
}

/** The states of the dirty buckets, from raw: all that costs much. */
export function fillStatesSql(table: string, dirty: string, gapLimitMs: number): string {
  const where = `(app_id, ${BUCKET_OF}) IN (${dirty})`;
  return `INSERT INTO ${table} SELECT ${STATE} FROM (${bucketStatesSql('events', where, gapLimitMs)})`;
}

export function createViewsSql(table: string): string {
  return `CREATE TABLE ${table} ENGINE = Memory AS
SELECT ${VIEW}, toDateTime(0, 'UTC') AS hour, CAST([], 'Array(DateTime(''UTC''))') AS start_hours FROM views WHERE 0`;
}

/** The views that have states there, with what the clean buckets know of them. */
export function fillViewsSql(table: string, states: string, dirty: string, gapLimitMs: number): string {
  const touched = `SELECT app_id, video_id, view_id FROM ${states}`;
  const all = `(
    SELECT ${STATE} FROM ${states}
    UNION ALL
    SELECT ${STATE} FROM view_buckets FINAL WHERE ${VIEW_KEY} IN (${touched}) AND (app_id, bucket) NOT IN (${dirty})
  )`;
  const folded = foldViewsSql(all, gapLimitMs, VIEW_DIMENSIONS, ['start_hours']);
  return `INSERT INTO ${table} SELECT ${VIEW}, toStartOfHour(started_at), start_hours FROM (${folded})`;
}

/**
 * `app_id, second`: the hours that the recomputed tables may not have right. Those of the dirty buckets, and those in
 * which a view of the moment begins, or did before: its beginning was then in a bucket that is dirty now, or that still
 * has a state from which it could begin.
 */
export function openHoursSql(table: string, dirty: string): string {
  return `
SELECT app_id, toUnixTimestamp(toStartOfHour(bucket)) AS second FROM (${dirty})
UNION DISTINCT
SELECT app_id, toUnixTimestamp(arrayJoin(start_hours)) AS second FROM ${table}`;
}

export function createHoursSql(table: string): string {
  return `CREATE TABLE ${table} ENGINE = Memory AS SELECT ${VIEW_HOUR_COLUMNS} FROM view_hours WHERE 0`;
}

/** The open hours as the moment has them. `open`: a list of `(app_id, hour)`. */
export function fillHoursSql(table: string, views: string, open: string): string {
  const columns = `${VIEW}, hour`;
  const all = `
    SELECT ${columns} FROM views_by_hour FINAL
    WHERE NOT is_bot AND (app_id, hour) IN (${open}) AND ${VIEW_KEY} NOT IN (SELECT app_id, video_id, view_id FROM ${views})
    UNION ALL
    SELECT ${columns} FROM ${views} WHERE NOT is_bot`;
  return `INSERT INTO ${table} SELECT ${VIEW_HOUR_COLUMNS} FROM (${hoursOfViewsSql(all)})`;
}
