import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { plainVideo } from '../contract/catalog.ts';
import {
  freshAnswers,
  openAccess,
  type QueryService,
  startQueryApp,
  startQueryService,
  type TestRow,
} from './service.ts';

const NOW = Date.UTC(2026, 2, 31, 12);
const minute = 60_000;

type Row = Record<string, unknown>;
interface Report {
  template: string;
  params: Row;
  from: string;
  to: string;
  columns: { name: string; type: string }[];
  rows: Row[];
  generated_at: string;
  cached: boolean;
}

let offset = 0;
const event = (at: number, event_name: string, more: Partial<TestRow> = {}): TestRow => ({
  app_id: 'a',
  event_name,
  user_id: 'u',
  session_id: 's',
  log_offset: offset++,
  ...more,
  timestamp: at,
});
const said = (properties: object) => ({ properties: JSON.stringify(properties) });

/** Something that every template counts. */
const everything = (app_id: string, at: number): TestRow[] => {
  const of = (name: string, more: Partial<TestRow> = {}) =>
    event(at, name, {
      app_id,
      user_id: `u-${app_id}`,
      utm_source: `mail-${app_id}`,
      page: `/${app_id}`,
      ...more,
    });
  return [
    of('page_view'),
    of('search', said({ query: `for ${app_id}`, results: 0 })),
    of('error', said({ message: `Broken in ${app_id}` })),
    of('web_vital', said({ name: 'LCP', value: 1_000 })),
    of('view_end', {
      video_id: `v-${app_id}`,
      view_id: 'x',
      watch_ms: 5_000,
      duration_ms: 10_000,
      completed: true,
    }),
  ];
};

async function post(app: QueryService['app'], payload: unknown, headers: Record<string, string> = {}) {
  const response = await app.inject({
    method: 'POST',
    url: '/report',
    payload: JSON.stringify(payload),
    headers: { 'content-type': 'application/json', ...headers },
  });
  return { status: response.statusCode, body: response.json() };
}

async function run(app: QueryService['app'], template: string, params: Row = {}): Promise<Report> {
  const { status, body } = await post(app, { template, params });
  assert.equal(status, 200, `${template}: ${JSON.stringify(body)}`);
  return body;
}

const start = (t: TestContext, more = {}) => startQueryService(t, { now: () => NOW, ...more });

const NAMES = [
  'campaigns',
  'content_performance',
  'errors',
  'impressions',
  'overview_stats',
  'pages',
  'search_analytics',
  'top_content',
  'user_engagement',
  'web_vitals',
];

test('templates are listed with their parameters and columns, and answer as they say', async (t) => {
  const service = await start(t);
  await service.insert(everything('a', NOW - minute));
  const { data } = await service.get<{
    data: { template: string; params: { properties: Row }; columns: Row[] }[];
  }>('/report');
  assert.deepEqual(
    data.map(({ template }) => template),
    NAMES,
  );
  for (const { template, params, columns } of data) {
    for (const name of ['app_id', 'from', 'to', 'timezone', 'bots'])
      assert.ok(name in params.properties, name);
    const report = await run(service.app, template);
    assert.equal(report.rows.length, 1, template);
    assert.deepEqual(
      report.columns,
      columns.map(({ name, type }) => ({ name, type })),
    );
    assert.deepEqual(
      Object.keys(report.rows[0]!),
      columns.map(({ name }) => name),
    );
    for (const { name, type } of report.columns)
      checkType(report.rows[0]![name], type, `${template} ${name}`);
  }
});

function checkType(value: unknown, type: string, what: string): void {
  if (value === null) return;
  if (type === 'integer') assert.ok(Number.isSafeInteger(value), what);
  else if (type === 'time') assert.match(String(value), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, what);
  else assert.equal(typeof value, type, what);
}

test('nothing counted is zeros and no rows, never NaN', async (t) => {
  const service = await start(t);
  for (const name of NAMES) {
    const { rows } = await run(service.app, name, { from: '2026-03-01', to: '2026-03-02' });
    if (name !== 'overview_stats') assert.deepEqual(rows, [], name);
    else {
      const { previous, ...row } = rows[0]!;
      assert.deepEqual(row, previous);
      assert.deepEqual(new Set(Object.values(row)), new Set([0, null]));
      assert.equal(row.avg_watch_percentage, null);
    }
  }
});

