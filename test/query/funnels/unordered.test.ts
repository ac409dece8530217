import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createUnorderedFinder } from '../../../src/query/funnels/unordered.ts';
import { bruteRun } from './brute.ts';
import { describeHistory, funnelCase, historyOf, planOf } from './cases.ts';

test('in random histories the run that counts is the one among all runs', () => {
  const reached: number[] = [];
  fc.assert(
    fc.property(funnelCase(['unordered']), ({ plan, history }) => {
      const run = createUnorderedFinder(plan)(history);
      reached[run.length] = (reached[run.length] ?? 0) + 1;
      assert.deepEqual(run, bruteRun(plan, history), describeHistory(plan, history));
    }),
    { numRuns: 20_000 },
  );
  for (const length of [0, 1, 2, 3, 4]) assert.ok(reached[length]! > 50, `${reached} runs by length`);
});

test('any order, each event for another step', () => {
  const find = createUnorderedFinder(planOf({ order: 'unordered', steps: 3, windowMs: 10 }));
  assert.deepEqual(find(historyOf('0:c 1:a 2:b')), [0, 1, 2]);
  assert.deepEqual(find(historyOf('0:ab 1:a 2:a')), [0, 1]);
  assert.deepEqual(find(historyOf('0:ab 1:a 10:c')), [0, 1, 2]);
  assert.deepEqual(find(historyOf('0:b 5:a 11:c')), [0, 1]);
  assert.deepEqual(find(historyOf('0:b 1:a 1:x 2:c 3:b')), [0, 1]);
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
  const plan = planOf({ order: 'unordered', steps: 4, windowMs: count, rangeMs: count });
  assert.equal(createUnorderedFinder(plan)(history).length, 3);
  const near = planOf({ order: 'unordered', steps: 3, windowMs: 10, rangeMs: count });
  assert.equal(createUnorderedFinder(near)(history).at(-1), count - 1);
  assert.ok(performance.now() - began < 2_000);
});
