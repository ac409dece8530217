import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Lag, LogRecord, NewRecord } from '../../src/log/log.ts';
import {
  awaitOthers,
  distrustedUntil,
  emptied,
  findChange,
  isOfBefore,
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
  marks: [] as NewRecord[],
  async append(records: readonly NewRecord[]) {
    this.marks.push(...records);
  },
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

test('every other partition has come so far, or stands before a record that says so: only then it goes on', async () => {
  const old = { ...layout, partitions: 4, settled: true };
  const rounds: Lag[][] = [
    [
      lagOf(0, 0, 9, null),
      lagOf(1, 5, 5, old),
      lagOf(2, 0, 0, null),
      lagOf(3, 7, 9, layout),
      lagOf(4, 0, 0, null),
    ],
    // Records of before come still, and before the marks.
    [
      lagOf(0, 0, 9, null),
      lagOf(1, 5, 90, old),
      lagOf(2, 0, 50, null),
      lagOf(3, 7, 9, layout),
      lagOf(4, 0, 0, null),
    ],
    [
      lagOf(0, 0, 9, null),
      lagOf(1, 89, 90, old),
      lagOf(2, 49, 50, null),
      lagOf(3, 7, 9, layout),
      lagOf(4, 0, 3, null),
    ],
  ];
  const next = new Map([
    [1, split(4)],
    [2, split(4)],
  ]);
  let looks = 0;
  let waits = 0;
  const topic = topicOf(async (group) => {
    assert.equal(group, 'g');
    return rounds[looks++]!;
  }, next);
  const before = { ...layout, partitions: 2 };
  const settled = await awaitOthers({ partition: 0, signal }, { layout, before }, topic, 'g', async () => {
    waits += 1;
    if (waits < 2) return;
    for (const partition of [1, 2, 4]) next.set(partition, split(8));
  });
  assert.deepEqual([looks, waits], [3, 2]);
  assert.deepEqual(settled, { ...layout, settled: true });
  assert.ok(distrustedUntil(settled) > layout.since);
  // One each, where nothing was in sight; none where nobody ever split by fewer.
  assert.deepEqual(
    topic.marks.map(({ partition, value, headers }) => [
      partition,
      value.length,
      new Map(headers).get('partitions'),
    ]),
    [
      [1, 0, '8'],
      [2, 0, '8'],
    ],
  );
});

test('records of an ingest that has not heard of it yet are of before; marks and those of foreign producers are not', () => {
  const of = (headers: [string, string][], value = 'x') => ({
    ...split(null),
    headers,
    value: Buffer.from(value),
  });
  assert.equal(
    isOfBefore(
      of([
        ['count', '1'],
        ['partitions', '4'],
      ]),
      layout,
    ),
    true,
  );
  assert.equal(isOfBefore(of([['count', '1']]), layout), true);
  for (const partitions of ['8', '12'])
    assert.equal(
      isOfBefore(
        of([
          ['count', '1'],
          ['partitions', partitions],
        ]),
        layout,
      ),
      false,
    );
  assert.equal(isOfBefore(of([['partitions', '4']]), layout), false);
  assert.equal(
    isOfBefore(
      of(
        [
          ['count', '0'],
          ['partitions', '4'],
        ],
        '',
      ),
      layout,
    ),
    false,
  );
  const record = of([
    ['app', 'tube'],
    ['count', '3'],
    ['partitions', '4'],
  ]);
  const left = emptied({ ...record, offset: 7 });
  assert.deepEqual([left.offset, left.value.length, new Map(left.headers).get('count')], [7, 0, '0']);
});

test('a log that had nothing before is asked nothing; one that had anything is', async () => {
  const fresh = { ...layout, fresh: true };
  const settle = (others: Lag[]) =>
    awaitOthers(
      { partition: 0, signal },
      { layout: fresh, before: null },
      topicOf(async () => others),
      'g',
      () => Promise.reject(new Error('it waits')),
    );
  const all = await settle([lagOf(1, 0, 5, fresh), lagOf(2, 0, 0, null)]);
  assert.equal(distrustedUntil(all), -Infinity);
  const before = { ...fresh, partitions: 4, settled: true };
  assert.ok(distrustedUntil(await settle([lagOf(1, 3, 5, layout)])) > layout.since);
  for (const one of [lagOf(1, 5, 5, null), lagOf(1, 5, 5, before)])
    await assert.rejects(settle([one]), /it waits/);
});

test('who stands before a record of the new layout is not waited for, whatever holds it up', async () => {
  const fresh = { ...layout, fresh: true };
  const settle = (lag: Lag, next: LogRecord) =>
    awaitOthers(
      { partition: 0, signal },
      { layout: fresh, before: null },
      topicOf(async () => [lag], new Map([[1, next]])),
      'g',
      () => Promise.reject(new Error('it waits')),
    );
  assert.equal(distrustedUntil(await settle(lagOf(1, 0, 5, null), split(8))), -Infinity);
  assert.ok(distrustedUntil(await settle(lagOf(1, 3, 5, null), split(8))) > layout.since);
  await assert.rejects(settle(lagOf(1, 3, 5, null), split(4)), /it waits/);
  await assert.rejects(settle(lagOf(1, 3, 5, null), split(null)), /it waits/);
});
