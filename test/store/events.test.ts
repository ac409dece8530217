import assert from 'node:assert/strict';
import { test } from 'node:test';
import { insertIdPrefix, type LedgerBlock, type LogSource } from '../../src/store/events.ts';
import { StoreError } from '../../src/store/store-error.ts';
import {
  batchOf,
  insertBatch,
  insertRecords,
  NOON,
  openTables,
  recordOf,
  TOPIC,
  uuid7,
} from '../pipeline/rig.ts';

const MINUTE = 60_000;
/** Names that would end a literal, or be taken for something else. */
const NASTY = [
  "it's",
  'back\\slash',
  "\\'",
  '{a:String}',
  'line\nbreak',
  'ü🎬',
  '--',
  '?',
  '%',
  'tab\t',
  'nul\u0000',
];
const seen = (n: number, more: object = {}) => ({
  event_id: uuid7(n),
  event_name: 'x',
  timestamp: NOON,
  ...more,
});

test('the fence: a block whose lease has ended is refused by the server, with nothing written', async () => {
  const { client, store } = await openTables();
  const batch = batchOf([recordOf(0, [seen(1)])]);
  const late = insertBatch(store, batch, (await store.serverTime()) - 1);
  await assert.rejects(
    late,
    (error) => error instanceof StoreError && error.code === 469 && error.kind === 'refused',
  );
  assert.deepEqual(await client.select('SELECT event_id FROM events'), []);
});

test('a block may span more months than a server takes by default', async () => {
  const { client, store } = await openTables();
  const months = Array.from({ length: 150 }, (_, i) => seen(i, { timestamp: Date.UTC(2014, i, 1) }));
  await insertRecords(store, [recordOf(0, months)]);
  assert.deepEqual(await client.select('SELECT count() AS n FROM events'), [{ n: 150 }]);
});

test('what is present: by place and id, within the places asked for', async () => {
  const { store } = await openTables();
  const records = [recordOf(3, [seen(30)]), recordOf(4, [seen(40), seen(41)]), recordOf(6, [seen(60)])];
  await insertRecords(store, records);
  await insertRecords(store, [recordOf(4, [seen(49)], { partition: 1 })]);
  assert.deepEqual(
    await store.present({ topic: TOPIC, partition: 0, from: 4, until: 6 }),
    new Map([[4, new Set([`0 ${uuid7(40)}`, `1 ${uuid7(41)}`])]]),
  );
  assert.equal((await store.present({ topic: TOPIC, partition: 0, from: 0, until: 100 })).size, 3);
  assert.equal((await store.present({ topic: TOPIC, partition: 0, from: 7, until: 100 })).size, 0);
  // Another log, whose first places are the same.
  await insertRecords(store, [recordOf(3, [seen(31)])]);
  assert.deepEqual((await store.present({ topic: TOPIC, partition: 0, from: 3, until: 4 })).get(3)?.size, 2);
});

test('marks: one bucket each, whatever the app is called', async () => {
  const { client, store } = await openTables();
  const until = (await store.serverTime()) + 5_000;
  const bucket = NOON / 1000;
  await store.mark(
    NASTY.flatMap((app) => [
      { app, bucket },
      { app, bucket: bucket + 300 },
    ]),
    until,
  );
  const marks = await client.select<{ app_id: string; bucket: number; until: number }>(
    'SELECT app_id, toUnixTimestamp(bucket) AS bucket, toUnixTimestamp64Milli(max(lease_until)) AS until FROM bucket_state GROUP BY ALL',
  );
  assert.deepEqual(new Set(marks.map((m) => m.app_id)), new Set(NASTY));
  assert.equal(marks.length, NASTY.length * 2);
  for (const mark of marks) assert.equal(mark.until, until);
});

test('what is stored of some places can be marked after the fact', async () => {
  const { client, store } = await openTables();
  await insertRecords(store, [
    recordOf(0, [seen(1), seen(2, { timestamp: NOON + 7 * MINUTE })]),
    recordOf(1, [seen(3)]),
  ]);
  await insertRecords(store, [recordOf(9, [seen(9, { timestamp: NOON - 60 * MINUTE })])]);
  await store.markStored({ topic: TOPIC, partition: 0, from: 0, until: 9 });
  const marks = await client.select(
    'SELECT app_id, toUnixTimestamp(bucket) AS bucket FROM bucket_state WHERE lease_until > 0 ORDER BY bucket',
  );
  assert.deepEqual(
    marks,
    [0, 300].map((after) => ({ app_id: 'tube', bucket: NOON / 1000 + after })),
  );
});

