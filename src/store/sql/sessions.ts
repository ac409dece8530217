import {
  isInOne,
  KEY,
  KEY_BITS,
  type Kept,
  keptRowsSql,
  keptStartsSql,
  keptThatGoOnSql,
} from './kept-sessions.ts';
import { BUCKET_OF, bucketSecond, type TimeRange, timestampSql } from './range.ts';
import type { SqlValues } from './values.ts';

/**
 * Sessions, folded from raw when they are asked for: one (app, session id), with every event it has, whenever that was, so
 * that a late event repairs every number it touches. Those that began before raw begins were folded while it was there
 * (kept-sessions.ts).
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

const RAW = ['event_name', 'page', 'user_id', 'anonymous_id', 'actor', ...SESSION_SOURCES];

export interface SessionScope {
  /** Condition on app_id, or '1'. */
  readonly apps: string;
  readonly bots: boolean;
  /** The sessions that begin in it. */
  readonly range: TimeRange;
  /** Condition on their first event's `user_id`, `anonymous_id` and `actor`, or '1'. */
  readonly first: string;
  readonly kept: Kept | null;
}

type Whose = Pick<SessionScope, 'apps' | 'bots' | 'kept'>;

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

/**
 * Sessions in scope. Columns: app_id, session_id, start_key, started_ms, ended_ms, duration_ms, events, page_views, errors,
 * bounced, user_id, anonymous_id, actor, entry_page, exit_page, and SESSION_SOURCES; `conversions`, where it is said what
 * they are. The server computes those that are selected.
 * @param startsOnly nothing is selected but what the first event tells: then events after the range are not read
 */
export function sessionsSql(
  scope: SessionScope,
  values: SqlValues,
  { startsOnly = false, conversion = null as string | null } = {},
): string {
  const { range, kept } = scope;
  if (kept === null) return rawSessionsSql(scope, values, { startsOnly, conversion });
  const parts = [];
  if (range.to > kept.before) {
    const later = { ...scope, range: { from: Math.max(range.from, kept.before), to: range.to } };
    parts.push(rawSessionsSql(later, values, { startsOnly, conversion }));
  }
  if (range.from < kept.before) {
    const until = Math.min(range.to, kept.before);
    const rows = keptRowsSql(scope, { from: range.from, to: until }, values, conversion !== null);
    parts.push(sessionSql(rows, scope.first));
  }
  return parts.join('\nUNION ALL\n');
}

/**
 * Ids are looked for without their app, as sets of single texts are several times faster than sets of pairs; what is found
 * too much by that is told apart afterwards, by the session.
 */
function rawSessionsSql(
  scope: SessionScope,
  values: SqlValues,
  { startsOnly, conversion }: { readonly startsOnly: boolean; readonly conversion: string | null },
): string {
  const { range, first, kept } = scope;
  const inRange = `${counts(scope)} AND ${timestampSql(range, values)}`;
  const ids = `SELECT session_id FROM events WHERE ${inRange} AND ${first}`;
  const begunBefore = `SELECT app_id, session_id FROM events
    PREWHERE ${beforeSql(range.from, values)} AND session_id IN (${ids}) WHERE ${counts(scope)}`;
  const when = startsOnly ? timestampSql(range, values) : sinceSql(range.from, values);
  // Where no filter narrows them, all ids of the range are wanted.
  const which = startsOnly && first === '1' ? when : `${when} AND session_id IN (${ids})`;
  return sessionSql(
    foldSql(`PREWHERE ${which} WHERE ${counts(scope)}`, conversion),
    [
      `started_ms < ${values.add('Int64', range.to)}`,
      first,
      `(app_id, session_id) NOT IN (${begunBefore})`,
      isOfRawSql(kept, range.from, values),
    ].join(' AND '),
  );
}

/** Condition on a session folded from raw: that its beginning is there. */
function isOfRawSql(kept: Kept | null, from: number, values: SqlValues): string {
  return kept === null ? '1' : `(app_id, session_id) NOT IN (${keptThatGoOnSql(kept, from, values)})`;
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
  const { since, conversion, kept } = scope;
  const isNamed = `(app_id, session_id) IN (${names})`;
  const from = Math.max(since, kept?.before ?? since);
  const rows = `PREWHERE ${sinceSql(from, values)} AND session_id IN (${ids}) WHERE ${counts(scope)} AND ${isNamed}`;
  const raw = sessionSql(foldSql(rows, conversion), isOfRawSql(kept, from, values));
  if (kept === null || since >= kept.before) return raw;
  return `${raw}
UNION ALL
${sessionSql(keptRowsSql(scope, { from: since, to: kept.before }, values, true), isNamed)}`;
}

/**
 * What follows from the rows of sessions.
 * @param rows SELECT of columns as of `foldSql`
 */
function sessionSql(rows: string, having: string): string {
  return `
SELECT *, toInt64(bitShiftRight(start_key, ${KEY_BITS})) AS started_ms, ended_ms - started_ms AS duration_ms,
  CAST(page_views = 1 AND duration_ms < ${BOUNCE_MS}, 'Bool') AS bounced
FROM (${rows})
WHERE ${having}`;
}

