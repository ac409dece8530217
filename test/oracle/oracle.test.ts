import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Json } from './accept.ts';
import { history, type Line, noon, total } from './lines.ts';
import { createOracle, type Delivery, type Metric } from './oracle.ts';

const minute = 60_000;

test('the first received of an id is stored; same payload is a duplicate, another one is quarantined', () => {
  const id = '0192aaaa-0000-7000-8000-000000000001';
  const end = (watch_ms: number, more: Json = {}): Line => [
    0,
    'view_end',
    { event_id: id, properties: { watch_ms }, ...more },
  ];
  const oracle = createOracle(
    history([
      end(1000),
      end(1000, { sent_at: 'later' }),
      end(1000, { event_id: id.toUpperCase() }),
      end(2000),
      end(2000, { app_id: 'kids' }),
    ]),
  );
  assert.deepEqual(oracle.ledger(), {
    tube: { received: 4, stored: 1, duplicate: 2, quarantined: 1 },
    kids: { received: 1, stored: 1, duplicate: 0, quarantined: 0 },
  });
  assert.deepEqual(
    oracle.views.map((v) => v.watchMs),
    [1000, 2000],
  );
});

test('the order of top-level keys is no payload', () => {
  const event = { event_id: 'a', event_name: 'search', user_id: 'ann' };
  const turned = { user_id: 'ann', event_name: 'search', event_id: 'a' };
  const deliveries = [event, turned].map((e) => ({ event: e, receivedAt: noon, app: 'tube' }));
  assert.equal(createOracle(deliveries).ledger().tube!.duplicate, 1);
});

test('refused: no name, no object, bad time, too new, too old; at the limits accepted', () => {
  const day = 24 * 60 * minute;
  const sent = (event: unknown): Delivery => ({ event, receivedAt: noon, app: 'tube' });
  const at = (timestamp: unknown) => sent({ event_name: 'x', timestamp });
  const oracle = createOracle(
    [
      sent(null),
      sent({}),
      sent({ event_name: '' }),
      at('soon'),
      at(noon + day + 1),
      at(noon - 5 * day - 1),
      at(noon + day),
      at(noon - 5 * day),
      sent({ type: 'x' }),
    ],
    { retentionMs: 5 * day },
  );
  assert.deepEqual(oracle.ledger().tube, { received: 9, stored: 3, duplicate: 0, quarantined: 6 });
});

test('timestamps: ISO with and without a zone, s, ms and us by magnitude', () => {
  const times = [
    '2026-01-15T12:00:00.000Z',
    '2026-01-15T17:45:00+05:45',
    '2026-01-15T12:00:00',
    noon / 1000,
    noon,
    noon * 1000,
  ];
  const oracle = createOracle(
    times.map((ts) => ({ event: { name: 'x', ts }, receivedAt: noon, app: 'tube' })),
  );
  assert.deepEqual(
    oracle.events.map((e) => e.at),
    times.map(() => noon),
  );
});

test('impression, reach and completion', () => {
  const end = (user_id: string, properties: Json): Line => [0, 'view_end', { user_id, properties }];
  const deliveries = history([
    end('ann', { watch_ms: 600 }),
    end('ann', { watch_ms: 700, completed: true }),
    end('bob', { watch_ms: 599.9, completed: true }),
    end('cid', { watch_ms: 900, instant_skip: true, completed: true }),
    end('dan', { watch_ms: 900, instant_skip: 'true', completed: 'true' }),
    end('eve', {}),
    [1, 'video_complete', { user_id: 'fay', properties: { watch_ms: 900, completed: true } }],
  ]);
  assert.equal(total(deliveries, 'impressions'), 3);
  assert.equal(total(deliveries, 'reach'), 2);
  assert.equal(total(deliveries, 'completions'), 1);
  assert.deepEqual(createOracle(deliveries).rollup5m(), [
    { app_id: 'tube', video_id: 'v', bucket: noon, impressions: 3, reach: 2, completions: 1 },
  ]);
});

