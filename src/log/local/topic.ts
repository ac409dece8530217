import type { Assignment, Lag } from '../log.ts';
import {
  type LogRecord,
  LogUnavailableError,
  type Membership,
  type NewRecord,
  type SoleWriter,
  type Topic,
} from '../log.ts';
import type { Commits } from './commits.ts';
import { Cursor } from './cursor.ts';
import type { LogFiles } from './files.ts';
import type { FreeSpace } from './free-space.ts';
import { Group } from './group.ts';
import type { Partition } from './partition.ts';
import type { Retention } from './retention.ts';
import { LocalSoleWriter } from './sole-writer.ts';
import type { PartitionWriter } from './writer.ts';

const TAIL_READ_BYTES = 1024 * 1024;
const SCAN_READ_BYTES = 4 * 1024 * 1024;
const TAIL_WAIT_MS = 60_000;
const RECORD_BYTES_MAX = 256 * 1024 * 1024;
const HEADERS_MAX = 1_000;
const HEADER_NAME_LENGTH_MAX = 1_000;
const RETRY_AFTER_MS = 5_000;

/** A partition and those who work on it. */
export interface Shard {
  readonly partition: Partition;
  readonly writer: PartitionWriter;
  readonly retention: Retention;
}

export interface LocalTopicOptions {
  readonly name: string;
  readonly logId: string;
  readonly files: LogFiles;
  readonly shards: readonly Shard[];
  readonly commits: Commits;
  readonly space: FreeSpace;
  readonly onError: (error: Error) => void;
}

export class LocalTopic implements Topic {
  readonly name: string;
  readonly origin: string;
  readonly partitions: number;
  readonly #options: LocalTopicOptions;
  readonly #groups = new Map<string, Group>();
  readonly #closing = new AbortController();
  readonly #soleWriters = new Map<number, LocalSoleWriter>();
  /** The last answers of `lag`, per partition: the offset that was asked for and its timestamp. */
  readonly #oldest = new Map<number, { offset: number; timestamp: number | null }>();

  constructor(options: LocalTopicOptions) {
    this.name = options.name;
    this.origin = `${options.name}@${options.logId}`;
    this.partitions = options.shards.length;
    this.#options = options;
  }

