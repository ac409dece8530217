/**
 * Realtime out of ClickHouse, to begin with after a start.
 *
 * A view's facts (who watches, what stream, the last bitrate, whether it ended) are looked for in what was received
 * within `lookbackMs`, for just those views that had an event in the window. Bots are left out.
 */
import type { EventKindName } from '../../event/event.ts';
import type { Params, QueryOptions, StoreClient } from '../client.ts';
import { type LogSource, sourceKey } from '../events.ts';

/** What events mean to realtime (product §5); a `video_error` stops a view when it is fatal. */
export const realtimeKinds = {
  begins: ['video_start', 'video_progress', 'video_heartbeat', 'video_complete', 'view_end'],
  stops: ['view_end', 'video_complete', 'video_pause'],
  stopsWhenFatal: 'video_error',
  errors: ['video_error', 'error'],
} as const satisfies Record<string, readonly EventKindName[] | EventKindName>;

/** No stream has more, bit/s: a sum must not be ruined by one player's nonsense. */
export const BITRATE_MAX = 1e12;

export interface RealtimeSpan {
  /** Epoch ms, the end of the window, included. */
  readonly now: number;
  readonly windowMs: number;
  readonly lookbackMs: number;
  /**
   * Per source, the offset before which rows count; of a source that is not named none does. What clocks that run
   * ahead have received "after" `now` counts then too. Without it every row up to `now` counts.
   */
  readonly before?: readonly PlacesBefore[];
}

/** Everything of a source before an offset. */
export interface PlacesBefore extends LogSource {
  readonly before: number;
}

/** Clocks of other hosts may run ahead by this much. */
const AHEAD_MS = 60_000;

/** One view that had an event in the window. Hashes are words, times epoch ms; 0, 0 without an actor. */
export interface ViewRow {
  readonly appHash: number;
  readonly viewLow: number;
  readonly viewHigh: number;
  readonly actorLow: number;
  readonly actorHigh: number;
  readonly streamLow: number;
  readonly streamHigh: number;
  /** null when the stream is the video, since nobody said one. */
  readonly streamAt: number | null;
  readonly latestAt: number;
  readonly stopped: 0 | 1;
  /** null when nothing has made the view exist yet. */
  readonly firstAt: number | null;
  readonly bitrate: number;
  /** null when no bitrate is known. */
  readonly bitrateAt: number | null;
  readonly receivedAt: number;
}

export interface ReceivedRow {
  readonly appHash: number;
  readonly receivedAt: number;
  readonly events: number;
  readonly errors: number;
}

const inList = (names: readonly string[]) => `event_name IN (${names.map((name) => `'${name}'`).join(', ')})`;
const BEGINS = inList(realtimeKinds.begins);
const STOPS = `(${inList(realtimeKinds.stops)} OR (event_name = '${realtimeKinds.stopsWhenFatal}' AND fatal))`;
const ERRORS = inList(realtimeKinds.errors);

const instant = (name: string) => `fromUnixTimestamp64Milli({${name}:Int64}, 'UTC')`;
/** Each topic has so many places of the array, one a partition; they begin at 1, and beyond its end it has 0. */
const PLACE_OF_SOURCE =
  'indexOf({topics:Array(String)}, toString(log_topic)) * {width:UInt32} - {width:UInt32} + log_partition + 1';
const IN_PLACES = `({bounded:UInt8} = 0 OR (has({topics:Array(String)}, toString(log_topic)) AND log_partition < {width:UInt32}
  AND log_offset < {before:Array(UInt64)}[${PLACE_OF_SOURCE}]))`;
const IN_WINDOW = `received_at > ${instant('since')} AND received_at <= ${instant('now')} AND ${IN_PLACES} AND NOT is_bot`;

/** hash64 of texts with 0x1f between them, as the kernel computes it, in two words. */
const hashOf = (...parts: string[]) => `xxHash64(concat(${parts.join(", '\\x1f', ")}))`;
const lowWord = (hash: string) => `bitAnd(${hash}, 4294967295)`;
const highWord = (hash: string) => `bitShiftRight(${hash}, 32)`;
const APP_HASH = lowWord('xxHash64(toString(app_id))');
const VIEW_HASH = hashOf('app_id', 'video_id', 'view_id');

/** Makes every moment that can be stored positive. */
const EPOCH_SHIFT = 2 ** 42;
/**
 * An event's place in its view as one integer: timestamp (ms), log offset (50 bits), index in the record (22 bits), and
 * whether it stops the view in the last bit. Comparing integers costs a fraction of comparing tuples.
 */
const PLACE = `bitOr(bitShiftLeft(toUInt128(toUnixTimestamp64Milli(timestamp) + ${EPOCH_SHIFT}), 73),
    bitOr(bitShiftLeft(toUInt128(log_offset), 23), bitOr(bitShiftLeft(toUInt128(log_index), 1), ${STOPS})))`;
