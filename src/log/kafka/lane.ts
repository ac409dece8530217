import { type Broker, initProducerIdV1 } from '@platformatic/kafka';
import { LogUnavailableError, type NewRecord, RecordTooLargeError } from '../log.ts';
import { encodeBatch } from './batch.ts';
import { type Cluster, MissingTopicError, pause } from './cluster.ts';
import type { Connections } from './connections.ts';
import { answerOf, explain, isPassing } from './faults.ts';
import { HOPELESS_DELAY_MS, type KafkaLogOptions, REQUEST_TIMEOUT_MS } from './options.ts';
import { produce } from './requests.ts';

/**
 * What goes into one partition, in order: one request under way at a time, and what arrives meanwhile goes along with the
 * next one. Each lane is a producer of its own for the broker, which tells a request that is sent again by its number.
 *
 * A batch is sent again, under the same number, until the broker answers or nobody waits for it any more. A batch that was
 * given up may have been written: the lane becomes a new producer then, since it no longer knows its next number.
 */

const RETRY_AFTER_MS = 1_000;

interface Waiting {
  readonly records: readonly NewRecord[];
  readonly bytes: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
  readonly timer: NodeJS.Timeout;
  given: boolean;
}

interface Producer {
  readonly id: bigint;
  readonly epoch: number;
  sequence: number;
}

export interface LaneDependencies {
  readonly cluster: Cluster;
  readonly connections: Connections;
  readonly options: KafkaLogOptions;
  /** Told of each answer: null when a broker took records, else why not. */
  readonly onOutcome: (failure: string | null) => void;
}

export class Lane {
  readonly #topic: string;
  readonly #partition: number;
  readonly #deps: LaneDependencies;
  readonly #closed = new AbortController();
  #queue: Waiting[] = [];
  #running: Promise<void> | null = null;
  #producer: Producer | null = null;
  #lastFailure: unknown = null;

  constructor(topic: string, partition: number, deps: LaneDependencies) {
    this.#topic = topic;
    this.#partition = partition;
    this.#deps = deps;
  }

