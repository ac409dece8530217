import {
  type API,
  addPartitionsToTxnV3,
  type Broker,
  endTxnV3,
  findCoordinatorV2,
  initProducerIdV4,
} from '@platformatic/kafka';
import type { LogRecord, NewRecord, SoleWriter } from '../log.ts';
import { committedOnly, decodeBatch, encodeBatch, splitBatches } from './batch.ts';
import { type Cluster, pause } from './cluster.ts';
import type { Connections } from './connections.ts';
import { answerOf, faultOf, isPassing } from './faults.ts';
import type { Offsets } from './offsets.ts';
import { type KafkaLogOptions, REQUEST_TIMEOUT_MS } from './options.ts';
import { fetch, produce } from './requests.ts';

/**
 * The one writer of a partition: a transactional producer whose name is the partition's. The broker gives each that is
 * opened a higher epoch and refuses every lower one, however late its request arrives; what such a one had not committed
 * is aborted before the new one hears of its epoch. An append is one transaction.
 */

export interface SoleWriterDependencies {
  readonly cluster: Cluster;
  readonly offsets: Offsets;
  readonly options: KafkaLogOptions;
  readonly signal: AbortSignal;
}

const TRANSACTIONS = 1;
/** A transaction that nobody ends is ended by the broker; the next writer does not wait for that. */
const TRANSACTION_TIMEOUT_MS = 60_000;
const READ_BYTES = 4 * 1024 * 1024;
const POLL_MS = 200;

/** The transaction before, or the coordinator, is not settled yet. */
const SETTLING: ReadonlySet<string> = new Set([
  'CONCURRENT_TRANSACTIONS',
  'COORDINATOR_LOAD_IN_PROGRESS',
  'COORDINATOR_NOT_AVAILABLE',
  'NOT_COORDINATOR',
]);

/** Resolves when every earlier writer is shut out. Rejects when that cannot be had within the time for an append. */
export async function openKafkaSoleWriter(
  topic: string,
  partition: number,
  deps: SoleWriterDependencies,
): Promise<SoleWriter> {
  const writer = new KafkaSoleWriter(topic, partition, deps);
  try {
    await writer.begin();
    return writer;
  } catch (error) {
    await writer.close();
    throw faultOf(error, deps.options);
  }
}

class KafkaSoleWriter implements SoleWriter {
  readonly #topic: string;
  readonly #partition: number;
  readonly #deps: SoleWriterDependencies;
  readonly #connections: Connections;
  readonly #name: string;
  #coordinator: Broker | null = null;
  #producer = { id: -1n, epoch: -1 };
  #sequence = 0;
  /** False after any failure: what stands is not known, or this one is shut out. */
  #usable = true;

  constructor(topic: string, partition: number, deps: SoleWriterDependencies) {
    this.#topic = topic;
    this.#partition = partition;
    this.#deps = deps;
    this.#connections = deps.cluster.openConnections();
    this.#name = `sluice/${topic}/${partition}`;
  }

