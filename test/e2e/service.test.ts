/** The whole service, from the payloads of the seeds to the answers: what goes in by HTTP comes out everywhere. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import { after, before, describe, it } from 'node:test';
import { until } from '../faults/verify.ts';
import { builtDashboard } from '../support/dashboard-target.ts';
import { createOctaneExample } from '../support/seeds.ts';
import { startTestService, type TestService } from '../support/service.ts';

let service: TestService;

before(async () => {
  await builtDashboard();
  service = await startTestService();
});
after(() => service?.stop());

interface Metrics {
  readonly series: readonly { readonly group: Record<string, string>; readonly total: number }[];
}
interface Page {
  readonly data: readonly Record<string, unknown>[];
}

async function total(metric: string, query: string): Promise<number> {
  const { series } = await service.get<Metrics>(`/metrics?metric=${metric}&${query}`);
  return series[0]?.total ?? 0;
}

/** The number gets there, and stays. */
async function untilTotal(expected: number, metric: string, query: string): Promise<void> {
  await until(`${metric} is ${expected}`, async () => (await total(metric, query)) >= expected, 20_000);
  assert.equal(await total(metric, query), expected);
}

describe('the payloads of the seeds', () => {
  it('000: impressions, reach and completions of view_end', async () => {
    const view = (actor_id: string, watch_ms: number, props: object) => ({
      event_name: 'view_end',
      app_id: 'seed-000',
      actor_id,
      content_id: 'film',
      watch_ms,
      props,
      ts: Date.now(),
    });
    const { status } = await service.post('/events', [
      view('ann', 5_000, { completed: true }),
      view('ben', 600, {}),
      view('ben', 900, {}),
      view('cat', 599, { completed: true }),
      view('dan', 5_000, { instant_skip: true }),
    ]);
    assert.equal(status, 202);
    await untilTotal(5, 'events', 'app_id=seed-000');
    assert.equal(await total('impressions', 'app_id=seed-000'), 3);
    assert.equal(await total('reach', 'app_id=seed-000'), 2);
    assert.equal(await total('completions', 'app_id=seed-000'), 1);
  });

  it('001: its complete example, and a table as it describes', async () => {
    const event = createOctaneExample();
    assert.equal((await service.post('/events', [event])).status, 202);
    await untilTotal(1, 'events', 'app_id=openstream');
    const { data } = await service.get<Page>('/v1/events?app_id=openstream');
    const { app_id, event_name, user_id, timestamp, properties } = data[0]!;
    assert.deepEqual({ app_id, event_name, user_id, timestamp, properties }, event);
  });

  it('002: one event in, and the video metrics it names out', async () => {
    const event = (event_type: string, properties: object) => ({
      event_type,
      user_id: 'user_123',
      session_id: 'session_456',
      video_id: 'video_789',
      properties,
    });
    const start = event('video_start', {
      quality: '720p',
      device_type: 'desktop',
      browser: 'chrome',
      duration: 60,
    });
    const { status, body } = await service.post<{ event_id: string }>('/api/events', start);
    assert.equal(status, 202);
    assert.match(body.event_id, /^[0-9a-f-]{36}$/);
    for (const next of [
      event('video_heartbeat', { watch_ms: 30_000 }),
      event('video_complete', {}),
      event('quality_change', {}),
    ])
      assert.equal((await service.post('/api/events', next)).status, 202);
    await untilTotal(4, 'events', 'filter=video_id:eq:video_789');
    const answer = await service.get<Record<string, unknown>>('/api/metrics/video/video_789');
    const { title: _, quartiles: __, duration_ms: ___, ...metrics } = answer;
    assert.deepEqual(
      { ...metrics, engagement_score: Number(Number(metrics.engagement_score).toFixed(6)) },
      {
        video_id: 'video_789',
        views: 1,
        unique_viewers: 1,
        watch_time_seconds: 30,
        avg_watch_percentage: 50,
        completion_rate: 1,
        engagement_score: 6.5,
      },
    );
    const nobody = await service.get<Record<string, unknown>>('/api/metrics/video/nobody-saw-this');
    assert.deepEqual([nobody.views, nobody.avg_watch_percentage, nobody.engagement_score], [0, null, 0]);
    const realtime = await service.get<Record<string, number>>('/api/metrics/realtime');
    for (const name of [
      'concurrent_viewers',
      'active_streams',
      'bandwidth_gbps',
      'events_per_second',
      'error_rate',
    ])
      assert.equal(typeof realtime[name], 'number', name);
    assert.ok(realtime.events_per_second! > 0);
  });

  it('003: session, event, page view and batch', async () => {
    const of = { serviceId: 'seed-003', sessionId: 's1', userId: 'u1' };
    for (const [path, body] of [
      ['/v1/ingest/session', of],
      ['/v1/ingest/event', { ...of, event: 'signup' }],
      ['/v1/ingest/pageview', { ...of, metadata: { page: { path: '/pricing' } } }],
      ['/v1/ingest/batch', { events: [{ ...of, name: 'search', props: { query: 'otters' } }] }],
    ] as const)
      assert.equal((await service.post(path, body)).status, 202, path);
    await untilTotal(4, 'events', 'app_id=seed-003');
    const { data } = await service.get<Page>('/v1/events?app_id=seed-003&order=asc');
    const names = data.map(({ event_name }) => event_name);
    assert.deepEqual(names.sort(), ['page_view', 'search', 'session_start', 'signup']);
    assert.equal(await total('page_views', 'app_id=seed-003'), 1);
    assert.equal(await total('sessions', 'app_id=seed-003'), 1);
  });

  it('004: a batch of thousand, by group and by hour', async () => {
    const events = Array.from({ length: 1000 }, (_, i) => ({
      appId: 'seed-004',
      eventId: randomUUID(),
      name: i % 4 === 0 ? 'error' : 'page_view',
      userId: `user-${i % 100}`,
    }));
    const { status, body } = await service.post<{ accepted: number }>('/events', { events });
    assert.deepEqual([status, body.accepted], [202, 1000]);
    await untilTotal(1000, 'events', 'app_id=seed-004');
    assert.equal(await total('users', 'app_id=seed-004'), 100);
    assert.equal(await total('errors', 'app_id=seed-004'), 250);
    const grouped = await service.get<Metrics>('/metrics?metric=events&group_by=event_name&app_id=seed-004');
    const totals = grouped.series.map(({ group, total }) => [group.event_name, total]);
    assert.deepEqual(totals, [
      ['page_view', 750],
      ['error', 250],
    ]);
  });
});

