/** The tables that are made by the clock, over a real ClickHouse and a real catalogue; and as their readers see them. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { FunnelDefinition } from '../../src/catalog/funnels.ts';
import { startUpkeep } from '../../src/query/upkeep.ts';
import type { Kept } from '../../src/store/sql/kept-sessions.ts';
import { until } from '../faults/verify.ts';
import { startTestService } from '../support/service.ts';
import { CONVERSION_EVENTS, type QueryService, startQueryService, type TestRow } from './service.ts';

const DAY = 86_400_000;
const TODAY = Math.floor(Date.now() / DAY) * DAY;

const step = (event_name: string, name: string | null = null, more: object[] = []) => ({
  name,
  event_name,
  filters: more as FunnelDefinition['steps'][number]['filters'],
});
const checkout: FunnelDefinition = {
  title: null,
  app_id: null,
  steps: [step('visit', 'Came'), step('buy', null, [{ field: 'country', op: 'eq', value: 'DE' }])],
  window_seconds: 3600,
  step_window_seconds: null,
  order: 'ordered',
  count_by: 'actor',
  exclusions: [],
};

let offset = 0;
const row = (app_id: string, user_id: string, event_name: string, timestamp: number, more: object = {}) =>
  ({
    app_id,
    user_id,
    event_name,
    timestamp,
    country: 'DE',
    properties: '',
    log_offset: offset++,
    ...more,
  }) as TestRow;

function start(t: TestContext, service: QueryService, kept: () => Kept | null = () => null) {
  const failures: unknown[] = [];
  const { store: client, catalog } = service;
  const upkeep = startUpkeep({
    catalog,
    client,
    places: [{ client, database: client.database }],
    days: 90,
    funnelsEveryMs: 1,
    lookMs: 50,
    kept,
    conversionEvents: CONVERSION_EVENTS,
    failed: (_, error) => void failures.push(error),
    leftOut() {},
  });
  t.after(() => upkeep.stop());
  return { upkeep, failures };
}

const stats = (service: QueryService) =>
  service.store.select<{ app_id: string; funnel_name: string; date: string; step: number; count: number }>(
    `SELECT app_id, funnel_name, toString(date) AS date, step, step_name, event_name, count, drop_off,
       median_seconds_from_previous AS median
     FROM funnel_stats ORDER BY ALL`,
  );

/** What the API says of each app and day; none where nobody begins. */
async function asked(service: QueryService, name: string, apps: readonly string[], days: readonly number[]) {
  const rows = [];
  for (const app_id of apps) {
    for (const from of days) {
      const date = new Date(from).toISOString().slice(0, 10);
      const { steps } = await service.get<{ steps: Record<string, unknown>[] }>(`/v1/funnels/${name}`, {
        app_id,
        from: new Date(from).toISOString(),
        to: new Date(from + DAY).toISOString(),
      });
      if (steps[0]!.count === 0) continue;
      for (const {
        step,
        name: step_name,
        event_name,
        count,
        drop_off,
        median_seconds_from_previous,
      } of steps)
        rows.push({
          app_id,
          funnel_name: name,
          date,
          step,
          step_name: step_name ?? '',
          event_name,
          count,
          drop_off,
          median: median_seconds_from_previous,
        });
    }
  }
  return rows;
}

async function agree(service: QueryService, what: string, expected: () => Promise<unknown[]>) {
  await until(what, async () => JSON.stringify(await stats(service)) === JSON.stringify(await expected()));
}

test('funnel_stats says of each app and day what the API says, whatever lands later', async (t) => {
  const service = await startQueryService(t, { funnelFreshMs: 0 });
  const { store, catalog } = service;
  const yesterday = TODAY - DAY;
  const midnight = TODAY - 60_000;
  await catalog.funnels.put('checkout', checkout);
  await service.insert([
    row('shop', 'ann', 'visit', yesterday + 1000),
    row('shop', 'ann', 'buy', yesterday + 3000),
    row('shop', 'bob', 'visit', yesterday + 1000),
    row('shop', 'bot', 'visit', yesterday + 1000, { is_bot: true }),
    row('other', 'ann', 'visit', TODAY - 7 * DAY),
  ]);
  const { failures, upkeep } = start(t, service);
  const apps = ['other', 'shop'];
  const days = [TODAY - 7 * DAY, yesterday, TODAY];
  const expected = () => asked(service, 'checkout', apps, days);
  await agree(service, 'the first count', expected);
  assert.equal((await stats(service)).length, 4);

  // Late ones: of a day that was counted, and of the day behind it, where a run of the day before goes on.
  await service.insert([row('shop', 'bob', 'buy', yesterday + 5000), row('shop', 'cid', 'visit', midnight)]);
  await agree(service, 'late events', expected);
  await service.insert([row('shop', 'cid', 'buy', TODAY + 60_000)]);
  await agree(service, 'an event of the day behind', expected);
  const [of] = (await stats(service)).filter((r) => r.app_id === 'shop' && r.step === 2);
  assert.equal(of!.count, 3);

  await catalog.funnels.put('checkout', {
    ...checkout,
    window_seconds: 1,
    steps: [step('visit'), step('visit')],
  });
  await catalog.funnels.put('other only', { ...checkout, app_id: 'other' });
  const both = async () => [...(await expected()), ...(await asked(service, 'other only', ['other'], days))];
  const sorted = async () =>
    (await both()).sort((a, b) => (`${a.app_id} ${a.funnel_name}` < `${b.app_id} ${b.funnel_name}` ? -1 : 1));
  await agree(service, 'another definition', sorted);

  await catalog.funnels.put('three', { ...checkout, steps: [...checkout.steps, step('buy')] });
  await until('three steps', async () => (await stats(service)).some((r) => r.step === 3));
  await catalog.funnels.put('three', checkout);
  await until('two steps again', async () => !(await stats(service)).some((r) => r.step === 3));
  await catalog.funnels.delete('three');
  await catalog.funnels.delete('checkout');
  await agree(service, 'deleted ones are gone', () => asked(service, 'other only', ['other'], days));

  await upkeep.stop();
  assert.deepEqual(failures, []);
  // Nothing is kept twice where a reader asks without knowing better.
  const [twice] = await store.select<{ n: number }>(
    'SELECT count() AS n FROM (SELECT 1 FROM funnel_stats GROUP BY app_id, funnel_name, date, step HAVING count() > 1)',
  );
  assert.equal(twice!.n, 0);
});

