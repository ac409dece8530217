/**
 * Reports and the behaviour summary against brute force, over random histories and visits that arrive in several parts,
 * some late, with recomputes in between. ORACLE_ROUNDS sets how many (default 3), ORACLE_SEED where they begin.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { plainVideo } from '../contract/catalog.ts';
import { generateHistory, isBot } from '../oracle/history.ts';
import { createOracle } from '../oracle/oracle.ts';
import { createRandom, type Random } from '../oracle/random.ts';
import * as told from '../oracle/reports.ts';
import { generateVisits } from '../oracle/visits.ts';
import { rowOf } from './rows.ts';
import { type QueryService, startQueryService } from './service.ts';
import { startShardedQueryService } from './sharded-service.ts';

const ROUNDS = Number(process.env.ORACLE_ROUNDS ?? 3);
const SEED = Number(process.env.ORACLE_SEED ?? 1);

type Row = Record<string, unknown>;
interface Report {
  columns: { name: string; type: string }[];
  rows: Row[];
  cached: boolean;
}

/** Numbers that were added in another order differ in their last digits. */
function same(actual: unknown, expected: unknown, what: string): void {
  if (typeof expected === 'number' && typeof actual === 'number') {
    const scale = Math.max(1, Math.abs(expected));
    assert.ok(Math.abs(actual - expected) <= 1e-9 * scale, `${what}: ${actual}, the oracle says ${expected}`);
  } else if (typeof expected === 'object' && expected !== null) {
    assert.deepEqual(Object.keys(actual as object).sort(), Object.keys(expected).sort(), what);
    for (const [name, value] of Object.entries(expected))
      same((actual as Row)[name], value, `${what} ${name}`);
  } else assert.equal(actual, expected, what);
}

/** Of those that count by an estimate; few as the histories' people are, the answer is the same. */
const ESTIMATING = new Set([
  'campaigns',
  'content_performance',
  'errors',
  'impressions',
  'overview_stats',
  'pages',
  'search_analytics',
  'top_content',
]);

const without = (row: Row, ...names: string[]) =>
  Object.fromEntries(Object.entries(row).filter(([name]) => !names.includes(name)));

/** What the test's own messages have in common, told by their words. */
function familyOf(message: string): string {
  if (message.startsWith('Codec')) return message;
  return message.replace(/[0-9].*$/, '').split(/[ _]/)[0]!;
}

/** Sums of watch time that are equal but for their last digits may change places. */
const inFixedOrder = (rows: readonly Row[]) =>
  rows.toSorted((a, b) => (String(a.user_id ?? a.video_id) < String(b.user_id ?? b.video_id) ? -1 : 1));

interface World {
  readonly service: QueryService;
  readonly random: Random;
  readonly params: Row;
  readonly facts: told.Told;
  readonly previous: told.Told;
}

async function report(service: QueryService, template: string, asked: Row): Promise<Report> {
  const { exact, ...others } = asked;
  const params = ESTIMATING.has(template) && exact === true ? asked : others;
  const response = await service.app.inject({
    method: 'POST',
    url: '/report',
    payload: { template, params },
  });
  assert.equal(response.statusCode, 200, `${template} ${JSON.stringify(params)}: ${response.body}`);
  const answer = response.json<Report>();
  for (const row of answer.rows)
    assert.deepEqual(
      Object.keys(row),
      answer.columns.map(({ name }) => name),
    );
  return answer;
}