const timeOf = (place: string) => `toInt64(bitShiftRight(${place}, 73)) - ${EPOCH_SHIFT}`;

/** One row a view with an event in the window. Actors and streams are hashes; 0 is none. */
const VIEWS = `
SELECT view, any(app_id) AS app_id,
  max(place) AS latest,
  bitAnd(latest, 1) = 1 AS stopped,
  minIf(place, begins) AS first,
  argMinIf(actor_hash, place, begins) AS viewer,
  maxIf(place, said != 0) AS stream_place,
  if(stream_place = 0, any(video), argMaxIf(said, place, said != 0)) AS stream,
  maxIf(place, bitrate IS NOT NULL) AS bits_place,
  round(least(ifNull(argMaxIf(bitrate, place, bitrate IS NOT NULL), 0), toFloat64(${BITRATE_MAX}))) AS bits,
  max(received_at) AS received
FROM
(
  SELECT ${VIEW_HASH} AS view, app_id, bitrate, received_at, ${PLACE} AS place, ${BEGINS} AS begins,
    if(actor = '', 0, ${hashOf('app_id', 'actor')}) AS actor_hash,
    if(stream_id = '', 0, ${hashOf('app_id', 'stream_id')}) AS said,
    if(video_id = '', 0, ${hashOf('app_id', 'video_id')}) AS video
  FROM events
  WHERE received_at > ${instant('oldest')} AND received_at <= ${instant('now')} AND ${IN_PLACES}
    AND NOT is_bot AND view_id != ''
    AND ${VIEW_HASH} IN (SELECT ${VIEW_HASH} FROM events WHERE ${IN_WINDOW} AND view_id != '')
)
GROUP BY view`;

function params(span: RealtimeSpan): Params {
  const { before = [] } = span;
  const topics = [...new Set(before.map(({ topic }) => topic))];
  const width = Math.max(-1, ...before.map(({ partition }) => partition)) + 1;
  const offsets = new Array<number>(topics.length * width).fill(0);
  for (const place of before) offsets[topics.indexOf(place.topic) * width + place.partition] = place.before;
  return {
    now: span.before ? span.now + AHEAD_MS : span.now,
    bounded: span.before ? 1 : 0,
    topics,
    width,
    before: offsets,
    since: span.now - span.windowMs,
    oldest: span.now - Math.max(span.windowMs, span.lookbackMs),
  };
}

/** The views of the window, in batches. Rejects with StoreError. */
export function streamViews(
  client: StoreClient,
  span: RealtimeSpan,
  options?: QueryOptions,
): AsyncGenerator<ViewRow[], void> {
  const sql = `
SELECT ${APP_HASH} AS appHash,
  ${lowWord('view')} AS viewLow, ${highWord('view')} AS viewHigh,
  ${lowWord('viewer')} AS actorLow, ${highWord('viewer')} AS actorHigh,
  ${lowWord('stream')} AS streamLow, ${highWord('stream')} AS streamHigh,
  if(stream_place = 0, NULL, ${timeOf('stream_place')}) AS streamAt,
  ${timeOf('latest')} AS latestAt, stopped, if(first = 0, NULL, ${timeOf('first')}) AS firstAt,
  bits AS bitrate, if(bits_place = 0, NULL, ${timeOf('bits_place')}) AS bitrateAt,
  toUnixTimestamp64Milli(received) AS receivedAt
FROM (${VIEWS})`;
  return client.stream<ViewRow>(sql, params(span), options);
}

/** Events of the window by app and millisecond of receipt, in batches. Rejects with StoreError. */
export function streamReceived(
  client: StoreClient,
  span: RealtimeSpan,
  options?: QueryOptions,
): AsyncGenerator<ReceivedRow[], void> {
  const sql = `
SELECT ${APP_HASH} AS appHash, toUnixTimestamp64Milli(received_at) AS receivedAt, count() AS events,
  countIf(${ERRORS}) AS errors
FROM events WHERE ${IN_WINDOW} GROUP BY app_id, received_at`;
  return client.stream<ReceivedRow>(sql, params(span), options);
}

/** By `sourceKey`, the last offset that has a row in the window. Rejects with StoreError. */
export async function readLastOffsets(
  client: StoreClient,
  span: RealtimeSpan,
  options?: QueryOptions,
): Promise<Map<string, number>> {
  const rows = await client.select<LogSource & { readonly offset: number }>(
    `SELECT log_topic AS topic, log_partition AS partition, max(log_offset) AS offset FROM events
     WHERE received_at > ${instant('since')} AND received_at <= ${instant('now')} GROUP BY log_topic, log_partition`,
    params(span),
    options,
  );
  return new Map(rows.map((row) => [sourceKey(row), row.offset]));
}
