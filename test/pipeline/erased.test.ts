/** What was received before its person was erased is not stored, whenever it comes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createErasedFilter, ERASED_REFRESH_MS } from '../../src/pipeline/erased.ts';
import { digestSubject, noteErased } from '../../src/store/erased-list.ts';
import { batchOf, NOON, openTables, recordOf, uuid7 } from './rig.ts';

const KEY = Buffer.alloc(32, 7);
const YEAR_MS = 365 * 86_400_000;

const eventsOf = (...people: object[]) =>
  people.map((person, i) => ({ event_id: uuid7(i), event_name: 'page_view', ...person }));

test('rows of the erased go, are counted as filtered, and nobody else is touched', async () => {
  const { client } = await openTables();
  let now = 0;
  let asked = 0;
  const key = async () => {
    asked++;
    return KEY;
  };
  const filter = createErasedFilter({ client, key, now: () => now });
  const people = [
    { user_id: 'ann' },
    { anonymous_id: 'ann', app_id: 'other' },
    { user_id: 'bob', anonymous_id: 'ann' },
    { user_id: 'anna' },
    { session_id: 'ann' },
  ];
  const batch = () =>
    batchOf([
      recordOf(0, eventsOf(...people)),
      recordOf(1, [{ event_name: 'x', user_id: 'ann' }], { receivedAt: NOON + 5 }),
    ]);
  const before = batch();
  assert.equal(await filter.drop(before), ERASED_REFRESH_MS);
  assert.deepEqual([before.rows, asked], [6, 0], 'nobody was erased yet, and the key is not needed');

  const digest = digestSubject(KEY, 'ann');
  const note = { digest, before: NOON + 5, keptUntil: Date.now() + YEAR_MS };
  await noteErased(client, { ...note, erasureId: 'a', apps: ['tube'] });
  now = ERASED_REFRESH_MS - 1;
  assert.equal(await filter.drop(before), ERASED_REFRESH_MS, 'what is known holds as long as was said');
  assert.equal(before.rows, 6);
  now = ERASED_REFRESH_MS;
  const own = batch();
  assert.equal(await filter.drop(own), 2 * ERASED_REFRESH_MS);
  const left = Array.from({ length: own.rows }, (_, row) => [
    own.builder.stringAt('user_id', row),
    own.builder.stringAt('anonymous_id', row),
  ]);
  // In one app only, and what came at the moment of the erasure or later is new.
  assert.deepEqual(left, [
    ['', 'ann'],
    ['anna', ''],
    ['', ''],
    ['ann', ''],
  ]);
  assert.deepEqual([own.tally.total('stored'), own.tally.total('filtered')], [4, 2]);
  await filter.drop(own);
  assert.deepEqual([own.rows, own.tally.total('filtered')], [4, 2], 'twice is once');

  await noteErased(client, { ...note, erasureId: 'b', apps: null });
  now += ERASED_REFRESH_MS;
  await filter.drop(own);
  assert.deepEqual([own.rows, own.tally.total('filtered')], [3, 3]);
  assert.equal(await filter.names('{"userId":"ann"', 'nowhere', NOON), true);
  assert.equal(await filter.names('{"userId":"ann"', 'nowhere', NOON + 5), false);
  assert.equal(await filter.names('{"userId":"bob"}', 'nowhere', NOON), false);
});

test('a record of events that were left out is counted, and is no dead letter', () => {
  const record = recordOf(0, []);
  const left = {
    ...record,
    value: new Uint8Array(),
    headers: [...record.headers, ['filtered', '3'] as const],
  };
  const batch = batchOf([left, recordOf(1, eventsOf({ user_id: 'ann' }))]);
  assert.deepEqual([batch.rows, batch.dead.length, batch.tally.total('filtered')], [1, 0, 3]);
  batch.rebuild(new Map());
  assert.equal(batch.rows, 1);
  // Who says so of a record that holds something is not believed.
  const lie = batchOf([{ ...left, value: record.value }]);
  assert.equal(lie.tally.total('filtered'), 0);
});
