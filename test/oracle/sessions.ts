/**
 * Sessions by brute force, from the rules of counting alone: events in, sessions and their statistics out.
 *
 * Where the rules leave room, this is how they are read:
 * - A session is (app, session id) with every event of it. Its order is (timestamp, log offset, index, partition).
 * - Its actor, user and anonymous id are those of its first event. Each of device, browser, os, country, referrer and the
 *   five UTM fields is that of the first of its events that says it, each for itself.
 * - Entry and exit page are those of its first and last page view that names a page.
 * - `is_new`: no session of the same app and actor begins earlier, filtered out or not, in range or not.
 * - In statistics actors are distinct by their text; who has a new session among those counted is a new user.
 */
import { bucketStart, bucketsBetween, type Interval } from './calendar.ts';

export const saidFields = [
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
type Said = (typeof saidFields)[number];

/** What a session is made of. Texts that are not known are ''. */
export interface SessionEvent extends Readonly<Record<Said, string>> {
  readonly app_id: string;
  readonly session_id: string;
  readonly user_id: string;
  readonly anonymous_id: string;
  readonly event_name: string;
  /** Epoch ms. */
  readonly at: number;
  readonly partition: number;
  readonly offset: number;
  readonly index: number;
  readonly page: string;
  readonly is_bot: boolean;
  readonly conversion: unknown;
}

export interface OracleSession extends Readonly<Record<Said, string>> {
  readonly app_id: string;
  readonly session_id: string;
  readonly actor: string;
  readonly user_id: string;
  readonly anonymous_id: string;
  readonly startedAt: number;
  readonly endedAt: number;
  readonly durationMs: number;
  readonly events: number;
  readonly pageViews: number;
  readonly errors: number;
  readonly conversions: number;
  readonly entryPage: string;
  readonly exitPage: string;
  readonly bounced: boolean;
  readonly isNew: boolean;
}

const actorOf = (event: SessionEvent) => event.user_id || event.anonymous_id || event.session_id;

function compare(a: SessionEvent, b: SessionEvent): number {
  return a.at - b.at || a.offset - b.offset || a.index - b.index || a.partition - b.partition;
}

interface Options {
  readonly bots: boolean;
  readonly conversionEvents: readonly string[];
}

/** All sessions there are, in order of their first events. */
export function buildSessions(
  all: readonly SessionEvent[],
  { bots, conversionEvents }: Options,
): OracleSession[] {
  const events = all.filter((event) => event.session_id !== '' && (bots || !event.is_bot)).toSorted(compare);
  const groups = Map.groupBy(events, (event) => JSON.stringify([event.app_id, event.session_id]));
  const known = new Set<string>();
  // A Map remembers which group came first, so these are in order of their first events.
  return [...groups.values()].map((own) => {
    const first = own[0]!;
    const actor = actorOf(first);
    const who = JSON.stringify([first.app_id, actor]);
    const isNew = !known.has(who);
    known.add(who);
    const pages = own.filter((event) => event.event_name === 'page_view');
    const named = pages.filter((event) => event.page !== '');
    const durationMs = own.at(-1)!.at - first.at;
    const said = saidFields.map((name) => [name, own.find((event) => event[name] !== '')?.[name] ?? '']);
    return {
      app_id: first.app_id,
      session_id: first.session_id,
      actor,
      user_id: first.user_id,
      anonymous_id: first.anonymous_id,
      startedAt: first.at,
      endedAt: own.at(-1)!.at,
      durationMs,
      events: own.length,
      pageViews: pages.length,
      errors: own.filter((event) => event.event_name === 'error' || event.event_name === 'video_error')
        .length,
      conversions: own.filter(
        (event) => event.conversion === true || conversionEvents.includes(event.event_name),
      ).length,
      entryPage: named[0]?.page ?? '',
      exitPage: named.at(-1)?.page ?? '',
      bounced: pages.length === 1 && durationMs < 10_000,
      isNew,
      ...(Object.fromEntries(said) as Record<Said, string>),
    };
  });
}

const distinct = (sessions: readonly OracleSession[]) =>
  new Set(sessions.map((session) => session.actor)).size;
const mean = (numbers: readonly number[]) =>
  numbers.length === 0 ? 0 : numbers.reduce((sum, n) => sum + n, 0) / numbers.length;

function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const half = sorted.length / 2;
  return mean(sorted.slice(Math.ceil(half) - 1, Math.floor(half) + 1));
}

/** The numbers of the statistics over these sessions. */
export function countSessions(sessions: readonly OracleSession[]) {
  const users = distinct(sessions);
  const fresh = distinct(sessions.filter((session) => session.isNew));
  const durations = sessions.map((session) => session.durationMs / 1000);
  return {
    sessions: sessions.length,
    users,
    new_users: fresh,
    returning_users: users - fresh,
    page_views: sessions.reduce((sum, session) => sum + session.pageViews, 0),
    avg_duration_seconds: mean(durations),
    median_duration_seconds: sessions.length === 0 ? 0 : median(durations),
    pages_per_session: mean(sessions.map((session) => session.pageViews)),
    bounce_rate: mean(sessions.map((session) => Number(session.bounced))),
  };
}

export function seriesOfSessions(
  sessions: readonly OracleSession[],
  { timezone, from, to, interval }: { timezone: string; from: number; to: number; interval: Interval },
) {
  const byStart = Map.groupBy(sessions, (session) => bucketStart(timezone, session.startedAt, interval));
  return bucketsBetween(timezone, from, to, interval).map((start) => ({
    time: new Date(start).toISOString(),
    ...countSessions(byStart.get(start) ?? []),
  }));
}

/** Values of one field, most sessions first, then by value. */
export function valuesOfSessions(sessions: readonly OracleSession[], field: Said) {
  return [...Map.groupBy(sessions, (session) => session[field])]
    .map(([value, own]) => {
      const { sessions: count, users, bounce_rate } = countSessions(own);
      return { value, sessions: count, users, bounce_rate };
    })
    .sort((a, b) => b.sessions - a.sessions || (a.value < b.value ? -1 : 1));
}
