import {
  decodeConsumerProtocolAssignment,
  encodeConsumerProtocolAssignment,
  encodeConsumerProtocolSubscription,
  heartbeatV3,
  joinGroupV5,
  leaveGroupV3,
  syncGroupV3,
} from '@platformatic/kafka';
import { Assignments } from './assignments.ts';
import { pause } from './cluster.ts';
import type { Connections } from './connections.ts';
import { answerOf, isPassing, responseOf } from './faults.ts';
import { type JoiningMember, type MemberDependencies, type MemberOptions, startMember } from './member.ts';
import type { CommitIdentity } from './offsets.ts';
import { HOPELESS_DELAY_MS, RETRY_DELAY_MS } from './options.ts';

/**
 * A member of a group as Kafka had them before KIP-848, and Redpanda has them: the members meet, one of them hands out the
 * partitions. All handlers return before a member comes to the meeting, and it ends when all have come.
 */

type Joined = Awaited<ReturnType<typeof joinGroupV5.api.async>>;

/** The session is over after ten heartbeats that did not come, at a minute's session. */
const HEARTBEATS_A_SESSION = 10;
const HEARTBEAT_MS_MAX = 3_000;
const PROTOCOL = 'range';
const PROTOCOL_VERSION = 1;

export function startClassicMember(options: MemberOptions, deps: MemberDependencies): JoiningMember {
  const member = new ClassicMember(options, deps);
  return { joined: member.joined, stop: () => member.stop() };
}

/** By KIP-848, or the old way when the broker knows the request but has such groups switched off. */
export function startEitherMember(options: MemberOptions, deps: MemberDependencies): JoiningMember {
  let member = startMember(options, deps);
  const joined = member.joined.catch(async (error) => {
    if (answerOf(error) !== 'UNSUPPORTED_VERSION') throw error;
    await member.stop();
    member = startClassicMember(options, deps);
    await member.joined;
  });
  joined.catch(() => {});
  return { joined, stop: () => member.stop() };
}

class ClassicMember {
  readonly #options: MemberOptions;
  readonly #deps: MemberDependencies;
  readonly #assignments: Assignments;
  readonly #connections: Connections;
  readonly #stopping = new AbortController();
  readonly #joined = Promise.withResolvers<void>();
  readonly #loop: Promise<void>;
  #memberId = '';
  #generation = -1;
  #heardAt = performance.now();
  #heldUntil = -Infinity;
  /** Partitions when this member, as the one who hands out, last did. */
  #handedOut: number | null = null;

