import { randomUUID } from 'node:crypto';
import { type Broker, consumerGroupHeartbeatV0, consumerGroupHeartbeatV1 } from '@platformatic/kafka';
import type { Membership } from '../log.ts';
import { type AssignmentDependencies, Assignments } from './assignments.ts';
import { type Cluster, pause } from './cluster.ts';
import type { Connections } from './connections.ts';
import { answerOf, isPassing } from './faults.ts';
import type { CommitIdentity } from './offsets.ts';
import { HOPELESS_DELAY_MS, RETRY_DELAY_MS } from './options.ts';

/**
 * A member of a group whose partitions the broker hands out (KIP-848). Each heartbeat says what the member still has, and
 * the answer what it shall have. What is to go is given up only when its handler has returned, and the broker gives it to
 * another member only after that.
 */

export interface MemberOptions {
  readonly topic: string;
  readonly group: string;
  readonly sessionTimeoutMs: number;
  readonly rebalanceTimeoutMs: number;
}

export interface MemberDependencies
  extends Omit<AssignmentDependencies, 'identity' | 'heldUntil' | 'topic' | 'group'> {
  readonly cluster: Cluster;
}

/** A member that has joined, or is still trying to: `joined` tells which. */
export interface JoiningMember extends Membership {
  /** Rejects when it never can. */
  readonly joined: Promise<void>;
}

type Answer = Awaited<ReturnType<typeof consumerGroupHeartbeatV1.api.async>>;

const JOINING = 0;
const LEAVING = -1;
/** The broker has given this member up, or never knew it. */
const DISMISSED: ReadonlySet<string> = new Set([
  'UNKNOWN_MEMBER_ID',
  'FENCED_MEMBER_EPOCH',
  'GROUP_ID_NOT_FOUND',
]);

export function startMember(options: MemberOptions, deps: MemberDependencies): JoiningMember {
  const member = new Member(options, deps);
  return { joined: member.joined, stop: () => member.stop() };
}

class Member {
  readonly #options: MemberOptions;
  readonly #deps: MemberDependencies;
  readonly #assignments: Assignments;
  readonly #connections: Connections;
  readonly #stopping = new AbortController();
  readonly #joined = Promise.withResolvers<void>();
  readonly #loop: Promise<void>;
  #memberId: string = randomUUID();
  #target: readonly number[] = [];
  /** After an answer that did not come, everything is said and asked again. */
  #whole = true;
  #epoch = JOINING;
  #topicId = '';
  /** What the broker was last told that this member has. */
  #told = '';
  #heardAt = performance.now();
  #heldUntil = -Infinity;
  /** Wakes the loop when there is something to tell. */
  #wake = new AbortController();

  constructor(options: MemberOptions, deps: MemberDependencies) {
    this.#options = options;
    this.#deps = deps;
    this.#connections = deps.cluster.openConnections(Math.min(5_000, options.sessionTimeoutMs));
    const identity = (): CommitIdentity => ({
      memberId: this.#memberId,
      epoch: this.#epoch,
      coordinated: true,
    });
    const { topic, group } = options;
    const heldUntil = (): number => this.#heldUntil;
    this.#assignments = new Assignments({ ...deps, topic, group, identity, heldUntil });
    this.#joined.promise.catch(() => {});
    this.#loop = this.#run();
  }

  get joined(): Promise<void> {
    return this.#joined.promise;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#wake.abort();
    await this.#loop;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    for (;;) {
      this.#wake = new AbortController();
      if (signal.aborted) break;
      let waitMs: number;
      try {
        waitMs = await this.#beat();
      } catch (error) {
        if (signal.aborted) break;
        waitMs = await this.#onFailure(error);
      }
      await pause(this.#wake.signal, waitMs);
    }
    await this.#assignments.takeAll();
    await this.#leave();
    this.#joined.reject(new Error('The member was stopped before it had joined.'));
    await this.#deps.cluster.closeConnections(this.#connections);
  }