  async append(records: readonly NewRecord[]): Promise<void> {
    if (this.#options.space.isLow()) await this.#options.space.check();
    const first = records[0];
    if (!first) return;
    if (records.every((record) => record.partition === first.partition)) {
      return this.#appendTo(first.partition, records);
    }
    const byPartition = Map.groupBy(records, (record) => record.partition);
    const all = [...byPartition].map(([partition, part]) => this.#appendTo(partition, part));
    // All have to be over before the caller hears of a failure: it must not try again beside a write under way.
    for (const result of await Promise.allSettled(all)) if (result.status === 'rejected') throw result.reason;
  }

  #appendTo(id: number, records: readonly NewRecord[]): Promise<void> {
    const shard = this.#options.shards[id];
    if (!shard) return Promise.reject(new RangeError(`${this.name} has no partition ${id}`));
    for (const record of records) {
      const fault = findFault(record);
      if (fault !== null) return Promise.reject(new RangeError(fault));
    }
    const blocked = shard.retention.blockedBy();
    if (blocked !== null) return Promise.reject(new LogUnavailableError(blocked, RETRY_AFTER_MS));
    return shard.writer.append(records);
  }

  async openSoleWriter(id: number): Promise<SoleWriter> {
    const shard = this.#options.shards[id];
    if (!shard) throw new RangeError(`${this.name} has no partition ${id}`);
    const before = this.#soleWriters.get(id);
    const writer = new LocalSoleWriter({
      partition: shard.partition,
      openCursor: (offset) => new Cursor(this.#options.files, shard.partition, offset),
      append: (records) => this.append(records),
    });
    this.#soleWriters.set(id, writer);
    // The process has the log to itself, so that all others there can be are of this process.
    await before?.shutOut();
    return writer;
  }

  async join(name: string, run: (assignment: Assignment) => Promise<void>): Promise<Membership> {
    const { commits, files, shards, onError } = this.#options;
    await commits.ensure(name);
    if (this.#closing.signal.aborted) throw new Error('the log is closed');
    let group = this.#groups.get(name);
    if (!group) {
      group = new Group({
        name,
        partitions: shards.map((shard) => shard.partition),
        commits,
        openCursor: (partition, offset) => new Cursor(files, partition, offset),
        onCommit: (partition) => void shards[partition]?.retention.run(),
        onError,
      });
      this.#groups.set(name, group);
    }
    return group.join(run);
  }

  async tail(
    onRecords: (records: LogRecord[]) => void | Promise<void>,
    signal: AbortSignal,
    from?: ReadonlyMap<number, number>,
  ): Promise<void> {
    const ended = AbortSignal.any([signal, this.#closing.signal]);
    await Promise.all(
      this.#options.shards.map(({ partition }) => {
        const start = from === undefined ? partition.end : (from.get(partition.id) ?? 0);
        const offset = Math.min(start, partition.end);
        return this.#follow(partition, Math.max(offset, partition.earliest), onRecords, ended);
      }),
    );
  }

  async #follow(
    partition: Partition,
    offset: number,
    onRecords: (records: LogRecord[]) => void | Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    const cursor = new Cursor(this.#options.files, partition, offset);
    try {
      while (!signal.aborted) {
        const records = await cursor.read(TAIL_READ_BYTES);
        if (signal.aborted) return;
        if (records.length > 0) await onRecords(records);
        else await partition.waitForMore(TAIL_WAIT_MS, signal);
      }
    } finally {
      await cursor.close();
    }
  }

  async bounds(partition: number): Promise<{ earliest: number; end: number }> {
    const { earliest, end } = this.#shard(partition).partition;
    return { earliest, end };
  }

  async *scan(
    partition: number,
    from: number,
    until: number,
    signal: AbortSignal,
  ): AsyncGenerator<LogRecord[], void> {
    const cursor = new Cursor(this.#options.files, this.#shard(partition).partition, from);
    try {
      while (!signal.aborted && !this.#closing.signal.aborted && cursor.offset < until) {
        const records = await cursor.read(SCAN_READ_BYTES);
        if (records.length === 0) return;
        yield records.filter(({ offset }) => offset < until);
      }
    } finally {
      await cursor.close();
    }
  }

  #shard(partition: number): Shard {
    const shard = this.#options.shards[partition];
    if (!shard) throw new RangeError(`${this.name} has no partition ${partition}`);
    return shard;
  }

  lag(group: string): Promise<Lag[]> {
    const { shards, commits } = this.#options;
    return Promise.all(
      shards.map(async ({ partition }) => {
        const said = commits.get(group, partition.id);
        const offset = Math.max(said.offset, partition.earliest);
        const records = partition.end - offset;
        const oldestTimestamp = records > 0 ? await this.#timestampAt(partition, offset) : null;
        const { id, end, bytes } = partition;
        const { metadata } = said;
        return { partition: id, records, oldestTimestamp, committed: offset, metadata, end, bytes };
      }),
    );
  }

  async #timestampAt(partition: Partition, offset: number): Promise<number | null> {
    const known = this.#oldest.get(partition.id);
    if (known?.offset === offset) return known.timestamp;
    const cursor = new Cursor(this.#options.files, partition, offset);
    try {
      const timestamp = (await cursor.read(1))[0]?.timestamp ?? null;
      this.#oldest.set(partition.id, { offset, timestamp });
      return timestamp;
    } finally {
      await cursor.close();
    }
  }

  /** Why the topic takes no records at the moment; null when it does. */
  reason(): string | null {
    for (const { writer, retention, partition } of this.#options.shards) {
      writer.probe();
      if (writer.failure)
        return `Partition ${partition.name} could not be written: ${writer.failure.message}`;
      const blocked = retention.blockedBy();
      if (blocked !== null) return blocked;
    }
    return null;
  }

  /** Ends the readers, then writes what is pending. */
  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.all([...this.#groups.values()].map((group) => group.close()));
    await Promise.all(this.#options.shards.map(({ writer }) => writer.close()));
    await Promise.all([...this.#groups.keys()].map((group) => this.#options.commits.settled(group)));
  }
}

/** What the frame of a record cannot hold: it must not reach the writer, where it would fail its whole group. */
function findFault({ value, timestamp, headers }: NewRecord): string | null {
  if (value.length > RECORD_BYTES_MAX)
    return `a record may have ${RECORD_BYTES_MAX} bytes, not ${value.length}`;
  if (!Number.isFinite(timestamp)) return `${timestamp} is not a timestamp`;
  if (headers.length > HEADERS_MAX) return `a record may have ${HEADERS_MAX} headers, not ${headers.length}`;
  for (const [name] of headers) {
    if (name.length > HEADER_NAME_LENGTH_MAX)
      return `the name of a header may have ${HEADER_NAME_LENGTH_MAX} characters`;
  }
  return null;
}
