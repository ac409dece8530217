import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { StoreClient } from '../../../src/store/client.ts';
import {
  type HistoriesLimits,
  type HistoriesQuestion,
  HistoriesTooLarge,
  readHistories,
} from '../../../src/store/questions/histories.ts';
import { startQueryService, type TestRow } from '../../query/service.ts';

const START = Date.UTC(2026, 2, 1);
const PEOPLE = 40;

const question: HistoriesQuestion = {
  range: { from: START, to: START + 50_000 },
  windowMs: 10_000,
  apps: null,
  bots: false,
  by: 'actor',
  steps: [
    { eventName: 'visit', filters: [] },
    { eventName: 'buy', filters: [] },
  ],
  exclusions: [{ eventName: 'leave', filters: [] }],
  begins: 1,
  gaps: false,
  field: null,
};

const LIMITS: HistoriesLimits = { eventsPerPart: 1_000, eventsMax: 1_000, eventsPerActorMax: 100 };

/** 10 events of each person, some of them nothing to the funnel, not all in order. */
async function openStore(t: TestContext): Promise<StoreClient> {
  const service = await startQueryService(t);
  const names = ['visit', 'noise', 'noise', 'buy', 'leave'];
  const rows = Array.from({ length: PEOPLE * 10 }, (_, i): TestRow => {
    const n = (i * 7) % (PEOPLE * 10);
    return {
      app_id: 'a',
      user_id: `u${n % PEOPLE}`,
      event_name: names[Math.floor(n / PEOPLE) % 5],
      timestamp: START + Math.floor(n / PEOPLE) * 7_000,
      log_offset: n,
    };
  });
  await service.insert(rows);
  return service.store;
}

async function readAll(
  store: StoreClient,
  more: Partial<HistoriesQuestion>,
  limits: Partial<HistoriesLimits>,
) {
  const all: string[] = [];
  for await (const rows of readHistories(store, { ...question, ...more }, { ...LIMITS, ...limits })) {
    all.push(...rows.map((row) => JSON.stringify(row)));
  }
  return all.sort();
}

test('what is read in parts is what is read at once', async (t) => {
  const store = await openStore(t);
  const whole = await readAll(store, {}, {});
  assert.equal(whole.length, PEOPLE);
  // Events at 0, 21, 28, 35 and 56 seconds; the one at 63 lies behind the window of all.
  assert.deepEqual(JSON.parse(whole[0]!), {
    times: [0, 21_000, 28_000, 35_000, 56_000],
    steps: [1, 2, 0, 1, 2],
    excluded: [0, 0, 1, 0, 0],
    values: [],
  });
  for (const eventsPerPart of [30, 130]) assert.deepEqual(await readAll(store, {}, { eventsPerPart }), whole);
});

test('where events lie between is told once', async (t) => {
  const store = await openStore(t);
  const [first] = await readAll(store, { gaps: true, field: 'user_id' }, {});
  const { steps, values } = JSON.parse(first!);
  assert.deepEqual(steps, [1, 0, 2, 0, 1, 0, 2]);
  assert.match(values[0], /^u\d+$/);
  assert.deepEqual(values.slice(1, 4), ['', '', '']);
});

test('too many events are refused, in all and of one actor', async (t) => {
  const store = await openStore(t);
  await assert.rejects(readAll(store, {}, { eventsMax: 100 }), HistoriesTooLarge);
  await assert.rejects(readAll(store, {}, { eventsPerActorMax: 4 }), HistoriesTooLarge);
  assert.equal((await readAll(store, {}, { eventsPerActorMax: 5 })).length, PEOPLE);
  assert.deepEqual(await readAll(store, { apps: [] }, {}), []);
  assert.deepEqual(await readAll(store, { range: { from: START, to: START } }, {}), []);
});
