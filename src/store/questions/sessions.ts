import type { Kept } from '../sql/kept-sessions.ts';
import type { TimeRange } from '../sql/range.ts';
import {
  conversionSql,
  firstSessionsSql,
  namedSessionsSql,
  type SESSION_SOURCES,
  type SessionScope,
  sessionsSql,
} from '../sql/sessions.ts';
import { appsSql, SqlValues } from '../sql/values.ts';
import type { StoreReader } from './buckets.ts';
import { growingRanges, type Step } from './growing-ranges.ts';
import { LATER } from './priority.ts';

export const SESSION_SORTS = ['started_at', 'duration_seconds', 'page_views', 'events'] as const;
export type SessionSort = (typeof SESSION_SORTS)[number];

/** Where sessions come from, and what they are made with. */
export const SESSION_DIMENSIONS = [
  'device',
  'browser',
  'os',
  'country',
  'referrer',
  'utm_source',
  'utm_campaign',
] as const;
export type SessionDimension = (typeof SESSION_DIMENSIONS)[number];

/** Fields that a session is filtered by, with one value each. */
export const SESSION_FIELDS = ['user_id', 'anonymous_id', ...SESSION_DIMENSIONS, 'entry_page'] as const;
type SessionField = (typeof SESSION_FIELDS)[number];

export interface SessionFilters {
  /** What is left out does not matter; '' is a session of which it is not known. */
  readonly fields: Readonly<Partial<Record<SessionField, string>>>;
  readonly bounced?: boolean | undefined;
  /** Seconds. */
  readonly minDuration?: number | undefined;
}

export interface SessionsScope {
  /** Sessions that begin in it. */
  readonly range: TimeRange;
  /** Null: every app. */
  readonly apps: readonly string[] | null;
  readonly filters: SessionFilters;
  readonly bots: boolean;
  /** Null: raw has all that is asked for. */
  readonly kept: Kept | null;
}

/** The place of a session in the list: what it is sorted by (epoch ms, ms or a count), then what names it. */
export interface SessionPlace {
  readonly value: number;
  readonly app: string;
  readonly session: string;
}

export interface SessionsQuestion extends SessionsScope {
  readonly sort: SessionSort;
  readonly order: 'desc' | 'asc';
  /** Go on behind this session, which need not exist any more. */
  readonly after: SessionPlace | null;
  readonly limit: number;
  /** Events of these names are conversions, and those with `properties.conversion = true`. */
  readonly conversionEvents: readonly string[];
  /** Epoch ms. */
  readonly now: number;
}

type Text = (typeof SESSION_SOURCES)[number] | 'user_id' | 'anonymous_id' | 'entry_page' | 'exit_page';

/** Texts that no event said are ''. */
export type SessionRow = Record<Text, string> & {
  readonly app_id: string;
  readonly session_id: string;
  /** Epoch ms. */
  readonly started_ms: number;
  readonly ended_ms: number;
  readonly duration_ms: number;
  readonly events: number;
  readonly page_views: number;
  readonly errors: number;
  readonly conversions: number;
  readonly bounced: boolean;
  readonly is_new: boolean;
};

export interface SessionsPage {
  /** In the order of the list. */
  readonly sessions: readonly SessionRow[];
  /** Where the page ends; null when nothing comes after it. */
  readonly end: SessionPlace | null;
}

interface Key {
  readonly app_id: string;
  readonly session_id: string;
  readonly value: number;
  readonly started_ms: number;
}

type Found = Omit<SessionRow, 'is_new'> & { readonly actor: string };

const SORT_VALUES: Readonly<Record<SessionSort, string>> = {
  started_at: 'started_ms',
  duration_seconds: 'duration_ms',
  page_views: 'page_views',
  events: 'events',
};
/** Fields that the first event decides; the others may come with any. */
const OF_FIRST: readonly string[] = ['user_id', 'anonymous_id'];

/**
 * One page, at most `limit` sessions. First which sessions they are, from few columns; then, for those alone, all that is
 * told of them. Rejects with StoreError.
 */
export async function askSessions(store: StoreReader, question: SessionsQuestion): Promise<SessionsPage> {
  const keys = await readKeys(store, question);
  const page = keys.slice(0, question.limit);
  const last = page.at(-1);
  if (last === undefined) return { sessions: [], end: null };
  const found = await readNamed(store, question, page);
  const firsts = await readFirsts(store, question, found);
  const byName = new Map(found.map((session) => [nameOf(session), session]));
  const sessions = page.flatMap((key) => {
    const session = byName.get(nameOf(key));
    if (session === undefined) return [];
    return [
      {
        ...session,
        is_new: firsts.get(nameOf({ ...session, session_id: session.actor })) === session.session_id,
      },
    ];
  });
  const end =
    keys.length > page.length ? { value: last.value, app: last.app_id, session: last.session_id } : null;
  return { sessions, end };
}

