import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { arbitraryHistory, generateHistory, isBot, timezones } from './history.ts';
import { createOracle } from './oracle.ts';

test('the same seed gives the same history, another seed another', () => {
  assert.deepEqual(generateHistory(7), generateHistory(7));
  assert.notDeepEqual(generateHistory(7).deliveries, generateHistory(8).deliveries);
});

test('200 seeds hold everything they promise', () => {
  const seen = {
    zones: new Set<string>(),
    names: new Set<string>(),
    assigned: 0,
    bots: 0,
    sizes: new Set<number>(),
  };
  const totals = { received: 0, stored: 0, duplicate: 0, quarantined: 0 };
  let outOfOrder = 0;
  for (let seed = 0; seed < 200; seed++) {
    const history = generateHistory(seed);
    const oracle = createOracle(history.deliveries, { durations: history.durations, isBot, bots: true });
    seen.zones.add(history.timezone);
    seen.sizes.add(history.deliveries.length);
    for (const line of Object.values(oracle.ledger())) {
      for (const key of Object.keys(totals) as (keyof typeof totals)[]) totals[key] += line[key];
      assert.equal(line.received, line.stored + line.duplicate + line.quarantined);
    }
    for (const [i, event] of oracle.events.entries()) {
      seen.names.add(event.event_name);
      if (event.session_assigned) seen.assigned++;
      if (event.is_bot) seen.bots++;
      if (i > 0 && event.at < oracle.events[i - 1]!.at) outOfOrder++;
      assert.ok(event.at >= Date.parse(history.startDate) && event.at < Date.parse(history.endDate));
    }
    assert.ok(history.deliveries.every((d, i, all) => i === 0 || all[i - 1]!.receivedAt <= d.receivedAt));
  }
  assert.equal(seen.zones.size, timezones.length);
  assert.ok(Math.max(...seen.sizes) > 190 && Math.min(...seen.sizes) < 5);
  assert.ok(seen.names.size >= 20);
  for (const count of [seen.assigned, seen.bots, totals.duplicate, totals.quarantined, outOfOrder]) {
    assert.ok(
      count > 100,
      JSON.stringify({ ...totals, assigned: seen.assigned, bots: seen.bots, outOfOrder }),
    );
  }
});

test('events that repeat change no number of what was stored', () => {
  fc.assert(
    fc.property(arbitraryHistory({ eventsMax: 60, complete: true }), (history) => {
      const again = history.deliveries.flatMap((d) => [d, d]);
      const once = createOracle(history.deliveries, { durations: history.durations });
      const twice = createOracle(again, { durations: history.durations });
      assert.deepEqual(twice.rollup5m(), once.rollup5m());
      for (const video of history.videos) {
        const ask = [video, history.startDate, history.endDate, history.timezone] as const;
        assert.deepEqual(twice.videoMetrics(...ask), once.videoMetrics(...ask));
      }
    }),
    { numRuns: 100 },
  );
});

test('days add up to the whole for views and watch time', () => {
  fc.assert(
    fc.property(arbitraryHistory(), (history) => {
      const oracle = createOracle(history.deliveries, { durations: history.durations });
      for (const metric of ['views', 'watch_time_seconds', 'events', 'completions'] as const) {
        const question = {
          metric,
          from: history.startDate,
          to: history.endDate,
          timezone: history.timezone,
        } as const;
        const [series] = oracle.metrics({ ...question, interval: '1d' });
        const days = series!.points.reduce((sum, point) => sum + point.value, 0);
        assert.ok(Math.abs(days - series!.total) < 1e-6);
      }
    }),
    { numRuns: 100 },
  );
});
