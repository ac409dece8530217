import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { createBuiltIns } from '../../src/alerts/built-in.ts';
import type { AlertState } from '../../src/catalog/alert-watch.ts';
import { openCatalog } from '../../src/catalog/catalog.ts';
import type { QueryOptions } from '../../src/query/query.ts';
import { makeTestFolder } from '../support/clickhouse.ts';
import { freshAnswers, openAccess, plainFacts, type QueryService, startQueryApp } from './service.ts';

type App = QueryService['app'];

const builtIns = createBuiltIns({
  errorRateMax: 0.01,
  errorWindowMs: 300_000,
  lagMaxMs: 10_000,
  forMs: 60_000,
});
const rule = { metric: 'events', comparison: '>', threshold: 5 };
const AT = '2026-01-01T00:00:00.000Z';

/** Routes that ask the catalogue alone need no ClickHouse. */
async function open(t: TestContext) {
  const catalog = await openCatalog({ dir: makeTestFolder() });
  t.after(() => catalog.close());
  const options: QueryOptions = {
    store: null as never,
    moments: null as never,
    catalog,
    access: openAccess(),
    answers: freshAnswers(),
    gapLimitMs: 30_000,
    conversionEvents: [],
    inFlight: async () => 0,
    pipelineFacts: () => plainFacts,
    letters: null,
    sql: null as never,
    erasure: null,
    alerts: {
      builtIns,
      webhookFault: (url) => (url.hostname === 'secret.example' ? 'it is not to be told.' : null),
    },
    now: Date.now,
  };
  const as = (principal: Parameters<typeof openAccess>[0]) =>
    startQueryApp(t, { ...options, access: openAccess(principal) });
  const record = async (
    states: readonly (Partial<AlertState> & { name: string })[],
    was: AlertState['state'] = 'ok',
  ) => {
    await catalog.alertWatch.takeLease('test', 60_000);
    const changes = states.map((more) => {
      const state: AlertState = {
        app_id: null,
        state: 'firing',
        since: AT,
        value: 7,
        evaluated_at: AT,
        failure: null,
        told: [],
        ...more,
      };
      const transition = { was, became: state.state, value: state.value, threshold: 5 };
      return { state, transition, notices: [] };
    });
    assert.ok(await catalog.alertWatch.record('test', changes));
  };
  return { app: await startQueryApp(t, options), as, catalog, record };
}

const put = (app: App, name: string, payload: unknown) =>
  app.inject({ method: 'PUT', url: `/v1/alerts/${encodeURIComponent(name)}`, payload: payload as object });
const get = (app: App, path: string) => app.inject(path);
const remove = (app: App, name: string) =>
  app.inject({ method: 'DELETE', url: `/v1/alerts/${encodeURIComponent(name)}` });

async function names(app: App): Promise<string[]> {
  return (await get(app, '/v1/alerts')).json().data.map(({ name }: { name: string }) => name);
}

test('a rule is defined, listed, sent back, disabled and deleted', async (t) => {
  const { app, record } = await open(t);
  assert.deepEqual(await names(app), ['ingestion-error-rate', 'processing-lag']);
  const first = await put(app, 'Fehler/ü 1', rule);
  assert.equal(first.statusCode, 200, first.body);
  const { created_at, updated_at, ...shown } = first.json();
  assert.deepEqual(shown, {
    name: 'Fehler/ü 1',
    kind: 'rule',
    title: null,
    app_id: null,
    metric: 'events',
    filters: [],
    bots: false,
    window_seconds: 300,
    comparison: '>',
    threshold: 5,
    for_seconds: 0,
    webhook_url: null,
    enabled: true,
    state: 'ok',
    since: null,
    value: null,
    evaluation: 'not_yet',
    evaluated_at: null,
    failure: null,
  });
  assert.equal(updated_at, created_at);
  await record([{ name: 'Fehler/ü 1' }, { name: 'processing-lag', value: 0, state: 'pending' }]);
  const path = `/v1/alerts/${encodeURIComponent('Fehler/ü 1')}`;
  const one = (await get(app, path)).json();
  assert.deepEqual([one.state, one.since, one.value, one.evaluation], ['firing', AT, 7, 'ok']);
  const lag = (await get(app, '/v1/alerts/processing-lag')).json();
  assert.deepEqual(
    [lag.kind, lag.metric, lag.threshold, lag.for_seconds, lag.state],
    ['built_in', 'processing_lag_seconds', 10, 60, 'pending'],
  );
  const again = await put(app, 'Fehler/ü 1', { ...one, enabled: false, threshold: 6 });
  assert.equal(again.statusCode, 200, again.body);
  assert.deepEqual(
    [again.json().created_at, again.json().evaluation, again.json().state],
    [created_at, 'disabled', 'ok'],
  );
  await record([{ name: 'processing-lag', failure: 'The log cannot be asked now.', value: null }]);
  const failed = (await get(app, '/v1/alerts')).json().data[1];
  assert.deepEqual([failed.evaluation, failed.failure], ['failed', 'The log cannot be asked now.']);
  assert.deepEqual((await remove(app, 'Fehler/ü 1')).json(), { deleted: true });
  assert.equal((await remove(app, 'Fehler/ü 1')).statusCode, 404);
  assert.equal((await get(app, path)).statusCode, 404);
  const { data } = (await get(app, '/v1/audit')).json();
  assert.deepEqual(data.map(({ action, target }: Record<string, string>) => `${action} ${target}`).sort(), [
    'DELETE /v1/alerts/:name Fehler/ü 1',
    'PUT /v1/alerts/:name Fehler/ü 1',
    'PUT /v1/alerts/:name Fehler/ü 1',
  ]);
});

