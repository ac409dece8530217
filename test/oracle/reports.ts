/**
 * Reports and the behaviour summary by brute force, from the stored events and views of the oracle. It shares nothing
 * with src/. Each answers over events of the apps that are asked for; the range is [from, to) in epoch ms.
 */
import { isObject, type Json, type StoredEvent } from './accept.ts';
import { amount, type View } from './views.ts';

export interface Told {
  /** Bots are out already, unless they are wanted. */
  readonly events: readonly StoredEvent[];
  readonly views: readonly View[];
  readonly from: number;
  readonly to: number;
}

export type Row = Record<string, string | number | null>;

const dayMs = 86_400_000;
const distinct = (texts: readonly string[]) => new Set(texts.filter((text) => text !== '')).size;
const sum = (numbers: readonly number[]) => numbers.reduce((total, n) => total + n, 0);
const mean = (numbers: readonly number[]) => (numbers.length === 0 ? null : sum(numbers) / numbers.length);
const inOrder = (a: StoredEvent, b: StoredEvent) => a.at - b.at || a.order - b.order;
const sessionOf = (e: StoredEvent) => (e.session_id === '' ? '' : JSON.stringify([e.app_id, e.session_id]));
const ranged = ({ events, from, to }: Told) => events.filter((e) => e.at >= from && e.at < to);
const rangedViews = ({ views, from, to }: Told) =>
  views.filter((v) => v.startedAt >= from && v.startedAt < to);
const isError = (e: StoredEvent) => e.event_name === 'error' || e.event_name === 'video_error';
const isImpression = (e: StoredEvent) =>
  e.event_name === 'view_end' &&
  (amount(e.properties.watch_ms) ?? 0) >= 600 &&
  e.properties.instant_skip !== true;

/** Greatest first, then by the texts, in the order of their code points as ClickHouse sorts them. */
function ranked(rows: Row[], by: string, limit: number, ...then: string[]): Row[] {
  return rows
    .sort((a, b) => {
      for (const name of [by, ...then]) {
        const [x, y] = [a[name] ?? -1, b[name] ?? -1];
        if (typeof x === 'string') {
          const order = Buffer.compare(Buffer.from(x), Buffer.from(String(y)));
          if (order !== 0) return order;
        } else if (x !== y) return Number(y) - x;
      }
      return 0;
    })
    .slice(0, limit);
}

const textAt = (value: unknown) => (typeof value === 'string' ? value : '');

