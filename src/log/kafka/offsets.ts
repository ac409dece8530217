import {
  listOffsetsV5,
  offsetCommitV7,
  offsetCommitV9,
  offsetFetchV6,
  offsetFetchV8,
} from '@platformatic/kafka';
import type { Committed } from '../log.ts';
import { type Cluster, pause } from './cluster.ts';
import type { Connections } from './connections.ts';
import { answerOf, isPassing } from './faults.ts';

/** Where partitions begin and end, and where groups are in them. */

const LATEST = -1n;
const EARLIEST = -2n;
const READ_COMMITTED = 1;
const CONSUMER = -1;
const OFFSET_FETCH = 9;

/** Who commits: the broker refuses those whose number is no longer the member's. */
export interface CommitIdentity {
  readonly memberId: string;
  /** The generation of a classic member, the epoch of one by KIP-848. */
  readonly epoch: number;
  readonly coordinated: boolean;
}

export class Offsets {
  readonly #cluster: Cluster;
  readonly #connections: Connections;

  constructor(cluster: Cluster, connections: Connections) {
    this.#cluster = cluster;
    this.#connections = connections;
  }

  /** The offset that the next record gets, as far as `read_committed` readers may see. */
  end(topic: string, partition: number, signal?: AbortSignal): Promise<number> {
    return this.#list(topic, partition, LATEST, signal);
  }

  /** The first record that is kept. */
  start(topic: string, partition: number, signal?: AbortSignal): Promise<number> {
    return this.#list(topic, partition, EARLIEST, signal);
  }

  /** By partition; partitions without a commit are not in it. */
  async committed(
    group: string,
    topic: string,
    partitions: readonly number[],
    signal?: AbortSignal,
  ): Promise<Map<number, Committed>> {
    const newest = (await this.#cluster.newestVersion(OFFSET_FETCH)) ?? 0;
    const topics = [{ name: topic, partitionIndexes: [...partitions] }];
    const asked = [{ groupId: group, memberId: null, memberEpoch: -1, topics }];
    return await this.#atCoordinator(group, signal, async (broker) => {
      const { topics } =
        newest >= 8
          ? (await this.#cluster.request(this.#connections, broker, offsetFetchV8.api, asked, true))
              .groups[0]!
          : await this.#cluster.request(this.#connections, broker, offsetFetchV6.api, asked, true);
      const found = new Map<number, Committed>();
      for (const { partitionIndex, committedOffset, metadata } of topics?.[0]?.partitions ?? []) {
        if (committedOffset >= 0n)
          found.set(partitionIndex, { offset: Number(committedOffset), metadata: metadata ?? '' });
      }
      return found;
    });
  }

  /** Resolves when it is durable. `identity` is asked anew before each try. */
  async commit(
    group: string,
    topic: string,
    partition: number,
    committed: Committed,
    identity: () => CommitIdentity,
    signal: AbortSignal,
  ): Promise<void> {
    const { offset, metadata } = committed;
    const places = [
      {
        name: topic,
        partitions: [
          {
            partitionIndex: partition,
            committedOffset: BigInt(offset),
            committedLeaderEpoch: -1,
            committedMetadata: metadata,
          },
        ],
      },
    ];
    await this.#atCoordinator(group, signal, async (broker) => {
      signal.throwIfAborted();
      const { memberId, epoch, coordinated } = identity();
      const { api } = coordinated ? offsetCommitV9 : offsetCommitV7;
      await this.#cluster.request(this.#connections, broker, api, group, epoch, memberId, null, places);
    });
  }

  async #list(topic: string, partition: number, timestamp: bigint, signal?: AbortSignal): Promise<number> {
    const asked = [
      { name: topic, partitions: [{ partitionIndex: partition, currentLeaderEpoch: -1, timestamp }] },
    ];
    for (;;) {
      try {
        const leader = await this.#cluster.leaderOf(topic, partition);
        const { api } = listOffsetsV5;
        const answer = await this.#cluster.request(
          this.#connections,
          leader,
          api,
          CONSUMER,
          READ_COMMITTED,
          asked,
        );
        return Number(answer.topics[0]!.partitions[0]!.offset);
      } catch (error) {
        this.#cluster.forget(topic);
        if (!signal || signal.aborted || !isPassing(error)) throw error;
        await pause(signal);
      }
    }
  }

  /** Tries again while the coordinator moves or is away, until the signal is aborted; without a signal not. */
  async #atCoordinator<T>(
    group: string,
    signal: AbortSignal | undefined,
    act: (broker: { host: string; port: number }) => Promise<T>,
  ): Promise<T> {
    for (;;) {
      try {
        return await act(await this.#cluster.coordinatorOf(group));
      } catch (error) {
        const answer = answerOf(error);
        // An answer of the coordinator about the group itself is no reason to look for another one.
        if (answer === null || COORDINATOR_MOVED.has(answer)) this.#cluster.forgetCoordinator(group);
        const again = isPassing(error) || (answer !== null && SETTLING.has(answer));
        if (!signal || signal.aborted || !again) throw error;
        await pause(signal);
      }
    }
  }
}

const COORDINATOR_MOVED: ReadonlySet<string> = new Set([
  'NOT_COORDINATOR',
  'COORDINATOR_NOT_AVAILABLE',
  'COORDINATOR_LOAD_IN_PROGRESS',
]);

/** The group is about to tell this member something new, by the next heartbeat. */
const SETTLING: ReadonlySet<string> = new Set(['STALE_MEMBER_EPOCH', 'REBALANCE_IN_PROGRESS']);