  async begin(): Promise<void> {
    const { producerId, producerEpoch } = await this.#atCoordinator((broker) =>
      this.#request(broker, initProducerIdV4.api, this.#name, TRANSACTION_TIMEOUT_MS),
    );
    this.#producer = { id: producerId, epoch: producerEpoch };
  }

  async readBack(offset: number, onRecords: (records: LogRecord[]) => Promise<void>): Promise<number> {
    const { offsets, signal } = this.#deps;
    const start = await offsets.start(this.#topic, this.#partition, signal);
    // With what is not committed yet: the mark of our own last transaction may still be on its way.
    const end = await offsets.endOfAll(this.#topic, this.#partition, signal);
    let at = offset > end ? start : Math.max(start, offset);
    while (at < end) {
      signal.throwIfAborted();
      at = await this.#readPiece(at, onRecords);
    }
    return at;
  }

  async append(records: readonly NewRecord[]): Promise<void> {
    if (records.length === 0) return;
    if (!this.#usable) throw new Error(`'${this.#topic}' has another writer by now, or this one has failed`);
    this.#usable = false;
    try {
      await this.#appendAll(records);
      this.#usable = true;
    } catch (error) {
      throw faultOf(error, this.#deps.options);
    }
  }

  async close(): Promise<void> {
    this.#usable = false;
    await this.#deps.cluster.closeConnections(this.#connections);
  }

  async #appendAll(records: readonly NewRecord[]): Promise<void> {
    const { id, epoch } = this.#producer;
    const transaction = {
      transactionalId: this.#name,
      producerId: id,
      producerEpoch: epoch,
      verifyOnly: false,
      topics: [{ name: this.#topic, partitions: [this.#partition] }],
    };
    await this.#atCoordinator((broker) => this.#request(broker, addPartitionsToTxnV3.api, [transaction]));
    for (const some of splitBySize(records, this.#deps.options.sendBytesMax)) await this.#send(some);
    await this.#atCoordinator((broker) => this.#request(broker, endTxnV3.api, this.#name, id, epoch, true));
  }

  async #send(records: readonly NewRecord[]): Promise<void> {
    const { cluster, options } = this.#deps;
    const producer = { ...this.#producer, sequence: this.#sequence, transactional: true };
    const batch = await encodeBatch(records, producer, options.compression);
    await this.#retry(async () => {
      const leader = await cluster.leaderOf(this.#topic, this.#partition);
      try {
        await this.#request(leader, produce, {
          topic: this.#topic,
          partition: this.#partition,
          batch,
          transactionalId: this.#name,
          timeoutMs: REQUEST_TIMEOUT_MS - 500,
        });
      } catch (error) {
        cluster.forget(this.#topic);
        // Sent again under the same number, it is there already.
        if (answerOf(error) !== 'DUPLICATE_SEQUENCE_NUMBER') throw error;
      }
    });
    this.#sequence += records.length;
  }

  async #readPiece(at: number, onRecords: (records: LogRecord[]) => Promise<void>): Promise<number> {
    const { cluster, signal } = this.#deps;
    const answer = await this.#retry(async () => {
      const leader = await cluster.leaderOf(this.#topic, this.#partition);
      const partitions = [{ partition: this.#partition, offset: at }];
      const wanted = { topic: this.#topic, maxWaitMs: POLL_MS, maxBytes: READ_BYTES, partitions };
      const [found] = await this.#request(leader, fetch, wanted);
      if (found?.errorCode === 0) return found;
      cluster.forget(this.#topic);
      throw new Error(`a broker answered ${found?.errorCode} to a fetch of '${this.#topic}'`);
    });
    const batches = splitBatches(answer.batches);
    for (const batch of committedOnly(batches, answer.aborted)) {
      const records = await decodeBatch(batch, this.#partition, at);
      if (records.length > 0) await onRecords(records);
    }
    const last = batches.at(-1);
    if (last === undefined) await pause(signal);
    return last === undefined ? at : Math.max(at, last.lastOffset + 1);
  }

  async #atCoordinator<R>(act: (broker: Broker) => Promise<R>): Promise<R> {
    return await this.#retry(async () => {
      try {
        return await act(await this.#findCoordinator());
      } catch (error) {
        this.#coordinator = null;
        throw error;
      }
    });
  }

  async #findCoordinator(): Promise<Broker> {
    if (this.#coordinator) return this.#coordinator;
    const answer = await this.#deps.cluster.ask(findCoordinatorV2.api, TRANSACTIONS, [this.#name]);
    const { host, port } = answer.coordinators[0]!;
    this.#coordinator = { host, port };
    return this.#coordinator;
  }

  /** The same again, while it may be answered otherwise, within the time for an append. */
  async #retry<R>(act: () => Promise<R>): Promise<R> {
    const { signal, options } = this.#deps;
    const deadline = performance.now() + options.ackTimeoutMs;
    for (;;) {
      try {
        return await act();
      } catch (error) {
        const again = isPassing(error) || SETTLING.has(answerOf(error) ?? '');
        if (!again || signal.aborted || performance.now() >= deadline) throw error;
        await pause(signal);
      }
    }
  }

  #request<A extends unknown[], R>(broker: Broker, api: API<A, R>, ...words: A): Promise<R> {
    return this.#deps.cluster.request(this.#connections, broker, api, ...words);
  }
}

function splitBySize(records: readonly NewRecord[], bytesMax: number): NewRecord[][] {
  const parts: NewRecord[][] = [[]];
  let bytes = 0;
  for (const record of records) {
    const size = record.value.length + (record.key?.length ?? 0);
    if (bytes + size > bytesMax && parts.at(-1)!.length > 0) {
      parts.push([]);
      bytes = 0;
    }
    parts.at(-1)!.push(record);
    bytes += size;
  }
  return parts;
}