async function checkViews({ service, random, params, facts, previous }: World): Promise<void> {
  const ask = async (template: string, more: Row = {}) =>
    (await report(service, template, { ...params, ...more })).rows;
  const what = JSON.stringify(params);
  const expected = { ...told.overview(facts), previous: told.overview(previous) };
  same(await ask('overview_stats'), [expected], `overview ${what}`);
  const sort = random.pick([
    'views',
    'unique_viewers',
    'avg_watch_percentage',
    'completion_rate',
    'watch_time_seconds',
  ]);
  const top = (await ask('top_content', { sort, limit: 1000 })).map((row) => without(row, 'title'));
  same(inFixedOrder(top), inFixedOrder(told.topContent(facts, sort, 1000)), `top_content ${sort} ${what}`);
  for (const [i, row] of top.entries()) {
    const before = (top[i - 1]?.[sort] as number | null | undefined) ?? Number.POSITIVE_INFINITY;
    assert.ok(
      before + 1e-9 >= ((row[sort] as number | null) ?? -1) || top[i - 1]![sort] === null,
      `order by ${sort}`,
    );
  }
  const video_id = random.pick(['', '', String(top[0]?.video_id ?? 'none')]);
  const content = (await ask('content_performance', { video_id, limit: 1000 })).map((row) =>
    without(row, 'title'),
  );
  same(inFixedOrder(content), inFixedOrder(told.contentPerformance(facts, video_id)), `content ${what}`);
  const shown = (await ask('impressions', { limit: 1000 })).map((row) => without(row, 'title'));
  same(shown, told.impressions(facts), `impressions ${what}`);
  const people = await ask('user_engagement', { sort: 'events', limit: 1000 });
  same(inFixedOrder(people), inFixedOrder(told.engagement(facts, 'events', 1000)), `engagement ${what}`);
}

async function checkVisits({ service, random, params, facts }: World): Promise<void> {
  const ask = async (template: string, more: Row = {}) =>
    (await report(service, template, { ...params, ...more })).rows;
  const what = JSON.stringify(params);
  same(await ask('search_analytics', { limit: 1000 }), told.searches(facts), `search ${what}`);
  const conversion_events = random.pick([['purchase'], [], ['click', 'conversion']]);
  same(
    await ask('campaigns', { conversion_events, limit: 1000 }),
    told.campaigns(facts, conversion_events),
    `campaigns ${what}`,
  );
  const limit = random.pick([1, 3, 1000]);
  const by = random.pick(['views', 'entries', 'exits'] as const);
  same(await ask('pages', { limit, sort: by }), told.pages(facts, limit, by), `pages by ${by} ${what}`);
  const byPage = await ask('web_vitals', { by_page: true, limit: 1000 });
  const vitals = told.vitals(facts, told.pageOf);
  assert.equal(byPage.length, vitals.size, `web_vitals ${what}`);
  for (const row of byPage)
    same(
      without(row, 'name', 'page'),
      vitals.get(`${row.name}${row.page}`),
      `web_vitals ${row.name} ${what}`,
    );
  checkErrors(await ask('errors'), facts, what);
}

function checkErrors(rows: readonly Row[], facts: told.Told, what: string): void {
  const expected = told.errors(facts, familyOf);
  const found = new Map(rows.map((row) => [familyOf(String(row.message)), row]));
  assert.deepEqual([...found.keys()].sort(), [...expected.keys()].sort(), `errors ${what}`);
  assert.equal(rows.length, expected.size, `errors ${what}: groups`);
  for (const [family, row] of found) {
    assert.match(String(row.fingerprint), /^[0-9a-f]{16}$/);
    same(without(row, 'fingerprint', 'pattern'), expected.get(family), `errors ${family} ${what}`);
  }
}

async function checkSummary({ service, params, facts }: World): Promise<void> {
  const what = JSON.stringify(params);
  const answer = await service.get<Row>('/v1/behavior/summary', params as Record<string, string>);
  const { page_views, users, sessions, events } = told.overview(facts);
  same(
    without(answer, 'web_vitals', 'errors'),
    {
      from: new Date(facts.from).toISOString(),
      to: new Date(facts.to).toISOString(),
      page_views,
      users,
      sessions,
      events,
      pages: told.pages(facts),
      events_top: told.topEvents(facts),
    },
    `summary ${what}`,
  );
  const none = { p75: null, rating: null, good: 0, needs_improvement: 0, poor: 0, count: 0 };
  const vitals = told.vitals(facts);
  for (const name of ['LCP', 'INP', 'CLS', 'FCP', 'TTFB'])
    same((answer.web_vitals as Row)[name], vitals.get(name) ?? none, `summary ${name} ${what}`);
  checkErrors(answer.errors as Row[], facts, `summary ${what}`);
}