  append(records: readonly NewRecord[]): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#closed.signal.aborted) return reject(new Error('The log is closed.'));
      const entry: Waiting = {
        records,
        bytes: records.reduce((sum, { key, value }) => sum + value.length + (key?.length ?? 0), 0),
        resolve,
        reject,
        timer: setTimeout(() => this.#giveUp(entry), this.#deps.options.ackTimeoutMs),
        given: false,
      };
      this.#queue.push(entry);
      this.#running ??= this.#run();
    });
  }

  /** What is still waiting is rejected; what is under way is waited for, within the deadline of those who wait. */
  async close(): Promise<void> {
    this.#closed.abort();
    for (const entry of this.#queue.splice(0)) settle(entry, new Error('The log was closed.'));
    await this.#running;
  }

  #giveUp(entry: Waiting): void {
    this.#queue = this.#queue.filter((other) => other !== entry);
    const { ackTimeoutMs } = this.#deps.options;
    const why = this.#lastFailure === null ? 'Kafka is too slow.' : this.#explain(this.#lastFailure);
    const message = `Nothing was acknowledged within ${ackTimeoutMs} ms. ${why}`;
    this.#deps.onOutcome(message);
    settle(entry, new LogUnavailableError(message, RETRY_AFTER_MS, { cause: this.#lastFailure }));
  }

  async #run(): Promise<void> {
    // All that is appended in this turn of the event loop goes along.
    await null;
    while (this.#queue.length > 0) await this.#deliver(this.#takeGroup());
    this.#running = null;
  }

  /** Settles each of them. Does not reject. */
  async #deliver(group: readonly Waiting[]): Promise<void> {
    try {
      await this.#write(
        group.flatMap(({ records }) => records),
        group,
      );
      this.#lastFailure = null;
      this.#deps.onOutcome(null);
      for (const entry of group) settle(entry, null);
    } catch (error) {
      if (isTooLarge(error) && group.length > 1) {
        // Nothing of it was written. One that is too large by itself is no reason to refuse its company.
        const half = Math.ceil(group.length / 2);
        await this.#deliver(group.slice(0, half));
        await this.#deliver(group.slice(half));
        return;
      }
      if (error instanceof LogUnavailableError) this.#deps.onOutcome(error.message);
      for (const entry of group) settle(entry, error as Error);
    }
  }

  #takeGroup(): Waiting[] {
    let bytes = 0;
    let count = 0;
    for (const entry of this.#queue) {
      bytes += entry.bytes;
      if (count > 0 && bytes > this.#deps.options.sendBytesMax) break;
      count += 1;
    }
    return this.#queue.splice(0, count);
  }

  /** Resolves when all of them are in the log. Rejects for good, or when nobody waits any more. */
  async #write(records: readonly NewRecord[], group: readonly Waiting[]): Promise<void> {
    if (records.length === 0) return;
    try {
      await this.#writeBatch(records, group);
    } catch (error) {
      if (!isTooLarge(error) || group.length > 1) throw error;
      if (records.length === 1) throw this.#tooLarge(records[0]!, error);
      const half = Math.ceil(records.length / 2);
      await this.#write(records.slice(0, half), group);
      await this.#write(records.slice(half), group);
    }
  }

  async #writeBatch(records: readonly NewRecord[], group: readonly Waiting[]): Promise<void> {
    const { compression } = this.#deps.options;
    let batch: { readonly producer: Producer; readonly bytes: Buffer } | null = null;
    let unknown = false;
    for (;;) {
      try {
        if (batch === null || batch.producer !== this.#producer) {
          const producer = await this.#identify();
          const { id, epoch, sequence } = producer;
          const bytes = await encodeBatch(
            records,
            { id, epoch, sequence, transactional: false },
            compression,
          );
          batch = { producer, bytes };
        }
        const leader = await this.#deps.cluster.leaderOf(this.#topic, this.#partition);
        unknown = true;
        await this.#send(leader, batch.bytes);
        // Numbers go round at the end of 31 bits.
        batch.producer.sequence = (batch.producer.sequence + records.length) % 2 ** 31;
        return;
      } catch (error) {
        const answer = answerOf(error);
        if (answer === 'DUPLICATE_SEQUENCE_NUMBER') return this.#forgetProducer();
        if (answer !== null && LOST_PRODUCER.has(answer)) this.#forgetProducer();
        else if (!isPassing(error)) {
          if (isTooLarge(error)) throw error;
          if (unknown && answer === null) this.#forgetProducer();
          throw new LogUnavailableError(this.#explain(error), HOPELESS_DELAY_MS, { cause: error });
        }
        this.#lastFailure = error;
        this.#deps.cluster.forget(this.#topic);
        if (group.every(({ given }) => given) || this.#closed.signal.aborted) {
          if (unknown) this.#forgetProducer();
          throw new LogUnavailableError(this.#explain(error), RETRY_AFTER_MS, { cause: error });
        }
        await pause(this.#closed.signal);
      }
    }
  }

  async #send(leader: Broker, batch: Buffer): Promise<void> {
    const { cluster, connections } = this.#deps;
    await cluster.request(connections, leader, produce, {
      topic: this.#topic,
      partition: this.#partition,
      batch,
      transactionalId: null,
      // The broker gives up before the connection does, so that it can say why.
      timeoutMs: REQUEST_TIMEOUT_MS - 500,
    });
  }

  async #identify(): Promise<Producer> {
    if (this.#producer) return this.#producer;
    const { producerId, producerEpoch } = await this.#deps.cluster.ask(initProducerIdV1.api, null, 0);
    this.#producer = { id: producerId, epoch: producerEpoch, sequence: 0 };
    return this.#producer;
  }

  #forgetProducer(): void {
    this.#producer = null;
  }

  #explain(error: unknown): string {
    if (error instanceof MissingTopicError) return error.message;
    return explain(error, this.#deps.options);
  }

  #tooLarge(record: NewRecord, cause: unknown): Error {
    return new RecordTooLargeError(
      `Kafka does not take a record of ${record.value.length} bytes. Raise max.message.bytes of the topic '${this.#topic}', as \`sluice topics create\` does.`,
      { cause },
    );
  }
}

/** The broker forgot this producer, or never knew its last batch: what it was asked to write was not written. */
const LOST_PRODUCER: ReadonlySet<string> = new Set([
  'UNKNOWN_PRODUCER_ID',
  'OUT_OF_ORDER_SEQUENCE_NUMBER',
  'INVALID_PRODUCER_EPOCH',
  'INVALID_PRODUCER_ID_MAPPING',
]);

/** Larger than the topic takes in one batch: the broker has written nothing of it. */
function isTooLarge(error: unknown): boolean {
  return TOO_LARGE.has(answerOf(error) ?? '');
}

const TOO_LARGE: ReadonlySet<string> = new Set(['MESSAGE_TOO_LARGE', 'RECORD_LIST_TOO_LARGE']);

function settle(entry: Waiting, error: Error | null): void {
  clearTimeout(entry.timer);
  entry.given = true;
  if (error) entry.reject(error);
  else entry.resolve();
}
