import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRowReader } from '../../src/live/published.ts';
import { RealtimeState } from '../../src/live/realtime.ts';
import { hashApp, RealtimeSnapshot, WINDOW_MS } from '../../src/live/snapshot.ts';
import { createStateSource, rebuildState } from '../../src/live/source.ts';
import { migrate } from '../../src/store/migrate.ts';
import { generateHistory, isBot } from '../oracle/history.ts';
import { createOracle, type Delivery } from '../oracle/oracle.ts';
import { silentLog, startTestClickHouse } from '../support/clickhouse.ts';
import { createRoad } from './deliveries.ts';

const settings = {
  retention_events_days: 10_000,
  retention_errors_days: 10_000,
  retention_sessions_days: 10_000,
};
const memoryMs = 400 * 24 * 60 * 60_000;

/** A moment near which much was received, so that the window is not empty. */
function busyMoments(deliveries: readonly Delivery[]): number[] {
  const last = deliveries.at(-1)!.receivedAt;
  const middle = deliveries[Math.floor(deliveries.length / 2)]!.receivedAt;
  return [middle, middle + 20_000, last, last + 45_000, last + 61_000];
}

test('the state rebuilt from ClickHouse and the oracle say the same', async (t) => {
  const { client } = await startTestClickHouse(t);
  await migrate({ client, settings, log: silentLog });
  let withViewers = 0;
  for (let seed = 1; seed <= 6; seed++) {
    // An app of its own for each history: they share the table, and the moments.
    const history = generateHistory(seed, { prefix: `s${seed}-`, bad: false, timezone: 'UTC' });
    const hashes = history.apps.map(hashApp);
    const road = createRoad(seed);
    const batch = road.batch(history.deliveries);
    await road.store(batch, client);
    for (const now of busyMoments(history.deliveries)) {
      const expected = createOracle(history.deliveries, { isBot }).realtime(now);
      const message = `seed ${seed} at ${now}`;
      const span = { now, windowMs: WINDOW_MS, lookbackMs: memoryMs };
      const rebuilt = await rebuildState(client, span, { viewMemoryMs: memoryMs }, 10_000);
      assert.deepEqual(strip(rebuilt.state.snapshot(now).of(hashes)), expected, `rebuilt, ${message}`);

      if (now < history.now) continue;
      withViewers += expected.concurrent_viewers;
      // The same from here on, whatever falls out of the window.
      for (const later of [now, now + 30_000, now + 59_999, now + 60_000]) {
        const { realtime } = createOracle(history.deliveries, { isBot });
        assert.deepEqual(
          strip(rebuilt.state.snapshot(later).of(hashes)),
          realtime(later),
          `${message} to ${later}`,
        );
      }
    }
  }
  assert.ok(withViewers > 2, `${withViewers} viewers in all histories`);
});

test('after a restart the state goes on as if there had been none', async (t) => {
  const { client } = await startTestClickHouse(t);
  await migrate({ client, settings, log: silentLog });
  const history = generateHistory(38, { bad: false, eventsMax: 120, timezone: 'UTC' });
  // All of it within half a minute, so that the restart falls into the middle of everything.
  const deliveries = history.deliveries.map((delivery, i) => ({
    ...delivery,
    receivedAt: history.now + i * 200,
  }));
  assert.ok(deliveries.length > 100);
  const road = createRoad();
  const read = createRowReader();
  const before = new RealtimeState({ now: history.now - 1 });
  let after: RealtimeState | null = null;
  let lastOffset = -1;
  const size = 20;
  for (let i = 0; i < deliveries.length; i += size) {
    const some = deliveries.slice(i, i + size);
    const batch = road.batch(some);
    await road.store(batch, client);
    const now = some.at(-1)!.receivedAt;
    before.apply(read(batch, -1));
    if (i === size * 2) {
      // Started after the insert and before the batch is published: its rows come twice, and count once.
      const span = { now, windowMs: WINDOW_MS, lookbackMs: memoryMs };
      const rebuilt = await rebuildState(client, span, {}, 10_000);
      after = rebuilt.state;
      lastOffset = rebuilt.lastOffsets.get('analytics.v1/0')!;
      assert.ok(lastOffset >= i && lastOffset < i + size);
    }
    after?.apply(read(batch, lastOffset));
    if (after) assert.deepEqual(after.snapshot(now).of(null), before.snapshot(now).of(null));
  }
  const now = deliveries.at(-1)!.receivedAt;
  assert.ok(before.snapshot(now).of(null).concurrent_viewers > 0);
  assert.deepEqual(after!.snapshot(now + 50_000).of(null), before.snapshot(now + 50_000).of(null));
});

test('a source is asked at most once a second', () => {
  let clock = 1_000_000;
  let asked = 0;
  const state = new RealtimeState({ now: clock });
  const counted = Object.assign(Object.create(state) as RealtimeState, {
    snapshot: (now: number) => {
      asked++;
      return new RealtimeSnapshot(now, []);
    },
  });
  const source = createStateSource(counted, { now: () => clock });
  const one = source.snapshot();
  clock += 900;
  assert.equal(source.snapshot(), one);
  clock += 100;
  assert.notEqual(source.snapshot(), one);
  assert.equal(asked, 2);
});

function strip({ time: _, ...numbers }: ReturnType<RealtimeSnapshot['of']>) {
  return numbers;
}
