/**
 * Sessions and their statistics against the oracle, over random histories: events arrive in several parts in any order,
 * some long after their time, and after every part each kind of question has to have the right answer.
 * ORACLE_ROUNDS sets how many histories (default 3), ORACLE_SEED where they begin.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StoreClient } from '../../src/store/client.ts';
import { keepSessions } from '../../src/store/kept-sessions.ts';
import { createShapes, createShardedShapes } from '../../src/store/shapes.ts';
import type { Kept } from '../../src/store/sql/kept-sessions.ts';
import { localDate, startOfDate } from '../oracle/calendar.ts';
import { timezones } from '../oracle/history.ts';
import { createRandom, type Random } from '../oracle/random.ts';
import {
  buildSessions,
  countSessions,
  type OracleSession,
  type SessionEvent,
  saidFields,
  seriesOfSessions,
  valuesOfSessions,
} from '../oracle/sessions.ts';
import {
  CONVERSION_EVENTS,
  FOREVER,
  GAP_LIMIT_MS,
  type QueryService,
  startQueryService,
  type TestRow,
} from './service.ts';
import { startShardedQueryService } from './sharded-service.ts';

const ROUNDS = Number(process.env.ORACLE_ROUNDS ?? 3);
const SEED = Number(process.env.ORACLE_SEED ?? 1);
const MINUTE = 60_000;
const DAY = 1440 * MINUTE;

const pools = {
  device: ['', 'mobile', 'desktop'],
  browser: ['', 'Firefox'],
  os: ['', 'Linux', 'iOS'],
  country: ['', 'DE', 'NP'],
  referrer: ['', '', 'news.example', 'search.example'],
  utm_source: ['', '', 'mail', "it's"],
  utm_medium: ['', 'cpc'],
  utm_campaign: ['', '', 'may', 'june'],
  utm_term: ['', 'boat'],
  utm_content: ['', 'a'],
} as const;
const names = [
  'page_view',
  'page_view',
  'page_view',
  'error',
  'video_error',
  'search',
  'purchase',
  'web_vital',
];

interface History {
  readonly events: SessionEvent[];
  readonly apps: readonly string[];
  readonly timezone: string;
  /** Epoch ms: what happens lies from here to `until`, more or less. */
  readonly base: number;
  readonly until: number;
}

/** Few people, ids and moments, so that everything collides; some sessions last for days, people sign in within one. */
function makeHistory(random: Random, prefix: string): History {
  const timezone = random.pick(timezones);
  const apps = ['tube', 'kids'].slice(0, 1 + random.below(2)).map((app) => prefix + app);
  // Around changes of the clocks in several of the zones.
  const date = random.pick(['2026-03-29', '2025-10-26', '2026-03-08', '2026-01-15']);
  const base = startOfDate(timezone, date) - DAY;
  const until = base + random.pick([30 * MINUTE, DAY, 3 * DAY, 12 * DAY]);
  const events: SessionEvent[] = [];
  let offset = 0;
  for (let visit = 0; visit < 3 + random.below(30); visit++) {
    const app_id = random.pick(apps);
    const session_id = random.chance(0.05) ? '' : `s-${random.below(25)}`;
    const who = random.below(6);
    let user_id = random.chance(0.6) ? `u${who}` : '';
    const anonymous_id = random.chance(0.6) ? `a${who}` : '';
    const is_bot = random.chance(0.08);
    let at = base + random.below(until - base);
    for (let i = 0; i < 1 + random.below(6); i++) {
      if (random.chance(0.1)) user_id = `u${random.below(6)}`;
      const said = Object.entries(pools).map(([name, values]) => [name, random.pick<string>(values)]);
      events.push({
        app_id,
        session_id,
        user_id,
        anonymous_id,
        event_name: random.pick(names),
        at,
        partition: random.below(3),
        offset: offset++,
        index: random.below(3),
        page: random.pick(['', '/', '/watch', '/about']),
        is_bot,
        conversion: random.pick<unknown>([undefined, undefined, true, false, 'true', 1]),
        ...(Object.fromEntries(said) as Record<keyof typeof pools, string>),
      });
      at += random.pick([0, 0, 1, 900, 9_999, 10_000, 31 * MINUTE, 2 * DAY]);
    }
  }
  return { events, apps, timezone, base, until };
}

function rowOf({ at, partition, offset, index, conversion, ...event }: SessionEvent): TestRow {
  return {
    ...event,
    timestamp: at,
    log_partition: partition,
    log_offset: offset,
    log_index: index,
    properties: JSON.stringify(conversion === undefined ? {} : { conversion }),
  };
}

