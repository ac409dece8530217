import { IS_IMPRESSION } from './metric-measures.ts';
import { BUCKET_OF, type TimeRange, timestampSql, wholeBuckets } from './range.ts';
import { appsSql, type SqlValues } from './values.ts';

/**
 * What a report's template may read, each limited to the question's apps, and to people unless bots are wanted. So no
 * template can see another's rows, whatever it says.
 */

export interface SourceScope {
  readonly range: TimeRange;
  /** Null: every app. */
  readonly apps: readonly string[] | null;
  readonly bots: boolean;
  /** Distinct things one by one: see `distinctSql`. */
  readonly exact: boolean;
}

/**
 * SQL that estimates distinct things by uniqCombined64, with exact counts instead where they are wanted. Their states go
 * together, so sources and templates are both to be passed through here.
 */
export function distinctSql(sql: string, { exact }: Pick<SourceScope, 'exact'>): string {
  return exact ? sql.replaceAll('uniqCombined64', 'uniqExact') : sql;
}

const peopleSql = ({ bots }: SourceScope) => (bots ? '1' : 'NOT is_bot');

/** Rows of `events`, with `actor`. `margin`: how much further it reads than the range, in seconds, before and after. */
export function eventsSource(
  scope: SourceScope,
  margin: { readonly from: number; readonly to: number },
  values: SqlValues,
): string {
  const { from, to } = scope.range;
  const range = { from: Math.max(0, from + margin.from * 1000), to: to + margin.to * 1000 };
  return `(SELECT *, actor FROM events
  WHERE ${appsSql(values, scope.apps)} AND ${timestampSql(range, values)} AND ${peopleSql(scope)})`;
}

interface RollupSource {
  readonly table: string;
  readonly columns: string;
  /** The same columns from raw, grouped by `keys`. */
  readonly raw: string;
  readonly keys: string;
  /** Of raw rows. */
  readonly where: string;
}

/** `app_id, event_name, events, users, sessions`, the last two as states of uniqCombined64, or uniqExact. */
const COUNTS: RollupSource = {
  table: 'event_counts_5m',
  columns: 'app_id, event_name, events, users, sessions',
  raw: `app_id, event_name, count() AS events, uniqCombined64StateIf(actor, actor != '') AS users,
    uniqCombined64StateIf(session_id, session_id != '') AS sessions`,
  keys: 'app_id, event_name',
  where: '1',
};

/** `app_id, video_id, impressions, completions, reach, watched_ms`, reach as a state of uniqCombined64, or uniqExact. */
const IMPRESSIONS: RollupSource = {
  table: 'video_rollup_5m',
  columns: 'app_id, video_id, impressions, completions, reach, watch_ms AS watched_ms',
  raw: `app_id, video_id, count() AS impressions, countIf(completed) AS completions,
    uniqCombined64StateIf(actor, actor != '') AS reach, sum(ifNull(watch_ms, 0)) AS watched_ms`,
  keys: 'app_id, video_id',
  where: IS_IMPRESSION,
};

/** `dirty`: SELECT of the dirty buckets, read before the statement. Several rows may have the same keys. */
export function countsSource(scope: SourceScope, dirty: string, values: SqlValues): string {
  return rollupSource(COUNTS, scope, dirty, values);
}

/** As `countsSource`. */
export function impressionsSource(scope: SourceScope, dirty: string, values: SqlValues): string {
  return rollupSource(IMPRESSIONS, scope, dirty, values);
}

/** Clean buckets that lie in the range as a whole from their table, all others from raw. */
function rollupSource(source: RollupSource, scope: SourceScope, dirty: string, values: SqlValues): string {
  const apps = appsSql(values, scope.apps);
  const { from, to } = wholeBuckets(scope.range);
  // The tables leave bots out, and hold estimates.
  const usesTable = !scope.bots && !scope.exact && from < to;
  const [first, end] = [values.second(from / 1000), values.second(to / 1000)];
  const rest = `((app_id, ${BUCKET_OF}) IN (${dirty}) OR ${BUCKET_OF} < ${first} OR ${BUCKET_OF} >= ${end})`;
  const raw = `SELECT ${distinctSql(source.raw, scope)} FROM events
  WHERE ${apps} AND ${timestampSql(scope.range, values)} AND ${usesTable ? rest : '1'} AND ${peopleSql(scope)} AND ${source.where}
  GROUP BY ${source.keys}`;
  if (!usesTable) return `(${raw})`;
  return `(${raw}
  UNION ALL
  SELECT ${source.columns} FROM ${source.table} FINAL
  WHERE ${apps} AND bucket >= ${first} AND bucket < ${end} AND (app_id, bucket) NOT IN (${dirty}))`;
}
