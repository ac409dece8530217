import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Service } from '../../src/demo/service.ts';
import { createState } from '../../src/demo/state.ts';
import { agrees, checksTable, inFlightOf, settleService, verifyState } from '../../src/demo/verify.ts';
import { createFakeClock } from './fake-clock.ts';
import { createDemo, startAt } from './made.ts';

test('counts are exact, distinct counts to some thousands, measures to rounding', () => {
  assert.ok(agrees('count', 10_000_000, 10_000_000));
  assert.ok(!agrees('count', 10_000_000, 10_000_001));
  assert.ok(agrees('distinct', 4_000, 4_000));
  assert.ok(!agrees('distinct', 4_000, 4_001));
  assert.ok(agrees('distinct', 100_000, 100_500));
  assert.ok(!agrees('distinct', 100_000, 100_501));
  assert.ok(agrees('measure', 1234.5678, 1234.568));
  assert.ok(!agrees('measure', 1234.5678, 1234.6));
  assert.ok(agrees('measure', null, null));
  assert.ok(!agrees('measure', null, 0));
  assert.ok(!agrees('count', 0, undefined));
  assert.ok(!agrees('count', 1, '1'));
});

test('what is in flight is found wherever the ledger tells it', () => {
  assert.equal(inFlightOf({ in_flight: 3 }), 3);
  assert.equal(inFlightOf({ totals: { received: 9, in_flight: 0 } }), 0);
  assert.equal(inFlightOf({ data: [{ in_flight: 1 }, { in_flight: 2 }] }), 3);
  assert.equal(inFlightOf({ lag: 7 }), 7);
  assert.equal(inFlightOf({ received: 9 }), null);
  assert.equal(inFlightOf(null), null);
});

/** Answers every question from a table of path beginnings. */
function createService(answers: Record<string, () => { status: number; body: unknown }>): Service {
  const ask = async (path: string) => {
    const found = Object.entries(answers).find(([start]) => path.startsWith(start));
    return found ? found[1]() : { status: 404, body: null };
  };
  return { ask } as Service;
}

const state = () => {
  const { catalogue } = createDemo(1);
  const made = createState(catalogue, { url: 'http://x', seed: 1, suffix: '' });
  made.from = startAt;
  made.to = startAt + 1000;
  return made;
};

test('a service that says nothing but zeros and null agrees with an empty count', async () => {
  const zeros = {
    views: 0,
    unique_viewers: 0,
    watch_time_seconds: 0,
    completion_rate: 0,
    engagement_score: 0,
  };
  const service = createService({
    '/metrics': () => ({ status: 200, body: { series: [] } }),
    '/api/metrics/video/': () => ({ status: 200, body: { ...zeros, avg_watch_percentage: null } }),
  });
  const checks = await verifyState(service, state());
  assert.ok(checks.length > 100);
  assert.deepEqual(
    checks.filter(({ ok }) => !ok),
    [],
  );
});

test('an answer that is refused differs, with what to do about it', async () => {
  const service = createService({ '/metrics': () => ({ status: 401, body: { detail: 'who are you' } }) });
  const checks = await verifyState(service, state());
  assert.ok(checks.every(({ ok }) => !ok));
  assert.match(checksTable(checks), /tube +events +0 +- +DIFFERS \(status 401: who are you; give a key/);
});

test('it waits for the ledger, or without one for the events', async () => {
  const clock = createFakeClock(startAt);
  const { signal } = new AbortController();
  let inFlight = 5;
  const ledger = createService({ '/v1/ledger': () => ({ status: 200, body: { in_flight: inFlight-- } }) });
  assert.equal(await settleService(ledger, state(), clock, signal, 60_000), true);
  assert.equal(inFlight, -1);
  const waiting = state();
  waiting.count.apps.get('tube')!.events = 4;
  let stored = 0;
  const bare = createService({
    '/metrics': () => ({ status: 200, body: { series: [{ total: stored++ }] } }),
  });
  assert.equal(await settleService(bare, waiting, clock, signal, 60_000), true);
  assert.equal(stored, 5);
  const stuck = createService({ '/v1/ledger': () => ({ status: 200, body: { in_flight: 1 } }) });
  assert.equal(await settleService(stuck, waiting, clock, signal, 5_000), false);
});