async function readKeys(store: StoreReader, question: SessionsQuestion): Promise<Key[]> {
  const { range, order, after, now, sort } = question;
  if (range.from >= range.to) return [];
  // A list by time is found near the end where the page begins, unless few sessions are wanted of all there are.
  const isNear = sort === 'started_at' && !OF_FIRST.some((field) => field in question.filters.fields);
  const steps: Iterable<Step> = isNear
    ? growingRanges({ range, order, after: after?.value ?? null, now })
    : [{ ...range, whole: true }];
  for (const step of steps) {
    if (step.from >= step.to) continue;
    const keys = await readKeysIn(store, question, step);
    if (keys.length > question.limit || step.whole) return keys;
  }
  return [];
}

/** At most one more than the limit: it tells whether there is another page. */
async function readKeysIn(store: StoreReader, question: SessionsQuestion, range: TimeRange): Promise<Key[]> {
  const { filters, sort, order, after, limit } = question;
  const values = new SqlValues();
  const value = SORT_VALUES[sort];
  const scope = narrowScope({ ...question, range }, values);
  const startsOnly = sort === 'started_at' && !looksBehindFirst(filters);
  const direction = order === 'desc' ? 'DESC' : 'ASC';
  const place =
    after === null
      ? '1'
      : `(${value}, app_id, session_id) ${order === 'desc' ? '<' : '>'} (${values.add('Int64', after.value)}, ${values.text(after.app)}, ${values.text(after.session)})`;
  return await store.select<Key>(
    `SELECT app_id, session_id, ${value} AS value, started_ms FROM (${sessionsSql(scope, values, { startsOnly })})
     WHERE ${sessionFiltersSql(filters, values)} AND ${place}
     ORDER BY ${value} ${direction}, app_id ${direction}, session_id ${direction} LIMIT ${limit + 1}`,
    values.params,
    { settings: LATER },
  );
}

async function readNamed(
  store: StoreReader,
  question: SessionsQuestion,
  keys: readonly Key[],
): Promise<Found[]> {
  const values = new SqlValues();
  const since = Math.min(...keys.map((key) => key.started_ms));
  const scope = {
    apps: appsSql(values, question.apps),
    bots: question.bots,
    kept: question.kept,
    since,
    conversion: conversionSql(values.texts(question.conversionEvents)),
  };
  const apps = values.texts(keys.map((key) => key.app_id));
  const ids = values.texts(keys.map((key) => key.session_id));
  const which = {
    ids: `SELECT arrayJoin(${ids})`,
    names: `SELECT name.1, name.2 FROM (SELECT arrayJoin(arrayZip(${apps}, ${ids})) AS name)`,
  };
  return await store.select<Found>(
    `SELECT * EXCEPT (start_key) FROM (${namedSessionsSql(which, scope, values)})`,
    values.params,
  );
}

/** By app and actor, the first session; only of the actors of these. */
async function readFirsts(
  store: StoreReader,
  question: SessionsQuestion,
  sessions: readonly Found[],
): Promise<Map<string, string>> {
  const values = new SqlValues();
  const before = Math.max(...sessions.map((session) => session.started_ms)) + 1;
  const actors = `SELECT arrayJoin(${values.texts([...new Set(sessions.map((session) => session.actor))])})`;
  const scope = { apps: appsSql(values, question.apps), bots: question.bots, kept: question.kept, before };
  const rows = await store.select<{ app_id: string; actor: string; session_id: string }>(
    firstSessionsSql(actors, scope, values),
    values.params,
    { settings: LATER },
  );
  return new Map(rows.map((row) => [nameOf({ app_id: row.app_id, session_id: row.actor }), row.session_id]));
}

const nameOf = (named: { readonly app_id: string; readonly session_id: string }) =>
  JSON.stringify([named.app_id, named.session_id]);

/** The scope in SQL, narrowed by the filters on what the first event decides; all filters are in `sessionFiltersSql`. */
function narrowScope({ range, apps, filters, bots, kept }: SessionsScope, values: SqlValues): SessionScope {
  const of = Object.entries(filters.fields).filter(([field]) => OF_FIRST.includes(field));
  const first = of.map(([field, value]) => `${field} = ${values.text(value)}`);
  return {
    apps: appsSql(values, apps),
    bots,
    range,
    kept,
    first: first.length === 0 ? '1' : first.join(' AND '),
  };
}

/** Condition on a session (`sessionsSql`). */
export function sessionFiltersSql(
  { fields, bounced, minDuration }: SessionFilters,
  values: SqlValues,
): string {
  const conditions = SESSION_FIELDS.flatMap((field) =>
    fields[field] === undefined ? [] : [`${field} = ${values.text(fields[field])}`],
  );
  if (bounced !== undefined) conditions.push(bounced ? 'bounced' : 'NOT bounced');
  if (minDuration !== undefined)
    conditions.push(`duration_ms >= ${values.add('Float64', minDuration * 1000)}`);
  return conditions.length === 0 ? '1' : conditions.join(' AND ');
}

function looksBehindFirst({ fields, bounced, minDuration }: SessionFilters): boolean {
  const others = SESSION_FIELDS.some((field) => fields[field] !== undefined && !OF_FIRST.includes(field));
  return others || bounced !== undefined || minDuration !== undefined;
}
