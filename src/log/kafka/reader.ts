import { ProtocolError } from '@platformatic/kafka';
import type { LogRecord } from '../log.ts';
import { committedOnly, decodeBatch, type RawBatch, splitBatches } from './batch.ts';
import { type Cluster, pause } from './cluster.ts';
import type { Connections } from './connections.ts';
import { isPassing } from './faults.ts';
import type { Offsets } from './offsets.ts';
import { HOPELESS_DELAY_MS, RETRY_DELAY_MS } from './options.ts';
import { type FetchedPartition, fetch } from './requests.ts';

/**
 * Reads one partition from an offset on, for a reader who says how much.
 *
 * In memory: what the last answer brought, compressed; one batch of it, unpacked; and the next answer, which is asked for
 * when the last one is used up. An answer is at most as large as the reader asked for, or one batch.
 */

/** Brokers hold a request for records that are not there yet as long as this. */
const LONG_POLL_MS = 1_000;
/** Longer than a broker may hold it. */
const FETCH_TIMEOUT_MS = LONG_POLL_MS + 4_000;

const OFFSET_OUT_OF_RANGE = 1;

export interface ReaderDependencies {
  readonly cluster: Cluster;
  readonly offsets: Offsets;
  /** Told of what goes wrong while it tries again. */
  readonly onFault: (error: unknown) => void;
}

export class Reader {
  readonly #topic: string;
  readonly #partition: number;
  readonly #signal: AbortSignal;
  readonly #deps: ReaderDependencies;
  #connections: Connections;
  readonly #aborted: Promise<void>;
  /** The next record that `read` returns is at or after it. */
  #position: number;
  #end: number;
  #batches: RawBatch[] = [];
  /** Where reading goes on when the batches are used up. */
  #next: number;
  #records: LogRecord[] = [];
  #pending: Promise<void> | null = null;
  /** Counts seeks: an answer that was asked for before one is dropped. */
  #course = 0;

  constructor(
    topic: string,
    partition: number,
    from: number,
    end: number,
    signal: AbortSignal,
    deps: ReaderDependencies,
  ) {
    this.#topic = topic;
    this.#partition = partition;
    this.#position = from;
    this.#next = from;
    this.#end = end;
    this.#signal = signal;
    this.#deps = deps;
    this.#connections = deps.cluster.openConnections(FETCH_TIMEOUT_MS);
    this.#aborted = new Promise((resolve) => {
      if (signal.aborted) resolve();
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
    void this.#aborted.then(() => deps.cluster.closeConnections(this.#connections));
  }

  get end(): number {
    return this.#end;
  }

  /** Everything before it that there was has been returned. */
  get passed(): number {
    return this.#batches.length > 0 || this.#records.length > 0
      ? this.#position
      : Math.max(this.#position, this.#next);
  }

  seek(offset: number): void {
    this.#course += 1;
    this.#position = offset;
    this.#next = offset;
    this.#batches = [];
    this.#records = [];
    if (this.#pending === null || this.#signal.aborted) return;
    // What was asked for before would hold up what is asked for now.
    this.#pending = null;
    void this.#deps.cluster.closeConnections(this.#connections);
    this.#connections = this.#deps.cluster.openConnections(FETCH_TIMEOUT_MS);
  }

  async read(maxBytes: number, waitMs: number): Promise<LogRecord[]> {
    const until = performance.now() + waitMs;
    const taken: LogRecord[] = [];
    let bytes = 0;
    while (!this.#signal.aborted) {
      bytes = this.#take(taken, bytes, maxBytes);
      if (bytes >= maxBytes || this.#records.length > 0) break;
      if (this.#batches.length > 0) await this.#unpack();
      else if (taken.length > 0) break;
      else if (!(await this.#arrives(maxBytes, until - performance.now()))) break;
    }
    if (this.#signal.aborted) return [];
    if (taken.length > 0) this.#position = taken.at(-1)!.offset + 1;
    // What comes next is on its way while these are worked on.
    if (taken.length > 0 && this.#batches.length === 0 && this.#records.length === 0)
      this.#pending ??= this.#fetch(maxBytes);
    return taken;
  }

  #take(into: LogRecord[], bytes: number, maxBytes: number): number {
    let count = 0;
    for (const { value, key } of this.#records) {
      const size = value.length + (key?.length ?? 0);
      if (into.length + count > 0 && bytes + size > maxBytes) break;
      bytes += size;
      count += 1;
    }
    into.push(...this.#records.splice(0, count));
    return bytes;
  }

  async #unpack(): Promise<void> {
    const batch = this.#batches[0]!;
    const course = this.#course;
    const records = await decodeBatch(batch, this.#partition, this.#position);
    if (course !== this.#course) return;
    this.#batches.shift();
    this.#records = records;
  }

  /** Whether the answer came in time. */
  async #arrives(maxBytes: number, waitMs: number): Promise<boolean> {
    this.#pending ??= this.#fetch(maxBytes);
    const pending = this.#pending;
    let timer: NodeJS.Timeout | undefined;
    const timedOut = new Promise<false>((resolve) => {
      timer = setTimeout(() => resolve(false), Math.max(0, waitMs));
    });
    const came = await Promise.race([pending.then(() => true), timedOut, this.#aborted.then(() => false)]);
    clearTimeout(timer);
    return came;
  }

  /** Ends when there are batches, however long the brokers are away. */
  async #fetch(maxBytes: number): Promise<void> {
    const course = this.#course;
    const isWanted = (): boolean => course === this.#course && !this.#signal.aborted;
    while (isWanted() && this.#batches.length === 0) {
      try {
        const answer = await this.#ask(maxBytes);
        if (!isWanted()) break;
        await this.#accept(answer);
      } catch (error) {
        if (!isWanted()) break;
        this.#deps.cluster.forget(this.#topic);
        this.#deps.onFault(error);
        await pause(this.#signal, isPassing(error) ? RETRY_DELAY_MS : HOPELESS_DELAY_MS);
      }
    }
    if (course === this.#course) this.#pending = null;
  }

  async #ask(maxBytes: number): Promise<FetchedPartition> {
    const { cluster } = this.#deps;
    const leader = await cluster.leaderOf(this.#topic, this.#partition);
    const [answer] = await cluster.request(this.#connections, leader, fetch, {
      topic: this.#topic,
      maxWaitMs: LONG_POLL_MS,
      maxBytes: Math.max(1, Math.min(maxBytes, 2 ** 30)),
      partitions: [{ partition: this.#partition, offset: this.#next }],
    });
    return answer!;
  }

  async #accept(answer: FetchedPartition): Promise<void> {
    if (answer.errorCode === OFFSET_OUT_OF_RANGE) {
      await this.#startOver();
      return;
    }
    if (answer.errorCode !== 0) throw new ProtocolError(answer.errorCode);
    this.#end = Math.max(this.#end, answer.lastStableOffset);
    const batches = splitBatches(answer.batches);
    const last = batches.at(-1);
    if (last) this.#next = last.lastOffset + 1;
    this.#batches = committedOnly(batches, answer.aborted).filter(
      ({ lastOffset }) => lastOffset >= this.#position,
    );
  }

  /** Retention took what comes next, or the topic is another one now: on with the first record there is. */
  async #startOver(): Promise<void> {
    const start = await this.#deps.offsets.start(this.#topic, this.#partition);
    this.#deps.onFault(
      new Error(
        `Partition ${this.#partition} of '${this.#topic}' has no offset ${this.#next} any more; it is read from ${start} on.`,
      ),
    );
    this.#next = start;
    this.#position = start;
  }
}
