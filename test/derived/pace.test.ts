import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Pace } from '../../src/derived/pace.ts';

/** A machine that was idle for these shares of the time between two looks. */
function paceOn(...idle: number[]): Pace {
  const times = { idle: 0, all: 0 };
  let first = true;
  return new Pace(() => {
    if (!first) {
      times.idle += 1_000 * idle.shift()!;
      times.all += 1_000;
    }
    first = false;
    return { ...times };
  });
}

test('work rests for as long as it took on an idle machine, and nineteen times that on a busy one', () => {
  const pace = paceOn(1, 0.9, 0.65, 0.45, 0.2, 0);
  const shares = Array.from({ length: 6 }, () => 1 / (1 + pace.restMs(100) / 100));
  const expected = [0.5, 0.5, 0.25, 0.05, 0.05, 0.05];
  shares.forEach((share, i) => {
    assert.ok(Math.abs(share - expected[i]!) < 1e-9, `${share} and not ${expected[i]}`);
  });
});

test('what cannot be measured is taken for busy', () => {
  const pace = new Pace(() => ({ idle: 5, all: 5 }));
  assert.equal(Math.round(pace.restMs(10)), 190);
});

test('the machine itself is read', () => {
  const rest = new Pace().restMs(1_000);
  assert.ok(rest >= 1_000 && rest <= 19_001, String(rest));
});
