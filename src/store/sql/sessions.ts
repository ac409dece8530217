import { BUCKET_OF, bucketSecond, type TimeRange, timestampSql } from './range.ts';
import type { SqlValues } from './values.ts';

/**
 * Sessions, folded from raw when they are asked for: one (app, session id), with every event it has, whenever that was.
 * Nothing of it is kept, so that a late event repairs every number it touches.
 *
 * What makes this affordable: details are read from the range on, by the ids of the sessions that begin there; of the
 * time before it only ids and actors are read, to tell which sessions had begun already and who had come before.
 */

/** One page view, and shorter than this. */
const BOUNCE_MS = 10_000;

/** What a session has of the first of its events that says it. */
export const SESSION_SOURCES = [
  'device',
  'browser',
  'os',
  'country',
  'referrer',
  'utm_source',
  'utm_medium',
  'utm_campaign',
  'utm_term',
  'utm_content',
] as const;

/** Bits of KEY below the timestamp's. */
const KEY_BITS = 86;
/**
 * An event's place in its session, in one integer: timestamp (ms), log offset (50 bits), index in the record (22 bits), log
 * partition (14 bits).
 */
const KEY = `bitOr(bitOr(bitShiftLeft(toUInt128(toUnixTimestamp64Milli(timestamp)), ${KEY_BITS}), bitShiftLeft(toUInt128(log_offset), 36)),
  bitOr(bitShiftLeft(toUInt128(log_index), 14), toUInt128(bitAnd(log_partition, 16383))))`;

const SESSION = '(app_id, session_id)';
const RAW = ['event_name', 'page', 'user_id', 'anonymous_id', 'actor', ...SESSION_SOURCES];

export interface SessionScope {
  /** Condition on app_id, or '1'. */
  readonly apps: string;
  readonly bots: boolean;
  /** The sessions that begin in it. */
  readonly range: TimeRange;
  /** Condition on their first event's `user_id` and `anonymous_id`, or '1'. */
  readonly first: string;
}

/** Condition on an event that counts. */
function counts({ apps, bots }: Pick<SessionScope, 'apps' | 'bots'>): string {
  return `session_id != '' AND ${apps} AND ${bots ? '1' : 'NOT is_bot'}`;
}

function beforeSql(ms: number, values: SqlValues): string {
  return `timestamp < ${values.instant(ms)} AND ${BUCKET_OF} <= ${values.second(bucketSecond(ms))}`;
}

function sinceSql(ms: number, values: SqlValues): string {
  return `timestamp >= ${values.instant(ms)} AND ${BUCKET_OF} >= ${values.second(bucketSecond(ms))}`;
}

/** SELECT of `app_id, session_id`: sessions that begin in the range; where `first` is given, those that may satisfy it. */
function begunSql(scope: SessionScope, values: SqlValues): string {
  const inRange = `${counts(scope)} AND ${timestampSql(scope.range, values)} AND ${scope.first}`;
  return `SELECT app_id, session_id FROM events WHERE ${inRange} AND ${SESSION} NOT IN (
    SELECT app_id, session_id FROM events
    WHERE ${counts(scope)} AND ${beforeSql(scope.range.from, values)}
      AND ${SESSION} IN (SELECT app_id, session_id FROM events WHERE ${inRange}))`;
}

/**
 * Sessions in scope. Columns: app_id, session_id, start_key, started_ms, ended_ms, duration_ms, events, page_views, errors,
 * bounced, user_id, anonymous_id, actor, entry_page, exit_page, and SESSION_SOURCES. The server computes those that are
 * selected.
 * @param startsOnly nothing is selected but what the first event tells: then events after the range are not read
 */
export function sessionsSql(scope: SessionScope, values: SqlValues, startsOnly = false): string {
  const when = startsOnly ? timestampSql(scope.range, values) : sinceSql(scope.range.from, values);
  const folded = foldSql(
    `${counts(scope)} AND ${when} AND ${SESSION} IN (${begunSql(scope, values)})`,
    scope.first,
  );
  return folded;
}

/** Sessions by their ids, of which no event lies before `since`. Columns as of `sessionsSql`, and `conversions`. */
export function namedSessionsSql(
  names: string,
  scope: Pick<SessionScope, 'apps' | 'bots'> & { readonly since: number; readonly conversion: string },
  values: SqlValues,
): string {
  const { since, conversion } = scope;
  return foldSql(`${counts(scope)} AND ${sinceSql(since, values)} AND ${SESSION} IN (${names})`, '1', [
    `countIf(${conversion}) AS conversions`,
  ]);
}

