import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openKernel } from '../../src/event/kernel/wasm.ts';
import { presentKey } from '../../src/pipeline/batch.ts';
import { PlanBook } from '../../src/plans/book.ts';
import {
  batchOf,
  createBuilder,
  createContext,
  NOON,
  recordOf,
  referenceKernel,
  rowsOf,
  uuid7,
} from './rig.ts';

function planned(mode: 'warn' | 'quarantine', effectiveAt = 0): PlanBook {
  const book = new PlanBook();
  const schema = { required: ['price'], properties: { price: { type: 'number' } } };
  book.load([{ event_name: 'buy', app_id: null, effectiveAt, plan: { mode, schema } }]);
  return book;
}
const buy = (n: number, properties: object = {}) => ({ event_id: uuid7(n), event_name: 'buy', properties });

for (const kernel of [referenceKernel, await openKernel()]) {
  const builder = () => createBuilder(kernel);

  test('what breaks its plan is buried and told, and its id may come again', () => {
    const context = createContext({ plans: planned('quarantine') });
    const first = recordOf(0, [
      buy(1, { price: 1 }),
      buy(2),
      { event_id: uuid7(3), event_name: 'seek' },
      buy(4, { price: 'x' }),
    ]);
    const batch = batchOf([first], context, builder());
    assert.deepEqual(rowsOf(batch), [`0/0 ${uuid7(1)}`, `0/2 ${uuid7(3)}`]);
    const dead = batch.dead.map(({ index, reason, detail }) => [index, reason, detail]);
    assert.deepEqual(dead[0], [1, 'plan_violation', 'properties.price: must be there']);
    assert.deepEqual(dead[1]!.slice(0, 2), [3, 'plan_violation']);
    const { stored, quarantined } = batch.tally.rows()[0]!;
    assert.deepEqual([stored, quarantined], [2, 2]);
    assert.deepEqual(
      batch.plans.violations().map(({ event, mode, count, eventId }) => [event, mode, count, eventId]),
      [
        ['buy', 'quarantine', 1, uuid7(2)],
        ['buy', 'quarantine', 1, uuid7(4)],
      ],
    );
    // Mended: the same id with other properties, and the very same event under a plan that allows it.
    const mended = batchOf([recordOf(1, [buy(2, { price: 2 })])], context, builder());
    assert.deepEqual(rowsOf(mended), [`1/0 ${uuid7(2)}`]);
    const allowed = batchOf(
      [recordOf(2, [buy(4, { price: 'x' })])],
      { ...context, plans: new PlanBook() },
      builder(),
    );
    assert.deepEqual(rowsOf(allowed), [`2/0 ${uuid7(4)}`]);
  });

  test('a warning is stored and counted', () => {
    const batch = batchOf(
      [recordOf(0, [buy(1), buy(2), buy(3, { price: 1 })])],
      createContext({ plans: planned('warn') }),
      builder(),
    );
    assert.equal(batch.rows, 3);
    assert.equal(batch.dead.length, 0);
    const [one, ...more] = batch.plans.violations();
    assert.deepEqual(
      [one!.count, one!.path, one!.eventId, more.length],
      [2, 'properties.price', uuid7(2), 0],
    );
  });

  test('the plan counts that was in force when the record came, whenever it is read', () => {
    const plans = planned('quarantine', NOON);
    const early = { ...recordOf(0, [buy(1)]), timestamp: NOON - 1 };
    const late = { ...recordOf(1, [buy(2)], { receivedAt: NOON - 60_000 }), timestamp: NOON };
    for (let again = 0; again < 2; again++) {
      const batch = batchOf([early, late], createContext({ plans }), builder());
      assert.deepEqual(rowsOf(batch), [`0/0 ${uuid7(1)}`]);
      assert.equal(batch.dead[0]!.span.record.offset, 1);
    }
  });

  test('a plan that becomes known while a batch is open counts for the rest of it', () => {
    const plans = planned('quarantine');
    const schema = { required: ['price'] };
    plans.load([]);
    const context = createContext({ plans });
    const batch = batchOf([recordOf(0, [buy(1)])], context, builder());
    plans.load([{ event_name: 'sell', app_id: null, effectiveAt: 0, plan: { mode: 'warn', schema } }]);
    batch.take(recordOf(1, [buy(2)]), context);
    plans.load([{ event_name: 'buy', app_id: null, effectiveAt: 0, plan: { mode: 'quarantine', schema } }]);
    batch.take(recordOf(2, [buy(3)]), context);
    assert.deepEqual([batch.rows, batch.dead.length], [2, 1]);
  });

  test('what an earlier attempt stored stays stored', () => {
    const present = new Map([[0, new Set([presentKey(0, uuid7(1))])]]);
    const batch = batchOf(
      [recordOf(0, [buy(1), buy(2)])],
      createContext({ plans: planned('quarantine'), present }),
      builder(),
    );
    assert.deepEqual([batch.rows, batch.presentRows, batch.dead.length], [0, 1, 1]);
    const { stored, quarantined } = batch.tally.rows()[0]!;
    assert.deepEqual([stored, quarantined], [1, 1]);
  });
}

test('kinds of violations of a batch are bounded', () => {
  const schema = { additionalProperties: false };
  const book = new PlanBook();
  book.load([{ event_name: 'buy', app_id: null, effectiveAt: 0, plan: { mode: 'warn', schema } }]);
  const events = Array.from({ length: 500 }, (_, n) => buy(n, { [`p${n}`]: 1 }));
  const violations = batchOf([recordOf(0, events)], createContext({ plans: book })).plans.violations();
  assert.equal(violations.length, 201);
  assert.equal(
    violations.reduce((sum, { count }) => sum + count, 0),
    500,
  );
});