describe('what is sent twice', () => {
  it('counts once by its event_id, also when the request came back to life', async () => {
    const events = Array.from({ length: 50 }, () => ({
      event_id: randomUUID(),
      event_name: 'page_view',
      app_id: 'twice',
      user_id: 'u',
    }));
    for (let retry = 0; retry < 3; retry++) assert.equal((await service.post('/events', events)).status, 202);
    await untilSettled();
    assert.equal(await total('events', 'app_id=twice'), 50);
  });

  it('counts once by its Idempotency-Key, and by nothing else', async () => {
    const event = { event_name: 'page_view', app_id: 'keyed', user_id: 'u' };
    const ids = new Set<string>();
    for (const key of ['one', 'one', 'two']) {
      const { status, body } = await service.post<{ event_id: string }>('/api/events', event, {
        'idempotency-key': key,
      });
      assert.equal(status, 202);
      ids.add(body.event_id);
    }
    await untilSettled();
    assert.equal(ids.size, 2);
    assert.equal(await total('events', 'app_id=keyed'), 2);
  });

  it('is a dead letter when the same id comes with other content, while the good stands', async () => {
    const event = { event_id: randomUUID(), event_name: 'page_view', app_id: 'collision', user_id: 'u' };
    assert.equal((await service.post('/events', [event])).status, 202);
    await untilTotal(1, 'events', 'app_id=collision');
    assert.equal((await service.post('/events', [{ ...event, event_name: 'other' }])).status, 202);
    await until('the dead letter is there', async () => {
      const { data } = await service.get<Page>('/v1/dead-letters?reason=id_collision');
      return data.some(({ event_id }) => event_id === event.event_id);
    });
    assert.equal(await total('events', 'app_id=collision'), 1);
  });
});

interface Ledger {
  readonly totals: Readonly<Record<string, number>>;
}

/** Everything that was taken was decided on, and the ledger balances. */
async function untilSettled(): Promise<void> {
  await until('nothing is in flight', async () => {
    const { totals } = await service.get<Ledger>('/v1/ledger');
    assert.equal(totals.unaccounted, 0);
    return totals.in_flight === 0;
  });
}

