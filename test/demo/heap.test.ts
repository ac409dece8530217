import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { createHeap } from '../../src/demo/heap.ts';
import { createPeopleSet } from '../../src/demo/people-set.ts';

test('a heap gives keys in order, equal ones as they came', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(20)), (keys) => {
      const heap = createHeap<number>();
      for (const [i, key] of keys.entries()) heap.push(key, i);
      const order = keys.map((_, i) => i).sort((a, b) => keys[a]! - keys[b]! || a - b);
      assert.equal(heap.peekKey(), order.length === 0 ? Number.POSITIVE_INFINITY : keys[order[0]!]);
      assert.deepEqual(
        keys.map(() => heap.pop()),
        order,
      );
      assert.throws(() => heap.pop());
    }),
  );
});

test('a set of people has the size of a set, also when saved and loaded', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(5_000)), fc.array(fc.nat(5_000)), (first, second) => {
      const people = createPeopleSet();
      for (const number of first) people.add(number);
      const loaded = createPeopleSet(people.save());
      assert.equal(loaded.size, new Set(first).size);
      for (const number of second) loaded.add(number);
      assert.equal(loaded.size, new Set([...first, ...second]).size);
    }),
  );
});