test('what is no rule is refused, with what to do', async (t) => {
  const { app, catalog } = await open(t);
  const filter = (op: string, value: unknown) => ({ ...rule, filters: [{ field: 'country', op, value }] });
  const cases: readonly (readonly [unknown, RegExp])[] = [
    [[rule], /one JSON object with metric, comparison and threshold/],
    [{ ...rule, metric: 'nonsense' }, /^metric .*views/],
    [{ ...rule, comparison: '=' }, /^comparison .*>=/],
    [{ ...rule, threshold: '5' }, /^threshold /],
    [{ ...rule, more: 1 }, /there is no field "more"/],
    [{ ...rule, window_seconds: 59 }, /^window_seconds /],
    [{ ...rule, window_seconds: 31 * 86_400 + 1 }, /^window_seconds /],
    [{ ...rule, for_seconds: 86_401 }, /^for_seconds /],
    [{ ...rule, for_seconds: -1 }, /^for_seconds /],
    [{ ...rule, name: 'other' }, /^name: the body says "other"/],
    [{ ...rule, title: 'a\0b' }, /U\+0000/],
    [filter('like', 'DE'), /^filters\[0\]\.op /],
    [filter('eq', ['DE']), /^filters\[0\]: eq takes one value/],
    [filter('in', 'DE'), /^filters\[0\]: in takes an array/],
    [filter('gt', 'x'), /^filters\[0\]: gt compares numbers/],
    [
      { ...rule, filters: [{ field: 'nope', op: 'eq', value: 1 }] },
      /^filters\[0\]: there is no field "nope"/,
    ],
    [
      filter(
        'in',
        Array.from({ length: 900 }, (_, i) => `value number ${i} of many`),
      ),
      /bytes of JSON/,
    ],
    [{ ...rule, webhook_url: 'nonsense' }, /^webhook_url: give an http or https URL/],
    [{ ...rule, webhook_url: 'ftp://example.com/' }, /^webhook_url: give an http or https URL/],
    [{ ...rule, webhook_url: 'https://me:hush@example.com/' }, /leave user and password out/],
    [{ ...rule, webhook_url: 'https://secret.example/' }, /^webhook_url: it is not to be told\.$/],
  ];
  for (const [body, said] of cases) {
    const answer = await put(app, 'x', body);
    assert.deepEqual([answer.statusCode, answer.json().code], [400, 'invalid_request'], answer.body);
    assert.match(answer.json().detail, said);
  }
  assert.equal((await put(app, ' x', rule)).statusCode, 400);
  assert.equal((await put(app, 'x'.repeat(101), rule)).statusCode, 400);
  for (const { name } of builtIns) {
    assert.equal((await put(app, name, rule)).json().code, 'conflict');
    assert.equal((await remove(app, name)).json().code, 'conflict');
  }
  assert.deepEqual(await catalog.alerts.list(), []);
  for (let i = 0; i < 200; i++) assert.equal((await put(app, `r${i}`, rule)).statusCode, 200);
  assert.equal((await put(app, 'r200', rule)).json().code, 'conflict');
  assert.equal((await put(app, 'r7', { ...rule, threshold: 8 })).statusCode, 200);
});

