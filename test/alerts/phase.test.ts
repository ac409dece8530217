/** What an alert becomes: by hand, and over random readings against the plain rule applied to the whole past. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { nextState, type Reading, type Watched } from '../../src/alerts/phase.ts';
import type { AlertState } from '../../src/catalog/alert-watch.ts';

const START = Date.UTC(2026, 0, 1);
const GAP_MS = 60_000;
const alert: Watched = {
  name: 'many',
  app_id: null,
  comparison: '>',
  threshold: 10,
  for_seconds: 60,
  urls: ['u'],
};

interface Look {
  /** Seconds after the one before. */
  readonly after: number;
  readonly reading: Reading;
}

function run(looks: readonly Look[], watched = alert): AlertState[] {
  let state: AlertState | null = null;
  let now = START;
  return looks.map(({ after, reading }) => {
    now += after * 1000;
    state = nextState(watched, state, reading, now, GAP_MS);
    return state;
  });
}

const value = (value: number | null, after = 30): Look => ({ after, reading: { value } });
const failed: Look = { after: 30, reading: { failure: 'no answer' } };
const phases = (looks: readonly Look[], watched = alert) => run(looks, watched).map(({ state }) => state);

test('it is pending until the condition has held for long enough, and fires until it does not hold', () => {
  const looks = [value(10), value(11), value(12), value(13), value(14), value(10), value(11)];
  assert.deepEqual(phases(looks), ['ok', 'pending', 'pending', 'firing', 'firing', 'ok', 'pending']);
  const states = run(looks);
  assert.deepEqual(
    [states[1]!.since, states[2]!.since],
    [new Date(START + 60_000).toISOString(), new Date(START + 60_000).toISOString()],
  );
  assert.deepEqual([states[3]!.told, states[4]!.told, states[5]!.told], [['u'], ['u'], []]);
  assert.equal(states[4]!.since, new Date(START + 120_000).toISOString());
});

test('without a time to hold it fires at once; a break begins anew', () => {
  assert.deepEqual(phases([value(11), value(9)], { ...alert, for_seconds: 0 }), ['firing', 'ok']);
  assert.deepEqual(phases([value(11), value(9), value(11), value(11)]), [
    'pending',
    'ok',
    'pending',
    'pending',
  ]);
});

test('a failure changes nothing and is shown; nothing to measure is no alert', () => {
  const states = run([value(11), failed, value(11), failed, value(11), failed, value(null)]);
  assert.deepEqual(
    states.map(({ state, failure, value }) => [state, failure !== null, value]),
    [
      ['pending', false, 11],
      ['pending', true, 11],
      ['firing', false, 11],
      ['firing', true, 11],
      ['firing', false, 11],
      ['firing', true, 11],
      ['ok', false, null],
    ],
  );
});

test('what nobody looked at is not known to have held', () => {
  assert.deepEqual(phases([value(11), value(11, 3600), value(11), value(11)]), [
    'pending',
    'pending',
    'pending',
    'firing',
  ]);
});

test('each comparison, at its border', () => {
  const fires = (comparison: Watched['comparison']) =>
    [9, 10, 11].map((n) => phases([value(n)], { ...alert, comparison, for_seconds: 0 })[0] === 'firing');
  assert.deepEqual(fires('>'), [false, false, true]);
  assert.deepEqual(fires('>='), [false, true, true]);
  assert.deepEqual(fires('<'), [true, false, false]);
  assert.deepEqual(fires('<='), [true, true, false]);
});

/** The whole past, each time: the unbroken run of good looks at which the condition held, up to now. */
function oracle(looks: readonly Look[]): string {
  let now = START;
  const good: { at: number; holds: boolean }[] = [];
  for (const { after, reading } of looks) {
    now += after * 1000;
    if ('value' in reading) good.push({ at: now, holds: reading.value !== null && reading.value > 10 });
  }
  let fires = false;
  let since: number | null = null;
  for (const [i, { at, holds }] of good.entries()) {
    const isBroken = i > 0 && at - good[i - 1]!.at > GAP_MS;
    if (!holds) [fires, since] = [false, null];
    else if (since === null || (isBroken && !fires)) since = at;
    if (since !== null && at - since >= 60_000) fires = true;
  }
  return fires ? 'firing' : since === null ? 'ok' : 'pending';
}

test('over random readings it is what the past says', () => {
  const look = fc.record({
    after: fc.constantFrom(5, 15, 30, 59, 60, 61, 300),
    reading: fc.oneof(
      { weight: 6, arbitrary: fc.record({ value: fc.constantFrom(9, 11, 12) }) },
      { weight: 1, arbitrary: fc.constant({ value: null }) },
      { weight: 1, arbitrary: fc.constant({ failure: 'x' }) },
    ),
  });
  let fired = 0;
  fc.assert(
    fc.property(fc.array(look, { minLength: 1, maxLength: 25 }), (looks) => {
      const states = phases(looks);
      if (states.includes('firing')) fired++;
      for (let i = 1; i <= looks.length; i++) assert.equal(states[i - 1], oracle(looks.slice(0, i)));
    }),
    { numRuns: 2_000 },
  );
  assert.ok(fired > 100, `${fired} of 2000 fired`);
});
