import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createRowReader } from '../../src/live/published.ts';
import { RealtimeState } from '../../src/live/realtime.ts';
import { hashApp, type Realtime } from '../../src/live/snapshot.ts';
import { arbitraryHistory, isBot } from '../oracle/history.ts';
import { history, type Line, noon } from '../oracle/lines.ts';
import { createOracle, type Delivery } from '../oracle/oracle.ts';
import { createRoad } from './deliveries.ts';

const monthMs = 31 * 24 * 60 * 60_000;

function assertSame(actual: Realtime, expected: Realtime, message: string): void {
  for (const name of Object.keys(expected) as (keyof Realtime)[]) {
    const near = Math.abs(actual[name] - expected[name]) < 1e-12;
    assert.ok(near, `${message}: ${name} is ${actual[name]}, not ${expected[name]}`);
  }
}

/** The state after these deliveries, each taken when it was received. */
function play(deliveries: readonly Delivery[], options: { viewsMax?: number; viewMemoryMs?: number } = {}) {
  const first = deliveries[0]!.receivedAt;
  const state = new RealtimeState({ now: first - 1, viewMemoryMs: monthMs, ...options });
  const road = createRoad();
  const read = createRowReader();
  const take = (delivery: Delivery) => state.apply(read(road.batch([delivery]), -1));
  for (const delivery of deliveries) {
    state.snapshot(delivery.receivedAt);
    take(delivery);
  }
  return { state, take };
}

function numbersAt(lines: readonly Line[], seconds: number, common?: Record<string, unknown>) {
  const until = noon + seconds * 1000;
  const deliveries = history(lines, common).filter((delivery) => delivery.receivedAt <= until);
  const { time: _, ...numbers } = play(deliveries).state.snapshot(until).of(null);
  assertSame(numbers, createOracle(deliveries).realtime(until), 'the oracle');
  return numbers;
}

test('a view is active from its first event on until it ends or falls silent', () => {
  const start: Line = [0, 'video_start', { bitrate: 5_000_000 }];
  const playing = { concurrent_viewers: 1, active_streams: 1, bandwidth_gbps: 0.005, error_rate: 0 };
  assert.deepEqual(numbersAt([start], 0), { ...playing, events_per_second: 1 / 60 });
  assert.equal(numbersAt([start], 59.999).concurrent_viewers, 1);
  assert.equal(numbersAt([start], 60).concurrent_viewers, 0);
  for (const name of ['view_end', 'video_complete', 'video_pause'])
    assert.equal(numbersAt([start, [1, name]], 1).concurrent_viewers, 0, name);
  for (const name of ['seek', 'video_buffering', 'quality_change', 'page_view'])
    assert.equal(numbersAt([start, [1, name]], 1).concurrent_viewers, 1, name);
});

test('an error stops a view only when it is fatal, and a pause ends with the next event', () => {
  const start: Line = [0, 'video_start'];
  const fatal: Line = [1, 'video_error', { properties: { fatal: true } }];
  assert.equal(numbersAt([start, fatal], 1).concurrent_viewers, 0);
  assert.equal(numbersAt([start, [1, 'video_error']], 1).concurrent_viewers, 1);
  assert.equal(numbersAt([start, [1, 'video_error']], 1).error_rate, 0.5);
  assert.equal(numbersAt([start, [1, 'video_pause'], [2, 'video_resume']], 2).concurrent_viewers, 1);
});

test('the latest event is the latest by its own time, the later in the log on a tie', () => {
  const end: Line = [10, 'view_end'];
  assert.equal(
    numbersAt([[0, 'video_start'], end, [5, 'video_heartbeat', {}, 20_000]], 30).concurrent_viewers,
    0,
  );
  assert.equal(numbersAt([[0, 'video_start'], end, [10, 'seek']], 10).concurrent_viewers, 1);
});

test('a view that nothing has begun is not there', () => {
  assert.equal(
    numbersAt(
      [
        [0, 'video_resume'],
        [1, 'seek'],
      ],
      1,
    ).concurrent_viewers,
    0,
  );
  assert.equal(
    numbersAt(
      [
        [0, 'video_resume'],
        [1, 'video_heartbeat'],
      ],
      1,
    ).concurrent_viewers,
    1,
  );
});

test('what a view said before the window still counts', () => {
  const lines: Line[] = [
    [0, 'video_start', { properties: { bitrate_kbps: 4000 } }],
    [300, 'video_resume'],
  ];
  assert.equal(numbersAt(lines, 301).bandwidth_gbps, 0.004);
  assert.equal(numbersAt(lines, 100).bandwidth_gbps, 0);
  assert.equal(numbersAt([...lines, [301, 'quality_change', { bitrate: 0 }]], 302).bandwidth_gbps, 0);
});

test('actors and streams are distinct per app', () => {
  const lines: Line[] = [
    [0, 'video_start', { view_id: 'a', user_id: 'ann', video_id: 'v' }],
    [0, 'video_start', { view_id: 'b', user_id: 'ann', video_id: 'w', properties: { stream_id: 'live' } }],
    [0, 'video_start', { view_id: 'c', user_id: 'bob', video_id: 'w', properties: { stream_id: 'live' } }],
    [0, 'video_start', { view_id: 'd', user_id: 'ann', video_id: 'v', app_id: 'kids' }],
    [0, 'video_start', { view_id: 'e', video_id: 'v' }],
  ];
  const numbers = numbersAt(lines, 0, {});
  assert.equal(numbers.concurrent_viewers, 3);
  assert.equal(numbers.active_streams, 3);
  const snapshot = play(history(lines, {})).state.snapshot(noon);
  assert.equal(snapshot.of([hashApp('tube')]).concurrent_viewers, 2);
  assert.equal(snapshot.of([hashApp('kids'), hashApp('kids')]).concurrent_viewers, 1);
  assert.equal(snapshot.of([hashApp('nobody')]).events_per_second, 0);
  assert.equal(snapshot.of([]).concurrent_viewers, 0);
});

