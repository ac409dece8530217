import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type {
  Assignment,
  Log,
  LogRecord,
  Membership,
  NewRecord,
  SoleWriter,
  Topic,
} from '../../src/log/log.ts';

/** A log with one empty topic, as the contract suite needs it. */
export interface LogUnderTest {
  readonly log: Log;
  readonly topic: string;
  /** Closes the log and opens it again on the same data. */
  reopen(): Promise<Log>;
  /** Closes what is open and removes the data. */
  dispose(): Promise<void>;
}

const MIB = 1024 * 1024;

export function record(
  partition: number,
  value: string | Uint8Array,
  more: Partial<NewRecord> = {},
): NewRecord {
  const bytes = typeof value === 'string' ? Buffer.from(value) : value;
  return { partition, key: null, headers: [], value: bytes, timestamp: Date.now(), ...more };
}

export function text(records: readonly LogRecord[]): string[] {
  return records.map(({ value }) => Buffer.from(value).toString());
}

/** Resolves when the signal is aborted. */
export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}

/** Joins and hands out the assignment of one partition; the handler stays until the partition is taken away. */
export async function hold(
  topic: Topic,
  group: string,
): Promise<{ assignment: Assignment; membership: Membership }> {
  const assigned = Promise.withResolvers<Assignment>();
  const membership = await topic.join(group, async (assignment) => {
    assigned.resolve(assignment);
    await aborted(assignment.signal);
  });
  return { assignment: await assigned.promise, membership };
}

/** Reads until there are this many records, however many reads it takes. */
export async function readCount(assignment: Assignment, count: number, maxBytes = MIB): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  while (records.length < count) {
    const more = await assignment.read(maxBytes, 10_000);
    assert.ok(more.length > 0, `only ${records.length} of ${count} records came`);
    records.push(...more);
  }
  return records;
}

/** Joins as a new group, reads this many records of partition 0, leaves. */
export async function readAs(topic: Topic, group: string, count: number): Promise<LogRecord[]> {
  const { assignment, membership } = await hold(topic, group);
  const records = await readCount(assignment, count);
  await membership.stop();
  return records;
}

type Open = (partitions: number) => Promise<LogUnderTest>;

/** What every implementation of the log keeps; each test has a log of its own. */
export function describeLogContract(name: string, openLog: Open): void {
  describe(`${name}: the contract of the log`, { timeout: 120_000 }, () => {
    describe('records', () => describeRecords(openLog));
    describe('origin', () => describeOrigin(openLog));
    describe('reading', () => describeReading(openLog));
    describe('commits', () => describeCommits(openLog));
    describe('groups', () => describeGroups(openLog));
    describe('scan', () => describeScan(openLog));
    describe('tail', () => describeTail(openLog));
    describe('sole writer', () => describeSoleWriter(openLog));
  });
}

function useLog(openLog: Open, partitions: number): { readonly now: LogUnderTest; readonly topic: Topic } {
  let opened: LogUnderTest;
  before(async () => {
    opened = await openLog(partitions);
  });
  after(() => opened.dispose());
  return {
    get now() {
      return opened;
    },
    get topic() {
      return opened.log.topic(opened.topic);
    },
  };
}

