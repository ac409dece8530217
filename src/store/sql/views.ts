/**
 * The SQL of a view: how one bucket's rows become a bucket state, and how states fold into a view.
 *
 * Watch time depends on the order of a view's events (a heartbeat without `watch_ms` counts the time since the event
 * before it; playing time runs from start to pause), so sums per bucket would not add up. A bucket state therefore
 * keeps what its neighbours need: first and last instant, whether its first event counts the gap before it, the state
 * that its last event left, and the time that counts only if the view came in playing (`carry_ms`). States of
 * consecutive buckets then combine exactly, whichever buckets were recomputed when.
 */

/** The view's attributes, as its first qualifying event has them. */
export const VIEW_DIMENSIONS = [
  'event_name',
  'country',
  'device',
  'browser',
  'os',
  'referrer',
  'utm_source',
  'utm_campaign',
  'is_bot',
] as const;

export type ViewDimension = (typeof VIEW_DIMENSIONS)[number];

/** A view exists from the first of these on (product §5). */
const STARTS = ['video_start', 'video_progress', 'video_heartbeat', 'video_complete', 'view_end'];
const HEARTBEATS = ['video_progress', 'video_heartbeat'];
const PLAYS = ['video_start', 'video_resume'];
const STOPS = ['video_pause', 'video_buffer', 'video_buffering', 'video_complete', 'video_error', 'view_end'];
const ERRORS = ['video_error', 'error'];

const names = (list: readonly string[]) => `event_name IN (${list.map((name) => `'${name}'`).join(', ')})`;

/** The columns of a bucket state. A question that needs few dimensions says so: each costs reading and planning. */
export const viewBucketColumns = (dimensions: readonly ViewDimension[]): readonly string[] => [
  'app_id',
  'video_id',
  'view_id',
  'bucket',
  'start_key',
  'viewer',
  ...dimensions,
  'first_ms',
  'last_ms',
  'first_implied',
  'last_state',
  'implied_ms',
  'play_ms',
  'carry_ms',
  'explicit_ms',
  'increments',
  'end_watch_ms',
  'duration_ms',
  'duration_key',
  'completed',
  'events',
  'errors',
];

export const VIEW_BUCKET_COLUMNS = viewBucketColumns(VIEW_DIMENSIONS);

/** The columns of a finished view. */
export const viewColumns = (dimensions: readonly ViewDimension[]): readonly string[] => [
  'app_id',
  'video_id',
  'view_id',
  'started_at',
  'ended_at',
  'viewer',
  ...dimensions,
  'watch_ms',
  'duration_ms',
  'completed',
  'events',
  'errors',
];

export const VIEW_COLUMNS = viewColumns(VIEW_DIMENSIONS);

/**
 * One event's place in time and what it does to its view, in one integer, so that a view's events sort by comparing
 * integers: timestamp (ms), log offset (50 bits), index in the record (22 bits), then four bits of code.
 */
const KEY =
  'bitOr(bitShiftLeft(toUInt128(toUnixTimestamp64Milli(timestamp)), 72), bitOr(bitShiftLeft(toUInt128(log_offset), 22), log_index))';
/** Bits 0-1: 0 stops, 1 plays, 2 leaves the state; bit 2: counts the time since the event before it. */
const CODE = `toUInt8(multiIf(${names(PLAYS)}, 1, ${names(STOPS)}, 0, 2) + if(${names(HEARTBEATS)} AND watch_ms IS NULL, 4, 0))`;

/**
 * The attributes of an event as one text: of a tuple ClickHouse makes an object for each row that it compares, which is
 * half the cost of a bucket state. No text of an event holds this byte, since it is none of UTF-8's.
 */
const SEPARATOR = "'\\xFF'";
const packed = (columns: readonly string[]) =>
  `concat(${columns.map((name) => (name === 'is_bot' ? "if(is_bot, '1', '')" : name)).join(`, ${SEPARATOR}, `)}, ${SEPARATOR})`;
const unpacked = (name: string, place: number) =>
  name === 'is_bot' ? `CAST(first[${place}] = '1', 'Bool')` : `first[${place}]`;

