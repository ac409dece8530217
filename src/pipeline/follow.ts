import type { Kernel } from '../event/kernel.ts';
import type { LogRecord, Topic } from '../log/log.ts';
import type { EventStore, LogSource, PlacesFrom } from '../store/events.ts';
import { Batch, type Present } from './batch.ts';
import { createBlock } from './block.ts';
import type { PipelineLimits, PipelineObserver, PlanSource } from './consumer.ts';
import { DedupeWindow } from './dedupe-window.ts';
import { type LateStore, loadLateSessions, settleLateIds } from './late.ts';
import { loadSessions, loadWindow, type MemoryOptions } from './recovery.ts';
import { sleep } from './sleep.ts';
import { SessionMemory } from './steps/sessions.ts';
import { createLiveSteps, runSteps, type Step } from './steps.ts';

/**
 * Every partition's tail as the pipeline decides it, without storing anything: for live views in a process whose
 * pipeline does not own all partitions.
 *
 * In: records from the given offsets on, without a group. Out: batches, duplicates out and bots marked, as the pipeline
 * publishes them after a commit; here a moment earlier. What can be lost: nothing while ClickHouse and the log answer.
 * While ClickHouse does not, an event that may have come long before is shown as new; nothing is stored from here.
 */

export interface FollowOptions {
  readonly topic: Topic;
  /** Per partition, the first offset to read: ids of what lies before it are read back from ClickHouse. */
  readonly from: ReadonlyMap<number, number>;
  readonly kernel: Kernel;
  readonly plans: Pick<PlanSource, 'book'>;
  readonly store: EventStore;
  /** `dedupeEntriesMax` is for all partitions together here. */
  readonly limits: MemoryOptions['limits'] &
    Pick<PipelineLimits, 'timestampAgeMaxMs' | 'timestampAheadMaxMs' | 'dnt'>;
  readonly defaultApp: string;
  readonly failed: PipelineObserver['failed'];
  readonly now: () => number;
  /** The batch is used again afterwards: take what is needed before returning. */
  readonly publish: (batch: Batch) => void;
  /** Everything of the partition before this offset was read. */
  readonly read?: (partition: number, offset: number) => void;
  /** How long ClickHouse is waited for. Default 2,000. */
  readonly lookupWithinMs?: number;
}

export interface Follower {
  stop(): Promise<void>;
}

const NOTHING: Present = new Map();
const RETRY_MS = 1_000;
/** After a look-up that failed, none is made for so long: live views must not fall behind. */
const LOOKUP_PAUSE_MS = 5_000;
/** What was received longer ago than a view is remembered changes nothing that is shown. */
const OLD_MS = 30 * 60_000;
/** Work on the event loop goes on at most this long before others get their turn. */
const SLICE_MS = 4;
const ENTRIES_MIN = 65_536;
const SESSIONS_TURN_MS = 2 * 60 * 60_000;

export function startFollower(options: FollowOptions): Follower {
  const ending = new AbortController();
  const follower = new TailReader(options, ending.signal);
  const running = follower.run();
  return {
    async stop() {
      ending.abort();
      await running;
    },
  };
}

class TailReader {
  readonly #options: FollowOptions;
  readonly #signal: AbortSignal;
  readonly #builder;
  readonly #windows = new Map<number, DedupeWindow>();
  /** Per partition, the next offset. */
  readonly #next: Map<number, number>;
  #sessions: SessionMemory | null = null;
  #steps: readonly Step[] = [];
  /** One builder serves all partitions, so they take turns. */
  #turn: Promise<void> = Promise.resolve();
  #lookupsFrom = -Infinity;

  constructor(options: FollowOptions, signal: AbortSignal) {
    this.#options = options;
    this.#signal = signal;
    this.#builder = options.kernel.createBlockBuilder({ topic: options.topic.origin });
    this.#next = new Map(options.from);
  }

  /** Until the signal is aborted. A tail that breaks off is taken up where it ended. */
  async run(): Promise<void> {
    const { topic, failed } = this.#options;
    while (!this.#signal.aborted) {
      try {
        await topic.tail((records) => this.#take(records), this.#signal, new Map(this.#next));
      } catch (error) {
        if (!this.#signal.aborted) failed('tail', error);
      }
      await this.#turn;
      await sleep(RETRY_MS, this.#signal).catch(() => {});
    }
  }

  #take(records: readonly LogRecord[]): Promise<void> {
    const parts = [...Map.groupBy(records, (record) => record.partition).values()];
    for (const part of parts) this.#next.set(part[0]!.partition, part.at(-1)!.offset + 1);
    this.#turn = this.#turn.then(async () => {
      for (const part of parts) {
        await this.#follow(part);
        const last = part.at(-1)!;
        this.#options.read?.(last.partition, last.offset + 1);
      }
    });
    return this.#turn;
  }

