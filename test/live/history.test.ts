import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RealtimeHistory } from '../../src/live/history.ts';
import { RealtimeSnapshot } from '../../src/live/snapshot.ts';

const app = (appHash: number, events: number) => ({
  appHash,
  viewers: 1,
  streams: 1,
  bitsPerSecond: 1e9,
  events,
  errors: 0,
});

test('a point each ten seconds, for half an hour', () => {
  const history = new RealtimeHistory();
  let added = 0;
  for (let at = 0; at <= 3_600_000; at += 1_000) {
    if (!history.isDue(at)) continue;
    history.add(new RealtimeSnapshot(at, [app(1, 60)]));
    added++;
  }
  assert.equal(added, 361);
  const points = history.points(null);
  assert.equal(points.length, 180);
  assert.equal(points[0]!.time, '1970-01-01T00:30:10.000Z');
  assert.equal(points.at(-1)!.time, '1970-01-01T01:00:00.000Z');
  assert.equal(points[0]!.events_per_second, 1);
});

test('the busiest apps are kept one by one, the others in the sum', () => {
  const history = new RealtimeHistory({ appsMax: 2 });
  history.add(new RealtimeSnapshot(1, [app(1, 6), app(2, 60), app(3, 600), app(4, 12)]));
  assert.equal(history.points(null)[0]!.concurrent_viewers, 4);
  assert.equal(history.points(null)[0]!.events_per_second, 678 / 60);
  assert.equal(history.points([3])[0]!.events_per_second, 10);
  assert.equal(history.points([1])[0]!.events_per_second, 0);
});
