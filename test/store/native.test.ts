import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StoreClient } from '../../src/store/client.ts';
import { NativeBlock } from '../../src/store/native.ts';
import { startTestClickHouse } from '../support/clickhouse.ts';

let inserts = 0;

/** What the server says it holds after one block, as text, in order. */
async function roundTrip(
  client: StoreClient,
  type: string,
  rows: number,
  fill: (block: NativeBlock) => void,
): Promise<string[]> {
  const table = `t${++inserts}`;
  await client.command(`CREATE TABLE ${table} (n UInt32, v ${type}) ENGINE = MergeTree ORDER BY n`);
  const block = new NativeBlock(rows);
  block.typed(
    'n',
    'UInt32',
    Uint32Array.from({ length: rows }, (_, i) => i),
  );
  fill(block);
  await client.insertNative(table, ['n', 'v'], block.chunks(), {
    queryId: `native-${table}`,
    timeoutMs: 30_000,
  });
  const read = await client.select<{ v: string }>(
    `SELECT ifNull(toString(v), 'NULL') AS v FROM ${table} ORDER BY n`,
  );
  await client.command(`DROP TABLE ${table}`);
  return read.map((row) => row.v);
}

test('text: every width of the dictionary, into both kinds of columns', async () => {
  const { client } = await startTestClickHouse();
  const types = ['LowCardinality(String)', 'String'];
  for (const size of [1, 2, 255, 256, 257, 65_535, 65_536, 65_537]) {
    const values = Array.from({ length: size }, (_, i) => (i === 0 ? '' : `value ${i}`));
    // Last before first, and some twice, so that order of use is not order of the dictionary.
    const ids = Uint32Array.from({ length: size + 3 }, (_, i) => (size * 4 - 1 - i) % size);
    for (const type of size > 60_000 ? types.slice(0, 1) : types) {
      const read = await roundTrip(client, type, ids.length, (block) => block.text('v', { values, ids }));
      assert.deepEqual(
        read,
        Array.from(ids, (id) => values[id]),
        `${type} of ${size}`,
      );
    }
  }
});

test('text: empty, long, of many bytes a character, control characters; unused and repeated entries', async () => {
  const { client } = await startTestClickHouse();
  const values = [
    '',
    'ü',
    '日本語',
    '🎬🎬',
    'a\u0000b',
    "it's \\ \n\t",
    'x'.repeat(127),
    'y'.repeat(128),
    'z'.repeat(70_000),
  ];
  const twice = [...values, ...values];
  const ids = Uint32Array.from(twice, (_, i) => i);
  for (const type of ['LowCardinality(String)', 'String']) {
    assert.deepEqual(
      await roundTrip(client, type, twice.length, (b) => b.text('v', { values: twice, ids })),
      twice,
    );
    const some = await roundTrip(client, type, 2, (b) => b.text('v', { values, ids: Uint32Array.of(2, 2) }));
    assert.deepEqual(some, ['日本語', '日本語']);
    const lone = await roundTrip(client, type, 1, (b) =>
      b.text('v', { values: ['\ud800'], ids: Uint32Array.of(0) }),
    );
    assert.deepEqual(lone, ['\ufffd']);
  }
});

test('ids of a longer array than the block has rows', async () => {
  const { client } = await startTestClickHouse();
  const ids = Uint32Array.of(1, 0, 1, 1, 1);
  const read = await roundTrip(client, 'String', 2, (b) => b.text('v', { values: ['', 'one'], ids }));
  assert.deepEqual(read, ['one', '']);
});

test('numbers that may be missing: NaN is NULL, and the others are what they were', async () => {
  const { client } = await startTestClickHouse();
  const values = Float64Array.of(Number.NaN, 0, 1.5, 9_999.5, Number.MAX_VALUE, 5e-324, Number.NaN, 2 ** 53);
  const read = await roundTrip(client, 'Nullable(Float64)', 7, (b) => b.nullableFloat64('v', values));
  assert.deepEqual(
    read.map((v) => (v === 'NULL' ? Number.NaN : Number(v))),
    [...values.subarray(0, 7)],
  );
});

test('moments: to the millisecond, before 1970, at both ends of what can be held', async () => {
  const { client } = await startTestClickHouse();
  const moments = [
    0,
    1,
    -1,
    -1_000,
    1_779_000_000_123,
    2 ** 32 - 1,
    2 ** 32,
    -(2 ** 32),
    Date.UTC(1900, 0, 1),
    Date.UTC(2299, 11, 31, 23, 59, 59, 999),
  ];
  const read = await roundTrip(client, "DateTime64(3, 'UTC')", moments.length, (b) =>
    b.dateTime64('v', Float64Array.from(moments)),
  );
  assert.deepEqual(
    read,
    moments.map((at) => new Date(at).toISOString().replace('T', ' ').replace('Z', '')),
  );
});

test('whole numbers up to 2^53, and hashes of 64 bits', async () => {
  const { client } = await startTestClickHouse();
  const values = Float64Array.of(0, 1, 2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 53 - 1, 2 ** 53);
  const read = await roundTrip(client, 'UInt64', values.length, (b) => b.uint64('v', values));
  assert.deepEqual(read, Array.from(values, String));
  const words = Uint32Array.of(0xffffffff, 0xffffffff, 1, 0, 0, 1);
  assert.deepEqual(await roundTrip(client, 'UInt64', 3, (b) => b.typed('v', 'UInt64', words)), [
    '18446744073709551615',
    '1',
    '4294967296',
  ]);
});

test('UUIDs, flags, small numbers, and finished bytes', async () => {
  const { client } = await startTestClickHouse();
  const uuids = [
    '00112233-4455-6677-8899-aabbccddeeff',
    'ffffffff-ffff-ffff-ffff-ffffffffffff',
    '00000000-0000-0000-0000-000000000001',
  ];
  const words = uuids.flatMap((id) =>
    id
      .replaceAll('-', '')
      .match(/.{8}/g)!
      .map((hex) => Number.parseInt(hex, 16)),
  );
  const longer = Uint32Array.from([...words, 1, 2, 3, 4]);
  assert.deepEqual(await roundTrip(client, 'UUID', 3, (b) => b.uuid('v', longer)), uuids);
  const flags = await roundTrip(client, 'Bool', 2, (b) => b.typed('v', 'Bool', Uint8Array.of(1, 0)));
  assert.deepEqual(flags, ['true', 'false']);
  const part = Uint16Array.of(7, 65_535, 0, 7).subarray(1, 3);
  assert.deepEqual(await roundTrip(client, 'UInt16', 2, (b) => b.typed('v', 'UInt16', part)), ['65535', '0']);
  const cells = Uint8Array.from([0, 2, 0xc3, 0xbc, 1, 0x61]);
  assert.deepEqual(await roundTrip(client, 'String', 3, (b) => b.raw('v', 'String', cells)), ['', 'ü', 'a']);
});

test('a block without rows is a block', async () => {
  const { client } = await startTestClickHouse();
  assert.deepEqual(
    await roundTrip(client, 'String', 0, (b) => b.text('v', { values: [''], ids: new Uint32Array() })),
    [],
  );
  assert.deepEqual(await roundTrip(client, 'UUID', 0, (b) => b.uuid('v', new Uint32Array())), []);
  const none = await roundTrip(client, 'Nullable(Float64)', 0, (b) =>
    b.nullableFloat64('v', new Float64Array()),
  );
  assert.deepEqual(none, []);
});