test('a rule and what it became are seen by those who may see its app, a URL by those who may change it', async (t) => {
  const { app, as, record } = await open(t);
  const webhook_url = 'https://example.com/hook?token=hush';
  await put(app, 'all', { ...rule, webhook_url });
  await put(app, 'of a', { ...rule, app_id: 'a', webhook_url });
  await put(app, 'of b', { ...rule, app_id: 'b', webhook_url });
  await record([
    { name: 'all' },
    { name: 'of a', app_id: 'a' },
    { name: 'of b', app_id: 'b' },
    { name: 'processing-lag' },
  ]);
  const readerOfA = await as({ scopes: ['read'], apps: ['a'] });
  const adminOfA = await as({ scopes: ['admin'], apps: ['a'] });
  const reader = await as({ scopes: ['read'] });
  const nobody = await as({ scopes: ['read', 'admin'], apps: [] });
  const own = ['ingestion-error-rate', 'processing-lag', 'of a'];
  assert.deepEqual(await names(readerOfA), own);
  assert.deepEqual(await names(adminOfA), own);
  assert.deepEqual(await names(nobody), own.slice(0, 2));
  assert.deepEqual(await names(reader), ['ingestion-error-rate', 'processing-lag', 'all', 'of a', 'of b']);
  const historyOf = async (who: App, query = '') =>
    (await get(who, `/v1/alert-history?${query}`)).json().data.map(({ name }: { name: string }) => name);
  assert.deepEqual((await historyOf(readerOfA)).sort(), ['of a', 'processing-lag']);
  assert.deepEqual((await historyOf(readerOfA, 'limit=1')).length, 1);
  assert.deepEqual(await historyOf(readerOfA, 'alert=of%20b'), []);
  assert.deepEqual(await historyOf(nobody), ['processing-lag']);
  assert.equal((await historyOf(reader)).length, 4);
  for (const path of ['/v1/alerts/all', '/v1/alerts/of%20b'])
    assert.equal((await get(readerOfA, path)).statusCode, 404);
  assert.equal((await get(readerOfA, '/v1/alerts/of%20a')).json().webhook_url, null);
  assert.equal((await get(adminOfA, '/v1/alerts/of%20a')).json().webhook_url, webhook_url);
  assert.ok(!(await get(reader, '/v1/alerts')).body.includes('hush'));
  for (const [name, body] of [
    ['mine', rule],
    ['mine', { ...rule, app_id: 'b' }],
    ['of b', { ...rule, app_id: 'a' }],
    ['all', { ...rule, app_id: 'a' }],
    ['of a', { ...rule, app_id: 'b' }],
  ] as const)
    assert.equal((await put(adminOfA, name, body)).json().code, 'app_forbidden', name);
  for (const name of ['of b', 'all']) assert.equal((await remove(adminOfA, name)).statusCode, 404);
  assert.equal((await put(readerOfA, 'of a', { ...rule, app_id: 'a' })).json().code, 'wrong_scope');
  assert.equal((await remove(readerOfA, 'of a')).json().code, 'wrong_scope');
  assert.equal((await put(adminOfA, 'of a', { ...rule, app_id: 'a' })).statusCode, 200);
  assert.equal((await remove(adminOfA, 'of a')).statusCode, 200);
});

test('the history comes page by page, of all or of one', async (t) => {
  const { app, record } = await open(t);
  await put(app, 'a', rule);
  for (let i = 0; i < 5; i++) {
    await record([{ name: 'a', value: i }], 'pending');
    await record([{ name: 'processing-lag', value: i }]);
  }
  const seen: { name: string; value: number; was: string }[] = [];
  let cursor = '';
  for (;;) {
    const page = (await get(app, `/v1/alert-history?limit=3&cursor=${cursor}`)).json();
    seen.push(...page.data);
    if (page.next_cursor === null) break;
    cursor = page.next_cursor;
  }
  assert.equal(seen.length, 10);
  assert.deepEqual(
    seen
      .filter(({ name }) => name === 'a')
      .map(({ value }) => value)
      .sort(),
    [0, 1, 2, 3, 4],
  );
  const one = (await get(app, '/v1/alert-history?alert=a')).json().data;
  assert.equal(one.length, 5);
  const { at: _, ...entry } = one[0];
  assert.deepEqual(
    { ...entry, value: null },
    {
      name: 'a',
      app_id: null,
      was: 'pending',
      became: 'firing',
      value: null,
      threshold: 5,
      webhooks: { delivered: 0, waiting: 0, given_up: 0 },
    },
  );
  const foreign = await get(app, `/v1/alert-history?alert=a&cursor=${cursor}`);
  assert.equal(foreign.json().code, 'invalid_cursor');
});