test('what is wrong is refused, and the parameter is named', async (t) => {
  const { app } = await start(t);
  const unknown = await post(app, { template: 'likes' });
  assert.deepEqual([unknown.status, unknown.body.code], [404, 'unknown_template']);
  assert.match(unknown.body.detail, /"likes".*overview_stats/);
  const wrong: [string, unknown, RegExp][] = [
    ['top_content', { limit: 0 }, /params\.limit: .*1/],
    ['top_content', { limit: 'ten' }, /params\.limit: .*integer/],
    ['top_content', { sort: 'title; DROP' }, /params\.sort: .*views, unique_viewers/],
    ['top_content', { colour: 'red' }, /params\.colour: .*Parameters: .*sort/],
    ['overview_stats', { limit: 5 }, /params\.limit: overview_stats has no such/],
    ['overview_stats', { from: 'soon' }, /params\.from: "soon"/],
    ['overview_stats', { from: '2026-03-03', to: '2026-03-01' }, /params\.from is after params\.to/],
    ['overview_stats', { timezone: 'Mars' }, /timezone/],
    ['overview_stats', { bots: 'maybe' }, /params\.bots/],
    ['overview_stats', { app_id: 7 }, /params\.app_id/],
    ['overview_stats', { __proto__x: 1 }, /no such parameter/],
    ['overview_stats', { constructor: 1 }, /params\.constructor: .*no such parameter/],
    ['campaigns', { conversion_events: ['a', 1] }, /params\.conversion_events/],
    ['search_analytics', { query: 'x'.repeat(1001) }, /params\.query/],
    ['overview_stats', [], /params/],
  ];
  for (const [template, params, advice] of wrong) {
    const { status, body } = await post(app, { template, params });
    assert.deepEqual([status, body.code], [400, 'invalid_request'], JSON.stringify(params));
    assert.match(body.detail, advice);
  }
  for (const body of [{}, { template: '' }, { template: {} }, []])
    assert.equal((await post(app, body)).status, 400, JSON.stringify(body));
});

test('every template shows the rows of its caller alone', async (t) => {
  const service = await start(t);
  await service.insert([...everything('a', NOW - minute), ...everything('b', NOW - minute)]);
  const as = async (apps: string[]) =>
    await startQueryApp(t, {
      ...service.options,
      answers: freshAnswers(),
      access: openAccess({ apps, scopes: ['read'] }),
    });
  const own = await as(['b']);
  const none = await as([]);
  // Once from raw, once from the tables.
  for (const recomputed of [false, true]) {
    if (recomputed) await service.recompute(1_000_000).round();
    for (const name of NAMES) {
      const params = { limit: 1000, bots: false };
      const given = name === 'overview_stats' ? {} : { limit: params.limit };
      const { rows } = await run(own, name, given);
      const expected = await run(service.app, name, { ...given, app_id: 'b' });
      assert.deepEqual(rows, expected.rows, name);
      assert.equal(rows.length, 1, name);
      assert.ok(!/u-a|v-a|mail-a|\/a"|for a|in a"|"app_id":"a"/.test(JSON.stringify(rows)), name);
      assert.equal((await post(own, { template: name, params: { app_id: 'a' } })).body.code, 'app_forbidden');
      assert.equal((await post(own, { template: name, params: { app_id: ['b', 'a'] } })).status, 403);
      const nothing = (await run(none, name, given)).rows;
      if (name === 'overview_stats') assert.equal(nothing[0]!.events, 0);
      else assert.deepEqual(nothing, [], name);
    }
  }
  const overview = await run(own, 'overview_stats');
  assert.deepEqual([overview.rows[0]!.events, overview.rows[0]!.reach], [5, 1]);
  const sender = await startQueryApp(t, { ...service.options, access: openAccess({ scopes: ['ingest'] }) });
  assert.equal((await post(sender, { template: 'errors' })).body.code, 'wrong_scope');
  assert.equal((await sender.inject('/report')).json().code, 'wrong_scope');
});