  constructor(options: MemberOptions, deps: MemberDependencies) {
    this.#options = options;
    this.#deps = deps;
    // The answer to a join comes when all members have come.
    this.#connections = deps.cluster.openConnections(options.rebalanceTimeoutMs + 10_000);
    const identity = (): CommitIdentity => ({
      memberId: this.#memberId,
      epoch: this.#generation,
      coordinated: false,
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
    await this.#assignments.takeAll();
    await this.#leave();
    // A meeting that is waited for ends with its connection.
    await this.#deps.cluster.closeConnections(this.#connections);
    await this.#loop;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        await this.#meet();
        while (!signal.aborted && (await this.#isCurrent()))
          await pause(
            signal,
            Math.min(HEARTBEAT_MS_MAX, this.#options.sessionTimeoutMs / HEARTBEATS_A_SESSION),
          );
        await this.#assignments.takeAll();
      } catch (error) {
        if (signal.aborted) break;
        await this.#onFailure(error);
      }
    }
    this.#joined.reject(new Error('The member was stopped before it had joined.'));
  }

  async #meet(): Promise<void> {
    const { cluster } = this.#deps;
    const { topic, group } = this.#options;
    const meeting = await this.#join();
    this.#memberId = meeting.memberId;
    const isLeader = meeting.leader === meeting.memberId;
    const assignments = isLeader ? await this.#handOut(meeting) : [];
    if (!isLeader) this.#handedOut = null;
    const sentAt = performance.now();
    const { assignment } = await cluster.request(
      this.#connections,
      await cluster.coordinatorOf(group),
      syncGroupV3.api,
      group,
      meeting.generationId,
      this.#memberId,
      null,
      null,
      null,
      assignments,
    );
    this.#generation = meeting.generationId;
    this.#heard(sentAt);
    this.#joined.resolve();
    if (this.#stopping.signal.aborted || assignment.length === 0) return;
    const mine = decodeConsumerProtocolAssignment(assignment).assignedPartitions;
    for (const partition of mine.find((part) => part.topic === topic)?.partitions ?? [])
      this.#assignments.give(partition);
  }

  async #join(): Promise<Joined> {
    const { cluster } = this.#deps;
    const { topic, group, sessionTimeoutMs, rebalanceTimeoutMs } = this.#options;
    const metadata = encodeConsumerProtocolSubscription({ version: PROTOCOL_VERSION, topics: [topic] });
    const broker = await cluster.coordinatorOf(group);
    const come = (memberId: string): Promise<Joined> =>
      cluster.request(
        this.#connections,
        broker,
        joinGroupV5.api,
        group,
        sessionTimeoutMs,
        rebalanceTimeoutMs,
        memberId,
        null,
        'consumer',
        [{ name: PROTOCOL, metadata }],
      );
    try {
      return await come(this.#memberId);
    } catch (error) {
      // The first time the broker only names the member.
      if (answerOf(error) !== 'MEMBER_ID_REQUIRED') throw error;
      return await come(responseOf<Joined>(error)!.memberId);
    }
  }

  /** Each member gets a run of partitions; a member that stays gets about the same ones again. */
  async #handOut(meeting: Joined): Promise<{ memberId: string; assignment: Buffer }[]> {
    const { topic } = this.#options;
    const partitions = (await this.#deps.cluster.refresh(topic)).leaders.length;
    this.#handedOut = partitions;
    const members = (meeting.members ?? []).map(({ memberId }) => memberId).sort();
    return members.map((memberId, i) => {
      const from = Math.floor((i * partitions) / members.length);
      const until = Math.floor(((i + 1) * partitions) / members.length);
      const mine = Array.from({ length: until - from }, (_, n) => from + n);
      const assignedPartitions = [{ topic, partitions: mine }];
      return {
        memberId,
        assignment: encodeConsumerProtocolAssignment({ version: PROTOCOL_VERSION, assignedPartitions }),
      };
    });
  }

  /** False when the members meet again. */
  async #isCurrent(): Promise<boolean> {
    const { cluster } = this.#deps;
    const { group, topic } = this.#options;
    if (this.#handedOut !== null && (cluster.placeOf(topic)?.leaders.length ?? 0) > this.#handedOut)
      return false;
    try {
      const broker = await cluster.coordinatorOf(group);
      const sentAt = performance.now();
      await cluster.request(
        this.#connections,
        broker,
        heartbeatV3.api,
        group,
        this.#generation,
        this.#memberId,
        null,
      );
      this.#heard(sentAt);
      return true;
    } catch (error) {
      if (answerOf(error) === 'REBALANCE_IN_PROGRESS') return false;
      const isOver = performance.now() - this.#heardAt > this.#options.sessionTimeoutMs;
      if (isOver || !isPassing(error)) throw error;
      cluster.forgetCoordinator(group);
      this.#deps.onFault(error);
      return true;
    }
  }

  /** A broker answered what was sent then: the session lasts from when it came there. */
  #heard(sentAt: number): void {
    this.#heardAt = performance.now();
    this.#heldUntil = sentAt + this.#options.sessionTimeoutMs;
  }

  async #onFailure(error: unknown): Promise<void> {
    const answer = answerOf(error);
    const isDismissed = answer === 'UNKNOWN_MEMBER_ID' || answer === 'ILLEGAL_GENERATION';
    if (isDismissed) this.#memberId = '';
    this.#deps.onFault(error);
    this.#deps.cluster.forgetCoordinator(this.#options.group);
    await this.#assignments.takeAll();
    const isHopeless = !isDismissed && answer !== 'REBALANCE_IN_PROGRESS' && !isPassing(error);
    if (isHopeless) this.#joined.reject(error);
    await pause(this.#stopping.signal, isHopeless ? HOPELESS_DELAY_MS : RETRY_DELAY_MS);
  }

  async #leave(): Promise<void> {
    if (this.#memberId === '') return;
    const { cluster } = this.#deps;
    const { group } = this.#options;
    const members = [{ memberId: this.#memberId, groupInstanceId: null }];
    const connections = cluster.openConnections();
    try {
      const broker = await cluster.coordinatorOf(group);
      await cluster.request(connections, broker, leaveGroupV3.api, group, members);
    } catch {
      // The broker notices by itself, when the session is over.
    }
    await cluster.closeConnections(connections);
  }
}
