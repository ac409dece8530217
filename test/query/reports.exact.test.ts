/**
 * `exact` of reports over more people than an estimate can tell apart, against brute force: each number is equal, and the
 * same report without it is not.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Delivery } from '../oracle/accept.ts';
import { humanAgent, isBot } from '../oracle/history.ts';
import { createOracle } from '../oracle/oracle.ts';
import { createRandom } from '../oracle/random.ts';
import * as told from '../oracle/reports.ts';
import { rowOf } from './rows.ts';
import { startQueryService } from './service.ts';

const PEOPLE = 14_000;
const DAY_MS = 86_400_000;
const START = Date.UTC(2026, 2, 10);
const SEED = Number(process.env.ORACLE_SEED ?? 1);

type Row = Record<string, unknown>;

/** Everybody does a bit of everything; some in both apps, some twice, some arrive late, many at one instant. */
function makeDeliveries(): Delivery[] {
  const random = createRandom(SEED);
  const deliveries: Delivery[] = [];
  const send = (event: Row, at: number) => {
    const late = random.chance(0.1) ? random.below(DAY_MS) : random.below(2_000);
    const event_id = `exact ${deliveries.length}`;
    const delivery = {
      event: { ...event, event_id, timestamp: new Date(at).toISOString() },
      receivedAt: at + late,
      app: 'a',
    };
    deliveries.push(delivery);
    if (random.chance(0.05)) deliveries.push({ ...delivery, receivedAt: at + late + 5_000 });
  };
  for (let n = 0; n < PEOPLE; n++) {
    const at = START + 1_000 * random.below(DAY_MS / 2_000);
    const person = {
      app_id: random.pick(['a', 'a', 'b']),
      [random.pick(['user_id', 'anonymous_id'])]: `p${random.below(PEOPLE * 8)}`,
      session_id: `s${random.below(PEOPLE * 8)}`,
      context: { user_agent: humanAgent, utm_source: 'mail', page: { path: '/' } },
    };
    send({ ...person, event_name: 'page_view', properties: {} }, at);
    send({ ...person, event_name: 'search', properties: { query: 'otters', results: 1 } }, at);
    send({ ...person, event_name: 'error', properties: { message: 'Codec avc is unknown' } }, at + 1_000);
    send({ ...person, event_name: 'video_start', video_id: 'v', properties: {} }, at + 2_000);
    send({ ...person, event_name: 'view_end', video_id: 'v', properties: { watch_ms: 5_000 } }, at + 9_000);
  }
  return deliveries.sort((one, other) => one.receivedAt - other.receivedAt);
}

const without = (row: Row, ...names: string[]) =>
  Object.fromEntries(Object.entries(row).filter(([name]) => !names.includes(name)));

/** What is not a whole number may differ in its last digits. */
const rounded = (rows: unknown): unknown =>
  JSON.parse(
    JSON.stringify(rows, (_, value) => (Number.isFinite(value) ? Number(value.toPrecision(9)) : value)),
  );

test('exact reports are exact, however many people there are', { timeout: 300_000 }, async (t) => {
  const service = await startQueryService(t);
  const { events, views } = createOracle(makeDeliveries(), { isBot });
  const rows = events.map(rowOf);
  const half = Math.floor(rows.length / 2);
  await service.insert(rows.slice(0, half));
  while ((await service.recompute(1_000_000).round()).buckets > 0);
  // Some buckets are dirty now, with people who are in clean ones, too.
  await service.insert(rows.slice(half));
  await service.recompute(20_000).round();

  const facts: told.Told = { events, views, from: START, to: START + DAY_MS };
  const before: told.Told = { ...facts, from: START - DAY_MS, to: START };
  const ask = async (template: string, params: Row) => {
    const common = { from: '2026-03-10', to: '2026-03-10' };
    const payload = { template, params: { ...common, ...params } };
    const response = await service.app.inject({ method: 'POST', url: '/report', payload });
    assert.equal(response.statusCode, 200, response.body);
    return response.json<{ rows: Row[] }>().rows.map((row) => without(row, 'title'));
  };
  const expected: Record<string, Row[]> = {
    campaigns: told.campaigns(facts, ['conversion', 'purchase', 'signup', 'subscribe']),
    content_performance: told.contentPerformance(facts, ''),
    impressions: told.impressions(facts),
    overview_stats: [{ ...told.overview(facts), previous: told.overview(before) }],
    pages: told.pages(facts, 50),
    search_analytics: told.searches(facts),
    top_content: told.topContent(facts, 'views', 10),
  };
  for (const [template, whole] of Object.entries(expected)) {
    await t.test(template, async () => {
      assert.deepEqual(rounded(await ask(template, { exact: true })), rounded(whole));
      assert.notDeepEqual(rounded(await ask(template, {})), rounded(whole), 'the estimate shows');
    });
  }

  await t.test('errors', async () => {
    const [users] = [...told.errors(facts, (message) => message).values()].map((row) => row.users);
    const usersOf = async (params: Row) => (await ask('errors', params)).map((row) => row.users);
    assert.deepEqual(await usersOf({ exact: true }), [users]);
    assert.notDeepEqual(await usersOf({}), [users]);
  });

  await t.test('the behaviour summary, with what it takes from reports', async () => {
    interface Summary {
      users: number;
      pages: Row[];
      errors: { users: number }[];
    }
    const range = { from: '2026-03-10', to: '2026-03-10' };
    const summary = await service.get<Summary>('/v1/behavior/summary', { ...range, exact: 'true' });
    assert.equal(summary.users, told.overview(facts).users);
    assert.deepEqual(rounded(summary.pages), rounded(told.pages(facts, 50)));
    const [users] = [...told.errors(facts, (message) => message).values()].map((row) => row.users);
    assert.deepEqual(
      summary.errors.map((row) => row.users),
      [users],
    );
  });

  await t.test('is taken by the reports that estimate, and by no others', async () => {
    const { data } = await service.get<{ data: { template: string; params: { properties: Row } }[] }>(
      '/report',
    );
    const taking = data.filter(({ params }) => 'exact' in params.properties).map(({ template }) => template);
    assert.deepEqual(taking.sort(), [...Object.keys(expected), 'errors'].sort());
    for (const [template, exact] of [
      ['web_vitals', true],
      ['user_engagement', false],
      ['pages', 'yes'],
    ]) {
      const payload = { template, params: { exact } };
      const refused = await service.app.inject({ method: 'POST', url: '/report', payload });
      assert.deepEqual([refused.statusCode, refused.json().code], [400, 'invalid_request']);
      assert.match(refused.json().detail, /^params\.exact: /);
    }
  });
});
