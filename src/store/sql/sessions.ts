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

const RAW = ['event_name', 'page', 'user_id', 'anonymous_id', 'actor', ...SESSION_SOURCES];

export interface SessionScope {
  /** Condition on app_id, or '1'. */
  readonly apps: string;
  readonly bots: boolean;
  /** The sessions that begin in it. */
  readonly range: TimeRange;
  /** Condition on their first event's `user_id`, `anonymous_id` and `actor`, or '1'. */
  readonly first: string;
}

type Whose = Pick<SessionScope, 'apps' | 'bots'>;

/** Condition on an event that counts. */
function counts({ apps, bots }: Whose): string {
  return `session_id != '' AND ${apps} AND ${bots ? '1' : 'NOT is_bot'}`;
}

function beforeSql(ms: number, values: SqlValues): string {
  return `timestamp < ${values.instant(ms)} AND ${BUCKET_OF} <= ${values.second(bucketSecond(ms))}`;
}

function sinceSql(ms: number, values: SqlValues): string {
  return `timestamp >= ${values.instant(ms)} AND ${BUCKET_OF} >= ${values.second(bucketSecond(ms))}`;
}

/**
 * Sessions in scope. Columns: app_id, session_id, start_key, started_ms, ended_ms, duration_ms, events, page_views, errors,
 * bounced, user_id, anonymous_id, actor, entry_page, exit_page, and SESSION_SOURCES. The server computes those that are
 * selected.
 *
 * Ids are looked for without their app, as sets of single texts are several times faster than sets of pairs; what is found
 * too much by that is told apart afterwards, by the session.
 * @param startsOnly nothing is selected but what the first event tells: then events after the range are not read
 */
export function sessionsSql(scope: SessionScope, values: SqlValues, startsOnly = false): string {
  const { range, first } = scope;
  const inRange = `${counts(scope)} AND ${timestampSql(range, values)}`;
  const ids = `SELECT session_id FROM events WHERE ${inRange} AND ${first}`;
  const begunBefore = `SELECT app_id, session_id FROM events
    PREWHERE ${beforeSql(range.from, values)} AND session_id IN (${ids}) WHERE ${counts(scope)}`;
  const when = startsOnly ? timestampSql(range, values) : sinceSql(range.from, values);
  // Where no filter narrows them, all ids of the range are wanted.
  const which = startsOnly && first === '1' ? when : `${when} AND session_id IN (${ids})`;
  return foldSql(
    `PREWHERE ${which} WHERE ${counts(scope)}`,
    `started_ms < ${values.add('Int64', range.to)} AND ${first} AND (app_id, session_id) NOT IN (${begunBefore})`,
  );
}

/**
 * Sessions by their names, of which no event lies before `since`. Columns as of `sessionsSql`, and `conversions`.
 * @param ids SELECT of `session_id`
 * @param names SELECT of `app_id, session_id`
 */
export function namedSessionsSql(
  { ids, names }: { readonly ids: string; readonly names: string },
  scope: Whose & { readonly since: number; readonly conversion: string },
  values: SqlValues,
): string {
  const { since, conversion } = scope;
  return foldSql(
    `PREWHERE ${sinceSql(since, values)} AND session_id IN (${ids})
     WHERE ${counts(scope)} AND (app_id, session_id) IN (${names})`,
    '1',
    [`countIf(${conversion}) AS conversions`],
  );
}

/** `rows`: PREWHERE and WHERE on `events`; `more`: further aggregates, of own_event_name and properties. */
function foldSql(rows: string, having: string, more: readonly string[] = []): string {
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
    ${rows}
  )
  GROUP BY app_id, session_id
)
WHERE ${having}`;
}

/**
 * Condition that an event, as it stands within the fold, is a conversion (seed 003).
 * @param names array of names, in SQL
 */
export function conversionSql(names: string): string {
  return `has(${names}, own_event_name) OR JSONExtractRaw(properties, 'conversion') = 'true'`;
}

/** Every session there is, of everyone but bots. Columns as of `sessionsSql`, and `conversions`. */
export function allSessionsSql(conversion: string): string {
  return foldSql(`WHERE ${counts({ apps: '1', bots: false })}`, '1', [
    `countIf(${conversion}) AS conversions`,
  ]);
}

/**
 * SELECT of `app_id, actor, session_id`: the first session of these actors, of those that begin before a moment; of other
 * actors too, and theirs may be any.
 * @param actors SELECT of `actor`
 */
export function firstSessionsSql(
  actors: string,
  scope: Whose & { readonly before: number },
  values: SqlValues,
): string {
  return `SELECT app_id, who AS actor, argMin(session_id, start) AS session_id FROM (${startsSql(actors, scope, values)})
    WHERE who IN (${actors}) GROUP BY app_id, who`;
}

/** SELECT of `app_id, session_id, who, start`: all sessions in which one of the actors did something before a moment. */
function startsSql(actors: string, scope: Whose & { readonly before: number }, values: SqlValues): string {
  const early = beforeSql(scope.before, values);
  return `SELECT app_id, session_id, argMin(actor, ${KEY}) AS who, min(${KEY}) AS start FROM events
    PREWHERE ${early} AND session_id IN (
      SELECT session_id FROM events PREWHERE ${early} AND actor IN (${actors}) WHERE ${counts(scope)})
    WHERE ${counts(scope)}
    GROUP BY app_id, session_id`;
}

/**
 * Sessions in scope with `is_new`: no session of the same actor and app begins earlier. `where`: a condition on them, which
 * does not change which of them are new.
 */
export function judgedSessionsSql(scope: SessionScope, where: string, values: SqlValues): string {
  const { range } = scope;
  const actors = `SELECT actor FROM events WHERE ${counts(scope)} AND ${timestampSql(range, values)}`;
  const known = `SELECT app_id, who FROM (${startsSql(actors, { ...scope, before: range.from }, values)})`;
  return `
SELECT * FROM
(
  SELECT *, start_key = min(start_key) OVER (PARTITION BY app_id, actor) AND (app_id, actor) NOT IN (${known}) AS is_new
  FROM (${sessionsSql(scope, values)})
)
WHERE ${where}`;
}