async function replay(service: QueryService, seed: number): Promise<void> {
  const random = createRandom(seed * 7 + 1);
  const history = generateHistory(seed, { prefix: `r${seed}-`, sharedActors: random.chance(0.5) });
  const first = Date.parse(`${history.startDate}T00:00:00Z`) + 2 * 86_400_000;
  const last = Date.parse(`${history.endDate}T00:00:00Z`) - 5 * 86_400_000;
  const span = { from: first, to: Math.max(last, first + 3_600_000) };
  const visits = generateVisits(seed, { ...history, ...span, count: 250 });
  const deliveries = [...history.deliveries, ...visits].sort((a, b) => a.receivedAt - b.receivedAt);
  const catalog = Object.entries(history.durations).map(([video_id, ms]) => ({
    ...plainVideo,
    video_id,
    duration_seconds: ms / 1000,
  }));
  await service.catalog.videos.upsert(catalog);
  const steps = 1 + random.below(3);
  let sent = 0;
  for (let step = 1; step <= steps; step++) {
    const arrived = deliveries.slice(0, Math.ceil((deliveries.length * step) / steps));
    const stored = createOracle(arrived, { isBot }).accepted.events.filter((e) => e.order >= sent);
    sent = arrived.length;
    await service.insert(stored.map(rowOf));
    for (let checks = 0; checks < 2; checks++) {
      const bots = random.chance(0.3);
      const { events, views } = createOracle(arrived, { isBot, bots, durations: history.durations });
      const near = () => random.pick(events).at + random.pick([0, 1, 90_000, -90_000]);
      const whole = random.chance(0.4);
      const [from, to] = whole ? [span.from, span.to + 86_400_000] : [near(), near()].sort((a, b) => a - b);
      const apps = random.chance(0.7) ? history.apps : history.apps.slice(0, 1);
      const own = {
        events: events.filter((e) => apps.includes(e.app_id)),
        views: views.filter((v) => apps.includes(v.app_id)),
      };
      const params = {
        app_id: apps.join(','),
        from: new Date(from!).toISOString(),
        to: new Date(to!).toISOString(),
        ...(bots && { bots: true }),
        ...(random.chance(0.4) && { exact: true }),
      };
      const facts = { ...own, from: from!, to: to! };
      const previous = { ...own, from: 2 * from! - to!, to: from! };
      const world = { service, random, params, facts, previous };
      await checkViews(world);
      await checkVisits(world);
      const asText = Object.fromEntries(Object.entries(params).map(([name, value]) => [name, String(value)]));
      await checkSummary({ ...world, params: asText });
      const recompute = service.recompute(random.pick([1, 20, 1_000_000]));
      for (let rounds = random.below(4); rounds > 0; rounds--) await recompute.round();
    }
  }
}

async function replayAll(service: QueryService, rounds: number): Promise<void> {
  for (let seed = SEED; seed < SEED + rounds; seed++) {
    try {
      await replay(service, seed);
    } catch (error) {
      throw new Error(`ORACLE_SEED=${seed} ORACLE_ROUNDS=1: ${(error as Error).message}`, { cause: error });
    }
  }
}

test('reports and the summary agree with the oracle', { timeout: 3_600_000 }, async (t) => {
  await replayAll(await startQueryService(t), ROUNDS);
});

test('so they do where rows lie on three shards', { timeout: 3_600_000 }, async (t) => {
  await replayAll(await startShardedQueryService(t, 3), Math.ceil(ROUNDS / 3));
});
