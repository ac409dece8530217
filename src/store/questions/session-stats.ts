import { judgedSessionsSql, type SessionScope } from '../sql/sessions.ts';
import { appsSql, SqlValues } from '../sql/values.ts';
import type { StoreReader } from './buckets.ts';
import { LATER } from './priority.ts';
import {
  SESSION_DIMENSIONS,
  type SessionDimension,
  type SessionsScope,
  sessionFiltersSql,
} from './sessions.ts';

export interface SessionStatsQuestion extends SessionsScope {
  /** Starts of the intervals, epoch seconds, ascending, the first at or before the range; null for none. */
  readonly starts: readonly number[] | null;
  /** Actors one by one instead of by uniqCombined64. */
  readonly exact: boolean;
  /** Values of a dimension at most. */
  readonly limit: number;
}

export interface SessionCounts {
  readonly sessions: number;
  /** Distinct actors. */
  readonly users: number;
  /** Those of them who have their first session here. */
  readonly new_users: number;
  readonly page_views: number;
  readonly duration_ms: number;
  /** Null without sessions. */
  readonly median_ms: number | null;
  readonly bounces: number;
}

export interface DimensionCounts {
  readonly value: string;
  readonly sessions: number;
  readonly users: number;
  readonly bounces: number;
}

export interface SessionStatsAnswer {
  readonly total: SessionCounts;
  /** By start of the interval, epoch seconds; intervals without sessions are left out. */
  readonly points: ReadonlyMap<number, SessionCounts>;
  /** Most sessions first. */
  readonly by: Readonly<Record<SessionDimension, readonly DimensionCounts[]>>;
  /** A dimension has more values than the limit. */
  readonly truncated: boolean;
}

type Row = SessionCounts & { readonly kind: number; readonly value: string };

export const NO_SESSIONS: SessionCounts = {
  sessions: 0,
  users: 0,
  new_users: 0,
  page_views: 0,
  duration_ms: 0,
  median_ms: null,
  bounces: 0,
};

/** Kinds of rows: the whole, an interval, then the dimensions in their order. */
const TOTAL = 0;
const TIME = 1;
const DIMENSION = 2;

/** Everything of the answer comes from one statement, so that all of it speaks of one moment. Rejects with StoreError. */
export async function askSessionStats(
  store: StoreReader,
  question: SessionStatsQuestion,
): Promise<SessionStatsAnswer> {
  const { range } = question;
  const values = new SqlValues();
  const rows =
    range.from < range.to
      ? await store.select<Row>(statsSql(question, values), values.params, { settings: LATER })
      : [];
  const by = SESSION_DIMENSIONS.map(
    (name, i) => [name, rows.filter((row) => row.kind === DIMENSION + i)] as const,
  );
  return {
    total: rows.find((row) => row.kind === TOTAL) ?? NO_SESSIONS,
    points: new Map(rows.filter((row) => row.kind === TIME).map((row) => [Number(row.value), row])),
    by: Object.fromEntries(
      by.map(([name, found]) => [name, found.slice(0, question.limit)]),
    ) as unknown as SessionStatsAnswer['by'],
    truncated: by.some(([, found]) => found.length > question.limit),
  };
}

/**
 * The scope in SQL, narrowed to one actor where the filters leave no other. Never further: which of an actor's sessions is
 * new is decided among all of them.
 */
function actorScope({ range, apps, filters, bots, kept }: SessionsScope, values: SqlValues): SessionScope {
  const { user_id = '' } = filters.fields;
  const first = user_id === '' ? '1' : `actor = ${values.text(user_id)}`;
  return { apps: appsSql(values, apps), bots, range, first, kept };
}

function statsSql(question: SessionStatsQuestion, values: SqlValues): string {
  const { starts, exact, limit, filters } = question;
  const sessions = judgedSessionsSql(
    actorScope(question, values),
    sessionFiltersSql(filters, values),
    values,
  );
  const groups = [`(${TOTAL}, '')`, ...SESSION_DIMENSIONS.map((name, i) => `(${DIMENSION + i}, ${name})`)];
  if (starts !== null) {
    const start = `roundDown(intDiv(started_ms, 1000), ${values.add('Array(UInt32)', starts)})`;
    groups.push(`(${TIME}, toString(${start}))`);
  }
  const distinct = exact ? 'uniqExactIf' : 'uniqCombined64If';
  // The dimensions tell less, and a median for each of their values would cost most of all.
  const told = `kind < ${DIMENSION}`;
  return `
SELECT kind, value, count() AS sessions, ${distinct}(actor, 1) AS users, ${distinct}(actor, is_new AND ${told}) AS new_users,
  sum(views) AS page_views, sum(duration) AS duration_ms, countIf(bounced) AS bounces,
  if(${told}, quantileExactInclusiveIf(0.5)(duration, ${told}), NULL) AS median_ms
FROM
(
  SELECT arrayJoin([${groups.join(', ')}]) AS pair, pair.1 AS kind, pair.2 AS value,
    actor, is_new, page_views AS views, duration_ms AS duration, bounced
  FROM (${sessions})
)
GROUP BY kind, value
ORDER BY kind, sessions DESC, value
LIMIT ${limit + 1} BY kind, if(kind = ${TIME}, value, '')`;
}