test('funnel_events shows the events of steps as the funnels are now', async (t) => {
  const service = await startQueryService(t);
  const { store, catalog } = service;
  const at = TODAY - DAY;
  await service.insert([
    row('shop', 'ann', 'visit', at),
    row('shop', 'ann', 'buy', at + 1),
    row('shop', 'ann', 'buy', at + 2, { country: 'NP' }),
    row('other', 'ann', 'visit', at + 3),
    row('shop', 'bot', 'visit', at + 4, { is_bot: true }),
    row('shop', 'ann', 'search', at + 5, { properties: '{"q":"it\'s \\\\ {v1:String}"}' }),
  ]);
  const events = () =>
    store.select<object>(
      `SELECT app_id, funnel_name, step, step_name, event_name, toUnixTimestamp64Milli(timestamp) - ${at} AS at
       FROM funnel_events ORDER BY funnel_name, at, step`,
    );
  assert.deepEqual(await events(), []);
  await catalog.funnels.put("it's", {
    ...checkout,
    app_id: 'shop',
    steps: [
      step('visit'),
      step('search', '{v1:String}', [{ field: 'properties.q', op: 'eq', value: "it's \\ {v1:String}" }]),
      step('visit'),
    ],
  });
  await catalog.funnels.put('checkout', checkout);
  start(t, service);
  const expected = [
    ['shop', 'checkout', 1, 'Came', 'visit', 0],
    ['shop', 'checkout', 2, '', 'buy', 1],
    ['other', 'checkout', 1, 'Came', 'visit', 3],
    ['shop', "it's", 1, '', 'visit', 0],
    ['shop', "it's", 3, '', 'visit', 0],
    ['shop', "it's", 2, '{v1:String}', 'search', 5],
  ].map(([app_id, funnel_name, step, step_name, event_name, at]) => ({
    app_id,
    funnel_name,
    step,
    step_name,
    event_name,
    at,
  }));
  await until('the view is made', async () => (await events()).length > 0);
  assert.deepEqual(await events(), expected);
  await catalog.funnels.delete("it's");
  await until('it is gone', async () => (await events()).length === 3);
});

test('of two that run one works; sessions are kept before raw loses them, and when something landed since', async (t) => {
  const service = await startQueryService(t);
  const before = TODAY - 10 * DAY;
  let kept: Kept = { before: before - DAY };
  const visit = (user: string, at: number) =>
    row('shop', user, 'page_view', at, { session_id: `s ${user}`, page: '/' });
  await service.insert([visit('ann', before + 1000), visit('far', before + 5 * DAY)]);
  const first = start(t, service, () => kept);
  const rows = () =>
    service.store.select<{ session_id: string }>(
      'SELECT session_id FROM kept_sessions FINAL ORDER BY session_id',
    );
  await until('the day ahead is kept', async () => (await rows()).length === 1);
  start(t, service, () => kept);
  await first.upkeep.stop();
  assert.deepEqual(first.failures, []);
  // The other goes on, a day later, with a late event.
  kept = { before };
  await service.insert([visit('bob', before + 2000)]);
  await until('the late one is kept', async () => (await rows()).length === 2);
  assert.deepEqual(
    (await rows()).map((r) => r.session_id),
    ['s ann', 's bob'],
  );
});

test('callers read both by SQL, each of the apps that are theirs', async (t) => {
  const service = await startTestService({ ANALYTICS_FUNNEL_STATS_SECONDS: '1' });
  t.after(() => service.stop());
  const now = Date.now();
  const sent = ['shop', 'other'].flatMap((app_id) =>
    ['visit', 'buy'].map((event_name, i) => ({
      app_id,
      user_id: 'ann',
      event_name,
      timestamp: now - 60_000 + i,
      context: { country: 'DE' },
    })),
  );
  assert.equal((await service.post('/events', sent)).status, 202);
  const ask = async (path: string, method: string, body: unknown) => {
    const answer = await fetch(`${service.url}${path}`, {
      method,
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    return { status: answer.status, ...((await answer.json()) as { rows?: unknown[][] }) };
  };
  const { steps, window_seconds } = checkout;
  const put = await ask('/v1/funnels/checkout', 'PUT', {
    steps: steps.map(({ event_name }) => ({ event_name })),
    window_seconds,
  });
  assert.equal(put.status, 200);
  const query = 'SELECT app_id, step, count FROM funnel_stats ORDER BY app_id, step';
  await until('all are counted', async () => (await ask('/query', 'POST', { query })).rows?.length === 4);
  assert.deepEqual((await ask('/query', 'POST', { query })).rows, [
    ['other', 1, 1],
    ['other', 2, 1],
    ['shop', 1, 1],
    ['shop', 2, 1],
  ]);
  const events = 'SELECT app_id, step, actor FROM funnel_events ORDER BY app_id, step';
  assert.deepEqual((await ask('/query', 'POST', { query: events })).rows, [
    ['other', 1, 'ann'],
    ['other', 2, 'ann'],
    ['shop', 1, 'ann'],
    ['shop', 2, 'ann'],
  ]);
});