const said = (text: string) => (text === '' ? null : text);

function itemOf(session: OracleSession) {
  return {
    session_id: session.session_id,
    app_id: session.app_id,
    user_id: said(session.user_id),
    anonymous_id: said(session.anonymous_id),
    started_at: new Date(session.startedAt).toISOString(),
    ended_at: new Date(session.endedAt).toISOString(),
    duration_seconds: session.durationMs / 1000,
    events: session.events,
    page_views: session.pageViews,
    entry_page: said(session.entryPage),
    exit_page: said(session.exitPage),
    bounced: session.bounced,
    is_new: session.isNew,
    ...Object.fromEntries(saidFields.map((name) => [name, said(session[name])])),
    errors: session.errors,
    conversions: session.conversions,
  };
}

type Filters = Record<string, string>;

function randomFilters(random: Random): Filters {
  if (random.chance(0.4)) return {};
  const all: Filters[] = [
    { user_id: `u${random.below(6)}` },
    { anonymous_id: `a${random.below(6)}` },
    { entry_page: random.pick(['/', '/watch', '/about']) },
    { bounced: random.pick(['true', 'false']) },
    { min_duration: random.pick(['0', '0.001', '9.999', '10', '3600']) },
    ...(['device', 'browser', 'os', 'country', 'referrer', 'utm_source', 'utm_campaign'] as const).map(
      (name) => ({ [name]: random.pick<string>(pools[name]) }),
    ),
  ];
  return random.chance(0.2) ? { ...random.pick(all), ...random.pick(all) } : random.pick(all);
}

function passes(session: OracleSession, filters: Filters): boolean {
  return Object.entries(filters).every(([name, value]) => {
    if (name === 'bounced') return session.bounced === (value === 'true');
    if (name === 'min_duration') return session.durationMs / 1000 >= Number(value);
    if (name === 'entry_page') return session.entryPage === value;
    return session[name as keyof OracleSession] === value;
  });
}

const sorts = {
  started_at: (session: OracleSession) => session.startedAt,
  duration_seconds: (session: OracleSession) => session.durationMs,
  page_views: (session: OracleSession) => session.pageViews,
  events: (session: OracleSession) => session.events,
};

interface World {
  readonly service: QueryService;
  readonly random: Random;
  readonly history: History;
}

interface Asked {
  readonly query: Record<string, string>;
  readonly from: number;
  readonly to: number;
  readonly sessions: OracleSession[];
}

/** A range, apps and filters, and the sessions that these leave. */
function randomQuestion({ random, history }: World, events: readonly SessionEvent[]): Asked {
  const near = () =>
    random.chance(0.7) && events.length > 0
      ? random.pick(events).at + random.pick([0, 1, 90_000, -90_000])
      : history.base + random.below(history.until - history.base);
  let [from, to] = [near(), near()].sort((a, b) => a - b) as [number, number];
  if (random.chance(0.3)) [from, to] = [history.base - DAY, history.until + 30 * DAY];
  const bots = random.chance(0.3);
  const apps = random.chance(0.3) ? [random.pick(history.apps)] : history.apps;
  const filters = randomFilters(random);
  const sessions = buildSessions(events, { bots, conversionEvents: CONVERSION_EVENTS }).filter(
    (session) =>
      session.startedAt >= from &&
      session.startedAt < to &&
      apps.includes(session.app_id) &&
      passes(session, filters),
  );
  const query = {
    ...filters,
    from: new Date(from).toISOString(),
    to: new Date(to).toISOString(),
    app_id: apps.join(','),
    ...(bots ? { bots: 'true' } : {}),
  };
  return { query, from, to, sessions };
}

interface Page {
  data: unknown[];
  next_cursor: string | null;
}

async function checkList(world: World, events: readonly SessionEvent[]): Promise<void> {
  const { random, service } = world;
  const { query, sessions } = randomQuestion(world, events);
  const sort = random.pick(Object.keys(sorts) as (keyof typeof sorts)[]);
  const order = random.pick(['asc', 'desc']);
  const value = sorts[sort];
  const text = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
  const expected = sessions.toSorted(
    (a, b) => value(a) - value(b) || text(a.app_id, b.app_id) || text(a.session_id, b.session_id),
  );
  if (order === 'desc') expected.reverse();
  const limit = random.pick([1, 2, 7, 1000]);
  const found: unknown[] = [];
  let cursor: string | null = '';
  while (cursor !== null) {
    const asked = { ...query, sort, order, limit: String(limit), ...(cursor === '' ? {} : { cursor }) };
    const page: Page = await service.get<Page>('/v1/sessions', asked);
    assert.ok(page.data.length === limit || page.next_cursor === null);
    found.push(...page.data);
    cursor = found.length > 12 * limit ? null : page.next_cursor;
  }
  assert.deepEqual(
    found,
    expected.slice(0, found.length).map(itemOf),
    JSON.stringify({ ...query, sort, order }),
  );
  if (found.length <= 12 * limit) assert.equal(found.length, expected.length);
}