function describeRecords(openLog: Open): void {
  describe('one by one', () => {
    const use = useLog(openLog, 1);
    it('come back with key, headers, timestamp and value', async () => {
      const headers = [
        ['received_at', '1700000000123'],
        ['ua', 'Käse 🧀 browser, longer than thirty-two characters'],
        ['ua', 'a name may come twice'],
        ['empty', ''],
        ['ø', 'ü'],
      ] as const;
      const key = Buffer.from([0, 255, 1]);
      await use.topic.append([record(0, 'value', { key, headers, timestamp: 1_700_000_000_123 })]);
      await use.topic.append([record(0, '', { key: Buffer.alloc(0) })]);
      const [first, second] = await readAs(use.topic, 'round-trip', 2);
      assert.deepEqual(first?.headers, headers);
      assert.deepEqual(Buffer.from(first?.key ?? []), key);
      assert.equal(Buffer.from(first?.value ?? []).toString(), 'value');
      assert.equal(first?.timestamp, 1_700_000_000_123);
      assert.deepEqual([first?.partition, first?.offset, second?.offset], [0, 0, 1]);
      assert.equal(second?.key?.length, 0);
      assert.equal(second?.value.length, 0);
      assert.deepEqual(second?.headers, []);
    });
    it('an append of nothing resolves', () => use.topic.append([]));
  });

  describe('large and small', () => {
    const use = useLog(openLog, 1);
    it('keep every byte', async () => {
      const large = Buffer.allocUnsafe(8 * MIB);
      for (let i = 0; i < large.length; i += 4) large.writeUInt32LE(Math.imul(i, 2654435761) >>> 0, i);
      await use.topic.append([record(0, 'before'), record(0, large), record(0, 'after')]);
      const [before, middle, after] = await readAs(use.topic, 'large', 3);
      assert.deepEqual([Buffer.from(before?.value ?? []).toString()], ['before']);
      assert.ok(large.equals(middle?.value ?? Buffer.alloc(0)));
      assert.deepEqual([Buffer.from(after?.value ?? []).toString()], ['after']);
    });
  });

  describe('concurrent', () => {
    const use = useLog(openLog, 3);
    it('are all there once, per partition in the order of the calls', async () => {
      const calls: Promise<void>[] = [];
      for (let i = 0; i < 600; i++) {
        calls.push(
          use.topic.append([record(i % 3, `${i}a`), record(i % 3, `${i}b`), record((i + 1) % 3, `${i}c`)]),
        );
      }
      await Promise.all(calls);
      const byPartition = await readAllPartitions(use.topic, 'concurrent', 1800);
      for (const [partition, records] of byPartition) {
        const expected: string[] = [];
        for (let i = 0; i < 600; i++) {
          if (i % 3 === partition) expected.push(`${i}a`, `${i}b`);
          if ((i + 1) % 3 === partition) expected.push(`${i}c`);
        }
        assert.deepEqual(text(records), expected);
        assert.deepEqual(
          records.map(({ offset }) => offset),
          Array.from(expected, (_, i) => i),
        );
      }
    });
  });
}

async function readAllPartitions(
  topic: Topic,
  group: string,
  count: number,
): Promise<Map<number, LogRecord[]>> {
  const byPartition = new Map<number, LogRecord[]>();
  const all = Promise.withResolvers<void>();
  let seen = 0;
  const membership = await topic.join(group, async (assignment) => {
    const records: LogRecord[] = [];
    byPartition.set(assignment.partition, records);
    while (!assignment.signal.aborted) {
      const more = await assignment.read(MIB, 1_000);
      records.push(...more);
      seen += more.length;
      if (seen >= count) all.resolve();
    }
  });
  await all.promise;
  await membership.stop();
  return byPartition;
}

function describeReading(openLog: Open): void {
  const use = useLog(openLog, 1);
  const values = Array.from({ length: 200 }, (_, i) => `${i}`.padEnd(5_000, '.'));
  before(() => use.topic.append(values.map((value) => record(0, value))));

  it('returns about maxBytes, at least one record, and goes on where it ended', async () => {
    const { assignment, membership } = await hold(use.topic, 'pieces');
    const first = await assignment.read(50_000, 10_000);
    assert.ok(first.length >= 1 && first.length <= 30, `${first.length} records of 5 KB for 50 KB`);
    const tiny = await assignment.read(1, 10_000);
    assert.ok(tiny.length >= 1);
    const rest = await readCount(assignment, values.length - first.length - tiny.length);
    assert.deepEqual(text([...first, ...tiny, ...rest]), values);
    await membership.stop();
  });

  it('continues at the offset it was sent to', async () => {
    const { assignment, membership } = await hold(use.topic, 'seek');
    for (const offset of [150, 0, 199, 77]) {
      assignment.seek(offset);
      const [first] = await assignment.read(10_000, 10_000);
      assert.equal(first?.offset, offset);
    }
    await membership.stop();
  });

  it('waits for records, returns none when the time is over', async () => {
    const { assignment, membership } = await hold(use.topic, 'waits');
    await readCount(assignment, values.length);
    assert.deepEqual(await assignment.read(MIB, 0), []);
    assert.deepEqual(await assignment.read(MIB, 20), []);
    const waiting = assignment.read(MIB, 60_000);
    await use.topic.append([record(0, 'at last')]);
    assert.deepEqual(text(await waiting), ['at last']);
    assert.equal(assignment.endOffset(), values.length + 1);
    await membership.stop();
  });

  it('ends when its member stops', async () => {
    const reading = Promise.withResolvers<void>();
    let last: LogRecord[] | null = null;
    const membership = await use.topic.join('stops', async (assignment) => {
      await readCount(assignment, assignment.endOffset());
      const pending = assignment.read(MIB, 600_000);
      reading.resolve();
      last = await pending;
    });
    await reading.promise;
    await membership.stop();
    assert.deepEqual(last, []);
  });
}