test('rollup: buckets of 5 minutes, and watch_ms from the top level of the event', () => {
  const deliveries = history([
    [299.999, 'view_end', { watch_ms: 600 }],
    [300, 'view_end', { watch_ms: 600, properties: { watch_ms: 0 } }],
    [300, 'view_end', { watch_ms: 600 }],
  ]);
  assert.deepEqual(
    createOracle(deliveries)
      .rollup5m()
      .map((row) => [row.bucket - noon, row.impressions]),
    [
      [0, 1],
      [300_000, 1],
    ],
  );
});

test('video metrics: mean percentage over views with a duration, capped, and the score', () => {
  const view = (session_id: string, watch_ms: number, more: Json = {}): Line[] => [
    [0, 'video_start', { session_id, user_id: session_id }],
    [1, 'view_end', { session_id, user_id: session_id, properties: { watch_ms, ...more } }],
  ];
  const deliveries = history([
    ...view('a', 30_000, { duration: 60 }),
    ...view('b', 90_000, { duration_ms: 60_000, completed: true }),
    ...view('c', 5_000),
    ...view('d', 5_000),
  ]);
  assert.deepEqual(createOracle(deliveries).videoMetrics('v', '2026-01-15', '2026-01-15'), {
    video_id: 'v',
    views: 4,
    unique_viewers: 4,
    watch_time_seconds: 130,
    avg_watch_percentage: 75,
    completion_rate: 0.25,
    engagement_score: 6,
  });
  const catalogued = createOracle(deliveries, { durations: { v: 100_000 } });
  assert.equal(
    catalogued.videoMetrics('v', '2026-01-15', '2026-01-15').avg_watch_percentage,
    (30 + 90 + 5 + 5) / 4,
  );
});

test('video metrics: the latest duration of the view, no duration, and no views', () => {
  const said = history([
    [0, 'video_start', { properties: { duration_ms: 10_000 } }],
    [1, 'quality_change', { properties: { duration_ms: 20_000 } }],
    [2, 'view_end', { properties: { watch_ms: 5_000 } }],
  ]);
  assert.equal(createOracle(said).videoMetrics('v', '2026-01-15', '2026-01-15').avg_watch_percentage, 25);
  const unknown = createOracle(history([[0, 'video_complete']])).videoMetrics(
    'v',
    '2026-01-15',
    '2026-01-15',
  );
  assert.equal(unknown.avg_watch_percentage, null);
  assert.equal(unknown.engagement_score, 10);
  assert.deepEqual(createOracle([]).videoMetrics('v', '2026-01-15', '2026-01-15'), {
    video_id: 'v',
    views: 0,
    unique_viewers: 0,
    watch_time_seconds: 0,
    avg_watch_percentage: null,
    completion_rate: 0,
    engagement_score: 0,
  });
});

test('a view counts on the local day of its beginning', () => {
  // 18:20 UTC is 00:05 of the next day in Kathmandu.
  const oracle = createOracle(history([[(6 * 60 + 20) * 60, 'video_start']]));
  const views = (date: string, timezone: string) => oracle.videoMetrics('v', date, date, timezone).views;
  assert.deepEqual([views('2026-01-15', 'UTC'), views('2026-01-16', 'UTC')], [1, 0]);
  assert.deepEqual([views('2026-01-15', 'Asia/Kathmandu'), views('2026-01-16', 'Asia/Kathmandu')], [0, 1]);
  assert.deepEqual([views('2026-01-15', '+05:45'), views('2026-01-16', '+05:45')], [0, 1]);
});

test('metrics: points fill gaps, totals of distinct counts are no sums, views belong to their start', () => {
  const oracle = createOracle(
    history([
      [0, 'video_start'],
      [7200, 'view_end', { properties: { watch_ms: 9_000 } }],
    ]),
  );
  const ask = (metric: Metric) => {
    const [series] = oracle.metrics({ metric, from: noon, to: noon + 3 * 60 * minute, interval: '1h' });
    return [series!.total, ...series!.points.map((p) => p.value)];
  };
  assert.deepEqual(ask('events'), [2, 1, 0, 1]);
  assert.deepEqual(ask('users'), [1, 1, 0, 1]);
  assert.deepEqual(ask('views'), [1, 1, 0, 0]);
  assert.deepEqual(ask('watch_time_seconds'), [9, 9, 0, 0]);
  assert.deepEqual(ask('impressions'), [1, 0, 0, 1]);
});

