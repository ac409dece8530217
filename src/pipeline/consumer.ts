import type { DntMode } from '../event/do-not-track.ts';
import type { Kernel } from '../event/kernel.ts';
import type { Assignment, LogRecord, Topic } from '../log/log.ts';
import type { PlanBook } from '../plans/book.ts';
import type { EventStore, LogSource } from '../store/events.ts';
import type { Violation } from '../store/violations.ts';
import { inSpan, type SpanStart, type Tracing } from '../telemetry/tracing.ts';
import { Batch, type BatchContext } from './batch.ts';
import { buryDead } from './dead-letter.ts';
import type { ErasedFilter } from './erased.ts';
import { loadLateSessions, settleLateIds } from './late.ts';
import {
  awaitOthers,
  distrustedUntil,
  emptied,
  findChange,
  isOfBefore,
  type Layout,
  readLayout,
  writeLayout,
} from './layout.ts';
import { openPartitionState, type PartitionState } from './recovery.ts';
import { sleep } from './sleep.ts';
import { createSteps, type StepObserver } from './steps.ts';
import { Writer } from './writer.ts';

/**
 * The road of one partition from the log to ClickHouse.
 *
 * In: records, in order. Out: rows, each event once; dead letters; the ledger; a committed offset. What can be lost:
 * nothing. The order of one batch is fixed, and so is what each point guarantees:
 *   1. insert   2. dead letters   3. ledger   4. commit   5. publish
 * A crash before 4 repeats the batch: rows are found by their coordinates, dead letters and ledger have keys of the
 * batch's own and are replaced. 5 never blocks or fails 1-4.
 */

export interface PipelineLimits {
  readonly batchRowsMax: number;
  readonly batchBytesMax: number;
  readonly flushAfterMs: number;
  readonly readBytesMax: number;
  readonly leaseMs: number;
  readonly dedupeWindowMs: number;
  readonly dedupeEntriesMax: number;
  readonly sessionActorsMax: number;
  /** How far events of foreign producers may lie from their receipt. */
  readonly timestampAgeMaxMs: number;
  readonly timestampAheadMaxMs: number;
  /** What becomes of those of them whose person asked not to be tracked. */
  readonly dnt: DntMode;
}

export interface PipelineObserver extends StepObserver {
  consumed(records: number, events: number): void;
  /** Rows stored, after the insert. `freshnessMs`: age of the batch's oldest record. */
  flushed(rows: number, seconds: number, freshnessMs: number): void;
  dropped(reason: string, count: number): void;
  /** Events that break their plan, stored or not, by kind. */
  violated(violations: readonly Violation[]): void;
  /** Duplicates by where they were found, and look-ups made. */
  deduped(found: { readonly memory: number; readonly store: number; readonly lookups: number }): void;
  /** Seconds from a batch's first record to its commit. */
  processed(seconds: number): void;
  failed(stage: string, error: unknown): void;
  /** A round of recomputing made buckets clean. */
  recomputed(seconds: number): void;
  /** Dead letters that can be looked at now. */
  buried(reason: string, count: number): void;
}

/** What events have to be like. */
export interface PlanSource {
  readonly book: PlanBook;
  /** Waits until the book holds every plan in force at a moment (epoch ms); null: it does. */
  upTo(at: number, signal: AbortSignal): Promise<void> | null;
}

export type SendOn = (
  topic: Topic,
  records: readonly LogRecord[],
  partitions: number,
) => Promise<ReadonlySet<LogRecord>>;