/** Rows of `events` that satisfy `where`, as bucket states (VIEW_BUCKET_COLUMNS). `where` must take whole buckets. */
export function bucketStatesSql(
  events: string,
  where: string,
  gapLimitMs: number,
  dimensions: readonly ViewDimension[] = VIEW_DIMENSIONS,
): string {
  const attributes = dimensions.map((name, i) => `${unpacked(name, i + 2)} AS ${name}`);
  const columns = ['actor', ...dimensions].join(', ');
  return `
SELECT app_id, video_id, view_id, bucket, start_key,
  ${[`${unpacked('viewer', 1)} AS viewer`, ...attributes].join(', ')},
  times[1] AS first_ms, times[-1] AS last_ms, bitAnd(codes[1], 4) != 0 AS first_implied, states[-1] AS last_state,
  toFloat64(arraySum((gap, code) -> if(bitAnd(code, 4) != 0, gap, 0), gaps, codes)) AS implied_ms,
  toFloat64(arraySum((gap, state) -> if(state = 1, gap, 0), gaps, before)) AS play_ms,
  toFloat64(arraySum((gap, state) -> if(state = 2, gap, 0), gaps, before)) AS carry_ms,
  explicit_ms, increments, end_watch_ms, duration_ms, duration_key, completed, events, errors
FROM
(
  SELECT app_id, video_id, view_id, bucket,
    minIf(key, starts) AS start_key,
    splitByChar(${SEPARATOR}, argMinIf(attributes, key, starts)) AS first,
    sumIf(ifNull(watched, 0), heartbeat) AS explicit_ms,
    countIf(heartbeat) AS increments,
    maxIf(watched, event_name = 'view_end') AS end_watch_ms,
    -- A player that knows no duration yet says 0.
    argMaxIf(duration, key, duration > 0) AS duration_ms,
    maxIf(key, duration > 0) AS duration_key,
    max(done) AS completed,
    count() AS events,
    countIf(failed) AS errors,
    arraySort(groupArray(bitOr(bitShiftLeft(key, 4), code))) AS sequence,
    arrayMap(x -> toInt64(bitShiftRight(x, 76)), sequence) AS times,
    arrayMap(x -> least(x, ${gapLimitMs}), arrayDifference(times)) AS gaps,
    arrayMap(x -> toUInt8(bitAnd(x, 15)), sequence) AS codes,
    arrayFill(x -> x != 2, arrayMap(x -> bitAnd(x, 3), codes)) AS states,
    arrayPushFront(arrayPopBack(states), 3) AS before
  FROM
  (
    SELECT app_id, video_id, view_id, toStartOfFiveMinutes(timestamp) AS bucket,
      ${dimensions.includes('event_name') ? '' : 'event_name, '}${columns}, ${packed(['actor', ...dimensions])} AS attributes, watch_ms AS watched, nullIf(duration_ms, 0) AS duration,
      completed OR event_name = 'video_complete' AS done,
      ${KEY} AS key, ${CODE} AS code,
      ${names(STARTS)} AS starts, ${names(HEARTBEATS)} AS heartbeat, ${names(ERRORS)} AS failed
    FROM ${events}
    WHERE view_id != '' AND ${where}
  )
  GROUP BY app_id, video_id, view_id, bucket
)`;
}

/**
 * Bucket states (`source`: a table or a subquery in parentheses) folded into views (VIEW_COLUMNS). `start_hours`: those of
 * the buckets in which the view could begin, its own among them.
 */
export function foldViewsSql(
  source: string,
  gapLimitMs: number,
  dimensions: readonly ViewDimension[] = VIEW_DIMENSIONS,
  more: readonly 'start_hours'[] = [],
): string {
  const attributes = ['viewer', ...dimensions];
  return `
SELECT ${more.map((name) => `${name}, `).join('')}app_id, video_id, view_id,
  fromUnixTimestamp64Milli(toInt64(bitShiftRight(start, 72)), 'UTC') AS started_at,
  fromUnixTimestamp64Milli(last, 'UTC') AS ended_at,
  ${attributes.map((name, i) => `first.${i + 1} AS ${name}`).join(', ')},
  multiIf(
    end_watch IS NOT NULL, assumeNotNull(end_watch),
    heartbeats > 0, explicit + implied + toFloat64(arraySum((gap, row) -> if(row.4, gap, 0), gaps, rows)),
    play + arraySum((gap, row, state) -> if(state = 1, toFloat64(gap) + row.5, toFloat64(0)), gaps, rows, before)
  ) AS watch_ms,
  duration AS duration_ms, done AS completed, event_count AS events, error_count AS errors
FROM
(
  SELECT app_id, video_id, view_id,
    minIf(start_key, start_key != 0) AS start,
    max(last_ms) AS last,
    ${more.includes('start_hours') ? "groupUniqArrayIf(toDateTime(toStartOfHour(bucket), 'UTC'), start_key != 0) AS start_hours," : ''}
    argMinIf(tuple(${attributes.join(', ')}), start_key, start_key != 0) AS first,
    max(end_watch_ms) AS end_watch,
    sum(increments) AS heartbeats,
    sum(explicit_ms) AS explicit,
    sum(implied_ms) AS implied,
    sum(play_ms) AS play,
    argMaxIf(duration_ms, duration_key, duration_key != 0) AS duration,
    max(completed) AS done,
    sum(events) AS event_count,
    sum(errors) AS error_count,
    arraySort(groupArray((bucket, first_ms, last_ms, first_implied, carry_ms, last_state))) AS rows,
    arrayMap((row, last) -> if(last = 0, 0, least(row.2 - last, ${gapLimitMs})), rows, arrayPushFront(arrayPopBack(rows.3), 0)) AS gaps,
    arrayPushFront(arrayPopBack(arrayFill(x -> x != 2, rows.6)), 3) AS before
  FROM ${source}
  GROUP BY app_id, video_id, view_id
)
WHERE start != 0`;
}
