import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createOrderedFinder } from '../../../src/query/funnels/ordered.ts';
import { bruteRun } from './brute.ts';
import { describeHistory, funnelCase, historyOf, planOf } from './cases.ts';

test('in random histories the run that counts is the one among all runs', () => {
  const reached: number[] = [];
  fc.assert(
    fc.property(funnelCase(['ordered', 'strict']), ({ plan, history }) => {
      const run = createOrderedFinder(plan)(history);
      reached[run.length] = (reached[run.length] ?? 0) + 1;
      assert.deepEqual(run, bruteRun(plan, history), describeHistory(plan, history));
    }),
    { numRuns: 30_000 },
  );
  for (const length of [0, 1, 2, 3, 4]) assert.ok(reached[length]! > 50, `${reached} runs by length`);
});

test('a finder forgets the history before', () => {
  const find = createOrderedFinder(planOf({ steps: 3 }));
  assert.deepEqual(find(historyOf('0:a 1:b 2:c 3:a 4:b')), [0, 1, 2]);
  assert.deepEqual(find(historyOf('0:b 1:a')), [1]);
  assert.deepEqual(find(historyOf('')), []);
  assert.deepEqual(find(historyOf('0:a 0:c 0:b 0:c')), [0, 2, 3]);
});

test('the step window can need a later event than the first', () => {
  const find = createOrderedFinder(planOf({ steps: 3, stepWindowMs: 2, windowMs: 10 }));
  assert.deepEqual(find(historyOf('0:a 1:b 2:b 4:c')), [0, 2, 3]);
  assert.deepEqual(find(historyOf('0:a 1:b 4:c')), [0, 1]);
});

test('both ends of the window count', () => {
  const find = createOrderedFinder(planOf({ steps: 2, windowMs: 10 }));
  assert.deepEqual(find(historyOf('0:a 10:b')), [0, 1]);
  assert.deepEqual(find(historyOf('0:a 11:b')), [0]);
});

test('one event serves one step', () => {
  const find = createOrderedFinder(planOf({ steps: 2 }));
  assert.deepEqual(find(historyOf('0:ab')), [0]);
  assert.deepEqual(find(historyOf('0:ab 0:ab')), [0, 1]);
});

test('an excluded event ends a run between its two steps, and nowhere else', () => {
  const find = createOrderedFinder(planOf({ steps: 3, exclusions: [{ afterStep: 2, beforeStep: 3 }] }));
  assert.deepEqual(find(historyOf('0:a 1:x 2:b 3:c')), [0, 2, 3]);
  assert.deepEqual(find(historyOf('0:a 1:b 2:x 3:c')), [0, 1]);
  assert.deepEqual(find(historyOf('0:a 1:b 2:x 3:b 4:c')), [0, 3, 4]);
  assert.deepEqual(find(historyOf('0:a 1:b 2:c 3:x')), [0, 1, 2]);
  assert.deepEqual(find(historyOf('0:a 1:bx 2:cx')), [0, 1, 2]);
});

test('a hundred thousand events of one actor take no square of it', () => {
  const count = 100_000;
  const places = Array.from({ length: count }, (_, i) => i);
  const history = {
    times: places,
    steps: places.map((i) => (i === count - 1 ? 4 : 1 + (i % 2))),
    excluded: places.map(() => 0),
  };
  const began = performance.now();
  assert.equal(
    createOrderedFinder(planOf({ steps: 3, windowMs: 9, stepWindowMs: 3, rangeMs: count }))(history).length,
    3,
  );
  assert.ok(performance.now() - began < 2_000);
});
