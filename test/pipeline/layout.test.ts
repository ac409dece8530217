import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Lag, LogRecord } from '../../src/log/log.ts';
import {
  awaitOthers,
  distrustedUntil,
  findChange,
  type Layout,
  readLayout,
  writeLayout,
} from '../../src/pipeline/layout.ts';

const layout: Layout = { partitions: 8, since: 1_000, fresh: false, settled: false };

function split(by: number | string | null, timestamp = 1_000): LogRecord {
  const headers = by === null ? [] : [['partitions', String(by)] as const];
  return { partition: 0, offset: 0, key: null, headers, value: new Uint8Array(), timestamp };
}

/** Records that lie at the committed offsets, by partition. */
const topicOf = (
  lag: (group: string) => Promise<Lag[]>,
  next: ReadonlyMap<number, LogRecord> = new Map(),
) => ({
  lag,
  async *scan(partition: number, from: number, until: number) {
    assert.equal(until, from + 1);
    const record = next.get(partition);
    yield record ? [{ ...record, partition, offset: from }] : [];
  },
});
const signal = new AbortController().signal;

const lagOf = (partition: number, committed: number, end: number, said: Layout | null): Lag => ({
  partition,
  records: end - committed,
  oldestTimestamp: null,
  committed,
  metadata: writeLayout(said),
  end,
  bytes: null,
});

test('what a commit says is read back, and nothing else is taken for it', () => {
  for (const fresh of [true, false])
    for (const settled of [true, false])
      assert.deepEqual(readLayout(writeLayout({ ...layout, fresh, settled })), { ...layout, fresh, settled });
  for (const other of ['', 'partitions=8', 'partitions=x since=1', '{}', 'partitions=8 since=1 and more'])
    assert.equal(readLayout(other), null, other);
  assert.equal(writeLayout(null), '');
});

test('a change is the first record split by more partitions than known; foreign records tell nothing', () => {
  assert.equal(findChange([], layout, true), null);
  const foreign = [null, 'many', '-1', '1e400', '2.5'].map((by) => split(by));
  assert.equal(findChange(foreign, null, true), null);
  assert.equal(findChange([split(8), split(4), split(null)], layout, false), null);
  const found = findChange([split(null), split(8), split(12, 5_000), split(16)], layout, false);
  assert.deepEqual(found, { index: 2, layout: { ...layout, partitions: 12, since: 5_000 } });
  assert.equal(findChange([split(2)], null, true)?.layout.fresh, true);
  assert.equal(findChange([split(null), split(2)], null, true)?.layout.fresh, false);
  assert.equal(findChange([split(2)], null, false)?.layout.fresh, false);
});

test('every other partition has come so far, or has nothing left: only then it goes on', async () => {
  const old = { ...layout, partitions: 4, settled: true };
  const rounds: Lag[][] = [
    [lagOf(0, 0, 9, null), lagOf(1, 3, 5, old), lagOf(2, 0, 0, null), lagOf(3, 7, 9, layout)],
    // What came after the first look is not waited for.
    [lagOf(0, 0, 9, null), lagOf(1, 4, 90, old), lagOf(2, 0, 50, null), lagOf(3, 7, 9, layout)],
    [lagOf(0, 0, 9, null), lagOf(1, 5, 95, old), lagOf(2, 0, 55, null), lagOf(3, 7, 9, layout)],
  ];
  let looks = 0;
  let waits = 0;
  const topic = topicOf(
    async (group) => {
      assert.equal(group, 'g');
      return rounds[looks++]!;
    },
    new Map([[1, split(4)]]),
  );
  const settled = await awaitOthers({ partition: 0, signal }, layout, topic, 'g', async () => {
    waits += 1;
  });
  assert.deepEqual([looks, waits], [3, 2]);
  assert.deepEqual(settled, { ...layout, settled: true });
  assert.ok(distrustedUntil(settled) > layout.since);
});

test('a log that had nothing before is asked nothing; one that had anything is', async () => {
  const fresh = { ...layout, fresh: true };
  const settle = (others: Lag[]) =>
    awaitOthers(
      { partition: 0, signal },
      fresh,
      topicOf(async () => others),
      'g',
      async () => assert.fail(),
    );
  const all = await settle([lagOf(1, 0, 5, fresh), lagOf(2, 0, 0, null)]);
  assert.equal(distrustedUntil(all), -Infinity);
  const before = { ...fresh, partitions: 4, settled: true };
  for (const one of [lagOf(1, 5, 5, null), lagOf(1, 3, 5, layout), lagOf(1, 5, 5, before)])
    assert.ok(distrustedUntil(await settle([one])) > layout.since);
});

test('who stands before a record of the new layout is not waited for, whatever holds it up', async () => {
  const fresh = { ...layout, fresh: true };
  const settle = (lag: Lag, next: LogRecord) =>
    awaitOthers(
      { partition: 0, signal },
      fresh,
      topicOf(async () => [lag], new Map([[1, next]])),
      'g',
      () => Promise.reject(new Error('it waits')),
    );
  assert.equal(distrustedUntil(await settle(lagOf(1, 0, 5, null), split(8))), -Infinity);
  assert.ok(distrustedUntil(await settle(lagOf(1, 3, 5, null), split(8))) > layout.since);
  await assert.rejects(settle(lagOf(1, 3, 5, null), split(4)), /it waits/);
  await assert.rejects(settle(lagOf(1, 3, 5, null), split(null)), /it waits/);
});
