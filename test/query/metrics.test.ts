import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { plainVideo } from '../contract/catalog.ts';
import {
  freshAnswers,
  openAccess,
  plainFacts,
  type QueryService,
  startQueryApp,
  startQueryService,
  type TestRow,
} from './service.ts';

const NOW = Date.UTC(2026, 2, 31, 12);
const hour = 3_600_000;

interface Metrics {
  from: string;
  to: string;
  interval: string | null;
  timezone: string;
  series: { group: Record<string, string>; total: number; points: { time: string; value: number }[] }[];
  truncated?: boolean;
}

const page = (at: number, more: Partial<TestRow> = {}): TestRow => ({
  app_id: 'a',
  event_name: 'page_view',
  user_id: 'u',
  session_id: 's',
  ...more,
  timestamp: at,
});

async function start(t: TestContext, rows: TestRow[]): Promise<QueryService> {
  const service = await startQueryService(t, { now: () => NOW });
  await service.insert(rows.map((row, i) => ({ log_offset: i, ...row })));
  return service;
}

async function problem(
  service: QueryService,
  url: string,
): Promise<{ status: number; code: string; detail: string }> {
  const response = await service.app.inject(url);
  assert.match(response.headers['content-type'] as string, /^application\/problem\+json/);
  return response.json();
}

test('questions and their answers', async (t) => {
  const rows = [
    page(NOW - hour),
    page(NOW - 2 * hour, { app_id: 'b', user_id: 'w', country: 'DE' }),
    page(NOW - 6 * 24 * hour, { country: 'NP' }),
    page(NOW - 8 * 24 * hour),
    page(NOW - hour, { is_bot: true }),
    page(Date.UTC(2026, 2, 29, 0, 30)),
    page(Date.UTC(2026, 2, 29, 21, 59)),
    page(Date.UTC(2026, 2, 29, 22, 0)),
  ];
  const service = await start(t, rows);

  await t.test('by default the last seven days with today', async () => {
    const answer = await service.get<Metrics>('/metrics', { metric: 'page_views' });
    assert.equal(answer.from, '2026-03-25T00:00:00.000Z');
    assert.equal(answer.to, '2026-04-01T00:00:00.000Z');
    assert.deepEqual(answer.series, [{ group: {}, total: 6, points: [] }]);
    assert.equal(answer.interval, null);
    const kathmandu = await service.get<Metrics>('/metrics', {
      metric: 'events',
      timezone: 'Asia/Kathmandu',
    });
    assert.equal(kathmandu.to, '2026-03-31T18:15:00.000Z');
  });

  await t.test('a day on which the clocks change, by day and by hour', async () => {
    const berlin = { metric: 'events', timezone: 'Europe/Berlin', from: '2026-03-29', to: '2026-03-30' };
    const days = await service.get<Metrics>('/metrics', { ...berlin, interval: '1d' });
    assert.deepEqual(days.series[0]!.points, [
      { time: '2026-03-28T23:00:00.000Z', value: 2 },
      { time: '2026-03-29T22:00:00.000Z', value: 1 },
    ]);
    const hours = await service.get<Metrics>('/metrics', { ...berlin, to: '2026-03-29', interval: '1h' });
    assert.equal(hours.series[0]!.points.length, 23);
  });

  await t.test('groups by total, cut at the limit', async () => {
    const query = { metric: 'events', group_by: 'app_id', interval: '1d' };
    const all = await service.get<Metrics>('/metrics', query);
    assert.deepEqual(
      all.series.map(({ group, total }) => [group.app_id, total]),
      [
        ['a', 5],
        ['b', 1],
      ],
    );
    assert.equal(all.truncated, undefined);
    assert.equal(all.series[1]!.points.length, 7);
    const cut = await service.get<Metrics>('/metrics', { ...query, limit: '1' });
    assert.deepEqual([cut.series.length, cut.truncated], [1, true]);
    const two = await service.get<Metrics>('/metrics', { ...query, group_by: 'app_id,country' });
    assert.deepEqual(two.series[0]!.group, { app_id: 'a', country: '' });
  });

  await t.test('apps, bots and filters', async () => {
    const total = async (more: Record<string, string | string[]>) =>
      (await service.get<Metrics>('/metrics', { metric: 'events', ...more })).series[0]!.total;
    assert.equal(await total({ app_id: 'b' }), 1);
    assert.equal(await total({ app_id: 'a,b' }), 6);
    assert.equal(await total({ app_id: ['a', 'b'] }), 6);
    assert.equal(await total({ app_id: 'none' }), 0);
    assert.equal(await total({ bots: 'true' }), 7);
    assert.equal(await total({ filter: 'country:in:DE,NP' }), 2);
    assert.equal(await total({ filter: ['country:ne:DE', 'app_id:eq:b'] }), 0);
    assert.equal(await total({ filter: "user_id:eq:o'brien\\' OR 1" }), 0);
  });

  await t.test('what is wrong is refused with advice', async () => {
    const wrong: [string, RegExp][] = [
      ['/metrics', /metric/],
      ['/metrics?metric=likes', /metric/],
      ['/metrics?metric=events&from=2026-02-30', /from: "2026-02-30" is no date .*2026-01-31/],
      ['/metrics?metric=events&to=yesterday', /to: .*Give a date/],
      ['/metrics?metric=events&from=2026-03-02&to=2026-03-01T00:00:00Z', /from is after to/],
      ['/metrics?metric=events&timezone=Mars/Base', /timezone: .*Europe\/Berlin/],
      ['/metrics?metric=events&interval=2h', /interval/],
      ['/metrics?metric=events&interval=1m&from=2026-01-01', /longer interval/],
      ['/metrics?metric=events&interval=1h&from=2025-01-01&group_by=country&limit=1000', /Lower limit/],
      ['/metrics?metric=events&group_by=colour', /no dimension "colour".*country/],
      ['/metrics?metric=events&group_by=country,os,device', /up to 2/],
      ['/metrics?metric=events&filter=country', /field:op:value/],
      ['/metrics?metric=events&filter=colour:eq:red', /no field "colour"/],
      ['/metrics?metric=events&filter=country:like:red', /no operator "like"/],
      ['/metrics?metric=events&filter=watch_ms:gt:long', /compares numbers/],
      ['/metrics?metric=events&limit=0', /limit/],
      ['/api/metrics/video/v?startDate=2026-01-09&endDate=2026-01-02', /startDate is after endDate/],
      ['/api/metrics/video/v?startDate=soon', /startDate: "soon"/],
      ['/api/metrics/video/v?timezone=nowhere', /timezone/],
      ['/v1/events?limit=1001', /limit/],
    ];
    for (const [url, advice] of wrong) {
      const { status, code, detail } = await problem(service, url);
      assert.deepEqual([status, code], [400, 'invalid_request'], url);
      assert.match(detail, advice, url);
    }
    assert.equal((await problem(service, '/nothing')).code, 'not_found');
  });

  await t.test('a caller sees its own apps', async () => {
    const options = {
      ...service,
      answers: freshAnswers(),
      gapLimitMs: 30_000,
      conversionEvents: [],
      inFlight: async () => 5,
      pipelineFacts: () => plainFacts,
      letters: null,
      erasure: null,
      sql: null as never,
      now: () => NOW,
    };
    const as = async (apps: string[]) =>
      await startQueryApp(t, { ...options, access: openAccess({ apps, scopes: ['read'] }) });
    const own = await as(['b']);
    const count = async (url: string) => (await own.inject(url)).json().series[0].total as number;
    assert.equal(await count('/metrics?metric=events'), 1);
    assert.equal((await own.inject('/metrics?metric=events&app_id=a')).json().code, 'app_forbidden');
    assert.equal((await own.inject('/v1/ledger')).json().code, 'wrong_scope');
    assert.deepEqual((await own.inject('/v1/apps')).json().data, [{ app_id: 'b', name: null }]);
    assert.equal((await own.inject('/v1/events')).json().data.length, 1);
    const none = await as([]);
    assert.equal((await none.inject('/metrics?metric=events')).json().series[0].total, 0);
    assert.deepEqual((await none.inject('/v1/apps')).json(), { data: [] });
    assert.equal((await none.inject('/api/metrics/video/v')).json().views, 0);
  });
});

