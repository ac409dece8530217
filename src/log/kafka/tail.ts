import type { LogRecord } from '../log.ts';
import { committedOnly, decodeBatch, splitBatches } from './batch.ts';
import { type Cluster, pause } from './cluster.ts';
import type { Connections } from './connections.ts';
import type { Offsets } from './offsets.ts';
import { type FetchedPartition, fetch } from './requests.ts';

/** Every partition's end, without a group: one request at each broker that leads some, over and over. */

/** Partitions that are new, or moved, are noticed after this long. */
const LONG_POLL_MS = 500;
const FETCH_TIMEOUT_MS = LONG_POLL_MS + 4_000;
const READ_BYTES_MAX = 1024 * 1024;

export interface TailDependencies {
  readonly cluster: Cluster;
  readonly offsets: Offsets;
  readonly onFault: (error: unknown) => void;
}

export async function followTail(
  topic: string,
  onRecords: (records: LogRecord[]) => void,
  signal: AbortSignal,
  deps: TailDependencies,
): Promise<void> {
  const tail = new Tail(topic, onRecords, signal, deps);
  await tail.run();
}

class Tail {
  readonly #topic: string;
  readonly #onRecords: (records: LogRecord[]) => void;
  readonly #signal: AbortSignal;
  readonly #deps: TailDependencies;
  readonly #connections: Connections;
  readonly #positions = new Map<number, number>();

  constructor(
    topic: string,
    onRecords: (records: LogRecord[]) => void,
    signal: AbortSignal,
    deps: TailDependencies,
  ) {
    this.#topic = topic;
    this.#onRecords = onRecords;
    this.#signal = signal;
    this.#deps = deps;
    this.#connections = deps.cluster.openConnections(FETCH_TIMEOUT_MS);
  }

  async run(): Promise<void> {
    const close = (): void => void this.#deps.cluster.closeConnections(this.#connections);
    this.#signal.addEventListener('abort', close, { once: true });
    while (!this.#signal.aborted) {
      try {
        await this.#round();
      } catch (error) {
        if (this.#signal.aborted) break;
        this.#deps.cluster.forget(this.#topic);
        this.#deps.onFault(error);
        await pause(this.#signal);
      }
    }
    close();
  }

  async #round(): Promise<void> {
    const { cluster, offsets } = this.#deps;
    const place = cluster.placeOf(this.#topic) ?? (await cluster.refresh(this.#topic));
    const isFirst = this.#positions.size === 0;
    const byLeader = new Map<string, number[]>();
    for (const [partition, leader] of place.leaders.entries()) {
      if (!leader) continue;
      if (!this.#positions.has(partition)) {
        // What lies in a partition that came meanwhile is news too.
        const from = await (isFirst || this.#positions.size === 0
          ? offsets.end(this.#topic, partition)
          : offsets.start(this.#topic, partition));
        this.#positions.set(partition, from);
      }
      const key = `${leader.host}:${leader.port}`;
      byLeader.set(key, [...(byLeader.get(key) ?? []), partition]);
    }
    if (byLeader.size < new Set(place.leaders).size) cluster.forget(this.#topic);
    await Promise.all([...byLeader.values()].map((partitions) => this.#fetch(partitions)));
  }

  async #fetch(partitions: readonly number[]): Promise<void> {
    const { cluster } = this.#deps;
    const leader = await cluster.leaderOf(this.#topic, partitions[0]!);
    const answers = await cluster.request(this.#connections, leader, fetch, {
      topic: this.#topic,
      maxWaitMs: LONG_POLL_MS,
      maxBytes: READ_BYTES_MAX,
      partitions: partitions.map((partition) => ({ partition, offset: this.#positions.get(partition)! })),
    });
    for (const answer of answers) {
      if (answer.errorCode === 0) await this.#hand(answer);
      else await this.#recover(answer.partition);
    }
  }

  async #hand(answer: FetchedPartition): Promise<void> {
    const { partition } = answer;
    const from = this.#positions.get(partition)!;
    const batches = splitBatches(answer.batches);
    for (const batch of committedOnly(batches, answer.aborted)) {
      const records = await decodeBatch(batch, partition, from);
      if (this.#signal.aborted) return;
      if (records.length > 0) this.#onRecords(records);
      this.#positions.set(partition, batch.lastOffset + 1);
    }
    const last = batches.at(-1);
    if (last) this.#positions.set(partition, last.lastOffset + 1);
  }

  /** Retention may have passed a live view by, or the leader has moved. */
  async #recover(partition: number): Promise<void> {
    const { cluster, offsets } = this.#deps;
    cluster.forget(this.#topic);
    await pause(this.#signal);
    const [start, end] = await Promise.all([
      offsets.start(this.#topic, partition),
      offsets.end(this.#topic, partition),
    ]);
    const at = this.#positions.get(partition)!;
    if (at < start || at > end) this.#positions.set(partition, at < start ? start : end);
  }
}