export interface PipelineDependencies {
  readonly kernel: Kernel;
  readonly topic: Topic;
  readonly plans: PlanSource;
  readonly deadLetters: Topic;
  /**
   * Appends the events of records again, split by so many partitions, and resolves when they are durable; with those records
   * that it could not read, of which nothing was appended.
   */
  readonly sendOn: SendOn;
  /** Whose assignments these are. */
  readonly group: string;
  readonly store: EventStore;
  /** Who was erased; null or left out: nobody ever is. */
  readonly erased?: ErasedFilter | null;
  readonly limits: PipelineLimits;
  readonly defaultApp: string;
  readonly observer: PipelineObserver;
  readonly generation: () => number;
  /** True when ClickHouse was started by this process: no insert of an earlier process can still be running. */
  readonly ownServer: boolean;
  readonly now: () => number;
  /** Batches become spans. Default null. */
  readonly tracing?: Tracing | null;
  /** Stored batches, for live views. The batch is reused afterwards: take what is needed before returning. */
  readonly publish: (batch: Batch) => void;
}

const BACK_OFF_MS = [50, 200, 1_000, 2_000, 5_000];
/** Work on the event loop goes on at most this long before others get their turn. */
const SLICE_MS = 4;

/** Runs until the assignment ends. */
export async function consumePartition(assignment: Assignment, deps: PipelineDependencies): Promise<void> {
  const road = new Road(assignment, deps);
  try {
    await road.run();
  } catch (error) {
    if (!assignment.signal.aborted) throw error;
  }
}

/** A batch is the end of many requests: it is linked to them, rather than the child of one. */
function spanOf(batch: Batch, topic: string): SpanStart {
  const links = new Set<string>();
  for (const { record } of batch.spans)
    for (const [name, value] of record.headers) if (name === 'traceparent') links.add(value);
  return {
    name: `process ${topic}`,
    kind: 'consumer',
    links,
    startedAt: Date.now() - (performance.now() - batch.openedAt),
    attributes: {
      'messaging.operation.type': 'process',
      'messaging.destination.name': topic,
      'messaging.destination.partition.id': String(batch.source.partition),
      'messaging.batch.message_count': batch.spans.length,
      'messaging.kafka.offset': batch.firstOffset,
      'sluice.rows': batch.rows,
    },
  };
}

class Road {
  readonly #assignment: Assignment;
  readonly #deps: PipelineDependencies;
  readonly #builders;
  readonly #source: LogSource;
  #turn = 0;
  /** The batch before, on its way into ClickHouse while the next one is filled. */
  #inFlight: Promise<void> = Promise.resolve();
  #writing = false;
  #layout: Layout | null;
  /** No record of the partition was taken yet, by anyone. */
  #isFirst: boolean;

  constructor(assignment: Assignment, deps: PipelineDependencies) {
    this.#assignment = assignment;
    this.#layout = readLayout(assignment.committed.metadata);
    this.#isFirst = assignment.committed.offset === 0;
    this.#deps = deps;
    this.#source = { topic: deps.topic.origin, partition: assignment.partition };
    const options = { topic: deps.topic.origin };
    this.#builders = [deps.kernel.createBlockBuilder(options), deps.kernel.createBlockBuilder(options)];
  }