describe('the WebSocket', () => {
  it('tells realtime_metrics each second, and analytics_events as they are stored', async () => {
    const socket = new WebSocket(`${service.url.replace('http', 'ws')}/ws`);
    const messages: { type: string; payload: Record<string, unknown> }[] = [];
    socket.addEventListener('message', ({ data }) => messages.push(JSON.parse(String(data))));
    await once(socket, 'open');
    const mine = { event_id: randomUUID(), event_name: 'video_start', user_id: 'watcher', video_id: 'live' };
    await service.post('/events', [mine]);
    const seen = (type: string, fits: (payload: Record<string, unknown>) => boolean) =>
      until(`${type} came`, async () => messages.some((m) => m.type === type && fits(m.payload)), 20_000);
    await seen('analytics_event', ({ event_id }) => event_id === mine.event_id);
    await seen('realtime_metrics', (numbers) => (numbers.concurrent_viewers as number) > 0);
    const first = messages.length;
    await until(
      'it goes on',
      async () => messages.slice(first).filter((m) => m.type === 'realtime_metrics').length > 1,
    );
    socket.close();
    await once(socket, 'close');
  });
});

describe('Prometheus', () => {
  const types = {
    analytics_events_consumed_total: 'counter',
    analytics_batch_flush_seconds: 'histogram',
    analytics_events_inserted_total: 'counter',
    analytics_pipeline_errors_total: 'counter',
    analytics_service_events_processed_total: 'counter',
    analytics_service_event_processing_duration_seconds: 'histogram',
    analytics_service_websocket_connections: 'gauge',
    analytics_service_kafka_consumer_lag: 'gauge',
  };
  const read = async () => await (await fetch(service.metricsUrl)).text();
  const readValue = (text: string, name: string) =>
    Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'm').exec(text)?.[1]);

  it('has the names of all seeds, of the right types, and they move', async () => {
    await untilSettled();
    const before = await read();
    for (const [name, type] of Object.entries(types))
      assert.match(before, new RegExp(`^# TYPE ${name} ${type}$`, 'm'), name);
    const socket = new WebSocket(`${service.url.replace('http', 'ws')}/ws`);
    await once(socket, 'open');
    await service.post('/events', [
      { event_name: 'a', app_id: 'prom', user_id: 'u' },
      { event_name: 'b', app_id: 'prom', user_id: 'u' },
    ]);
    await untilTotal(2, 'events', 'app_id=prom');
    await untilSettled();
    const now = await read();
    const grown = (name: string) => readValue(now, name) - readValue(before, name);
    assert.equal(grown('analytics_events_inserted_total'), 2);
    assert.equal(grown('analytics_service_events_processed_total'), 2);
    assert.equal(grown('analytics_events_consumed_total'), 1, 'records, as seed 001 counts messages');
    assert.ok(grown('analytics_batch_flush_seconds_count') >= 1);
    assert.ok(grown('analytics_service_event_processing_duration_seconds_count') >= 1);
    assert.equal(grown('analytics_service_websocket_connections'), 1);
    assert.equal(readValue(now, 'analytics_service_kafka_consumer_lag'), 0);
    assert.equal(grown('analytics_pipeline_errors_total'), 0);
    socket.close();
    await once(socket, 'close');
  });
});

describe('the pages', () => {
  it('serves the OpenAPI document with every route of the seeds that there is, and its docs', async () => {
    const { openapi, paths } = await service.get<{ openapi: string; paths: object }>('/openapi.json');
    assert.equal(openapi, '3.1.0');
    for (const path of [
      '/events',
      '/api/events',
      '/v1/ingest/session',
      '/v1/ingest/event',
      '/v1/ingest/pageview',
      '/v1/ingest/batch',
      '/metrics',
      '/api/metrics/video/{videoId}',
      '/api/metrics/realtime',
      '/v1/events',
      '/health',
      '/api/metrics/health',
    ])
      assert.ok(path in paths, path);
    const docs = await fetch(`${service.url}/docs`);
    assert.match(docs.headers.get('content-type')!, /^text\/html/);
    assert.match(docs.headers.get('content-security-policy')!, /default-src 'self'/);
  });

  it("serves the dashboard: its page fresh under the page's policy, its assets for ever", async () => {
    for (const path of ['/', '/overview', '/videos/some-video']) {
      const page = await fetch(service.url + path);
      assert.equal(page.status, 200, path);
      assert.equal(page.headers.get('cache-control'), 'no-cache', path);
      assert.match(page.headers.get('content-security-policy')!, /frame-ancestors 'none'/);
      assert.equal(page.headers.get('x-content-type-options'), 'nosniff');
      const assets = [...(await page.text()).matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)];
      assert.ok(assets.length > 0, path);
      for (const [, asset = ''] of assets) {
        const answer = await fetch(service.url + asset);
        assert.equal(answer.status, 200, asset);
        assert.equal(answer.headers.get('cache-control'), 'public, max-age=31536000, immutable', asset);
      }
    }
    assert.equal((await fetch(`${service.url}/no-such-page`)).status, 404);
  });

  it('says how it is', async () => {
    for (const path of ['/health', '/api/metrics/health']) {
      const { status } = await service.get<{ status: string }>(path);
      assert.equal(status, 'ok', path);
    }
    assert.deepEqual(await service.get('/ready'), { status: 'ready', waiting: [] });
  });
});

