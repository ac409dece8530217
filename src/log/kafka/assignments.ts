import type { Assignment, Committed } from '../log.ts';
import { pause } from './cluster.ts';
import type { CommitIdentity, Offsets } from './offsets.ts';
import { HOPELESS_DELAY_MS } from './options.ts';
import { Reader, type ReaderDependencies } from './reader.ts';

/** The partitions that one member of a group has, each with its handler. */

export interface AssignmentDependencies extends ReaderDependencies {
  readonly topic: string;
  readonly group: string;
  readonly offsets: Offsets;
  readonly run: (assignment: Assignment) => Promise<void>;
  readonly identity: () => CommitIdentity;
  /** See Assignment.heldUntil. */
  readonly heldUntil: () => number;
}

interface Held {
  readonly abort: AbortController;
  /** Resolves when the handler has returned. */
  readonly ended: Promise<void>;
}

/** As in Kafka's own settings of brokers. */
const METADATA_BYTES_MAX = 4_096;

export class Assignments {
  readonly #deps: AssignmentDependencies;
  readonly #held = new Map<number, Held>();

  constructor(deps: AssignmentDependencies) {
    this.#deps = deps;
  }

  /** Those whose handlers have not ended, also while they are being taken away. */
  get partitions(): number[] {
    return [...this.#held.keys()].sort((a, b) => a - b);
  }

  give(partition: number): void {
    if (this.#held.has(partition)) return;
    const abort = new AbortController();
    const ended = this.#serve(partition, abort.signal);
    this.#held.set(partition, { abort, ended });
  }

  /** Resolves when the handlers have returned. */
  async take(partitions: readonly number[]): Promise<void> {
    const taken = partitions.flatMap((partition) => this.#held.get(partition) ?? []);
    for (const { abort } of taken) abort.abort();
    await Promise.all(taken.map(({ ended }) => ended));
    for (const partition of partitions) this.#held.delete(partition);
  }

  takeAll(): Promise<void> {
    return this.take(this.partitions);
  }

  async #serve(partition: number, signal: AbortSignal): Promise<void> {
    try {
      const assignment = await this.#openAtLast(partition, signal);
      if (assignment && !signal.aborted) await this.#deps.run(assignment);
    } catch (error) {
      // The partition stays with this member, served by nobody, until the members change.
      if (!signal.aborted) this.#deps.onFault(error);
    }
  }

  /** null when the partition was taken away before the brokers told where the group is in it. */
  async #openAtLast(partition: number, signal: AbortSignal): Promise<Assignment | null> {
    while (!signal.aborted) {
      try {
        return await this.#open(partition, signal);
      } catch (error) {
        if (signal.aborted) break;
        this.#deps.onFault(error);
        await pause(signal, HOPELESS_DELAY_MS);
      }
    }
    return null;
  }

  async #open(partition: number, signal: AbortSignal): Promise<Assignment> {
    const { topic, group, offsets, identity, heldUntil } = this.#deps;
    const all = await offsets.committed(group, topic, [partition], signal);
    const committed: Committed = all.get(partition) ?? { offset: 0, metadata: '' };
    const end = await offsets.end(topic, partition, signal);
    const reader = new Reader(topic, partition, committed.offset, end, signal, this.#deps);
    return {
      partition,
      signal,
      committed,
      read: (maxBytes, waitMs) => reader.read(maxBytes, waitMs),
      seek: (offset) => reader.seek(offset),
      endOffset: () => reader.end,
      heldUntil,
      async commit(offset, metadata) {
        signal.throwIfAborted();
        if (Buffer.byteLength(metadata) > METADATA_BYTES_MAX)
          throw new RangeError(`Metadata of a commit takes at most ${METADATA_BYTES_MAX} bytes.`);
        await offsets.commit(group, topic, partition, { offset, metadata }, identity, signal);
      },
    };
  }
}