  async run(): Promise<void> {
    const { signal } = this.#assignment;
    const state = await this.#open();
    const writer = this.#createWriter(state);
    if (this.#layout !== null) await this.#settleLayout({ layout: this.#layout, before: null }, state);
    let batch = this.#nextBatch();
    while (!signal.aborted) {
      const records = await this.#read(batch);
      const change = findChange(records, this.#layout, this.#isFirst);
      if (records.length > 0) this.#isFirst = false;
      const own = await this.#sendOn(change === null ? records : records.slice(0, change.index));
      await this.#fill(batch, own, state);
      if (change !== null) {
        if (batch.spans.length > 0) batch = await this.#handOver(batch, writer, state);
        await this.#inFlight;
        await this.#changeLayout(records[change.index]!.offset, change.layout, state);
        continue;
      }
      if (!this.#due(batch)) continue;
      batch = await this.#handOver(batch, writer, state);
    }
    await this.#inFlight;
  }

  /** Partitions were added, and this record is the first that was split by them: everything before it is committed. */
  async #changeLayout(offset: number, layout: Layout, state: PartitionState): Promise<void> {
    const before = this.#layout;
    this.#layout = layout;
    await this.#persist('commit', () => this.#assignment.commit(offset, writeLayout(layout)));
    await this.#settleLayout({ layout, before }, state);
    this.#assignment.seek(offset);
  }

  async #settleLayout(
    change: { readonly layout: Layout; readonly before: Layout | null },
    { dedupe }: PartitionState,
  ): Promise<void> {
    const { topic, group } = this.#deps;
    const wait = (ms: number): Promise<void> => sleep(ms, this.#assignment.signal);
    await this.#persist('layout', async () => {
      if (!change.layout.settled)
        this.#layout = await awaitOthers(this.#assignment, change, topic, group, wait);
    });
    dedupe.distrustBefore(distrustedUntil(this.#layout!));
  }

  /** The records without the events that belong elsewhere, which are durable there now. */
  async #sendOn(records: readonly LogRecord[]): Promise<readonly LogRecord[]> {
    const layout = this.#layout;
    if (layout === null) return records;
    const before = records.filter((record) => isOfBefore(record, layout));
    if (before.length === 0) return records;
    let left: ReadonlySet<LogRecord> = new Set();
    await this.#persist('send on', async () => {
      left = await this.#deps.sendOn(this.#deps.topic, before, layout.partitions);
    });
    const sent = new Set(before.filter((record) => !left.has(record)));
    return records.map((record) => (sent.has(record) ? emptied(record) : record));
  }

  /** Retries until ClickHouse answers: what is in the log is safe meanwhile. */
  async #open(): Promise<PartitionState> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await openPartitionState(this.#assignment, this.#deps, (ms) =>
          sleep(ms, this.#assignment.signal),
        );
      } catch (error) {
        await this.#backOff('open', attempt, error);
      }
    }
  }

  #createWriter(state: PartitionState): Writer {
    const { store, observer, limits, generation, erased = null } = this.#deps;
    return new Writer({
      erased,
      source: this.#source,
      store,
      observer,
      generation,
      now: () => performance.now(),
      heldUntil: () => this.#assignment.heldUntil(),
      leaseMs: limits.leaseMs,
      steps: createSteps(state.sessions),
      backOff: (attempt, error) => this.#backOff('insert', attempt, error),
      sleep: (ms) => sleep(ms, this.#assignment.signal),
    });
  }

  #nextBatch(): Batch {
    this.#turn ^= 1;
    return new Batch(this.#source, this.#builders[this.#turn]!);
  }

  /** A failed read is tried again: a partition that nobody reads any more would be worse. */
  async #read(batch: Batch): Promise<LogRecord[]> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await this.#assignment.read(this.#deps.limits.readBytesMax, this.#waitMs(batch));
      } catch (error) {
        await this.#backOff('read', attempt, error);
      }
    }
  }

  #waitMs(batch: Batch): number {
    if (batch.spans.length === 0) return 1_000;
    // A batch that is due may have to wait for the one before; it looks again at this pace.
    return Math.max(
      this.#writing ? 10 : 1,
      this.#deps.limits.flushAfterMs - (performance.now() - batch.openedAt),
    );
  }

  async #fill(batch: Batch, records: readonly LogRecord[], state: BatchContext): Promise<void> {
    if (records.length === 0) return;
    if (batch.spans.length === 0) batch.open();
    await this.#awaitPlans(records);
    let sliceBegan = performance.now();
    let events = 0;
    for (const record of records) {
      events += batch.take(record, state);
      if (performance.now() - sliceBegan < SLICE_MS) continue;
      await new Promise(setImmediate);
      sliceBegan = performance.now();
    }
    this.#deps.observer.step('parse', events, batch.takeParseSeconds());
    this.#deps.observer.consumed(records.length, events);
  }

  async #awaitPlans(records: readonly LogRecord[]): Promise<void> {
    const latest = records.reduce((most, { timestamp }) => Math.max(most, timestamp), -Infinity);
    await this.#deps.plans.upTo(latest, this.#assignment.signal);
  }

  #due(batch: Batch): boolean {
    if (batch.spans.length === 0) return false;
    const { batchRowsMax, batchBytesMax, flushAfterMs } = this.#deps.limits;
    const full = batch.rows >= batchRowsMax || batch.builder.bytes >= batchBytesMax;
    // While the batch before is being written, a larger batch is worth more than an earlier one.
    return full || (!this.#writing && performance.now() - batch.openedAt >= flushAfterMs);
  }

  /** Decides what is left to decide, starts the writing, returns the batch to fill meanwhile. */
  async #handOver(batch: Batch, writer: Writer, state: PartitionState): Promise<Batch> {
    await this.#settle(batch, state);
    await this.#inFlight;
    this.#writing = true;
    const { tracing = null, topic } = this.#deps;
    const finished = inSpan(
      tracing,
      () => spanOf(batch, topic.name),
      () => this.#finish(batch, writer, state),
    );
    this.#inFlight = finished.finally(() => {
      this.#writing = false;
    });
    // The rejection (the assignment ended) is seen by whoever awaits it next.
    this.#inFlight.catch(() => {});
    return this.#nextBatch();
  }

  async #settle(batch: Batch, state: PartitionState): Promise<void> {
    state.sessions.turnIfDue(batch.oldestReceivedAt);
    for (let attempt = 0; ; attempt++) {
      try {
        await settleLateIds(batch, this.#deps.store);
        return await loadLateSessions(batch, this.#deps.store, state.sessions);
      } catch (error) {
        await this.#backOff('look-up', attempt, error);
      }
    }
  }

  async #finish(batch: Batch, writer: Writer, { dedupe }: PartitionState): Promise<void> {
    const { store, observer, deadLetters, topic, publish, now } = this.#deps;
    const layout = this.#layout;
    const { tally } = batch;
    const offered = batch.rows + tally.total('filtered');
    const began = performance.now();
    const remembered = dedupe.added;
    // 1. insert
    await writer.write(batch);
    const rows = offered - tally.total('filtered');
    dedupe.settle(remembered);
    if (rows > 0) observer.flushed(rows, (performance.now() - began) / 1000, now() - batch.oldestAppendedAt);
    // 2. dead letters
    await this.#persist('dead letters', () => buryDead(batch, topic, deadLetters));
    // 3. ledger
    const { source, firstOffset, nextOffset } = batch;
    const violations = batch.plans.violations();
    const ledger = { ...source, firstOffset, nextOffset, rows: tally.rows(), violations };
    await this.#persist('ledger', async () => store.writeLedger(ledger, await writer.lease()));
    // 4. commit
    await this.#persist('commit', () => this.#assignment.commit(nextOffset, writeLayout(layout)));
    observer.processed((performance.now() - batch.openedAt) / 1000);
    const { lookups, duplicatesStored } = batch;
    const memory = tally.total('duplicate') - duplicatesStored;
    observer.deduped({ memory, store: duplicatesStored, lookups });
    for (const fate of ['duplicate', 'filtered', 'quarantined'] as const)
      observer.dropped(fate, tally.total(fate));
    if (violations.length > 0) observer.violated(violations);
    // 5. publish
    try {
      publish(batch);
    } catch (error) {
      observer.failed('publish', error);
    }
  }

  async #persist(stage: string, work: () => Promise<void>): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await work();
      } catch (error) {
        await this.#backOff(stage, attempt, error);
      }
    }
  }

  async #backOff(stage: string, attempt: number, error: unknown): Promise<void> {
    this.#assignment.signal.throwIfAborted();
    this.#deps.observer.failed(stage, error);
    await sleep(BACK_OFF_MS[Math.min(attempt, BACK_OFF_MS.length - 1)]!, this.#assignment.signal);
  }
}
