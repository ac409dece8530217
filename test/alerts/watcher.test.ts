/** Rules over a real ClickHouse and a real catalogue, with a clock of the test's own. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { createBuiltIns } from '../../src/alerts/built-in.ts';
import { askRule } from '../../src/alerts/rule-value.ts';
import { type WatcherOptions, watchOnce } from '../../src/alerts/watcher.ts';
import type { AlertDefinition } from '../../src/catalog/alerts.ts';
import { type Catalog, openCatalog } from '../../src/catalog/catalog.ts';
import { StoreError } from '../../src/store/store-error.ts';
import { createRandom } from '../oracle/random.ts';
import { GAP_LIMIT_MS, startQueryService, type TestRow } from '../query/service.ts';
import { makeTestFolder } from '../support/clickhouse.ts';

const START = Date.UTC(2026, 2, 1, 12);
const SECOND = 1_000;

const plain: AlertDefinition = {
  title: null,
  app_id: null,
  metric: 'events',
  filters: [],
  bots: false,
  window_seconds: 60,
  comparison: '>',
  threshold: 2,
  for_seconds: 30,
  webhook_url: 'https://example.com/hook',
  enabled: true,
};

let offset = 0;
const row = (app_id: string, at: number, more: Partial<TestRow> = {}): TestRow => ({
  app_id,
  event_name: 'seek',
  user_id: 'u',
  timestamp: at,
  log_offset: offset++,
  ...more,
});

interface Rig {
  readonly service: Awaited<ReturnType<typeof startQueryService>>;
  readonly clock: { now: number };
  readonly dir: string;
  catalog: Catalog;
  builtIn: Record<string, number | null | Error>;
  options(more?: Partial<WatcherOptions>): WatcherOptions;
  restart(): Promise<void>;
  /** A look at everything, so many seconds later. */
  look(seconds?: number): Promise<void>;
  stateOf(name: string): Promise<string | null>;
  history(name: string): Promise<string[]>;
  /** What is waiting to be told, oldest first. */
  told(): Promise<{ type: string; data: Record<string, unknown> }[]>;
}

async function open(t: TestContext): Promise<Rig> {
  const clock = { now: START };
  const now = () => clock.now;
  const service = await startQueryService(t, { now });
  const dir = join(makeTestFolder(), 'catalog');
  const rig: Rig = {
    service,
    clock,
    dir,
    catalog: await openCatalog({ dir, now }),
    builtIn: {},
    options: (more = {}) => ({
      catalog: rig.catalog,
      builtIns: createBuiltIns({
        errorRateMax: 0.01,
        errorWindowMs: 300_000,
        lagMaxMs: 10_000,
        forMs: 60_000,
      }),
      builtInUrls: [],
      holder: 'one',
      leaseMs: 60_000,
      gapMaxMs: 60_000,
      async readBuiltIn({ name }) {
        const value = rig.builtIn[name] === undefined ? 0 : rig.builtIn[name];
        if (value instanceof Error) throw value;
        return value;
      },
      readRule: (rule, at) =>
        askRule({ store: service.store, moments: service.moments, gapLimitMs: GAP_LIMIT_MS }, rule, at),
      describeFailure: (error) => (error as Error).message,
      observer: { evaluated() {}, failed() {} },
      now,
      ...more,
    }),
    async restart() {
      await rig.catalog.close();
      rig.catalog = await openCatalog({ dir, now });
    },
    async look(seconds = 15) {
      clock.now += seconds * SECOND;
      assert.equal(await watchOnce(rig.options()), 'recorded');
    },
    async stateOf(name) {
      return (await rig.catalog.alertWatch.states()).find((state) => state.name === name)?.state ?? null;
    },
    async history(name) {
      const entries = await rig.catalog.alertWatch.history({ limit: 100, name });
      return entries.map(({ was, became }) => `${was} ${became}`).reverse();
    },
    async told() {
      const all = [];
      for (;;) {
        const taken = await rig.catalog.alertNotices.take(100, 1000);
        if (taken.length === 0) return all;
        for (const notice of taken) {
          all.push(JSON.parse(notice.body));
          await rig.catalog.alertNotices.settle(notice.notice_id, 'delivered', null);
        }
      }
    },
  };
  t.after(() => rig.catalog.close());
  return rig;
}

