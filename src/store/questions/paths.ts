import { type TimeRange, timestampSql } from '../sql/range.ts';
import { appsSql, SqlValues } from '../sql/values.ts';
import type { StoreReader } from './buckets.ts';
import { LATER } from './priority.ts';

export interface PathsQuestion {
  readonly range: TimeRange;
  /** Whether the places of a path are the pages of page views, or the names of all events. */
  readonly by: 'page' | 'event';
  /** Paths go on from its first occurrence, or back from its last one. Null: from the session's first place, or last. */
  readonly at: string | null;
  readonly back: boolean;
  /** Links of a path at most. */
  readonly depth: number;
  /** Links of a step at most. */
  readonly limit: number;
  /** Null: every app. */
  readonly apps: readonly string[] | null;
  readonly bots: boolean;
}

export interface PathLink {
  /** From 1, at the end where paths begin to be looked at. */
  readonly step: number;
  /** In the direction of time. */
  readonly from: string;
  readonly to: string;
  readonly sessions: number;
}

export interface PathNode {
  /** The place at that end is 1. */
  readonly step: number;
  readonly name: string;
  readonly sessions: number;
}

export interface Paths {
  /** Those that the links join, and the foremost at the end itself. */
  readonly nodes: readonly PathNode[];
  readonly links: readonly PathLink[];
}

interface Row {
  kind: number;
  step: number;
  a: string;
  b: string;
  n: number;
}

const [LINK, NODE, END] = [0, 1, 2];

/** Of each step the links that most sessions take, counted one by one, at one moment. Rejects with StoreError. */
export async function askPaths(store: StoreReader, question: PathsQuestion): Promise<Paths> {
  if (question.range.from >= question.range.to) return { nodes: [], links: [] };
  const values = new SqlValues();
  const rows = await store.select<Row>(pathsSql(question, values), values.params, { settings: LATER });
  return {
    nodes: rows.filter(({ kind }) => kind === NODE).map(({ step, a, n }) => ({ step, name: a, sessions: n })),
    links: rows
      .filter(({ kind }) => kind === LINK)
      .map(({ step, a, b, n }) => ({ step, from: a, to: b, sessions: n })),
  };
}

/**
 * From the inside: what a session visited, in order, repeats in a row as one; from there its links and places, numbered;
 * how many sessions have each; the rank of each in its step; and of the places those that a link in the answer joins,
 * which each such link tells by a row for either end.
 */
function pathsSql(question: PathsQuestion, values: SqlValues): string {
  const { limit, back } = question;
  const link = back ? '(path[i + 1], path[i])' : '(path[i], path[i + 1])';
  const ends = back ? ['b', 'a'] : ['a', 'b'];
  return `
SELECT kind, step, a, b, n
FROM
(
  SELECT kind, step, a, b, n, max(kind = ${END}) OVER (PARTITION BY kind = ${LINK}, step, if(kind = ${LINK}, '', a)) AS joined
  FROM
  (
    SELECT place.1 AS kind, place.2 AS step, place.3 AS a, place.4 AS b, sessions AS n
    FROM
    (
      SELECT sessions, arrayJoin(multiIf(
        kind = ${NODE} AND (step > 1 OR rank > ${limit}), [(kind, step, a, b)],
        kind = ${NODE}, [(kind, step, a, b), (toUInt8(${END}), step, a, '')],
        rank <= ${limit}, [(kind, step, a, b), (toUInt8(${END}), step, ${ends[0]}, ''), (toUInt8(${END}), toUInt32(step + 1), ${ends[1]}, '')],
        [])) AS place
      FROM
      (
        SELECT kind, step, a, b, sessions,
          row_number() OVER (PARTITION BY kind, step ORDER BY sessions DESC, a, b) AS rank
        FROM
        (
          SELECT part.1 AS kind, part.2 AS step, part.3 AS a, part.4 AS b, count() AS sessions
          FROM
          (
            SELECT arrayJoin(arrayConcat(
              arrayMap(i -> (toUInt8(${LINK}), toUInt32(i), ${link}.1, ${link}.2), range(1, length(path))),
              arrayMap((name, i) -> (toUInt8(${NODE}), toUInt32(i), name, ''), path, arrayEnumerate(path))
            )) AS part
            FROM (${pathSql(question, values)})
          )
          GROUP BY kind, step, a, b
        )
      )
    )
  )
)
WHERE kind = ${LINK} OR (kind = ${NODE} AND joined)
ORDER BY kind, step, n DESC, a, b`;
}

/** `path`: places of a session from the end where it begins to be looked at, at most one more than there are links. */
function pathSql({ range, by, at, back, depth, apps, bots }: PathsQuestion, values: SqlValues): string {
  const [name, own] =
    by === 'page' ? ['page', "event_name = 'page_view' AND page != ''"] : ['event_name', '1'];
  // Backwards the last is the first.
  const order = back ? 'arrayReverseSort' : 'arraySort';
  const places = `arrayCompact(arrayMap(e -> e.6, ${order}(groupArray(
    (timestamp, toString(log_topic), log_partition, log_offset, log_index, toString(${name}))))))`;
  const first = at === null ? '1' : `indexOf(places, ${values.text(at)})`;
  return `
SELECT arraySlice(places, ${first}, ${depth + 1}) AS path
FROM
(
  SELECT ${places} AS places
  FROM events
  WHERE ${appsSql(values, apps)} AND ${timestampSql(range, values)} AND ${bots ? '1' : 'NOT is_bot'}
    AND session_id != '' AND ${own}
  GROUP BY app_id, session_id
)
WHERE ${at === null ? '1' : `${first} > 0`}`;
}
