import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import {
  freshAnswers,
  openAccess,
  type QueryService,
  startQueryApp,
  startQueryService,
  type TestRow,
} from './service.ts';

const START = Date.UTC(2026, 2, 1, 12);
const second = 1_000;
const range = 'from=2026-03-01&to=2026-03-01';

let offset = 0;
const row = (
  app_id: string,
  user_id: string,
  event_name: string,
  at: number,
  more: Partial<TestRow> = {},
) => ({
  app_id,
  user_id,
  event_name,
  timestamp: START + at * second,
  log_offset: offset++,
  ...more,
});

const plain = { steps: [{ event_name: 'visit' }, { event_name: 'buy' }], window_seconds: 60 };

interface Answer {
  steps: { count: number }[];
  breakdown: { value: string; steps: { count: number }[] }[];
  truncated?: true;
}
type App = QueryService['app'];

const put = (app: App, name: string, payload: unknown) =>
  app.inject({ method: 'PUT', url: `/v1/funnels/${name}`, payload: payload as object });

async function counts(app: App, name: string, more = '', headers: Record<string, string> = {}) {
  const response = await app.inject({ url: `/v1/funnels/${name}?${range}${more}`, headers });
  assert.equal(response.statusCode, 200, response.body);
  return response.json<Answer>().steps.map((step) => step.count);
}

test('a funnel is defined, listed, counted, replaced and deleted', async (t) => {
  let now = START;
  const service = await startQueryService(t, { now: () => now });
  const { app } = service;
  await service.insert([
    row('a', 'u1', 'visit', 0, { country: 'DE' }),
    row('a', 'u1', 'buy', 60, { country: 'NP' }),
    row('a', 'u2', 'visit', 0),
    row('a', 'u2', 'buy', 61),
    row('a', 'u3', 'visit', 0, { country: 'DE' }),
    row('a', 'u3', 'buy', 4, { is_bot: true }),
    row('a', 'u4', 'visit', 0, { is_bot: true }),
  ]);
  const name = encodeURIComponent('Kauf/ü 1');
  const first = await put(app, name, { ...plain, title: 'To the till' });
  assert.equal(first.statusCode, 200, first.body);
  const { created_at, updated_at, ...definition } = first.json();
  assert.deepEqual(definition, {
    name: 'Kauf/ü 1',
    title: 'To the till',
    app_id: null,
    steps: [
      { name: null, event_name: 'visit', filters: [] },
      { name: null, event_name: 'buy', filters: [] },
    ],
    window_seconds: 60,
    step_window_seconds: null,
    order: 'ordered',
    count_by: 'actor',
    exclusions: [],
  });
  assert.ok(Math.abs(Date.parse(created_at) - Date.now()) < 60_000);
  assert.equal(updated_at, created_at);
  const answer = (await app.inject(`/v1/funnels/${name}?${range}&breakdown=country`)).json();
  const step = (n: number, more: object) => ({
    step: n,
    name: null,
    event_name: n === 1 ? 'visit' : 'buy',
    ...more,
  });
  const begin = (count: number) =>
    step(1, {
      count,
      conversion_from_start: 1,
      conversion_from_previous: 1,
      drop_off: 0,
      median_seconds_from_previous: null,
    });
  const end = (count: number, of: number, median: number | null) =>
    step(2, {
      count,
      conversion_from_start: count / of,
      conversion_from_previous: count / of,
      drop_off: of - count,
      median_seconds_from_previous: median,
    });
  assert.deepEqual(answer, {
    name: 'Kauf/ü 1',
    from: '2026-03-01T00:00:00.000Z',
    to: '2026-03-02T00:00:00.000Z',
    count_by: 'actor',
    steps: [begin(3), end(1, 3, 60)],
    total_conversion: 1 / 3,
    breakdown: [
      { value: 'DE', steps: [begin(2), end(1, 2, 60)] },
      { value: '', steps: [begin(1), end(0, 1, null)] },
    ],
  });
  assert.deepEqual(await counts(app, name, '&bots=true'), [4, 2]);
  const cut = (await app.inject(`/v1/funnels/${name}?${range}&breakdown=country&limit=1`)).json<Answer>();
  assert.deepEqual([cut.breakdown.map(({ value }) => value), cut.truncated], [['DE'], true]);

  // What a GET gave may be sent back.
  now += second;
  const [listed] = (await app.inject('/v1/funnels')).json().data;
  const again = await put(app, name, { ...listed, window_seconds: 61 });
  assert.equal(again.statusCode, 200, again.body);
  assert.equal(again.json().created_at, created_at);
  assert.deepEqual(await counts(app, name), [3, 2]);

  const gone = await app.inject({ method: 'DELETE', url: `/v1/funnels/${name}` });
  assert.deepEqual([gone.statusCode, gone.json()], [200, { deleted: true }]);
  for (const method of ['DELETE', 'GET'] as const) {
    const missing = await app.inject({ method, url: `/v1/funnels/${name}` });
    assert.deepEqual([missing.statusCode, missing.json().code], [404, 'not_found']);
  }
});