test('recent ids: by receipt, newest first, cut; and those that claim to be of later', async () => {
  const { store } = await openTables();
  const at = (minutes: number) => ({ receivedAt: NOON + minutes * MINUTE });
  await insertRecords(store, [
    recordOf(0, [seen(0, { timestamp: NOON - 30 * MINUTE })], at(-30)),
    recordOf(1, [seen(1, { timestamp: NOON + 5 * MINUTE })], at(-20)),
    recordOf(2, [seen(2)], at(-1)),
    recordOf(3, [seen(3)], at(2)),
  ]);
  await insertRecords(store, [recordOf(3, [seen(33)], { ...at(2), partition: 1 })]);
  const ids = await store.recentIds({ topic: TOPIC, partition: 0 }, NOON - MINUTE, 10);
  assert.deepEqual(
    ids.map((row) => row.event_id),
    [3, 2, 1].map((n) => uuid7(n)),
  );
  assert.equal(ids[2]!.timestamp, NOON + 5 * MINUTE);
  assert.equal(ids[2]!.received_at, NOON - 20 * MINUTE);
  assert.deepEqual(
    (await store.recentIds({ topic: TOPIC, partition: 0 }, NOON - 60 * MINUTE, 2)).map((row) => row.event_id),
    [uuid7(3), uuid7(2)],
  );
});

test('ids are found by app, near their time or anywhere, whatever the app is called', async () => {
  const { store } = await openTables();
  const old = NOON - 50 * 24 * 60 * MINUTE;
  const events = NASTY.map((app_id, n) => seen(n, { app_id, timestamp: old }));
  await insertRecords(store, [recordOf(0, events)]);
  const ids = NASTY.map((_, n) => uuid7(n));
  const bucket = old / 1000 - ((old / 1000) % 300);
  for (const [n, app] of NASTY.entries()) {
    for (const found of [
      await store.findIds(app, ids, [bucket]),
      await store.findIds(app, ids, [bucket + 300]),
      await store.findIdsAnywhere(app, ids),
    ])
      assert.deepEqual(
        found.map((row) => [row.app_id, row.event_id]),
        [[app, uuid7(n)]],
      );
    assert.deepEqual(await store.findIds(app, ids, [bucket + 900]), []);
  }
  assert.deepEqual(await store.findIdsAnywhere('tube', ids), []);
});

test('the payload hash comes back as the kernel made it', async () => {
  const { store } = await openTables();
  const batch = batchOf([recordOf(0, [seen(1)])]);
  const [low, high] = batch.builder.payloadWords;
  await insertBatch(store, batch);
  const [found] = await store.findIdsAnywhere('tube', [uuid7(1)]);
  assert.equal(BigInt(found!.payload_hash), (BigInt(high!) << 32n) | BigInt(low!));
});

test('sessions that were assigned: by actor, in parts, not those that clients sent', async () => {
  const { store } = await openTables();
  const actor = "o'neill\\";
  const events = [0, 10, 45].map((minute, n) =>
    seen(n, { user_id: actor, timestamp: NOON + minute * MINUTE }),
  );
  const batch = batchOf([recordOf(0, [...events, seen(9, { user_id: actor, session_id: 'sent' })])]);
  for (const row of [0, 1]) batch.builder.assignSession(row, 0xabcn);
  batch.builder.assignSession(2, 2n ** 64n - 1n);
  await insertBatch(store, batch);
  const all = await store.findSessions('tube', [actor, 'bob'], NOON, NOON + 45 * MINUTE);
  const one = { app_id: 'tube', actor, hash: '0000000000000abc', first: NOON, last: NOON + 10 * MINUTE };
  const two = {
    app_id: 'tube',
    actor,
    hash: 'ffffffffffffffff',
    first: NOON + 45 * MINUTE,
    last: NOON + 45 * MINUTE,
  };
  const byHash = (a: { hash: string }, b: { hash: string }) => (a.hash < b.hash ? -1 : 1);
  assert.deepEqual(all.toSorted(byHash), [one, two]);
  assert.deepEqual(await store.findSessions('tube', [actor], NOON + 5 * MINUTE, NOON + 12 * MINUTE), [
    { ...one, first: NOON + 10 * MINUTE },
  ]);
  assert.deepEqual(await store.findSessions('kids', [actor], NOON, NOON + 45 * MINUTE), []);
  assert.deepEqual(await store.recentSessions(NOON + 11 * MINUTE), [two]);
});

