import {
  type API,
  apiVersionsV1,
  type Broker,
  findCoordinatorV2,
  metadataV9,
  metadataV12,
} from '@platformatic/kafka';
import { Connections } from './connections.ts';
import { answerOf, isPassing, responseOf } from './faults.ts';
import { type KafkaAddress, REQUEST_TIMEOUT_MS, RETRY_DELAY_MS } from './options.ts';

/** The brokers: which of them leads what, and connections to them. */

export interface Place {
  /** As the protocol of groups names the topic. */
  readonly topicId: string;
  /** By partition; null while it has none. */
  readonly leaders: readonly (Broker | null)[];
}

/** Brokers answer this quickly or hang. */
const METADATA_TIMEOUT_MS = 2_000;
const METADATA = 3;
const CONSUMER_GROUP_HEARTBEAT = 68;

/** The topic is not there. The message says what to do. */
export class MissingTopicError extends Error {
  override readonly name = 'MissingTopicError';
  constructor(topic: string) {
    super(
      `Kafka has no topic '${topic}'. Create it with \`sluice topics create\`, or set ANALYTICS_KAFKA_TOPIC.`,
    );
  }
}

export class Cluster {
  readonly address: KafkaAddress;
  readonly #bootstrap: readonly Broker[];
  readonly #open = new Set<Connections>();
  readonly #control: Connections;
  readonly #places = new Map<string, Place>();
  readonly #ids = new Map<string, string>();
  readonly #asking = new Map<string, Promise<Place>>();
  readonly #coordinators = new Map<string, Broker>();
  #known: readonly Broker[] = [];
  #versions: Map<number, number> | null = null;
  #turn = 0;

  constructor(address: KafkaAddress) {
    this.address = address;
    this.#bootstrap = address.brokers.map(readBroker);
    this.#control = this.openConnections(METADATA_TIMEOUT_MS);
  }

  /** Connections of one's own: a request that waits at a broker holds up the others of its connection. */
  openConnections(requestTimeoutMs = REQUEST_TIMEOUT_MS): Connections {
    const connections = new Connections(this.address, requestTimeoutMs);
    this.#open.add(connections);
    return connections;
  }

  async closeConnections(connections: Connections): Promise<void> {
    this.#open.delete(connections);
    await connections.close();
  }

  async request<A extends unknown[], R>(
    connections: Connections,
    broker: Broker,
    api: API<A, R>,
    ...words: A
  ): Promise<R> {
    const connection = await connections.get(broker);
    return await api.async(connection, ...words);
  }

  /** Asked of any broker that answers. */
  async ask<A extends unknown[], R>(api: API<A, R>, ...words: A): Promise<R> {
    const brokers = this.#everyBroker();
    const failures: unknown[] = [];
    for (let i = 0; i < brokers.length; i++) {
      const broker = brokers[(this.#turn + i) % brokers.length]!;
      try {
        const answer = await this.request(this.#control, broker, api, ...words);
        this.#turn += i;
        return answer;
      } catch (error) {
        if (answerOf(error) !== null && !isPassing(error)) throw error;
        failures.push(error);
      }
    }
    this.#turn += 1;
    throw failures.length === 1 ? failures[0] : new AggregateError(failures, 'No broker answers.');
  }

  /** The newest version of a request that the brokers have; null when they do not have it. */
  async newestVersion(apiKey: number): Promise<number | null> {
    if (this.#versions === null) {
      const { apiKeys } = await this.ask(apiVersionsV1.api, 'sluice', '1');
      this.#versions = new Map(apiKeys.map((api) => [api.apiKey, api.maxVersion]));
    }
    return this.#versions.get(apiKey) ?? null;
  }

  /** Whether the brokers hand out the partitions of a group themselves (KIP-848). */
  async coordinatesGroups(): Promise<boolean> {
    return (await this.newestVersion(CONSUMER_GROUP_HEARTBEAT)) !== null;
  }

  /** The topic's id as it was told last; null while nobody has. */
  idOf(topic: string): string | null {
    return this.#ids.get(topic) ?? null;
  }

  /** As last heard. */
  placeOf(topic: string): Place | null {
    return this.#places.get(topic) ?? null;
  }

  /** Asks anew; callers at the same time share the answer. Rejects with MissingTopicError where there is none. */
  refresh(topic: string): Promise<Place> {
    const asked = this.#asking.get(topic);
    if (asked) return asked;
    const asking = this.#readPlace(topic).finally(() => this.#asking.delete(topic));
    this.#asking.set(topic, asking);
    return asking;
  }

  /** Rejects while the partition has no leader. */
  async leaderOf(topic: string, partition: number): Promise<Broker> {
    const place = this.placeOf(topic) ?? (await this.refresh(topic));
    const leader = place.leaders[partition];
    if (leader) return leader;
    this.forget(topic);
    throw new Error(`Partition ${partition} of '${topic}' has no leader now.`);
  }

  /** What is known of its leaders is no longer true. */
  forget(topic: string): void {
    this.#places.delete(topic);
  }

  async coordinatorOf(group: string): Promise<Broker> {
    const known = this.#coordinators.get(group);
    if (known) return known;
    const { coordinators } = await this.ask(findCoordinatorV2.api, 0, [group]);
    const { host, port } = coordinators[0]!;
    const broker = { host, port };
    this.#coordinators.set(group, broker);
    return broker;
  }

  forgetCoordinator(group: string): void {
    this.#coordinators.delete(group);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#open].map((connections) => this.closeConnections(connections)));
  }

  async #readPlace(topic: string): Promise<Place> {
    const newest = (await this.newestVersion(METADATA)) ?? 0;
    const api = (newest >= 12 ? metadataV12 : metadataV9).api as typeof metadataV12.api;
    // An answer in which a partition has no leader is thrown, but it is an answer.
    const metadata = await this.ask(api, [topic], false, false).catch((error) => {
      const partly = responseOf<Awaited<ReturnType<typeof api.async>>>(error);
      if (partly && isPassing(error)) return partly;
      throw error;
    });
    const brokers = new Map(metadata.brokers.map(({ nodeId, host, port }) => [nodeId, { host, port }]));
    this.#known = [...brokers.values()];
    const found = metadata.topics[0];
    if (!found || found.errorCode === 3 || found.partitions.length === 0) {
      this.forget(topic);
      throw new MissingTopicError(topic);
    }
    const leaders: (Broker | null)[] = [];
    for (const { partitionIndex, leaderId } of found.partitions)
      leaders[partitionIndex] = brokers.get(leaderId) ?? null;
    const place = { topicId: found.topicId, leaders };
    this.#ids.set(topic, found.topicId);
    this.#places.set(topic, place);
    return place;
  }

  #everyBroker(): Broker[] {
    const all = [...this.#known, ...this.#bootstrap];
    return [...new Map(all.map((broker) => [`${broker.host}:${broker.port}`, broker])).values()];
  }
}

function readBroker(text: string): Broker {
  const [, host = text, port = '9092'] = /^\[?([^\]]+?)\]?(?::(\d+))?$/.exec(text) ?? [];
  return { host, port: Number(port) };
}

/** Resolves after the pause between two tries, or when the signal is aborted. */
export function pause(signal?: AbortSignal, ms = RETRY_DELAY_MS): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener('abort', done, { once: true });
  });
}