/** The path that an event names first. */
export function pageOf({ context, properties }: StoredEvent): string {
  const page = isObject(context.page) ? context.page : ({} as Json);
  const said = [page.path, page.url, properties.page, properties.path, properties.url].map(textAt);
  const first = said.find((text) => text !== '') ?? '';
  const bare = first.replace(/^[a-z]+:\/\/[^/?#]*/, '').replace(/[?#].*$/s, '');
  return first !== '' && bare === '' ? '/' : bare;
}

/** All events of the sessions that pass, near the range. */
function sessionsNear(told: Told, wanted: (e: StoredEvent) => boolean): StoredEvent[][] {
  const ids = new Set(ranged(told).filter(wanted).map(sessionOf));
  ids.delete('');
  const near = told.events.filter(
    (e) => ids.has(sessionOf(e)) && e.at >= told.from - dayMs && e.at < told.to + dayMs,
  );
  return [...Map.groupBy(near, sessionOf).values()].map((events) => events.toSorted(inOrder));
}

const isPage = (e: StoredEvent) => e.event_name === 'page_view';

export function pages(told: Told, limit = 50, sort: 'views' | 'entries' | 'exits' = 'views'): Row[] {
  const entries = new Map<string, number>();
  const exits = new Map<string, number>();
  const stays = new Map<string, number[]>();
  const inRange = (e: StoredEvent) => e.at >= told.from && e.at < told.to;
  const add = (map: Map<string, number>, page: string) => map.set(page, (map.get(page) ?? 0) + 1);
  for (const session of sessionsNear(told, isPage)) {
    const seen = session.filter(isPage);
    if (inRange(seen[0]!)) add(entries, pageOf(seen[0]!));
    if (inRange(seen.at(-1)!)) add(exits, pageOf(seen.at(-1)!));
    for (const event of seen.slice(0, -1)) {
      if (!inRange(event)) continue;
      const next = session[session.indexOf(event) + 1]!;
      const page = pageOf(event);
      stays.set(page, [...(stays.get(page) ?? []), Math.min(1_800_000, next.at - event.at) / 1000]);
    }
  }
  const rows = [...Map.groupBy(ranged(told).filter(isPage), pageOf)].map(([page, events]) => ({
    page,
    views: events.length,
    users: distinct(events.map((e) => e.actor)),
    entries: entries.get(page) ?? 0,
    exits: exits.get(page) ?? 0,
    avg_seconds: mean(stays.get(page) ?? []),
  }));
  return ranked(rows, sort, limit, 'views', 'page');
}

const thresholds: Record<string, readonly [number, number]> = {
  LCP: [2500, 4000],
  INP: [200, 500],
  CLS: [0.1, 0.25],
  FCP: [1800, 3000],
  TTFB: [800, 1800],
};

/** By name; values between two by their distance from each. */
export function vitals(told: Told, keyOf: (e: StoredEvent) => string = () => ''): Map<string, Row> {
  const found = ranged(told).filter(
    (e) => e.event_name === 'web_vital' && typeof e.properties.value === 'number' && e.properties.value >= 0,
  );
  const name = (e: StoredEvent) => textAt(e.properties.name).toUpperCase();
  const known = found.filter((e) => name(e) in thresholds);
  const groups = Map.groupBy(known, (e) => `${name(e)}${keyOf(e)}`);
  return new Map(
    [...groups].map(([key, events]) => {
      const [good, poor] = thresholds[name(events[0]!)]!;
      const values = events.map((e) => e.properties.value as number).sort((a, b) => a - b);
      const place = 0.75 * (values.length - 1);
      const low = values[Math.floor(place)]!;
      const p75 = low + (place - Math.floor(place)) * (values[Math.ceil(place)]! - low);
      const row = {
        p75,
        rating: p75 <= good ? 'good' : p75 <= poor ? 'needs-improvement' : 'poor',
        good: values.filter((v) => v <= good).length,
        needs_improvement: values.filter((v) => v > good && v <= poor).length,
        poor: values.filter((v) => v > poor).length,
        count: values.length,
      };
      return [key, row];
    }),
  );
}

export function errorText({ properties }: StoredEvent): string {
  const error = properties.error;
  const inner = isObject(error) ? error.message : '';
  const said = [properties.message, error, inner, properties.error_message, properties.reason].map(textAt);
  return (said.find((text) => text !== '') ?? '').trim();
}

/** Groups by the family of its message, as the test's own messages are known: digits and what is around them fold. */
export function errors(told: Told, familyOf: (message: string) => string): Map<string, Row> {
  const groups = Map.groupBy(ranged(told).filter(isError), (e) => familyOf(errorText(e)));
  return new Map(
    [...groups].map(([family, events]) => {
      const sorted = events.toSorted(inOrder);
      return [
        family,
        {
          message: errorText(sorted.at(-1)!),
          count: events.length,
          users: distinct(events.map((e) => e.actor)),
          first_seen: new Date(sorted[0]!.at).toISOString(),
          last_seen: new Date(sorted.at(-1)!.at).toISOString(),
        },
      ];
    }),
  );
}

export function topEvents(told: Told, limit = 50): Row[] {
  const groups = Map.groupBy(ranged(told), (e) => e.event_name);
  const rows = [...groups].map(([event_name, events]) => ({
    event_name,
    count: events.length,
    users: distinct(events.map((e) => e.actor)),
  }));
  return ranked(rows, 'count', limit, 'event_name');
}

const share = (view: View) =>
  view.durationMs === null ? null : Math.min(100, (100 * view.watchMs) / view.durationMs);
const shares = (views: readonly View[]) => views.map(share).filter((value) => value !== null);

function viewNumbers(views: readonly View[]) {
  return {
    views: views.length,
    watch_time_seconds: sum(views.map((v) => v.watchMs)) / 1000,
    avg_watch_percentage: mean(shares(views)),
    completion_rate: views.length === 0 ? 0 : views.filter((v) => v.completed).length / views.length,
  };
}

export function overview(told: Told): Row {
  const events = ranged(told);
  const shown = events.filter(isImpression);
  return {
    events: events.length,
    users: distinct(events.map((e) => e.actor)),
    sessions: distinct(events.map(sessionOf)),
    page_views: events.filter(isPage).length,
    ...viewNumbers(rangedViews(told)),
    impressions: shown.length,
    reach: distinct(shown.map((e) => e.actor)),
    errors: events.filter(isError).length,
  };
}

export function topContent(told: Told, sort: string, limit: number): Row[] {
  const groups = Map.groupBy(
    rangedViews(told).filter((v) => v.video_id !== ''),
    (v) => v.video_id,
  );
  const rows = [...groups].map(([video_id, views]) => ({
    video_id,
    unique_viewers: distinct(views.map((v) => v.viewer)),
    ...viewNumbers(views),
  }));
  return ranked(rows, sort, limit, 'views', 'video_id');
}

export function contentPerformance(told: Told, videoId: string): Row[] {
  const views = Map.groupBy(rangedViews(told), (v) => v.video_id);
  const shown = Map.groupBy(ranged(told).filter(isImpression), (e) => e.video_id);
  const ids = [...new Set([...views.keys(), ...shown.keys()])];
  const rows = ids
    .filter((id) => id !== '' && (videoId === '' || id === videoId))
    .map((video_id) => {
      const own = views.get(video_id) ?? [];
      const ends = shown.get(video_id) ?? [];
      const numbers = viewNumbers(own);
      const reached = (from: number) => shares(own).filter((value) => value >= from).length;
      const { avg_watch_percentage: average, completion_rate: rate } = numbers;
      return {
        video_id,
        ...numbers,
        unique_viewers: distinct(own.map((v) => v.viewer)),
        avg_watch_seconds: own.length === 0 ? null : numbers.watch_time_seconds / own.length,
        engagement_score: average === null ? 10 * rate : 10 * ((0.7 * average) / 100 + 0.3 * rate),
        q25: reached(25),
        q50: reached(50),
        q75: reached(75),
        q100: reached(99.5),
        impressions: ends.length,
        reach: distinct(ends.map((e) => e.actor)),
        completions: ends.filter((e) => e.properties.completed === true).length,
      };
    });
  return ranked(rows, 'watch_time_seconds', 1000, 'views', 'video_id');
}

export function impressions(told: Told): Row[] {
  const groups = Map.groupBy(ranged(told).filter(isImpression), (e) =>
    JSON.stringify([e.app_id, e.video_id]),
  );
  const rows = [...groups.values()].map((ends) => {
    const completions = ends.filter((e) => e.properties.completed === true).length;
    return {
      app_id: ends[0]!.app_id,
      video_id: ends[0]!.video_id,
      impressions: ends.length,
      reach: distinct(ends.map((e) => e.actor)),
      completions,
      completion_rate: completions / ends.length,
      watch_time_seconds: sum(ends.map((e) => e.properties.watch_ms as number)) / 1000,
    };
  });
  return ranked(rows, 'impressions', 1000, 'app_id', 'video_id');
}

export function searches(told: Told): Row[] {
  const own = (e: StoredEvent, ...names: string[]) =>
    (names.map((name) => textAt(e.properties[name])).find((text) => text !== '') ?? '').trim();
  const all = told.events.filter((e) => e.event_name === 'search' && own(e, 'query') !== '');
  const now = ranged(told);
  const isClick = (e: StoredEvent, query: string) => {
    if (e.event_name === 'search_click') return own(e, 'query', 'search_query') === query;
    if (e.event_name !== 'video_start' || e.session_id === '' || own(e, 'search_query') !== query)
      return false;
    return all.some(
      (s) =>
        sessionOf(s) === sessionOf(e) && own(s, 'query') === query && s.at <= e.at && e.at - s.at <= 300_000,
    );
  };
  const found = all.filter((e) => e.at >= told.from && e.at < told.to);
  const rows = [...Map.groupBy(found, (e) => own(e, 'query'))].map(([query, events]) => {
    const clicks = now.filter((e) => isClick(e, query)).length;
    return {
      query,
      searches: events.length,
      users: distinct(events.map((e) => e.actor)),
      zero_results: events.filter((e) => e.properties.results === 0).length,
      clicks,
      click_rate: clicks / events.length,
    };
  });
  return ranked(rows, 'searches', 1000, 'query');
}

export function engagement(told: Told, sort: string, limit: number): Row[] {
  const events = Map.groupBy(ranged(told), (e) => e.actor);
  const views = Map.groupBy(rangedViews(told), (v) => v.viewer);
  const actors = [...new Set([...events.keys(), ...views.keys()])].filter((actor) => actor !== '');
  const rows = actors.map((user_id) => {
    const own = events.get(user_id) ?? [];
    const watched = views.get(user_id) ?? [];
    const times = own.map((e) => e.at).sort((a, b) => a - b);
    const iso = (at: number | undefined) => (at === undefined ? null : new Date(at).toISOString());
    return {
      user_id,
      events: own.length,
      sessions: distinct(own.map(sessionOf)),
      page_views: own.filter(isPage).length,
      errors: own.filter(isError).length,
      views: watched.length,
      watch_time_seconds: sum(watched.map((v) => v.watchMs)) / 1000,
      completed_views: watched.filter((v) => v.completed).length,
      first_seen: iso(times[0]),
      last_seen: iso(times.at(-1)),
    };
  });
  return ranked(rows, sort, limit, 'events', 'user_id');
}

export function campaigns(told: Told, conversionEvents: readonly string[]): Row[] {
  const utm = ({ context }: StoredEvent, name: string, short: string) => {
    const campaign = isObject(context.campaign) ? context.campaign : ({} as Json);
    return textAt(context[name]) || textAt(campaign[short]);
  };
  const campaignOf = (e: StoredEvent) => [
    utm(e, 'utm_source', 'source'),
    utm(e, 'utm_medium', 'medium'),
    utm(e, 'utm_campaign', 'name'),
  ];
  const converts = (e: StoredEvent) =>
    conversionEvents.includes(e.event_name) || e.properties.conversion === true;
  const sessions = sessionsNear(told, () => true).flatMap((events) => {
    const first = events[0]!;
    const from = events.find((e) => campaignOf(e).some((text) => text !== ''));
    if (from === undefined || first.at < told.from || first.at >= told.to) return [];
    return [{ events, first, campaign: campaignOf(from) }];
  });
  const rows = [...Map.groupBy(sessions, ({ campaign }) => JSON.stringify(campaign)).values()].map(
    (group) => {
      const [utm_source = '', utm_medium = '', utm_campaign = ''] = group[0]!.campaign;
      const conversions = group.map(({ events }) => events.filter(converts).length);
      const bounced = group.filter(
        ({ events }) => events.filter(isPage).length === 1 && events.at(-1)!.at - events[0]!.at < 10_000,
      );
      return {
        utm_source,
        utm_medium,
        utm_campaign,
        sessions: group.length,
        users: distinct(group.map(({ first }) => first.actor)),
        events: sum(group.map(({ events }) => events.length)),
        page_views: sum(group.map(({ events }) => events.filter(isPage).length)),
        bounce_rate: bounced.length / group.length,
        conversions: sum(conversions),
        conversion_rate: conversions.filter((n) => n > 0).length / group.length,
      };
    },
  );
  return ranked(rows, 'sessions', 1000, 'utm_source', 'utm_medium', 'utm_campaign');
}