test('metrics: groups, filters, and the dimensions of a view are those of its first qualifying event', () => {
  const oracle = createOracle(
    history([
      [0, 'video_start', { context: { country: 'DE', device: 'tv' } }],
      [1, 'view_end', { context: { country: 'NP', device: 'tv' } }],
      [2, 'page_view', { context: { country: 'NP' } }],
    ]),
  );
  const range = { from: '2026-01-15', to: '2026-01-15' };
  assert.deepEqual(
    oracle
      .metrics({ metric: 'events', ...range, groupBy: ['country', 'device'] })
      .map((s) => [s.group, s.total]),
    [
      [{ country: 'DE', device: 'tv' }, 1],
      [{ country: 'NP', device: '' }, 1],
      [{ country: 'NP', device: 'tv' }, 1],
    ],
  );
  assert.deepEqual(
    oracle.metrics({ metric: 'views', ...range, groupBy: ['country'] }).map((s) => [s.group, s.total]),
    [[{ country: 'DE' }, 1]],
  );
  const np = { field: 'country', op: 'in', value: ['NP', 'CA'] } as const;
  assert.equal(oracle.metrics({ metric: 'events', ...range, filters: [np] })[0]!.total, 2);
  assert.equal(oracle.metrics({ metric: 'views', ...range, filters: [np] })[0]!.total, 0);
  const absent = { field: 'properties.none', op: 'ne', value: 'x' } as const;
  assert.equal(oracle.metrics({ metric: 'events', ...range, filters: [absent] })[0]!.total, 3);
});

test('realtime: the window is by receipt, the state of a view by timestamp', () => {
  const now = noon + 10 * minute;
  const seen = (user_id: string, name: string, at: number, ago: number, properties: Json = {}): Delivery => ({
    event: {
      event_name: name,
      user_id,
      session_id: user_id,
      video_id: `v-${user_id}`,
      timestamp: at,
      properties,
    },
    receivedAt: now - ago,
    app: 'tube',
  });
  const deliveries = [
    seen('old', 'video_start', now - 90_000, 60_000),
    seen('ann', 'video_start', now - 50_000, 50_000, { bitrate: 2_000_000_000, stream_id: 'x' }),
    seen('bob', 'video_start', now - 40_000, 40_000, { bitrate_kbps: 500_000, stream_id: 'x' }),
    seen('cid', 'view_end', now - 30_000, 35_000),
    seen('cid', 'video_heartbeat', now - 31_000, 30_000),
    seen('dan', 'video_start', now - 29_000, 29_000),
    seen('dan', 'video_error', now - 28_000, 28_000, { fatal: true }),
    seen('eve', 'video_start', now - 27_000, 27_000),
    seen('eve', 'video_error', now - 26_000, 26_000, { fatal: false }),
    seen('fay', 'video_start', now - 20_000, 20_000),
    seen('fay', 'video_pause', now - 19_000, 19_000),
    seen('gus', 'page_view', now - 18_000, 18_000),
  ];
  assert.deepEqual(createOracle(deliveries).realtime(now), {
    concurrent_viewers: 3,
    active_streams: 2,
    bandwidth_gbps: 2.5,
    events_per_second: 11 / 60,
    error_rate: 2 / 11,
  });
  assert.deepEqual(createOracle([]).realtime(now), {
    concurrent_viewers: 0,
    active_streams: 0,
    bandwidth_gbps: 0,
    events_per_second: 0,
    error_rate: 0,
  });
});

test('bots are left out of every number but the ledger, unless asked for', () => {
  const deliveries = history([[0, 'video_start', { context: { user_agent: 'a bot' } }]]);
  const options = { isBot: (agent: string) => agent.includes('bot') };
  assert.equal(createOracle(deliveries, options).views.length, 0);
  assert.equal(createOracle(deliveries, options).ledger().tube!.stored, 1);
  assert.equal(createOracle(deliveries, { ...options, bots: true }).views.length, 1);
});