test('a definition that is none is refused, with the field that is wrong', async (t) => {
  const { app } = await startQueryService(t);
  const [visit, buy] = plain.steps;
  const filter = (field: unknown, op: unknown, value: unknown) => ({
    ...plain,
    steps: [visit, { ...buy, filters: [{ field, op, value }] }],
  });
  const exclusion = (after_step: number, before_step: number) => ({
    ...plain,
    exclusions: [{ event_name: 'x', filters: [], after_step, before_step }],
  });
  const cases: [unknown, RegExp][] = [
    [[], /one JSON object/],
    [{ ...plain, steps: [visit] }, /^steps /],
    [{ ...plain, steps: Array.from({ length: 21 }, () => visit) }, /^steps /],
    [{ steps: plain.steps }, /window_seconds/],
    [{ ...plain, window_seconds: 0 }, /^window_seconds /],
    [{ ...plain, window_seconds: 1.5 }, /^window_seconds /],
    [{ ...plain, window: 5 }, /"window"/],
    [{ ...plain, order: 'any' }, /^order .*unordered/],
    [{ ...plain, count_by: 'user' }, /^count_by /],
    [{ ...plain, order: 'unordered', step_window_seconds: 5 }, /^step_window_seconds: an unordered/],
    [{ ...plain, steps: [visit, { event_name: '' }] }, /^steps\[1\]\.event_name /],
    [{ ...plain, steps: [visit, { ...buy, filter: [] }] }, /^steps\[1\]: there is no field "filter"/],
    [filter('colour', 'eq', 'x'), /^steps\[1\]\.filters\[0\]: there is no field "colour"/],
    [filter('properties.', 'eq', 'x'), /there is no field "properties\."/],
    [filter('country', 'like', 'x'), /^steps\[1\]\.filters\[0\]\.op .*contains/],
    [filter('country', 'in', 'DE'), /in takes an array/],
    [filter('country', 'eq', ['DE']), /eq takes one value/],
    [filter('country', 'eq', null), /^steps\[1\]\.filters\[0\]\.value: /],
    [filter('watch_ms', 'gt', 'many'), /gt compares numbers/],
    [filter('country', 'eq', 'a\0b'), /U\+0000/],
    [
      filter(
        'country',
        'in',
        Array.from({ length: 1001 }, () => 'x'),
      ),
      /at most 1000 values/,
    ],
    [filter('country', 'eq', 'x'.repeat(50_000)), /bytes of JSON/],
    [exclusion(2, 2), /^exclusions\[0\]: after_step/],
    [exclusion(1, 3), /at most 2/],
    [{ ...plain, name: 'other' }, /^name: /],
  ];
  for (const [body, expected] of cases) {
    const response = await put(app, 'f', body);
    assert.equal(response.statusCode, 400, JSON.stringify(body)?.slice(0, 200));
    assert.equal(response.json().code, 'invalid_request');
    assert.match(response.json().detail, expected);
  }
  const broken = await app.inject({
    method: 'PUT',
    url: '/v1/funnels/f',
    payload: '{',
    headers: { 'content-type': 'application/json' },
  });
  assert.equal(broken.statusCode, 400);
  assert.equal((await put(app, encodeURIComponent('a\nb'), plain)).statusCode, 400);
  assert.equal((await put(app, 'x'.repeat(101), plain)).statusCode, 400);
  assert.deepEqual((await app.inject('/v1/funnels')).json(), { data: [] });
  await put(app, 'f', plain);
  for (const query of ['breakdown=colour', 'limit=0', 'from=never', 'timezone=Mars', 'bots=perhaps']) {
    const response = await app.inject(`/v1/funnels/f?${query}`);
    assert.deepEqual([response.statusCode, response.json().code], [400, 'invalid_request'], query);
  }
});

async function appAs(t: TestContext, service: QueryService, apps: string[] | null, scopes?: 'read'[]) {
  const access = openAccess({ apps, ...(scopes && { scopes }) });
  return await startQueryApp(t, { ...service.options, access });
}

