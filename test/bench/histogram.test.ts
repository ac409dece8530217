import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { Histogram } from '../../bench/histogram.ts';

test('a quantile is the exact one, or at most 1.6 % above it', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 2 ** 31 - 1 }), { minLength: 1 }),
      fc.double({ min: 0, max: 1, noNaN: true }),
      (values, share) => {
        const histogram = new Histogram();
        for (const value of values) histogram.add(value);
        const sorted = values.toSorted((a, b) => a - b);
        const exact = sorted[Math.max(1, Math.ceil(values.length * share)) - 1]!;
        const told = histogram.quantile(share);
        assert.ok(told >= exact && told <= exact * (1 + 1 / 64) + 1, `${told} for ${exact}`);
        assert.equal(histogram.max, sorted.at(-1));
      },
    ),
  );
});

test('an empty one answers 0, and a reset one is empty', () => {
  const histogram = new Histogram();
  assert.equal(histogram.quantile(0.5), 0);
  histogram.add(7);
  histogram.reset();
  assert.equal(histogram.quantile(0.99), 0);
  assert.equal(histogram.total, 0);
});