test('a view without a known duration, without views, and with a catalogue', async (t) => {
  const view = (id: string, watch_ms: number, duration_ms: number | null): TestRow => ({
    app_id: 'a',
    event_name: 'view_end',
    user_id: id,
    video_id: 'v ü/1',
    view_id: id,
    watch_ms,
    duration_ms,
    completed: id === 'x',
    timestamp: NOW - hour,
  });
  const service = await start(t, [
    view('x', 99_600, 100_000),
    view('y', 50_000, 100_000),
    view('z', 10_000, null),
  ]);
  const url = `/api/metrics/video/${encodeURIComponent('v ü/1')}`;
  const base = { video_id: 'v ü/1', views: 3, unique_viewers: 3, watch_time_seconds: 159.6 };
  const rate = 1 / 3;
  const known = await service.get<Record<string, unknown>>(url);
  assert.deepEqual(known, {
    ...base,
    avg_watch_percentage: 74.8,
    completion_rate: rate,
    engagement_score: 6.236,
    title: null,
    duration_ms: 100_000,
    quartiles: { q25: 2, q50: 2, q75: 1, q100: 1 },
  });
  await service.catalog.videos.upsert([
    { ...plainVideo, video_id: 'v ü/1', title: 'V', duration_seconds: 50 },
  ]);
  const named = await service.get<Record<string, unknown>>(url);
  assert.deepEqual([named.title, named.duration_ms], ['V', 50_000]);
  assert.deepEqual(named.quartiles, { q25: 2, q50: 2, q75: 2, q100: 2 });
  assert.deepEqual(await service.get('/api/metrics/video/none'), {
    video_id: 'none',
    views: 0,
    unique_viewers: 0,
    watch_time_seconds: 0,
    avg_watch_percentage: null,
    completion_rate: 0,
    engagement_score: 0,
    title: null,
    duration_ms: null,
    quartiles: null,
  });
});

test('any text can be a value of a filter', async (t) => {
  const texts = [
    '',
    "'",
    '\\',
    '\\n',
    '\n\t\r',
    '{v1:String}',
    '"',
    '--',
    '/*',
    '🎬 ü',
    'a:b,c',
    ' ',
    '\u0001',
    '%',
    '\0',
  ];
  const rows = texts.map((text, i) =>
    page(NOW - hour, { user_id: text, log_offset: i, properties: JSON.stringify({ [`k${text}`]: text }) }),
  );
  const service = await start(t, rows);
  for (const text of texts) {
    const answer = await service.get<Metrics>('/metrics', { metric: 'events', filter: `user_id:eq:${text}` });
    assert.equal(answer.series[0]!.total, 1, JSON.stringify(text));
    if (text.includes('.') || text.includes(':')) continue;
    const deep = await service.get<Metrics>('/metrics', {
      metric: 'events',
      filter: `properties.k${text}:eq:${text}`,
    });
    assert.equal(deep.series[0]!.total, 1, `properties ${JSON.stringify(text)}`);
  }
});