/** Rounded where both sides add up in another order. */
function rounded(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value), (_key, inner) =>
    typeof inner === 'number' ? Number(inner.toPrecision(12)) : inner,
  );
}

async function checkStats(world: World, events: readonly SessionEvent[]): Promise<void> {
  const { random, service, history } = world;
  const { query, sessions, from, to } = randomQuestion(world, events);
  const interval = random.pick(['1h', '1d', '1w', null] as const);
  const { timezone } = history;
  const { series, by, truncated, ...total } = await service.get<Record<string, unknown>>(
    '/v1/sessions/stats',
    {
      ...query,
      timezone,
      ...(interval === null ? {} : { interval }),
      ...(random.chance(0.3) ? { exact: 'true' } : {}),
    },
  );
  const what = JSON.stringify({ ...query, interval, timezone });
  assert.deepEqual(
    rounded(total),
    rounded({ from: query.from, to: query.to, interval, timezone, ...countSessions(sessions) }),
    what,
  );
  assert.equal(truncated, undefined);
  const expected = interval === null ? [] : seriesOfSessions(sessions, { timezone, from, to, interval });
  assert.deepEqual(rounded(series), rounded(expected), what);
  const fields = ['device', 'browser', 'os', 'country', 'referrer', 'utm_source', 'utm_campaign'] as const;
  assert.deepEqual(
    rounded(by),
    rounded(Object.fromEntries(fields.map((field) => [field, valuesOfSessions(sessions, field)]))),
    what,
  );
}

/** Seed 003's table says the same of the same events. */
async function checkTable({ service, history }: World, events: readonly SessionEvent[]): Promise<void> {
  const found = await service.store.select<object>(
    `SELECT app_id, session_id, actor, events, conversions, bounced, is_new, exit_page, utm_source
     FROM sessions WHERE app_id IN {apps:Array(String)} ORDER BY app_id, session_id`,
    { apps: history.apps },
  );
  const text = (session: OracleSession) => `${session.app_id} ${session.session_id}`;
  const expected = buildSessions(events, { bots: false, conversionEvents: CONVERSION_EVENTS })
    .toSorted((a, b) => (text(a) < text(b) ? -1 : 1))
    .map(
      ({ app_id, session_id, actor, events: count, conversions, bounced, isNew, exitPage, utm_source }) => ({
        app_id,
        session_id,
        actor,
        events: count,
        conversions,
        bounced,
        is_new: isNew,
        exit_page: exitPage,
        utm_source,
      }),
    );
  assert.deepEqual(found, expected);
}

async function checkHistory(world: World): Promise<void> {
  const { random, history, service } = world;
  const { events } = history;
  // In any order, as if some came late.
  const arrival = events.map((event) => ({
    event,
    at: random.chance(0.2) ? random.next() * 1e15 : event.at,
  }));
  const arrived = arrival.sort((a, b) => a.at - b.at).map(({ event }) => event);
  const parts = 1 + random.below(3);
  for (let part = 0; part < parts; part++) {
    const until = Math.ceil(((part + 1) * arrived.length) / parts);
    await service.insert(arrived.slice(Math.ceil((part * arrived.length) / parts), until).map(rowOf));
    const known = arrived.slice(0, until);
    await checkTable(world, known);
    for (let i = 0; i < 8; i++) {
      await checkList(world, known);
      await checkStats(world, known);
    }
  }
}

test('sessions over random histories', async (t) => {
  const now = Date.UTC(2026, 3, 20);
  const service = await startQueryService(t, { now: () => now });
  for (let round = 0; round < ROUNDS; round++) {
    const seed = SEED + round;
    await t.test(`seed ${seed}`, async () => {
      const random = createRandom(seed * 7919);
      await checkHistory({ service, random, history: makeHistory(random, `r${seed}-`) });
    });
  }
});

/**
 * As `checkHistory`, while days pass in which sessions are kept ahead of raw's end; at the end raw is gone up to then.
 * Bots' sessions are not kept, so there are none.
 */