function describeOrigin(openLog: Open): void {
  const use = useLog(openLog, 1);
  const other = useLog(openLog, 1);

  it('is that of the log, and of no other that counts from 0 as well', async () => {
    const originOf = async (topic: Topic) => {
      await topic.lag('reads');
      return topic.origin;
    };
    const origin = await originOf(use.topic);
    assert.match(origin, new RegExp(`^${use.now.topic}@[0-9a-f]{16,32}$`));
    assert.notEqual((await originOf(other.topic)).split('@')[1], origin.split('@')[1]);
    const log = await use.now.reopen();
    assert.equal(await originOf(log.topic(use.now.topic)), origin);
  });
}

function describeCommits(openLog: Open): void {
  const use = useLog(openLog, 2);
  before(() =>
    use.topic.append(Array.from({ length: 20 }, (_, i) => record(i % 2, `${i}`, { timestamp: 1_000 + i }))),
  );

  it('a group that never committed starts at the earliest record', async () => {
    const { assignment, membership } = await hold(use.topic, 'new');
    assert.deepEqual(assignment.committed, { offset: 0, metadata: '' });
    assert.equal((await readCount(assignment, 1))[0]?.offset, 0);
    await membership.stop();
  });

  it('are where the group goes on, with their metadata, after closing and opening too', async () => {
    const commit = async (topic: Topic, offset: number, metadata: string): Promise<void> => {
      const both = Promise.withResolvers<void>();
      let left = 2;
      const membership = await topic.join('keeps', async (assignment) => {
        await assignment.commit(offset, metadata);
        await assignment.commit(offset, `${metadata} again`);
        if (--left === 0) both.resolve();
        await aborted(assignment.signal);
      });
      await both.promise;
      await membership.stop();
    };
    await commit(use.topic, 4, 'ä'.repeat(1_000));
    const before = await hold(use.topic, 'keeps');
    assert.deepEqual(before.assignment.committed, { offset: 4, metadata: `${'ä'.repeat(1_000)} again` });
    await before.membership.stop();
    const log = await use.now.reopen();
    const { assignment, membership } = await hold(log.topic(use.now.topic), 'keeps');
    assert.deepEqual(assignment.committed, { offset: 4, metadata: `${'ä'.repeat(1_000)} again` });
    assert.equal((await readCount(assignment, 1))[0]?.offset, 4);
    await membership.stop();
  });

  it('refuse metadata above 4,096 bytes', async () => {
    const { assignment, membership } = await hold(use.topic, 'metadata');
    await assert.rejects(assignment.commit(1, 'x'.repeat(4_097)));
    await assignment.commit(1, 'x'.repeat(4_096));
    await membership.stop();
  });

  it('are refused when the partition was taken away', async () => {
    const { assignment, membership } = await hold(use.topic, 'late');
    await membership.stop();
    assert.ok(assignment.signal.aborted);
    await assert.rejects(assignment.commit(1, ''));
    assert.deepEqual(await assignment.read(MIB, 60_000), []);
  });

  it('make the lag smaller', async () => {
    const done = Promise.withResolvers<void>();
    const membership = await use.topic.join('lag', async (assignment) => {
      if (assignment.partition === 1) {
        await assignment.commit(7, 'so far');
        done.resolve();
      }
      await aborted(assignment.signal);
    });
    await done.promise;
    const lag = (await use.topic.lag('lag')).sort((a, b) => a.partition - b.partition);
    assert.deepEqual(
      lag.map(({ bytes: _, ...place }) => place),
      [
        { partition: 0, records: 10, oldestTimestamp: 1_000, committed: 0, metadata: '', end: 10 },
        { partition: 1, records: 3, oldestTimestamp: 1_015, committed: 7, metadata: 'so far', end: 10 },
      ],
    );
    await membership.stop();
  });

  it('without any, the lag is everything; with all, nothing', async () => {
    const unknown = await use.topic.lag('nobody');
    assert.deepEqual(
      unknown.map(({ records }) => records),
      [10, 10],
    );
    let left = 2;
    const done = Promise.withResolvers<void>();
    const membership = await use.topic.join('all', async (assignment) => {
      await assignment.commit(10, '');
      if (--left === 0) done.resolve();
      await aborted(assignment.signal);
    });
    await done.promise;
    for (const { records, oldestTimestamp } of await use.topic.lag('all')) {
      assert.deepEqual([records, oldestTimestamp], [0, null]);
    }
    await membership.stop();
  });
}