test('a caller counts and changes what belongs to their apps', async (t) => {
  const service = await startQueryService(t);
  await service.insert([
    row('tube', 'u1', 'visit', 0),
    row('kids', 'u1', 'buy', 5),
    row('kids', 'u2', 'visit', 0),
    row('kids', 'u2', 'buy', 9),
  ]);
  const kids = await appAs(t, service, ['kids']);
  const reader = await appAs(t, service, null, ['read']);
  await put(service.app, 'all', plain);
  await put(service.app, 'tube', { ...plain, app_id: 'tube' });

  // An actor is one in all apps, and in those that the caller may see.
  assert.deepEqual(await counts(service.app, 'all'), [2, 2]);
  assert.deepEqual(await counts(kids, 'all'), [1, 1]);
  assert.deepEqual(await counts(await appAs(t, service, []), 'all'), [0, 0]);
  assert.deepEqual(await counts(service.app, 'all', '&app_id=tube'), [1, 0]);
  assert.deepEqual(await counts(service.app, 'tube'), [1, 0]);
  const asked = async (app: App, url: string) => {
    const response = await app.inject(url);
    return [response.statusCode, response.json().code];
  };
  assert.deepEqual(await asked(kids, '/v1/funnels/all?app_id=tube'), [403, 'app_forbidden']);
  assert.deepEqual(await asked(kids, '/v1/funnels/tube'), [404, 'not_found']);
  assert.deepEqual(await asked(service.app, '/v1/funnels/tube?app_id=kids'), [400, 'invalid_request']);
  const names = async (app: App) =>
    (await app.inject('/v1/funnels')).json().data.map((funnel: { name: string }) => funnel.name);
  assert.deepEqual(await names(service.app), ['all', 'tube']);
  assert.deepEqual(await names(kids), ['all']);

  const refused: [App, 'PUT' | 'DELETE', string, object | undefined, number, string][] = [
    [kids, 'PUT', 'new', plain, 403, 'app_forbidden'],
    [kids, 'PUT', 'new', { ...plain, app_id: 'tube' }, 403, 'app_forbidden'],
    [kids, 'PUT', 'all', { ...plain, app_id: 'kids' }, 403, 'app_forbidden'],
    [kids, 'PUT', 'tube', { ...plain, app_id: 'kids' }, 403, 'app_forbidden'],
    [kids, 'DELETE', 'all', undefined, 403, 'app_forbidden'],
    [kids, 'DELETE', 'tube', undefined, 404, 'not_found'],
    [reader, 'PUT', 'new', plain, 403, 'wrong_scope'],
    [reader, 'DELETE', 'all', undefined, 403, 'wrong_scope'],
  ];
  for (const [app, method, name, payload, status, code] of refused) {
    const response = await app.inject({ method, url: `/v1/funnels/${name}`, ...(payload && { payload }) });
    assert.deepEqual([response.statusCode, response.json().code], [status, code], `${method} ${name}`);
  }
  assert.equal((await put(kids, 'mine', { ...plain, app_id: 'kids' })).statusCode, 200);
  assert.deepEqual(await counts(kids, 'mine'), [1, 1]);
  assert.deepEqual(await names(reader), ['all', 'mine', 'tube']);
});

test('an answer is given again for a quarter of an hour, unless it is asked afresh or defined anew', async (t) => {
  const keys: string[] = [];
  const service = await startQueryService(t, { answers: freshAnswers(second, (key) => keys.push(key)) });
  const { app } = service;
  await put(app, 'f', plain);
  await service.insert([row('a', 'u1', 'visit', 0)]);
  assert.deepEqual(await counts(app, 'f'), [1, 0]);
  await service.insert([row('a', 'u1', 'buy', 1), row('b', 'u2', 'visit', 1)]);
  assert.deepEqual(await counts(app, 'f'), [1, 0]);
  assert.deepEqual(await counts(app, 'f', '&app_id=a'), [1, 1]);
  assert.deepEqual(await counts(await appAs(t, service, ['b']), 'f'), [1, 0]);
  assert.deepEqual(await counts(app, 'f', '', { 'cache-control': 'no-cache' }), [2, 1]);
  // The one that was asked afresh takes the place of the other.
  assert.deepEqual(await counts(app, 'f'), [2, 1]);
  await service.insert([row('a', 'u3', 'visit', 2)]);
  assert.deepEqual(await counts(app, 'f'), [2, 1]);
  await put(app, 'f', { ...plain, steps: [{ event_name: 'visit' }, { event_name: 'visit' }] });
  assert.deepEqual(await counts(app, 'f'), [3, 0]);
  assert.match(keys[0]!, /^analytics:funnel:f:2026-03-01T00:00:00.000Z\.\.2026-03-02T00:00:00.000Z:/);
});
