import {
  type Assignment,
  type Lag,
  type LogRecord,
  LogUnavailableError,
  type Membership,
  type NewRecord,
  type SoleWriter,
  type Topic,
} from '../log.ts';
import { committedOnly, decodeBatch, splitBatches } from './batch.ts';
import { startClassicMember, startEitherMember } from './classic-member.ts';
import { type Cluster, MissingTopicError, pause } from './cluster.ts';
import type { Connections } from './connections.ts';
import { explain, faultOf } from './faults.ts';
import { Lane } from './lane.ts';
import type { JoiningMember } from './member.ts';
import { Offsets } from './offsets.ts';
import { type KafkaLogOptions, REQUEST_TIMEOUT_MS } from './options.ts';
import { Reader } from './reader.ts';
import { fetch } from './requests.ts';
import { openKafkaSoleWriter } from './sole-writer.ts';
import { followTail, type TailHandler } from './tail.ts';

/** One topic at the brokers. Its number of partitions is looked at every few seconds, since it may grow. */

const LOOK_EVERY_MS = 5_000;
const SCAN_READ_BYTES = 4 * 1024 * 1024;
const SCAN_WAIT_MS = 500;
/** So many connections carry the records of all partitions; a broker answers one after the other on each. */
const SENDING_CONNECTIONS = 4;
/** A caller who joins while no broker answers goes on after this long; the member keeps trying. */
const JOIN_WAIT_MS = 3_000;
const RETRY_AFTER_MS = 1_000;

export interface TopicDependencies {
  readonly cluster: Cluster;
  readonly options: KafkaLogOptions;
  readonly onOutcome: (failure: string | null) => void;
  readonly onFault: (error: unknown) => void;
}

export class KafkaTopic implements Topic {
  readonly name: string;
  readonly #deps: TopicDependencies;
  readonly #lanes = new Map<number, Lane>();
  readonly #connections: Connections[];
  readonly #offsets: Offsets;
  readonly #lookups: Connections;
  readonly #members = new Set<Membership>();
  readonly #closing = new AbortController();
  readonly #oldest = new Map<number, { offset: number; timestamp: number }>();
  readonly #looking: Promise<void>;
  #partitions = 0;

  constructor(name: string, deps: TopicDependencies) {
    this.name = name;
    this.#deps = deps;
    this.#connections = Array.from({ length: SENDING_CONNECTIONS }, () => deps.cluster.openConnections());
    this.#lookups = deps.cluster.openConnections();
    this.#offsets = new Offsets(deps.cluster, this.#lookups);
    this.#partitions = deps.cluster.placeOf(name)?.leaders.length ?? 0;
    this.#looking = this.#look();
  }

  /** A topic that was made anew has another id. Brokers that give topics no id have zeros for it. */
  get origin(): string {
    const id = this.#deps.cluster.idOf(this.name)?.replaceAll('-', '');
    if (id === undefined)
      throw new LogUnavailableError(`No broker has told yet which '${this.name}' is.`, RETRY_AFTER_MS);
    return /^0*$/.test(id) ? this.name : `${this.name}@${id}`;
  }