test('the stream said last counts, whatever events that say none', () => {
  const lines: Line[] = [
    [0, 'video_start'],
    [1, 'video_heartbeat', { properties: { stream_id: 'one' } }],
    [2, 'video_heartbeat', { user_id: 'bob', session_id: 's2', properties: { stream_id: 'two' } }],
    [3, 'video_heartbeat'],
    [4, 'video_heartbeat', { properties: { stream_id: 'two' } }],
    [2, 'video_heartbeat', { properties: { stream_id: 'three' } }, 5_000],
  ];
  assert.equal(numbersAt(lines, 8).active_streams, 1);
});

const watch = (user: string, at: number, more: object = {}): Delivery => ({
  event: {
    event_name: 'video_heartbeat',
    user_id: user,
    session_id: user,
    video_id: 'v',
    timestamp: at,
    ...more,
  },
  receivedAt: at,
  app: 'tube',
});

test('views beyond the limit push out silent ones, and are left out when all are active', () => {
  const users = (from: number, count: number, at: number) =>
    Array.from({ length: count }, (_, i) => watch(`u${from + i}`, at));
  const { state, take } = play(users(0, 10, noon), { viewsMax: 10 });
  for (const delivery of users(10, 5, noon + 30_000)) take(delivery);
  const crowded = state.snapshot(noon + 30_000).of(null);
  assert.equal(crowded.concurrent_viewers, 10);
  assert.equal(crowded.events_per_second, 15 / 60);
  assert.deepEqual(state.stats, { views: 10, untracked: 5 });

  state.snapshot(noon + 70_000);
  for (const delivery of users(20, 8, noon + 70_000)) take(delivery);
  assert.equal(state.snapshot(noon + 70_000).of(null).concurrent_viewers, 8);
  assert.equal(state.stats.views <= 10, true);
  assert.equal(state.stats.untracked, 5);
});

test('a view is forgotten after its time, and remembered until then', () => {
  const pausedAgain = (afterMs: number) => {
    const { state, take } = play([watch('ann', noon)], { viewMemoryMs: 600_000 });
    state.snapshot(noon + afterMs);
    // Nothing has begun it, unless it is remembered.
    take(watch('ann', noon + afterMs, { event_name: 'video_resume' }));
    return state.snapshot(noon + afterMs).of(null).concurrent_viewers;
  };
  assert.equal(pausedAgain(61_000), 1);
  assert.equal(pausedAgain(590_000), 1);
  assert.equal(pausedAgain(610_000), 0);
});

test('events that were received long ago count for nothing, those from clocks ahead when their time comes', () => {
  const { state, take } = play([watch('ann', noon)]);
  state.snapshot(noon + 100_000);
  take(watch('bob', noon + 1_000));
  assert.equal(state.snapshot(noon + 100_000).of(null).events_per_second, 0);
  take(watch('cid', noon + 105_000));
  assert.equal(state.snapshot(noon + 104_999).of(null).events_per_second, 0);
  assert.equal(state.snapshot(noon + 105_000).of(null).events_per_second, 1 / 60);
  assert.equal(state.snapshot(noon + 10 * 3_600_000).of(null).concurrent_viewers, 0);
});

test('more apps than are counted one by one still count in the sum', () => {
  const state = new RealtimeState({ now: noon, appsMax: 2 });
  const road = createRoad();
  const read = createRowReader();
  const deliveries = ['a', 'b', 'c', 'd'].map((app) => ({ ...watch(app, noon + 1), app }));
  state.apply(read(road.batch(deliveries), -1));
  const snapshot = state.snapshot(noon + 1);
  assert.equal(snapshot.of(null).concurrent_viewers, 4);
  assert.equal(snapshot.of([hashApp('a'), hashApp('b')]).concurrent_viewers, 2);
  assert.equal(snapshot.of([hashApp('c')]).concurrent_viewers, 0);
});

// Bad events are ingest's to refuse; the histories have none.
test('the state says what the oracle says, at every moment of a history', () => {
  const moments = fc.array(fc.nat({ max: 70_000 }), { maxLength: 3 });
  fc.assert(
    fc.property(arbitraryHistory({ eventsMax: 80, bad: false }), moments, ({ deliveries, apps }, delays) => {
      const { state, take } = play(deliveries.slice(0, 1));
      const at = (now: number, known: readonly Delivery[]) => {
        const oracle = createOracle(known, { isBot });
        const snapshot = state.snapshot(now);
        assertSame(snapshot.of(null), oracle.realtime(now), `all at ${now}`);
        for (const app of apps)
          assertSame(snapshot.of([hashApp(app)]), oracle.realtime(now, [app]), `${app} at ${now}`);
      };
      for (let i = 1; i < deliveries.length; i++) {
        const { receivedAt } = deliveries[i]!;
        // Time does not go back, and events of one moment are asked about together.
        const later = receivedAt > deliveries[i - 1]!.receivedAt;
        if (i % 7 === 0 && later) at(receivedAt - 1, deliveries.slice(0, i));
        state.snapshot(receivedAt);
        take(deliveries[i]!);
        if (i % 5 === 0) {
          const same = deliveries[i + 1]?.receivedAt === receivedAt;
          if (!same) at(receivedAt, deliveries.slice(0, i + 1));
        }
      }
      let now = deliveries.at(-1)!.receivedAt;
      for (const delay of [0, ...delays]) {
        now += delay;
        at(now, deliveries);
      }
    }),
    { numRuns: 40 },
  );
});