async function checkKept(
  world: World,
  state: { kept: Kept | null },
  shards: readonly StoreClient[],
): Promise<void> {
  const { random, service } = world;
  const history = { ...world.history, events: world.history.events.map((e) => ({ ...e, is_bot: false })) };
  const here = { ...world, history };
  const { events } = history;
  const days = [...new Set(events.map((event) => Math.floor(event.at / DAY) * DAY))].sort((a, b) => a - b);
  const before = random.pick(days) + random.pick([0, DAY]);
  const arrived = events.toSorted(() => (random.chance(0.5) ? 1 : -1));
  for (const until of [Math.ceil(arrived.length / 2), arrived.length]) {
    await service.insert(
      arrived.slice(until === arrived.length ? Math.ceil(until / 2) : 0, until).map(rowOf),
    );
    // What was kept of a day is put right as long as the day is ahead.
    for (let day = days[0]! - DAY; day < before; day += DAY)
      await keepSessions(service.store, { kept: { before: day }, conversionEvents: CONVERSION_EVENTS });
    state.kept = { before };
    for (let i = 0; i < 6; i++) {
      await checkList(here, arrived.slice(0, until));
      await checkStats(here, arrived.slice(0, until));
    }
  }
  for (const shard of shards)
    await shard.command(
      'DELETE FROM events WHERE timestamp < fromUnixTimestamp64Milli({before:Int64}) AND app_id IN {apps:Array(String)}',
      { before, apps: history.apps },
      { settings: { lightweight_deletes_sync: 2 } },
    );
  const eventsDays = (Math.floor(Date.now() / DAY) * DAY - before) / DAY + 1;
  const shapes = {
    gapLimitMs: GAP_LIMIT_MS,
    conversionEvents: CONVERSION_EVENTS,
    retention: { ...FOREVER, eventsDays },
  };
  if (shards.length === 1) await createShapes(service.store, shapes);
  else for (const shard of shards) await createShardedShapes(shard, service.store.database, shapes);
  await checkTable(here, events);
  for (let i = 0; i < 10; i++) {
    await checkList(here, events);
    await checkStats(here, events);
  }
}

test('sessions outlive raw', async (t) => {
  const now = Date.UTC(2026, 3, 20);
  const state: { kept: Kept | null } = { kept: null };
  const service = await startQueryService(t, { now: () => now, kept: () => state.kept });
  for (let round = 0; round < ROUNDS; round++) {
    const seed = SEED + 2000 + round;
    await t.test(`seed ${seed}`, async () => {
      const random = createRandom(seed * 7919);
      await checkKept({ service, random, history: makeHistory(random, `k${seed}-`) }, state, [service.store]);
    });
  }
});

test('sessions over random histories, spread over shards', async (t) => {
  const service = await startShardedQueryService(t, 2);
  for (let round = 0; round < Math.ceil(ROUNDS / 3); round++) {
    const seed = SEED + 1000 + round;
    await t.test(`seed ${seed}`, async () => {
      const random = createRandom(seed * 7919);
      await checkHistory({ service, random, history: makeHistory(random, `r${seed}-`) });
    });
  }
});

test('sessions outlive raw on shards', async (t) => {
  const state: { kept: Kept | null } = { kept: null };
  const service = await startShardedQueryService(t, 2, { kept: () => state.kept });
  for (let round = 0; round < Math.ceil(ROUNDS / 3); round++) {
    const seed = SEED + 3000 + round;
    await t.test(`seed ${seed}`, async () => {
      const random = createRandom(seed * 7919);
      const history = makeHistory(random, `k${seed}-`);
      await checkKept({ service, random, history }, state, service.shards);
    });
  }
});

test('the generator makes what the rules are about', () => {
  const seen = { mixed: 0, bounced: 0, returning: 0, dayLong: 0, sameStart: 0, dates: new Set<string>() };
  for (let seed = 1; seed <= 20; seed++) {
    const random = createRandom(seed * 7919);
    const { events, timezone } = makeHistory(random, 'x-');
    const sessions = buildSessions(events, { bots: true, conversionEvents: [] });
    for (const session of sessions) {
      const own = events.filter((e) => e.app_id === session.app_id && e.session_id === session.session_id);
      if (own.some((e) => e.user_id !== session.user_id)) seen.mixed++;
      if (own.filter((e) => e.at === session.startedAt).length > 1) seen.sameStart++;
      if (session.bounced) seen.bounced++;
      if (!session.isNew) seen.returning++;
      if (session.durationMs > DAY) seen.dayLong++;
      seen.dates.add(localDate(timezone, session.startedAt));
    }
  }
  const { dates, ...counts } = seen;
  for (const [what, count] of Object.entries(counts)) assert.ok(count >= 10, `${what}: ${count}`);
  assert.ok(dates.size > 10);
});