function describeGroups(openLog: Open): void {
  describe('of two members', () => {
    const use = useLog(openLog, 4);
    it('share the partitions, one member each at any time, and hand over from the last commit', async () => {
      const watch = new GroupWatch();
      const first = await use.topic.join('shared', watch.member('first'));
      await watch.until(() => watch.ownedBy('first') === 4);
      await use.topic.append(Array.from({ length: 40 }, (_, i) => record(i % 4, `${i}`)));
      await watch.until(() => watch.committed === 40);
      const second = await use.topic.join('shared', watch.member('second'));
      await watch.until(() => watch.ownedBy('first') === 2 && watch.ownedBy('second') === 2);
      await use.topic.append(Array.from({ length: 40 }, (_, i) => record(i % 4, `${40 + i}`)));
      await watch.until(() => watch.committed === 80);
      await first.stop();
      await watch.until(() => watch.ownedBy('second') === 4);
      await use.topic.append(Array.from({ length: 40 }, (_, i) => record(i % 4, `${80 + i}`)));
      await watch.until(() => watch.committed === 120);
      await second.stop();
      assert.equal(watch.ownedBy('first') + watch.ownedBy('second'), 0);
      assert.equal(watch.overlaps, 0);
      assert.deepEqual(
        watch.seen.map(Number).sort((a, b) => a - b),
        Array.from({ length: 120 }, (_, i) => i),
      );
    });
  });

  describe('of different names', () => {
    const use = useLog(openLog, 1);
    it('do not know each other', async () => {
      await use.topic.append([record(0, 'x'), record(0, 'y')]);
      const one = await hold(use.topic, 'one');
      const other = await hold(use.topic, 'other');
      assert.equal((await readCount(one.assignment, 2)).length, 2);
      await one.assignment.commit(2, '');
      assert.equal((await readCount(other.assignment, 2)).length, 2);
      await Promise.all([one.membership.stop(), other.membership.stop()]);
      const again = await hold(use.topic, 'other');
      assert.equal(again.assignment.committed.offset, 0);
      await again.membership.stop();
    });
  });

  describe('when the log closes', () => {
    const use = useLog(openLog, 1);
    it('are stopped, and their handlers waited for', async () => {
      let ended = false;
      const started = Promise.withResolvers<void>();
      await use.topic.join('closing', async (assignment) => {
        started.resolve();
        await aborted(assignment.signal);
        await new Promise((resolve) => setImmediate(resolve));
        ended = true;
      });
      await started.promise;
      await use.now.log.close();
      assert.ok(ended);
      await assert.rejects(use.topic.append([record(0, 'late')]));
    });
  });
}

/** Members that read and commit, and who has which partition. */
class GroupWatch {
  readonly seen: string[] = [];
  committed = 0;
  overlaps = 0;
  readonly #owners = new Map<number, string>();
  readonly #checks = new Set<() => void>();

  ownedBy(name: string): number {
    return [...this.#owners.values()].filter((owner) => owner === name).length;
  }

  until(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const check = (): void => {
        if (!condition()) return;
        this.#checks.delete(check);
        resolve();
      };
      this.#checks.add(check);
      check();
    });
  }

  member(name: string): (assignment: Assignment) => Promise<void> {
    return async (assignment) => {
      if (this.#owners.has(assignment.partition)) this.overlaps++;
      this.#owners.set(assignment.partition, name);
      this.#changed();
      while (!assignment.signal.aborted) {
        const records = await assignment.read(MIB, 1_000);
        const last = records.at(-1);
        if (!last) continue;
        try {
          await assignment.commit(last.offset + 1, '');
        } catch (error) {
          // Taken away between reading and committing: the next owner reads these again.
          if (assignment.signal.aborted) break;
          throw error;
        }
        this.seen.push(...text(records));
        this.committed += records.length;
        this.#changed();
      }
      this.#owners.delete(assignment.partition);
      this.#changed();
    };
  }

  #changed(): void {
    for (const check of this.#checks) check();
  }
}