  /** 1 while no broker has told: nothing is taken then. */
  get partitions(): number {
    return Math.max(1, this.#partitions);
  }

  async append(records: readonly NewRecord[]): Promise<void> {
    if (this.#closing.signal.aborted) throw new Error('The log is closed.');
    if (records.length === 0) return;
    // The caller chose partitions by a number that was a guess.
    if (this.#partitions === 0) await this.#refuse();
    const shares = Map.groupBy(records, ({ partition }) => partition);
    for (const partition of shares.keys()) {
      if (!Number.isInteger(partition) || partition < 0 || partition >= this.#partitions)
        throw new RangeError(`'${this.name}' has no partition ${partition}; it has ${this.#partitions}.`);
    }
    const settled = await Promise.allSettled(
      [...shares].map(([partition, share]) => this.#lane(partition).append(share)),
    );
    const failed = settled.find(({ status }) => status === 'rejected');
    if (failed) throw (failed as PromiseRejectedResult).reason;
  }

  async join(group: string, run: (assignment: Assignment) => Promise<void>): Promise<Membership> {
    const starting = this.#startMember(group, run);
    starting.catch(() => {});
    const membership: Membership = {
      stop: async () => {
        this.#members.delete(membership);
        await (await starting.catch(() => null))?.stop();
      },
    };
    this.#members.add(membership);
    try {
      const waited = pause(this.#closing.signal, JOIN_WAIT_MS);
      await Promise.race([starting.then((member) => member.joined), waited]);
    } catch (error) {
      await membership.stop();
      throw faultOf(error, this.#deps.options);
    }
    return membership;
  }

  openSoleWriter(partition: number): Promise<SoleWriter> {
    const { cluster, options } = this.#deps;
    const { signal } = this.#closing;
    return openKafkaSoleWriter(this.name, partition, { cluster, options, offsets: this.#offsets, signal });
  }

  /** Resolves when the brokers have told which kind of groups they have. */
  async #startMember(group: string, run: (assignment: Assignment) => Promise<void>): Promise<JoiningMember> {
    const { cluster, options, onFault } = this.#deps;
    const { sessionTimeoutMs, rebalanceTimeoutMs } = options;
    const outline = { topic: this.name, group, sessionTimeoutMs, rebalanceTimeoutMs };
    const deps = { cluster, offsets: this.#offsets, onFault, run };
    while (!this.#closing.signal.aborted) {
      try {
        if (!(await cluster.coordinatesGroups())) return startClassicMember(outline, deps);
        return startEitherMember(outline, deps);
      } catch (error) {
        onFault(error);
        await pause(this.#closing.signal);
      }
    }
    throw new Error('The log is closed.');
  }

  tail(onRecords: TailHandler, signal: AbortSignal, from?: ReadonlyMap<number, number>): Promise<void> {
    const { cluster, onFault } = this.#deps;
    const ending = AbortSignal.any([signal, this.#closing.signal]);
    return followTail(this.name, onRecords, ending, { cluster, offsets: this.#offsets, onFault }, from);
  }

  async bounds(partition: number): Promise<{ earliest: number; end: number }> {
    try {
      const until = AbortSignal.timeout(REQUEST_TIMEOUT_MS);
      const [earliest, end] = await Promise.all([
        this.#offsets.start(this.name, partition, until),
        this.#offsets.end(this.name, partition, until),
      ]);
      return { earliest, end };
    } catch (error) {
      throw new LogUnavailableError(this.#explain(error), RETRY_AFTER_MS, { cause: error });
    }
  }

  async *scan(
    partition: number,
    from: number,
    until: number,
    signal: AbortSignal,
  ): AsyncGenerator<LogRecord[], void> {
    const { cluster, onFault } = this.#deps;
    const leaving = new AbortController();
    const ending = AbortSignal.any([signal, this.#closing.signal, leaving.signal]);
    const deps = { cluster, offsets: this.#offsets, onFault };
    const reader = new Reader(this.name, partition, from, until, ending, deps);
    try {
      while (!ending.aborted && reader.passed < until) {
        const records = await reader.read(SCAN_READ_BYTES, SCAN_WAIT_MS);
        const wanted = records.filter(({ offset }) => offset < until);
        if (wanted.length > 0) yield wanted;
      }
    } finally {
      leaving.abort();
    }
  }

  async lag(group: string): Promise<Lag[]> {
    try {
      return await this.#readLag(group);
    } catch (error) {
      throw new LogUnavailableError(this.#explain(error), RETRY_AFTER_MS, { cause: error });
    }
  }

  async #readLag(group: string): Promise<Lag[]> {
    const { leaders } = await this.#deps.cluster.refresh(this.name);
    const partitions = [...leaders.keys()];
    // Coordinators and leaders may be moving for a moment.
    const until = AbortSignal.timeout(REQUEST_TIMEOUT_MS);
    const [committed, starts, ends] = await Promise.all([
      this.#offsets.committed(group, this.name, partitions, until),
      Promise.all(partitions.map((partition) => this.#offsets.start(this.name, partition, until))),
      Promise.all(partitions.map((partition) => this.#offsets.end(this.name, partition, until))),
    ]);
    return await Promise.all(
      partitions.map(async (partition) => {
        const end = ends[partition]!;
        const { offset: said, metadata } = committed.get(partition) ?? { offset: 0, metadata: '' };
        const from = Math.max(said, starts[partition]!);
        const records = Math.max(0, end - from);
        const oldestTimestamp = records === 0 ? null : await this.#timestampAt(partition, from);
        return { partition, records, oldestTimestamp, committed: from, metadata, end, bytes: null };
      }),
    );
  }

  async close(): Promise<void> {
    this.#closing.abort();
    await Promise.all([...this.#members].map((member) => member.stop()));
    await Promise.all([...this.#lanes.values()].map((lane) => lane.close()));
    await this.#looking;
  }

  #lane(partition: number): Lane {
    const found = this.#lanes.get(partition);
    if (found) return found;
    const { cluster, options, onOutcome } = this.#deps;
    const connections = this.#connections[partition % this.#connections.length]!;
    const lane = new Lane(this.name, partition, { cluster, connections, options, onOutcome });
    this.#lanes.set(partition, lane);
    return lane;
  }

  /** Rejects, or resolves when the partitions are known after all. */
  async #refuse(): Promise<never> {
    const why = await this.#deps.cluster.refresh(this.name).then(
      ({ leaders }) => {
        this.#partitions = leaders.length;
        return 'The brokers have just told of the topic.';
      },
      (error) => this.#explain(error),
    );
    throw new LogUnavailableError(why, RETRY_AFTER_MS);
  }

  async #look(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      let waitMs = LOOK_EVERY_MS;
      try {
        const { leaders } = await this.#deps.cluster.refresh(this.name);
        this.#partitions = Math.max(this.#partitions, leaders.length);
        this.#deps.onOutcome(null);
      } catch (error) {
        if (signal.aborted) break;
        waitMs = RETRY_AFTER_MS;
        this.#deps.onOutcome(this.#explain(error));
      }
      await pause(signal, waitMs);
    }
  }

  #explain(error: unknown): string {
    if (error instanceof MissingTopicError) return error.message;
    return explain(error, this.#deps.options);
  }

  /** Of the first record at or after the offset; null when it cannot be told. */
  async #timestampAt(partition: number, offset: number): Promise<number | null> {
    const known = this.#oldest.get(partition);
    if (known?.offset === offset) return known.timestamp;
    const leader = await this.#deps.cluster.leaderOf(this.name, partition);
    const [answer] = await this.#deps.cluster.request(this.#lookups, leader, fetch, {
      topic: this.name,
      maxWaitMs: 0,
      maxBytes: 1,
      partitions: [{ partition, offset }],
    });
    for (const batch of committedOnly(splitBatches(answer!.batches), answer!.aborted)) {
      const [record] = await decodeBatch(batch, partition, offset);
      if (!record) continue;
      this.#oldest.set(partition, { offset, timestamp: record.timestamp });
      return record.timestamp;
    }
    return null;
  }
}
