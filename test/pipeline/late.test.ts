import assert from 'node:assert/strict';
import { test } from 'node:test';
import { settleLateIds } from '../../src/pipeline/late.ts';
import { EventStore } from '../../src/store/events.ts';
import {
  batchOf,
  createContext,
  createWindow,
  insertRecords,
  NOON,
  openTables,
  recordOf,
  rowsOf,
  uuid7,
} from './rig.ts';

const OLD = NOON - 60 * 60_000;
const old = (n: number, more: object = {}) => ({
  event_id: uuid7(n),
  event_name: 'x',
  timestamp: OLD,
  ...more,
});
const V4 = '7d444840-9dc0-41d1-b245-5ffdce74fad2';

const lateContext = () => createContext({ dedupe: createWindow({ start: NOON - 600_000 }) });

test('late duplicates and collisions leave the batch, by app and with or without a time', async () => {
  const { store } = await openTables();
  const untimed = { event_id: V4, event_name: 'x' };
  await insertRecords(store, [
    recordOf(0, [old(1), old(2), { ...old(3), app_id: 'kids' }, untimed], { receivedAt: OLD }),
  ]);
  const batch = batchOf(
    [
      recordOf(9, [
        old(1),
        old(2, { user_id: 'else' }),
        old(3),
        { ...old(3), app_id: 'kids' },
        untimed,
        old(4),
      ]),
      recordOf(10, [{ event_id: uuid7(5), event_name: 'x', timestamp: NOON }]),
    ],
    lateContext(),
  );
  await settleLateIds(batch, store);
  assert.deepEqual(rowsOf(batch), [`9/2 ${uuid7(3)}`, `9/5 ${uuid7(4)}`, `10/0 ${uuid7(5)}`]);
  assert.deepEqual(
    batch.dead.map(({ index, reason }) => [index, reason]),
    [[1, 'id_collision']],
  );
  assert.equal(batch.tally.total('stored'), 3);
  assert.equal(batch.tally.total('duplicate'), 3);
  await settleLateIds(batch, store);
  assert.equal(batch.rows, 3, 'nothing is asked twice');
});

test('a look-up that fails half-way is tried again as if nothing had been', async () => {
  const { client, store } = await openTables();
  const made = [old(1), { ...old(2), app_id: 'kids' }];
  await insertRecords(store, [recordOf(0, made, { receivedAt: OLD })]);
  let asked = 0;
  const failing = new (class extends EventStore {
    override async findIds(app: string, ids: readonly string[], buckets: Iterable<number>) {
      if (++asked === 2) throw new Error('the server is gone');
      return await super.findIds(app, ids, buckets);
    }
  })(client);
  const batch = batchOf(
    [recordOf(9, [...made.map((e) => ({ ...e, user_id: 'else' })), old(3)])],
    lateContext(),
  );
  await assert.rejects(settleLateIds(batch, failing), /gone/);
  await settleLateIds(batch, failing);
  assert.deepEqual(rowsOf(batch), [`9/2 ${uuid7(3)}`]);
  assert.equal(batch.tally.total('stored'), 1);
  assert.equal(batch.tally.total('quarantined'), 2);
  assert.equal(batch.dead.length, 2);
});