function describeScan(openLog: Open): void {
  const use = useLog(openLog, 2);
  const values = Array.from({ length: 300 }, (_, i) => `${i}`.padEnd(50_000, '.'));
  before(() => use.topic.append([...values.map((value) => record(0, value)), record(1, 'another')]));

  async function scan(from: number, until: number, signal = new AbortController().signal) {
    const records: LogRecord[] = [];
    for await (const some of use.topic.scan(0, from, until, signal)) records.push(...some);
    return records;
  }

  it('reads just the records between two offsets, whatever any group does', async () => {
    assert.deepEqual(await use.topic.bounds(0), { earliest: 0, end: values.length });
    assert.deepEqual(text(await scan(0, values.length)), values);
    assert.deepEqual(text(await scan(7, 250)), values.slice(7, 250));
    assert.deepEqual(await scan(40, 40), []);
    assert.deepEqual(
      (await scan(298, values.length)).map(({ offset }) => offset),
      [298, 299],
    );
  });

  it('ends when it is left, and when the signal is aborted', async () => {
    for await (const records of use.topic.scan(0, 0, values.length, new AbortController().signal)) {
      assert.ok(records.length > 0);
      break;
    }
    assert.deepEqual(await scan(0, values.length, AbortSignal.abort()), []);
  });
}

function describeTail(openLog: Open): void {
  const use = useLog(openLog, 2);
  it('sees every partition from its present end on, in order, until it is aborted', async () => {
    await use.topic.append([record(0, 'old'), record(1, 'old')]);
    const stop = new AbortController();
    const seen: LogRecord[] = [];
    const done = Promise.withResolvers<void>();
    const established = Promise.withResolvers<void>();
    const ended = use.topic.tail((records) => {
      seen.push(...records);
      if (seen.some(({ partition }) => partition === 0) && seen.some(({ partition }) => partition === 1)) {
        established.resolve();
      }
      if (seen.filter(({ value }) => Buffer.from(value).toString().startsWith('n')).length === 100)
        done.resolve();
    }, stop.signal);
    // A tail over a network takes a moment to be there: what it misses until then is not promised.
    let isThere = false;
    void established.promise.then(() => {
      isThere = true;
    });
    while (!isThere) {
      await use.topic.append([record(0, 'probe'), record(1, 'probe')]);
      await new Promise((resolve) => setImmediate(resolve));
    }
    for (let i = 0; i < 50; i++) await use.topic.append([record(0, `n${i}`), record(1, `n${i}`)]);
    await done.promise;
    stop.abort();
    await ended;
    for (const partition of [0, 1]) {
      const mine = seen.filter((record) => record.partition === partition);
      const start = mine[0]?.offset ?? 0;
      assert.ok(start > 0, 'what was there before is not seen');
      assert.deepEqual(
        mine.map(({ offset }) => offset),
        Array.from(mine, (_, i) => start + i),
      );
      assert.deepEqual(
        text(mine).slice(-50),
        Array.from({ length: 50 }, (_, i) => `n${i}`),
      );
    }
  });
  it('begins where it is told, misses nothing, and waits for whoever takes the records', async () => {
    const ends = (await use.topic.lag('nobody')).map(({ end }) => end);
    const from = new Map([
      [0, ends[0]! - 5],
      [1, ends[1]!],
    ]);
    const seen: LogRecord[] = [];
    const stop = new AbortController();
    const done = Promise.withResolvers<void>();
    const busy = new Set<number>();
    const ended = use.topic.tail(
      async (records) => {
        const partitions = new Set(records.map(({ partition }) => partition));
        for (const partition of partitions) assert.ok(!busy.has(partition), `${partition} came too early`);
        for (const partition of partitions) busy.add(partition);
        await new Promise((resolve) => setImmediate(resolve));
        for (const partition of partitions) busy.delete(partition);
        seen.push(...records);
        if (seen.length >= 25) done.resolve();
      },
      stop.signal,
      from,
    );
    for (let i = 0; i < 10; i++) await use.topic.append([record(0, `m${i}`), record(1, `m${i}`)]);
    await done.promise;
    stop.abort();
    await ended;
    for (const [partition, count] of [
      [0, 15],
      [1, 10],
    ] as const)
      assert.deepEqual(
        seen.filter((record) => record.partition === partition).map(({ offset }) => offset),
        Array.from({ length: count }, (_, i) => from.get(partition)! + i),
      );
  });
}

