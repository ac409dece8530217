import type { TimeRange } from './range.ts';
import type { SessionScope } from './sessions.ts';
import type { SqlValues } from './values.ts';

/**
 * Sessions that began before raw begins. Raw is kept for months and sessions for a year (seed 003), so each is folded once
 * more before the first of its events goes, and stands in `kept_sessions` from then on. Bots' are not kept.
 */
export interface Kept {
  /** Epoch ms, a midnight: what began before it is read from there, whatever raw still has. */
  readonly before: number;
}

/** Bits of KEY below the timestamp's. */
export const KEY_BITS = 86;
/**
 * An event's place in its session, in one integer: timestamp (ms), log offset (50 bits), index in the record (22 bits), log
 * partition (14 bits).
 */
export const KEY = `bitOr(bitOr(bitShiftLeft(toUInt128(toUnixTimestamp64Milli(timestamp)), ${KEY_BITS}), bitShiftLeft(toUInt128(log_offset), 36)),
  bitOr(bitShiftLeft(toUInt128(log_index), 14), toUInt128(bitAnd(log_partition, 16383))))`;

const STARTED_MS = `toInt64(bitShiftRight(start_key, ${KEY_BITS}))`;

type Whose = Pick<SessionScope, 'apps'>;

function startedSql({ from, to }: TimeRange, values: SqlValues): string {
  const [since, until] = [values.add('Int64', from), values.add('Int64', to)];
  const day = (ms: string) => `toDate(fromUnixTimestamp64Milli(${ms}, 'UTC'))`;
  return `day >= ${day(since)} AND day <= ${day(until)} AND ${STARTED_MS} >= ${since} AND ${STARTED_MS} < ${until}`;
}

/** Those that begin in the range; columns as of a fold of raw. */
export function keptRowsSql(
  { apps }: Whose,
  range: TimeRange,
  values: SqlValues,
  withConversions: boolean,
): string {
  const left = ['day', 'version', 'gone', ...(withConversions ? [] : ['conversions'])];
  return `SELECT * EXCEPT (${left.join(', ')}) FROM kept_sessions FINAL WHERE ${apps} AND ${startedSql(range, values)}`;
}

/** SELECT of `app_id, session_id`: those whose events from a moment on would look like a session of their own in raw. */
export function keptThatGoOnSql({ before }: Kept, from: number, values: SqlValues): string {
  return `SELECT app_id, session_id FROM kept_sessions FINAL
    WHERE ended_ms >= ${values.add('Int64', from)} AND ${STARTED_MS} < ${values.add('Int64', before)}`;
}

/** SELECT of `app_id, session_id, who, start`: the sessions of some actors that begin before a moment. */
export function keptStartsSql(
  { apps }: Whose,
  before: number,
  actors: readonly string[],
  values: SqlValues,
): string {
  return `SELECT app_id, session_id, actor AS who, start_key AS start FROM kept_sessions FINAL
    WHERE ${apps} AND ${STARTED_MS} < ${values.add('Int64', before)} AND ${isInOne('actor', actors)}`;
}

/**
 * Condition that a value is in one of these SELECTs. Not in their UNION: a server that makes IN global fails on one of
 * several distributed tables (ClickHouse issue 99370).
 */
export function isInOne(value: string, selects: readonly string[]): string {
  return `(${selects.map((select) => `${value} IN (${select})`).join(' OR ')})`;
}