test('a rule is pending, fires and ends by what is stored, over restarts, and each is told once', async (t) => {
  const rig = await open(t);
  await rig.catalog.alerts.put('busy', plain);
  await rig.look();
  assert.equal(await rig.stateOf('busy'), 'ok');
  const at = rig.clock.now;
  await rig.service.insert([0, 1, 2].map((i) => row('a', at + i * SECOND)));
  await rig.look();
  assert.equal(await rig.stateOf('busy'), 'pending');
  await rig.restart();
  await rig.look();
  assert.equal(await rig.stateOf('busy'), 'pending');
  await rig.look();
  assert.equal(await rig.stateOf('busy'), 'firing');
  const firingSince = new Date(rig.clock.now).toISOString();
  await rig.restart();
  await rig.look(1);
  const [begin, ...none] = await rig.told();
  assert.equal(none.length, 0);
  assert.equal(begin!.type, 'AlertFiring');
  assert.deepEqual(begin!.data, {
    alert: 'busy',
    title: null,
    app_id: null,
    metric: 'events',
    window_seconds: 60,
    comparison: '>',
    threshold: 2,
    for_seconds: 30,
    value: 3,
    firing_since: firingSince,
    reason: null,
  });
  // The window leaves the events behind.
  await rig.look(58);
  await rig.restart();
  await rig.look();
  const [end, ...more] = await rig.told();
  assert.equal(more.length, 0);
  assert.deepEqual([end!.type, end!.data.reason, end!.data.value], ['AlertResolved', 'condition_ended', 0]);
  assert.equal(end!.data.firing_since, firingSince);
  assert.deepEqual(await rig.history('busy'), ['ok pending', 'pending firing', 'firing ok']);
});

test('a rule counts its app, its filters and its bots alone', async (t) => {
  const rig = await open(t);
  const at = START;
  await rig.service.insert([
    row('a', at, { country: 'DE' }),
    row('a', at, { country: 'FR' }),
    row('a', at, { country: 'DE', is_bot: true }),
    row('b', at, { country: 'DE' }),
    row('b', at - 61 * SECOND, { country: 'DE' }),
  ]);
  const filters = [{ field: 'country', op: 'in', value: ['DE', 'AT'] }];
  const rules: Record<string, Partial<AlertDefinition>> = {
    all: {},
    'of a': { app_id: 'a' },
    'of a, in DE': { app_id: 'a', filters },
    'of a, in DE, bots': { app_id: 'a', filters, bots: true },
    longer: { window_seconds: 3600 },
    nothing: { app_id: 'c' },
    'no views': { metric: 'completion_rate', comparison: '<', threshold: 0.5, for_seconds: 0 },
    'no visits': { app_id: 'c', comparison: '<', threshold: 1, for_seconds: 0 },
  };
  for (const [name, more] of Object.entries(rules)) await rig.catalog.alerts.put(name, { ...plain, ...more });
  await rig.look(5);
  const states = await rig.catalog.alertWatch.states();
  const values = Object.fromEntries(states.map(({ name, value, state }) => [name, [value, state]]));
  assert.deepEqual(values, {
    'ingestion-error-rate': [0, 'ok'],
    'processing-lag': [0, 'ok'],
    all: [3, 'pending'],
    'of a': [2, 'ok'],
    'of a, in DE': [1, 'ok'],
    'of a, in DE, bots': [2, 'ok'],
    longer: [4, 'pending'],
    nothing: [0, 'ok'],
    'no views': [null, 'ok'],
    'no visits': [0, 'firing'],
  });
});

test('over random rows a rule has the value that a count by hand has', async (t) => {
  const rig = await open(t);
  const random = createRandom(7);
  const pick = <T>(list: readonly T[]): T => random.pick(list);
  const rows = Array.from({ length: 400 }, () =>
    row(pick(['a', 'b', 'c']), START - random.below(900) * SECOND, {
      country: pick(['DE', 'FR', '']),
      event_name: pick(['seek', 'page_view', 'error']),
      user_id: `u${random.below(9)}`,
      is_bot: random.chance(0.2),
    }),
  );
  await rig.service.insert(rows);
  const rules = Array.from({ length: 40 }, (_, i) => ({
    name: `r${i}`,
    ...plain,
    for_seconds: 0,
    metric: pick(['events', 'users', 'page_views', 'errors']),
    app_id: pick([null, 'a', 'b']),
    bots: pick([true, false]),
    filters: pick([[], [{ field: 'country', op: 'ne', value: 'DE' }]]),
    window_seconds: pick([60, 300, 600]),
    comparison: pick(['>', '>=', '<', '<='] as const),
    threshold: pick([0, 1, 5, 20, 60]),
  }));
  for (const { name, ...rule } of rules) await rig.catalog.alerts.put(name, rule);
  await rig.look(0);
  const found = new Map((await rig.catalog.alertWatch.states()).map((state) => [state.name, state]));
  let fired = 0;
  for (const rule of rules) {
    const counted = rows.filter(
      (one) =>
        one.timestamp >= START - rule.window_seconds * SECOND &&
        one.timestamp < START &&
        (rule.app_id === null || one.app_id === rule.app_id) &&
        (rule.bots || !one.is_bot) &&
        (rule.filters.length === 0 || one.country !== 'DE'),
    );
    const names: Record<string, string> = { page_views: 'page_view', errors: 'error' };
    const value =
      rule.metric === 'users'
        ? new Set(counted.map((one) => one.user_id)).size
        : counted.filter((one) => rule.metric === 'events' || one.event_name === names[rule.metric]).length;
    const { threshold } = rule;
    const holds = {
      '>': value > threshold,
      '>=': value >= threshold,
      '<': value < threshold,
      '<=': value <= threshold,
    };
    const state = found.get(rule.name)!;
    assert.deepEqual(
      [state.value, state.state],
      [value, holds[rule.comparison] ? 'firing' : 'ok'],
      JSON.stringify(rule),
    );
    if (state.state === 'firing') fired++;
  }
  assert.ok(fired > 5 && fired < 35, `${fired} fire`);
});