function describeSoleWriter(openLog: Open): void {
  const readAll = async (writer: SoleWriter, from = 0): Promise<[values: string[], next: number]> => {
    const values: string[] = [];
    const next = await writer.readBack(from, async (records) => void values.push(...text(records)));
    return [values, next];
  };

  describe('one after the other', () => {
    const use = useLog(openLog, 2);
    it('each reads back all there is, and shuts out those before it', async () => {
      const first = await use.topic.openSoleWriter(0);
      assert.deepEqual(await readAll(first), [[], 0]);
      await first.append([record(0, 'a'), record(0, 'b')]);
      await first.append([]);
      await first.append([record(0, 'c')]);
      const [values, next] = await readAll(first);
      assert.deepEqual(values, ['a', 'b', 'c']);
      assert.deepEqual(await readAll(first, next), [[], next]);

      const second = await use.topic.openSoleWriter(0);
      await assert.rejects(first.append([record(0, 'late')]));
      await assert.rejects(first.append([record(0, 'later')]));
      await second.append([record(0, 'd')]);
      const [more, end] = await readAll(second, next);
      assert.deepEqual(more, ['d']);
      await first.close();
      // Another partition is another writer's.
      const other = await use.topic.openSoleWriter(1);
      await other.append([record(1, 'elsewhere')]);
      await second.append([record(0, 'e')]);
      assert.deepEqual((await readAll(second, end))[0], ['e']);
      assert.deepEqual((await readAll(second))[0], ['a', 'b', 'c', 'd', 'e']);
      // What an offset of another log would be.
      assert.deepEqual((await readAll(second, 1_000_000))[0], ['a', 'b', 'c', 'd', 'e']);
      await second.close();
      await assert.rejects(second.append([record(0, 'closed')]));
      await other.close();
    });

    it('ordinary readers see the same, across a restart', async () => {
      assert.deepEqual(text(await readAs(use.topic, 'sole', 5)), ['a', 'b', 'c', 'd', 'e']);
      const log = await use.now.reopen();
      const writer = await log.topic(use.now.topic).openSoleWriter(0);
      assert.deepEqual((await readAll(writer))[0], ['a', 'b', 'c', 'd', 'e']);
      const large = Array.from({ length: 40 }, (_, i) => record(0, Buffer.alloc(100_000, i)));
      await writer.append(large);
      let count = 0;
      await writer.readBack(0, async (records) => {
        count += records.length;
      });
      assert.equal(count, 45);
      await writer.close();
    });
  });

  describe('racing each other', () => {
    const use = useLog(openLog, 1);
    it('leave each acknowledged append whole and once, and nothing behind the last one opened', async () => {
      const acknowledged: string[] = [];
      let running = true;
      const write = async (writer: SoleWriter, name: string) => {
        try {
          for (let i = 0; running; i++) {
            await writer.append([record(0, `${name}-${i}-x`), record(0, `${name}-${i}-y`)]);
            acknowledged.push(`${name}-${i}-x`, `${name}-${i}-y`);
          }
        } catch {
          // Shut out.
        }
      };
      const writing: Promise<void>[] = [];
      let last: SoleWriter | null = null;
      let seen: string[] = [];
      for (let round = 0; round < 6; round++) {
        last = await use.topic.openSoleWriter(0);
        seen = (await readAll(last))[0];
        const before = acknowledged.length;
        writing.push(write(last, `w${round}`));
        while (acknowledged.length < before + 6) await new Promise((resolve) => setTimeout(resolve, 1));
      }
      running = false;
      await Promise.all(writing);
      const [values] = await readAll(last!);
      assert.deepEqual(values.slice(0, seen.length), seen, 'what was read back stays as it was');
      assert.equal(new Set(values).size, values.length);
      for (const value of acknowledged) assert.ok(values.includes(value), value);
      // From the moment the last one was open, nobody else's comes.
      assert.ok(values.slice(seen.length).every((value) => value.startsWith('w5-')));
    });
  });
}