  /** Returns how long to wait for the next one, in ms. */
  async #beat(): Promise<number> {
    const { cluster } = this.#deps;
    const { topic, group } = this.#options;
    this.#topicId = (cluster.placeOf(topic) ?? (await cluster.refresh(topic))).topicId;
    const broker = await cluster.coordinatorOf(group);
    const has = this.#assignments.partitions;
    const sentAt = performance.now();
    const answer = await this.#send(broker, this.#epoch, has);
    // A session lasts for several heartbeats; how many is the broker's setting, which it does not tell.
    this.#heldUntil = sentAt + Math.min(answer.heartbeatIntervalMs, this.#options.sessionTimeoutMs);
    this.#told = has.join();
    this.#whole = false;
    this.#heardAt = performance.now();
    this.#memberId = answer.memberId ?? this.#memberId;
    this.#epoch = answer.memberEpoch;
    this.#joined.resolve();
    if (answer.assignment) {
      const mine = answer.assignment.topicPartitions.find(({ topicId }) => sameId(topicId, this.#topicId));
      this.#target = mine?.partitions ?? [];
      this.#reconcile();
    }
    return answer.heartbeatIntervalMs;
  }

  /** Takes what is to go, gives what came; the broker hears of it at once. */
  #reconcile(): void {
    const going = this.#assignments.partitions.filter((partition) => !this.#target.includes(partition));
    if (going.length > 0) void this.#assignments.take(going).then(() => this.#reconcile());
    // What is still going and comes back again is given anew when it has gone.
    else for (const partition of this.#target) this.#assignments.give(partition);
    if (this.#assignments.partitions.join() !== this.#told) this.#wake.abort();
  }

  /** Returns how long to wait before the next try, in ms. */
  async #onFailure(error: unknown): Promise<number> {
    const { cluster, onFault } = this.#deps;
    const answer = answerOf(error);
    this.#whole = true;
    onFault(error);
    if (answer !== null && DISMISSED.has(answer)) {
      await this.#startOver();
      return 0;
    }
    cluster.forgetCoordinator(this.#options.group);
    cluster.forget(this.#options.topic);
    // By now the broker may have given the partitions to others.
    if (performance.now() - this.#heardAt > this.#options.sessionTimeoutMs) await this.#startOver();
    if (isPassing(error)) return RETRY_DELAY_MS;
    this.#joined.reject(error);
    return HOPELESS_DELAY_MS;
  }

  /** What this member had belongs to others by now. */
  async #startOver(): Promise<void> {
    this.#target = [];
    await this.#assignments.takeAll();
    this.#epoch = JOINING;
    this.#heardAt = performance.now();
  }

  async #leave(): Promise<void> {
    if (this.#epoch === JOINING) return;
    try {
      const broker = await this.#deps.cluster.coordinatorOf(this.#options.group);
      await this.#send(broker, LEAVING, []);
    } catch {
      // The broker notices by itself, later.
    }
  }

  async #send(broker: Broker, epoch: number, has: readonly number[]): Promise<Answer> {
    const { cluster } = this.#deps;
    const { group, topic, rebalanceTimeoutMs } = this.#options;
    const newest = (await cluster.newestVersion(consumerGroupHeartbeatV0.api.key)) ?? 0;
    const { api } = newest >= 1 ? consumerGroupHeartbeatV1 : consumerGroupHeartbeatV0;
    const isWhole = this.#whole || epoch === JOINING;
    const isNews = isWhole || has.join() !== this.#told;
    const partitions = has.length === 0 ? [] : [{ topicId: this.#topicId, partitions: [...has] }];
    return await cluster.request(
      this.#connections,
      broker,
      api,
      group,
      this.#memberId,
      epoch,
      null,
      null,
      rebalanceTimeoutMs,
      isWhole ? [topic] : null,
      null,
      null,
      isNews ? partitions : null,
    );
  }
}

/** Ids come with dashes or without. */
function sameId(a: string, b: string): boolean {
  return a.replaceAll('-', '') === b.replaceAll('-', '');
}