test('bots are out unless they are wanted, and any text is a value', async (t) => {
  const service = await start(t);
  const texts = ["'", '\\', '\n', '{{events}}', '{limit:UInt32}', '--', '\u{1F3AC} ü', "') OR 1 --"];
  await service.insert([
    ...texts.map((text) => event(NOW - minute, 'search', said({ query: `q${text}`, results: 1 }))),
    event(NOW - minute, 'search', { is_bot: true, ...said({ query: 'bot', results: 1 }) }),
  ]);
  for (const text of texts) {
    const { rows } = await run(service.app, 'search_analytics', { query: `q${text}` });
    assert.deepEqual(
      rows.map(({ query, searches }) => [query, searches]),
      [[`q${text}`.trim(), 1]],
      JSON.stringify(text),
    );
  }
  assert.equal((await run(service.app, 'search_analytics', { query: 'bot' })).rows.length, 0);
  assert.equal((await run(service.app, 'search_analytics', { query: 'bot', bots: true })).rows.length, 1);
  assert.equal((await run(service.app, 'search_analytics', { zero_results: true })).rows.length, 0);
});

test('reports say what the other endpoints say', async (t) => {
  const service = await start(t);
  const rows = Array.from({ length: 300 }, (_, i) => {
    const name = ['video_start', 'video_heartbeat', 'view_end', 'page_view', 'error'][i % 5]!;
    const own = { video_id: `v${i % 4}`, view_id: `w${i % 37}`, user_id: i % 11 === 0 ? '' : `u${i % 13}` };
    const amounts = { watch_ms: i % 3 === 0 ? null : 500 * (i % 9), completed: i % 6 === 0 };
    return event(NOW - (i % 50) * 13 * minute, name, {
      ...own,
      ...amounts,
      session_id: i % 22 === 0 ? '' : `s${i % 17}`,
    });
  });
  await service.insert(rows);
  await service.catalog.videos.upsert([
    { ...plainVideo, video_id: 'v1', title: 'One', duration_seconds: 9 },
    { ...plainVideo, video_id: 'v2', title: 'Two' },
  ]);
  for (const recomputed of [false, true]) {
    if (recomputed) await service.recompute(1_000_000).round();
    const [overview] = (await run(service.app, 'overview_stats')).rows;
    for (const metric of [
      'events',
      'users',
      'sessions',
      'page_views',
      'views',
      'watch_time_seconds',
      'completion_rate',
      'impressions',
      'reach',
      'errors',
    ]) {
      const { series } = await service.get<{ series: { total: number }[] }>('/metrics', { metric });
      assert.equal(overview![metric], series[0]!.total, metric);
    }
    const content = (await run(service.app, 'content_performance')).rows;
    assert.equal(content.length, 4);
    const top = (await run(service.app, 'top_content')).rows;
    for (const row of content) {
      const video = await service.get<Row & { quartiles: Row | null }>(`/api/metrics/video/${row.video_id}`);
      const { quartiles, ...numbers } = video;
      for (const name of ['views', 'unique_viewers', 'watch_time_seconds', 'completion_rate', 'title'])
        assert.equal(row[name], numbers[name], name);
      for (const name of ['avg_watch_percentage', 'engagement_score']) {
        if (numbers[name] === null) assert.equal(row[name], null);
        else assert.ok(Math.abs((row[name] as number) - (numbers[name] as number)) < 1e-8, name);
      }
      for (const [name, value] of Object.entries(quartiles ?? {})) assert.equal(row[name], value, name);
      const listed = top.find(({ video_id }) => video_id === row.video_id)!;
      for (const [name, value] of Object.entries(listed)) assert.equal(value, row[name], name);
    }
    const summary = await service.get<{ errors: Row[]; pages: Row[] }>('/v1/behavior/summary');
    assert.deepEqual((await run(service.app, 'errors')).rows, summary.errors);
    assert.deepEqual((await run(service.app, 'pages')).rows, summary.pages);
  }
});

test('an answer is given again for a moment, and says so', async (t) => {
  let now = NOW;
  const service = await startQueryService(t, { now: () => now++, answers: freshAnswers(60_000) });
  await service.insert(everything('a', NOW - minute));
  const first = await run(service.app, 'overview_stats', { from: '2026-03-31' });
  assert.deepEqual([first.cached, first.params], [false, { from: '2026-03-31' }]);
  const again = await run(service.app, 'overview_stats', { from: '2026-03-31' });
  assert.deepEqual(again, { ...first, cached: true });
  const other = await run(service.app, 'overview_stats', { from: '2026-03-30' });
  assert.equal(other.cached, false);
  const payload = { template: 'overview_stats', params: { from: '2026-03-31' } };
  const afresh = await post(service.app, payload, { 'cache-control': 'no-cache' });
  assert.equal(afresh.body.cached, false);
  assert.ok(afresh.body.generated_at > first.generated_at);
  const own = await startQueryApp(t, {
    ...service.options,
    access: openAccess({ apps: ['b'], scopes: ['read'] }),
  });
  const foreign = await run(own, 'overview_stats', { from: '2026-03-31' });
  assert.deepEqual([foreign.cached, foreign.rows[0]!.events], [false, 0]);
});