describe('with ANALYTICS_ADMIN_KEY', () => {
  const KEY = 'secret-of-the-test';
  let guarded: TestService;
  before(async () => {
    guarded = await startTestService({ ANALYTICS_ADMIN_KEY: KEY });
  });
  after(() => guarded?.stop());

  const queries = [
    '/metrics?metric=events',
    '/v1/events',
    '/api/metrics/realtime',
    '/api/metrics/video/v',
    '/v1/ledger',
  ];

  it('queries ask for it, ingest and health do not', async () => {
    for (const path of queries) {
      const without = await fetch(guarded.url + path);
      assert.equal(without.status, 401, path);
      assert.equal(without.headers.get('www-authenticate'), 'Bearer', path);
      assert.match(without.headers.get('content-type')!, /^application\/problem\+json/);
      assert.equal(
        (await fetch(guarded.url + path, { headers: { 'x-api-key': 'wrong' } })).status,
        401,
        path,
      );
      for (const [name, value] of [
        ['x-api-key', KEY],
        ['authorization', `Bearer ${KEY}`],
      ] as const)
        assert.equal((await fetch(guarded.url + path, { headers: { [name]: value } })).status, 200, path);
    }
    assert.equal((await guarded.post('/events', [{ event_name: 'e', user_id: 'u' }])).status, 202);
    for (const open of ['/', '/health', '/ready', '/openapi.json'])
      assert.equal((await fetch(guarded.url + open)).status, 200, open);
  });

  it('a WebSocket is refused in its handshake', async () => {
    const upgrade = {
      connection: 'upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
    };
    assert.equal(await handshake(guarded.url, upgrade), 401);
    assert.equal(await handshake(guarded.url, { ...upgrade, 'x-api-key': KEY }), 101);
  });
});

/** Status of a WebSocket's handshake, which fetch would not show. */
async function handshake(url: string, headers: Record<string, string>): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const request = http.get(`${url}/ws`, { headers });
  request.on('response', (response) => {
    response.resume();
    resolve(response.statusCode!);
  });
  request.on('upgrade', (response, socket) => {
    socket.destroy();
    resolve(response.statusCode!);
  });
  request.on('error', reject);
  return await promise;
}

describe('stopping', () => {
  it('says goodbye to WebSockets, and takes the event that is on its way', async () => {
    const own = await startTestService();
    const socket = new WebSocket(`${own.url.replace('http', 'ws')}/ws`);
    await once(socket, 'open');
    const goodbye = once(socket, 'close') as Promise<unknown[]> as Promise<[CloseEvent]>;
    const body = JSON.stringify([{ event_name: 'late', user_id: 'u' }]);
    const upload = http.request(`${own.url}/events`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'content-length': body.length },
    });
    const answer = once(upload, 'response') as Promise<[http.IncomingMessage]>;
    upload.write(body.slice(0, 10));
    await until('half of it is there', async () => {
      const text = await (await fetch(own.metricsUrl)).text();
      return /^analytics_ingest_requests_in_flight 1$/m.test(text);
    });
    const stopped = own.stop();
    upload.end(body.slice(10));
    assert.equal((await answer)[0].statusCode, 202);
    await stopped;
    assert.equal((await goodbye)[0].code, 1001);
    await assert.rejects(fetch(own.url), 'nobody listens any more');
  });
});
