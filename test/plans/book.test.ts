import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PlanBook, type PlanRevision } from '../../src/plans/book.ts';

const wants = (name: string, mode: 'warn' | 'quarantine' = 'quarantine') => ({
  mode,
  schema: { required: [name] },
});

test('the plan in force when the event came counts, that of its own app first', () => {
  const book = new PlanBook();
  assert.equal(book.isEmpty, true);
  const revisions: PlanRevision[] = [
    { event_name: 'buy', app_id: null, effectiveAt: 100, plan: wants('a') },
    { event_name: 'buy', app_id: null, effectiveAt: 300, plan: wants('b', 'warn') },
    { event_name: 'buy', app_id: 'tv', effectiveAt: 200, plan: wants('c') },
    { event_name: 'buy', app_id: 'tv', effectiveAt: 400, plan: null },
  ];
  for (const order of [revisions, revisions.toReversed()]) {
    book.load(order);
    const judged = (app: string, at: number) => {
      const breach = book.judge('buy', app, at, () => '{}');
      return breach === null ? null : `${breach.path} ${breach.mode}`;
    };
    assert.deepEqual(
      [99, 100, 299, 300].map((at) => judged('web', at)),
      [null, 'properties.a quarantine', 'properties.a quarantine', 'properties.b warn'],
    );
    assert.deepEqual(
      [150, 200, 399, 400].map((at) => judged('tv', at)),
      ['properties.a quarantine', 'properties.c quarantine', 'properties.c quarantine', 'properties.b warn'],
    );
    assert.equal(
      book.judge('buy', 'web', 350, () => '{"b":1}'),
      null,
    );
    assert.deepEqual([book.plans('buy'), book.plans('sell'), book.isEmpty], [true, false, false]);
  }
});