test('the period before has the same length, and is cut at the first day there is', async (t) => {
  const service = await start(t);
  const at = Date.UTC(2026, 2, 29, 10);
  await service.insert([
    event(at, 'click'),
    event(at - 1, 'click'),
    event(at - 2 * 3_600_000, 'click'),
    event(at - 2 * 3_600_000 - 1, 'click'),
  ]);
  const params = { from: '2026-03-29T10:00:00Z', to: '2026-03-29T12:00:00Z' };
  const [row] = (await run(service.app, 'overview_stats', params)).rows;
  assert.deepEqual([row!.events, (row!.previous as Row).events], [1, 2]);
  await run(service.app, 'overview_stats', { from: '1970-01-02', to: '2026-04-01' });
});

test('a click on a search, to the millisecond', async (t) => {
  const service = await start(t);
  const from = NOW - 60 * minute;
  const search = (at: number, query: string, session_id: string) =>
    event(at, 'search', { session_id, ...said({ query, results: 2 }) });
  const play = (at: number, search_query: string, session_id: string) =>
    event(at, 'video_start', { session_id, ...said({ search_query }) });
  await service.insert([
    search(from, 'river', 's1'),
    play(from, 'river', 's1'),
    play(from + 5 * minute, 'river', 's1'),
    play(from + 5 * minute + 1, 'river', 's1'),
    play(from + 1, 'river', 's2'),
    play(from + 1, 'otter', 's1'),
    play(from - 1, 'river', 's1'),
    search(from + minute, 'river', ''),
    play(from + minute, 'river', ''),
    // The search lies before the range, the click in it.
    search(from - 5 * minute, 'lake', 's3'),
    play(from, 'lake', 's3'),
    search(from - 5 * minute, 'sea', 's4'),
    play(from + 1, 'sea', 's4'),
    search(from + minute, 'lake', 's5'),
    search(from + minute, 'sea', 's5'),
    event(from, 'search_click', said({ search_query: 'sea' })),
  ]);
  const params = { from: new Date(from).toISOString(), to: new Date(NOW).toISOString() };
  const { rows } = await run(service.app, 'search_analytics', params);
  assert.deepEqual(
    rows.map(({ query, searches, clicks, click_rate }) => [query, searches, clicks, click_rate]),
    [
      ['river', 2, 2, 1],
      ['lake', 1, 1, 1],
      ['sea', 1, 1, 1],
    ],
  );
});

test('a session of a campaign bounces with one page under ten seconds, and begins in the range', async (t) => {
  const service = await start(t);
  const from = NOW - 60 * minute;
  const visit = (session_id: string, lasts: number, begins = from) => [
    event(begins, 'page_view', { session_id }),
    event(begins + lasts, 'click', { session_id, utm_campaign: 'may' }),
  ];
  await service.insert([
    ...visit('s1', 9_999),
    ...visit('s2', 10_000),
    ...visit('s3', 60_000),
    event(from, 'click', { session_id: 's4', utm_campaign: 'may' }),
    // Its campaign is that of the first event that names one.
    ...visit('s5', 1_000, from + minute),
    event(from + 2 * minute, 'purchase', { session_id: 's5', utm_campaign: 'june' }),
    ...visit('before', 5_000, from - 1),
    ...visit('after', 5_000, NOW),
  ]);
  const params = { from: new Date(from).toISOString(), to: new Date(NOW).toISOString() };
  const { rows } = await run(service.app, 'campaigns', params);
  const numbers = { sessions: 5, users: 1, events: 10, page_views: 4, bounce_rate: 0.2 };
  const names = { utm_source: '', utm_medium: '', utm_campaign: 'may' };
  assert.deepEqual(rows, [{ ...names, ...numbers, conversions: 1, conversion_rate: 0.2 }]);
});
