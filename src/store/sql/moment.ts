import { BUCKET_OF } from './range.ts';
import { bucketStatesSql, VIEW_BUCKET_COLUMNS, VIEW_DIMENSIONS } from './views.ts';

/**
 * The statements that bring the view states of the dirty buckets from one moment to the next: rows inserted since are
 * folded alone, and their states are put behind those of the moment before. That is exact where they come later in time;
 * where they do not the two are torn, and the view's rows in that bucket are folded again.
 * A moment's table has the columns of a bucket state and `torn`, for rows that another row of the table replaces.
 */

const COLUMNS = VIEW_BUCKET_COLUMNS.join(', ');
const VIEW_AND_BUCKET = '(app_id, video_id, view_id, bucket)';
const BUCKET = `(app_id, ${BUCKET_OF})`;

/** Which rows a moment covers: those inserted up to a time, which each partition's single writer moves on. */
export interface Covered {
  readonly partitions: readonly number[];
  /** Epoch ms by the server's clock, one for each of `partitions`. */
  readonly until: readonly number[];
}

/** Condition on a row of `events`. */
export function coveredSql({ partitions, until }: Covered): string {
  if (partitions.length === 0) return '0';
  const times = `CAST([${until.join(', ')}], 'Array(Int64)')`;
  const of = `transform(log_partition, CAST([${partitions.join(', ')}], 'Array(UInt16)'), ${times}, toInt64(-1))`;
  return `toUnixTimestamp64Milli(inserted_at) <= ${of}`;
}

/** Rows of each dirty bucket by partition: those covered already, and the latest of all. */
export function scanSql(dirty: string, covered: Covered): string {
  return `
SELECT app_id, toUnixTimestamp(${BUCKET_OF}) AS second, log_partition, countIf(${coveredSql(covered)}) AS known,
  count() AS rows, max(toUnixTimestamp64Milli(inserted_at)) AS latest
FROM events WHERE view_id != '' AND ${BUCKET} IN (${dirty})
GROUP BY app_id, second, log_partition`;
}

/** An empty table of a moment. */
export function createMomentSql(table: string): string {
  return `CREATE TABLE ${table} ENGINE = Memory AS SELECT ${COLUMNS}, false AS torn FROM view_buckets WHERE 0`;
}

export interface NextMoment {
  readonly dirty: string;
  /** Buckets of which the moment before covers what it should. */
  readonly carried: string;
  readonly before: Covered;
  readonly covered: Covered;
  readonly gapLimitMs: number;
}

/** States of what the moment before does not know: new rows of carried buckets, all rows of the others. */
export function deltaSql(delta: string, { dirty, carried, before, covered, gapLimitMs }: NextMoment): string {
  const unknown = `(NOT ${coveredSql(before)} OR ${BUCKET} NOT IN (${carried}))`;
  const where = `${BUCKET} IN (${dirty}) AND ${unknown} AND ${coveredSql(covered)}`;
  return `INSERT INTO ${delta} SELECT ${COLUMNS}, false FROM (${bucketStatesSql('events', where, gapLimitMs)})`;
}

/** The moment before, with the delta put behind it. `intact` is a condition that `previous` holds all that it did. */
export function advanceSql(
  table: string,
  previous: string,
  delta: string,
  intact: string,
  { carried, gapLimitMs }: NextMoment,
): string {
  const known = `SELECT ${COLUMNS} FROM ${previous} WHERE NOT torn AND ${intact} AND (app_id, bucket) IN (${carried})`;
  const changed = `SELECT ${VIEW_AND_BUCKET} FROM ${delta}`;
  const pieces = `(${known} AND ${VIEW_AND_BUCKET} IN (${changed}) UNION ALL SELECT ${COLUMNS} FROM ${delta})`;
  return `
INSERT INTO ${table}
SELECT *, false FROM (${known} AND ${VIEW_AND_BUCKET} NOT IN (${changed}))
UNION ALL
${joinStatesSql(pieces, gapLimitMs)}`;
}

/** Folds again what is torn. */
export function mendSql(table: string, { dirty, covered, gapLimitMs }: NextMoment): string {
  const torn = `SELECT ${VIEW_AND_BUCKET} FROM ${table} WHERE torn`;
  const where = `${BUCKET} IN (${dirty}) AND (app_id, video_id, view_id, ${BUCKET_OF}) IN (${torn}) AND ${coveredSql(covered)}`;
  return `INSERT INTO ${table} SELECT ${COLUMNS}, false FROM (${bucketStatesSql('events', where, gapLimitMs)})`;
}

/** What a moment covers, bucket by bucket; `events` of a state counts its rows. */
export function momentCountsSql(table: string): string {
  return `SELECT app_id, toUnixTimestamp(bucket) AS second, sumIf(events, NOT torn) AS known, count() AS states, countIf(torn) AS replaced
FROM ${table} GROUP BY app_id, second`;
}

/**
 * States of pieces of one bucket, each of another stretch of time, as one state: the same rules by which states of
 * buckets fold into a view (sql/views.ts), except that what comes before the first piece stays open.
 */
function joinStatesSql(source: string, gapLimitMs: number): string {
  const attributes = ['viewer', ...VIEW_DIMENSIONS];
  return `
SELECT app_id, video_id, view_id, bucket, start,
  ${attributes.map((name, i) => `first.${i + 1} AS ${name}`).join(', ')},
  pieces[1].1 AS first_ms, pieces[-1].2 AS last_ms, pieces[1].3 AS first_implied, states[-1] AS last_state,
  implied + toFloat64(arraySum((gap, piece) -> if(piece.3, gap, 0), gaps, pieces)) AS implied_ms,
  play + arraySum((gap, piece, state) -> if(state = 1, toFloat64(gap) + piece.4, toFloat64(0)), gaps, pieces, before) AS play_ms,
  pieces[1].4 + arraySum((gap, piece, state) -> if(state = 2, toFloat64(gap) + piece.4, toFloat64(0)), gaps, pieces, before) AS carry_ms,
  explicit, heartbeats, end_watch, duration, duration_place, done, event_count, error_count, torn
FROM
(
  SELECT app_id, video_id, view_id, bucket,
    minIf(start_key, start_key != 0) AS start,
    argMinIf(tuple(${attributes.join(', ')}), start_key, start_key != 0) AS first,
    sum(explicit_ms) AS explicit,
    sum(increments) AS heartbeats,
    sum(implied_ms) AS implied,
    sum(play_ms) AS play,
    max(end_watch_ms) AS end_watch,
    argMaxIf(duration_ms, duration_key, duration_key != 0) AS duration,
    max(duration_key) AS duration_place,
    max(completed) AS done,
    sum(events) AS event_count,
    sum(errors) AS error_count,
    arraySort(groupArray((first_ms, last_ms, first_implied, carry_ms, last_state))) AS pieces,
    arrayPushFront(arrayPopBack(pieces.2), 0) AS ends,
    arrayMap((piece, last) -> if(last = 0, 0, least(piece.1 - last, ${gapLimitMs})), pieces, ends) AS gaps,
    -- In one millisecond the log's order decides, which a piece does not tell.
    arrayExists((piece, last) -> last != 0 AND piece.1 <= last, pieces, ends) AS torn,
    arrayFill(x -> x != 2, pieces.5) AS states,
    arrayPushFront(arrayPopBack(states), 3) AS before
  FROM ${source}
  GROUP BY app_id, video_id, view_id, bucket
)`;
}