test('of several one watches, and another goes on when it is gone', async (t) => {
  const rig = await open(t);
  await rig.catalog.alerts.put('quiet', { ...plain, comparison: '<', for_seconds: 0 });
  const second = await openCatalog({ dir: rig.dir, now: () => rig.clock.now });
  t.after(() => second.close());
  const other = () => watchOnce(rig.options({ catalog: second, holder: 'two' }));
  const first = () => watchOnce(rig.options());
  const rounds = await Promise.all([first(), other()]);
  assert.deepEqual(rounds.sort(), ['elsewhere', 'recorded']);
  // Without a word from whoever holds it, after its lease.
  rig.clock.now += 61 * SECOND;
  assert.equal(await other(), 'recorded');
  assert.equal(await first(), 'elsewhere');
  // One that stood still in the middle of its round finds that it is another's now.
  rig.clock.now += 61 * SECOND;
  const slow = rig.options({
    async readRule() {
      rig.clock.now += 61 * SECOND;
      assert.equal(await other(), 'recorded');
      return 100;
    },
  });
  assert.equal(await watchOnce(slow), 'elsewhere');
  assert.equal(await rig.stateOf('quiet'), 'firing');
  assert.equal((await rig.told()).length, 1);
  assert.deepEqual(await rig.history('quiet'), ['ok firing']);
});

test('a ClickHouse that is away changes no state, and is told of', async (t) => {
  const rig = await open(t);
  await rig.catalog.alerts.put('quiet', { ...plain, comparison: '<', for_seconds: 0 });
  await rig.look();
  const { readRule } = rig.options();
  rig.options = (
    (options) => (more) =>
      options({
        ...more,
        readRule: async () => {
          throw new StoreError('unavailable', null, 'It is away.');
        },
      })
  )(rig.options);
  await rig.look();
  const [state] = (await rig.catalog.alertWatch.states()).filter(({ name }) => name === 'quiet');
  assert.deepEqual([state!.state, state!.value, state!.failure], ['firing', 0, 'It is away.']);
  rig.options = (
    (options) => (more) =>
      options({ ...more, readRule })
  )(rig.options);
  await rig.look();
  assert.equal((await rig.told()).length, 1);
});

test('who was told of the beginning is told of the end, whatever becomes of the rule', async (t) => {
  const rig = await open(t);
  const quiet = { ...plain, comparison: '<' as const, for_seconds: 0 };
  for (const name of ['deleted', 'disabled', 'moved']) await rig.catalog.alerts.put(name, quiet);
  await rig.look();
  assert.equal((await rig.told()).length, 3);
  await rig.catalog.alerts.delete('deleted');
  await rig.catalog.alerts.put('disabled', { ...quiet, enabled: false });
  await rig.catalog.alerts.put('moved', { ...quiet, webhook_url: 'https://example.com/other' });
  await rig.look();
  await rig.look();
  const told = await rig.told();
  assert.deepEqual(told.map(({ type, data }) => [type, data.alert, data.reason, data.metric]).sort(), [
    ['AlertResolved', 'deleted', 'deleted', null],
    ['AlertResolved', 'disabled', 'disabled', 'events'],
  ]);
  assert.equal(await rig.stateOf('deleted'), null);
  assert.equal(await rig.stateOf('moved'), 'firing');
});

test('the built-in alerts fire above their thresholds, and tell whom the settings name', async (t) => {
  const rig = await open(t);
  const options = rig.options;
  rig.options = (more) => options({ ...more, builtInUrls: ['https://a.example/x', 'https://b.example/x'] });
  rig.builtIn = { 'ingestion-error-rate': 0.01, 'processing-lag': 10 };
  await rig.look();
  rig.builtIn = { 'ingestion-error-rate': 0.011, 'processing-lag': new Error('no log') };
  for (let i = 0; i < 5; i++) await rig.look();
  assert.deepEqual(
    [await rig.stateOf('ingestion-error-rate'), await rig.stateOf('processing-lag')],
    ['firing', 'ok'],
  );
  rig.builtIn = { 'ingestion-error-rate': null, 'processing-lag': 10.5 };
  for (let i = 0; i < 5; i++) await rig.look();
  assert.deepEqual(
    [await rig.stateOf('ingestion-error-rate'), await rig.stateOf('processing-lag')],
    ['ok', 'firing'],
  );
  const told = (await rig.told()).map(({ type, data }) => `${type} ${data.alert} ${data.value}`).sort();
  assert.deepEqual(told, [
    ...Array(2).fill('AlertFiring ingestion-error-rate 0.011'),
    ...Array(2).fill('AlertFiring processing-lag 10.5'),
    ...Array(2).fill('AlertResolved ingestion-error-rate null'),
  ]);
});