test('a block of the ledger written again replaces what it said, unless it comes too late', async () => {
  const { client, store } = await openTables();
  const fates = { stored: 5, duplicate: 3, filtered: 0, quarantined: 1 };
  const rows = NASTY.map((app) => ({ app, minute: NOON / 1000, ...fates }));
  const write = (
    firstOffset: number,
    nextOffset: number,
    more: Partial<LedgerBlock> = {},
    leaseMs = 10_000,
  ) =>
    store.writeLedger(
      { topic: TOPIC, partition: 1, firstOffset, nextOffset, rows, violations: [], ...more },
      Date.now() + leaseMs,
    );
  await write(10, 12);
  await write(12, 20);
  await write(10, 12);
  await write(20, 21, { rows: [] });
  await assert.rejects(write(12, 14, { rows: [] }, -50), /lease/);
  const ledger = await client.select<Record<string, unknown>>('SELECT * FROM ledger');
  assert.equal(ledger.length, NASTY.length);
  for (const { app_id, ...line } of ledger) {
    assert.ok(NASTY.includes(String(app_id)));
    assert.deepEqual(line, {
      minute: '2026-05-15 12:00:00',
      received: 18,
      stored: 10,
      duplicate: 6,
      filtered: 0,
      quarantined: 2,
      erased: 0,
    });
  }
});

test('inserts of one source are ended, others go on', async () => {
  const { client, store } = await openTables();
  const one = { topic: TOPIC, partition: 1 };
  const ten = { topic: TOPIC, partition: 10 };
  const other = { topic: `${TOPIC}-1`, partition: 1 };
  const slow = (source: LogSource) =>
    client.select(
      'SELECT sleepEachRow(0.1) FROM numbers(600) SETTINGS max_block_size = 1, function_sleep_max_microseconds_per_block = 100000000',
      {},
      { queryId: `${insertIdPrefix(source)}test-${Math.random()}` },
    );
  const running = (source: LogSource) =>
    client.select(`SELECT 1 FROM system.processes WHERE startsWith(query_id, '${insertIdPrefix(source)}')`);
  const all = [one, ten, other];
  const ended = all.map((source) => assert.rejects(slow(source)));
  for (const source of all) while ((await running(source)).length === 0);
  await store.endInserts(one);
  await ended[0];
  assert.equal((await running(ten)).length, 1, '1 is no beginning of 10');
  assert.equal((await running(other)).length, 1, 'nor one topic of another');
  await store.endInserts(ten);
  await store.endInserts(other);
  await Promise.all(ended);
});

test('a back-fill: as many buckets in one mark and one look-up as there are in 90 days', async () => {
  const { client, store } = await openTables();
  const marks = Array.from({ length: 26_000 }, (_, i) => ({
    app: `app${i % 3}`,
    bucket: NOON / 1000 - i * 300,
  }));
  await store.mark(marks, NOON);
  assert.deepEqual(
    await client.select('SELECT count() AS n, min(toUnixTimestamp(bucket)) AS oldest FROM bucket_state'),
    [{ n: 26_000, oldest: NOON / 1000 - 25_999 * 300 }],
  );
  await insertRecords(store, [recordOf(0, [seen(7, { timestamp: NOON - 25_000 * 300_000 })])]);
  const ids = Array.from({ length: 20_000 }, (_, n) => uuid7(n));
  const buckets = marks.map(({ bucket }) => bucket);
  assert.deepEqual(
    (await store.findIds('tube', ids, buckets)).map((row) => row.event_id),
    [uuid7(7)],
  );
});