  /** Never rejects: what cannot be shown is left out. */
  async #follow(records: readonly LogRecord[]): Promise<void> {
    const { now, failed, publish } = this.#options;
    const fresh = records.filter((record) => record.timestamp > now() - OLD_MS);
    if (fresh.length === 0 || this.#signal.aborted) return;
    try {
      const batch = await this.#read(fresh);
      if (batch.rows === 0) return;
      const block = createBlock(batch);
      runSteps(this.#steps, block, { step() {} });
      batch.isBot = block.isBot;
      publish(batch);
    } catch (error) {
      if (!this.#signal.aborted) failed('live tail', error);
    }
  }

  async #read(records: readonly LogRecord[]): Promise<Batch> {
    const { partition, offset } = records[0]!;
    const { defaultApp, limits, now, topic, plans } = this.#options;
    const source = { topic: topic.origin, partition };
    const sessions = await this.#openSessions();
    const dedupe = await this.#openWindow(source, offset);
    const batch = new Batch(source, this.#builder);
    const { timestampAgeMaxMs: ageMaxMs, timestampAheadMaxMs: aheadMaxMs, dnt } = limits;
    const foreign = { ageMaxMs, aheadMaxMs, now, dnt };
    let sliceBegan = performance.now();
    for (const record of records) {
      batch.take(record, { dedupe, defaultApp, foreign, present: NOTHING, plans: plans.book });
      if (performance.now() - sliceBegan < SLICE_MS) continue;
      await new Promise(setImmediate);
      sliceBegan = performance.now();
    }
    sessions.turnIfDue(batch.oldestReceivedAt);
    // The pipeline may have stored these very rows by now.
    const before = this.#without({ ...source, from: offset });
    await this.#lookUp(() => settleLateIds(batch, before));
    await this.#lookUp(() => loadLateSessions(batch, before, sessions));
    dedupe.settle(dedupe.added);
    return batch;
  }

  async #openSessions(): Promise<SessionMemory> {
    if (this.#sessions) return this.#sessions;
    const { now, limits } = this.#options;
    const turn = { turnMs: SESSIONS_TURN_MS, actorsMax: limits.sessionActorsMax };
    const loaded = await this.#lookUp(() => this.#inTime(loadSessions(this.#options)));
    this.#sessions = loaded ?? new SessionMemory(now(), turn);
    this.#steps = createLiveSteps(this.#sessions);
    return this.#sessions;
  }

  async #openWindow(source: LogSource, until: number): Promise<DedupeWindow> {
    const known = this.#windows.get(source.partition);
    if (known) return known;
    const { limits, topic, now } = this.#options;
    const share = Math.floor(limits.dedupeEntriesMax / topic.partitions);
    const dedupeEntriesMax = Math.max(Math.min(ENTRIES_MIN, limits.dedupeEntriesMax), share);
    const own = { ...this.#options, limits: { ...limits, dedupeEntriesMax } };
    const loaded = await this.#lookUp(() => this.#inTime(loadWindow(own, { source, until })));
    const { dedupeWindowMs: windowMs } = limits;
    const empty = { windowMs, entriesMax: dedupeEntriesMax, filterBytesMax: dedupeEntriesMax * 32 };
    const dedupe = loaded ?? new DedupeWindow(empty, now());
    this.#windows.set(source.partition, dedupe);
    return dedupe;
  }

  /** null when ClickHouse did not answer. */
  async #lookUp<T>(work: () => Promise<T>): Promise<T | null> {
    if (performance.now() < this.#lookupsFrom) return null;
    try {
      return await work();
    } catch (error) {
      this.#lookupsFrom = performance.now() + LOOKUP_PAUSE_MS;
      if (!this.#signal.aborted) this.#options.failed('live look-up', error);
      return null;
    }
  }

  /** Look-ups that do not see what lies at these places. */
  #without(but: PlacesFrom): LateStore {
    const { store } = this.#options;
    return {
      findIds: (app, ids, buckets) => this.#inTime(store.findIds(app, ids, buckets, but)),
      findIdsAnywhere: (app, ids) => this.#inTime(store.findIdsAnywhere(app, ids, but)),
      findSessions: (...question) => this.#inTime(store.findSessions(...question)),
    };
  }

  /** The answer is what is waited for, not what is done with it: after the time is over nothing is. */
  async #inTime<T>(answer: Promise<T>): Promise<T> {
    const { lookupWithinMs = 2_000 } = this.#options;
    const { promise: late, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(
      () => reject(new Error(`ClickHouse gave no answer within ${lookupWithinMs} ms`)),
      lookupWithinMs,
    );
    return await Promise.race([answer, late]).finally(() => clearTimeout(timer));
  }
}