/** `more`: further aggregates; they may name columns of `events`. */
function foldSql(where: string, having: string, more: readonly string[] = []): string {
  const own = (name: string) => `own_${name}`;
  const first = (name: string) => `argMin(${own(name)}, key) AS ${name}`;
  const firstSaid = (name: string) => `argMinIf(${own(name)}, key, ${own(name)} != '') AS ${name}`;
  const isPage = `${own('event_name')} = 'page_view' AND ${own('page')} != ''`;
  return `
SELECT *, toInt64(bitShiftRight(start_key, ${KEY_BITS})) AS started_ms, ended_ms - started_ms AS duration_ms,
  CAST(page_views = 1 AND duration_ms < ${BOUNCE_MS}, 'Bool') AS bounced
FROM
(
  SELECT app_id, session_id, min(key) AS start_key, max(at) AS ended_ms, count() AS events,
    countIf(${own('event_name')} = 'page_view') AS page_views,
    countIf(${own('event_name')} IN ('error', 'video_error')) AS errors,
    ${['user_id', 'anonymous_id', 'actor'].map(first).join(', ')},
    argMinIf(${own('page')}, key, ${isPage}) AS entry_page, argMaxIf(${own('page')}, key, ${isPage}) AS exit_page,
    ${[...SESSION_SOURCES.map(firstSaid), ...more].join(', ')}
  FROM
  (
    SELECT app_id, session_id, properties, toUnixTimestamp64Milli(timestamp) AS at, ${KEY} AS key,
      ${RAW.map((name) => `toString(${name}) AS ${own(name)}`).join(', ')}
    FROM events
    WHERE ${where}
  )
  GROUP BY app_id, session_id
)
WHERE ${having}`;
}

/** Condition that an event, as it stands within `namedSessionsSql`, is a conversion (seed 003). */
export function conversionSql(names: readonly string[], values: SqlValues): string {
  return `own_event_name IN ${values.texts(names)} OR JSONExtractRaw(properties, 'conversion') = 'true'`;
}

/**
 * SELECT of `app_id, actor, session_id`: the first session of each of these actors, of those that begin before a moment.
 * @param actors SELECT of `app_id, actor`
 */
export function firstSessionsSql(
  actors: string,
  scope: Pick<SessionScope, 'apps' | 'bots'> & { readonly before: number },
  values: SqlValues,
): string {
  return `SELECT app_id, who AS actor, argMin(session_id, start) AS session_id FROM (${startsSql(actors, scope, values)})
    WHERE (app_id, who) IN (${actors}) GROUP BY app_id, who`;
}

/** SELECT of `app_id, session_id, who, start`: every session in which one of the actors did something before a moment. */
function startsSql(
  actors: string,
  scope: Pick<SessionScope, 'apps' | 'bots'> & { readonly before: number },
  values: SqlValues,
): string {
  const early = `${counts(scope)} AND ${beforeSql(scope.before, values)}`;
  return `SELECT app_id, session_id, argMin(actor, ${KEY}) AS who, min(${KEY}) AS start FROM events
    WHERE ${early} AND ${SESSION} IN (SELECT app_id, session_id FROM events WHERE ${early} AND (app_id, actor) IN (${actors}))
    GROUP BY app_id, session_id`;
}

/**
 * Sessions in scope with `is_new`: no session of the same actor and app begins earlier. `where`: a condition on them, which
 * does not change which of them are new.
 */
export function judgedSessionsSql(scope: SessionScope, where: string, values: SqlValues): string {
  const { range } = scope;
  const actors = `SELECT app_id, actor FROM events WHERE ${counts(scope)} AND ${timestampSql(range, values)}`;
  const known = `SELECT app_id, who FROM (${startsSql(actors, { ...scope, before: range.from }, values)})`;
  return `
SELECT * FROM
(
  SELECT *, start_key = min(start_key) OVER (PARTITION BY app_id, actor) AND (app_id, actor) NOT IN (${known}) AS is_new
  FROM (${sessionsSql(scope, values)})
)
WHERE ${where}`;
}