/** `rows`: PREWHERE and WHERE on `events`; `conversion`: condition on own_event_name and properties, or null. */
function foldSql(rows: string, conversion: string | null): string {
  const own = (name: string) => `own_${name}`;
  const first = (name: string) => `argMin(${own(name)}, key) AS ${name}`;
  const firstSaid = (name: string) => `argMinIf(${own(name)}, key, ${own(name)} != '') AS ${name}`;
  const isPage = `${own('event_name')} = 'page_view' AND ${own('page')} != ''`;
  const conversions = conversion === null ? [] : [`countIf(${conversion}) AS conversions`];
  return `
  SELECT app_id, session_id, min(key) AS start_key, max(at) AS ended_ms, count() AS events,
    countIf(${own('event_name')} = 'page_view') AS page_views,
    countIf(${own('event_name')} IN ('error', 'video_error')) AS errors,
    ${['user_id', 'anonymous_id', 'actor'].map(first).join(', ')},
    argMinIf(${own('page')}, key, ${isPage}) AS entry_page, argMaxIf(${own('page')}, key, ${isPage}) AS exit_page,
    ${[...SESSION_SOURCES.map(firstSaid), ...conversions].join(', ')}
  FROM
  (
    SELECT app_id, session_id, properties, toUnixTimestamp64Milli(timestamp) AS at, ${KEY} AS key,
      ${RAW.map((name) => `toString(${name}) AS ${own(name)}`).join(', ')}
    FROM events
    ${rows}
  )
  GROUP BY app_id, session_id`;
}

/**
 * Condition that an event, as it stands within the fold, is a conversion (seed 003).
 * @param names array of names, in SQL
 */
export function conversionSql(names: string): string {
  return `has(${names}, own_event_name) OR JSONExtractRaw(properties, 'conversion') = 'true'`;
}

/**
 * Every session there is, of everyone but bots, for a view. Columns as of `sessionsSql`, and `conversions`.
 * @param before epoch ms, in SQL: before it those that were kept; null: none were
 */
export function allSessionsSql(conversion: string, before: string | null): string {
  const folded = foldSql(`WHERE ${counts({ apps: '1', bots: false })}`, conversion);
  if (before === null) return sessionSql(folded, '1');
  const kept = `SELECT * EXCEPT (day, version, gone) FROM kept_sessions FINAL`;
  const gone = `SELECT app_id, session_id FROM kept_sessions FINAL
    WHERE toInt64(bitShiftRight(start_key, ${KEY_BITS})) < ${before} AND ended_ms >= ${before}`;
  return `${sessionSql(folded, `started_ms >= ${before} AND (app_id, session_id) NOT IN (${gone})`)}
UNION ALL
${sessionSql(kept, `started_ms < ${before}`)}`;
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
  const starts = startsSql([actors], scope, values).join(' UNION ALL ');
  return `SELECT app_id, who AS actor, argMin(session_id, start) AS session_id FROM (${starts})
    WHERE who IN (${actors}) GROUP BY app_id, who`;
}

/**
 * SELECTs of `app_id, session_id, who, start`, which together are all sessions in which one of the actors did something
 * before a moment.
 * @param actors each a SELECT of `actor`
 */
function startsSql(
  actors: readonly string[],
  scope: Whose & { readonly before: number },
  values: SqlValues,
): string[] {
  const { kept, before } = scope;
  const early = beforeSql(before, values);
  const raw = `SELECT app_id, session_id, argMin(actor, ${KEY}) AS who, min(${KEY}) AS start FROM events
    PREWHERE ${early} AND session_id IN (
      SELECT session_id FROM events PREWHERE ${early} AND ${isInOne('actor', actors)} WHERE ${counts(scope)})
    WHERE ${counts(scope)} AND ${kept === null ? '1' : isOfRawSql(kept, kept.before, values)}
    GROUP BY app_id, session_id`;
  return kept === null ? [raw] : [raw, keptStartsSql(scope, Math.min(before, kept.before), actors, values)];
}

/**
 * Sessions in scope with `is_new`: no session of the same actor and app begins earlier. `where`: a condition on them, which
 * does not change which of them are new.
 */
export function judgedSessionsSql(scope: SessionScope, where: string, values: SqlValues): string {
  const { range, kept } = scope;
  const actors = [`SELECT actor FROM events WHERE ${counts(scope)} AND ${timestampSql(range, values)}`];
  if (kept !== null && range.from < kept.before)
    actors.push(`SELECT actor FROM (${keptRowsSql(scope, range, values, false)})`);
  const known = startsSql(actors, { ...scope, before: range.from }, values).map(
    (starts) => `SELECT app_id, who FROM (${starts})`,
  );
  return `
SELECT * FROM
(
  SELECT *, start_key = min(start_key) OVER (PARTITION BY app_id, actor)
    AND NOT ${isInOne('(app_id, actor)', known)} AS is_new
  FROM (${sessionsSql(scope, values)})
)
WHERE ${where}`;
}
