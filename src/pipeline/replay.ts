import type { BlockBuilder, Kernel } from '../event/kernel.ts';
import type { LogRecord } from '../log/log.ts';
import type { StoreClient } from '../store/client.ts';
import type { Places } from '../store/events.ts';
import { hasOtherLayouts } from '../store/layout.ts';
import {
  type ReplayDay,
  type ReplayDifference,
  type ReplayRange,
  ReplayStore,
  ReplayTables,
} from '../store/replay.ts';
import { Batch, type BatchContext } from './batch.ts';
import type { PipelineLimits, PlanSource } from './consumer.ts';
import { DedupeWindow } from './dedupe-window.ts';
import { createErasedFilter } from './erased.ts';
import { loadLateSessions, settleLateIds } from './late.ts';
import { findRanges, type RangeDependencies, ReplayError, type ReplayRequest } from './replay-ranges.ts';
import { sleep } from './sleep.ts';
import { SessionMemory } from './steps/sessions.ts';
import { createSteps } from './steps.ts';
import { Writer } from './writer.ts';

/**
 * Reads a range of the log again, with the steps of the pipeline, and holds it against what is stored.
 *
 * In: records that the pipeline has committed. Out: a difference, and with `swap` a raw table that has none. What can be
 * lost: nothing; the pipeline goes on meanwhile, since it writes other places than those of the range.
 */

export type ReplayPhase = 'finding' | 'reading' | 'comparing' | 'swapping' | 'done';

export interface ReplayProgress {
  readonly phase: ReplayPhase;
  /** Records of the range, and of these read again. */
  readonly records: number;
  readonly read: number;
  /** Topics by their names. */
  readonly ranges: readonly Places[];
  readonly difference: ReplayDifference | null;
  /** What is left of it after a swap. */
  readonly remaining: ReplayDifference | null;
}

export interface ReplayDependencies extends RangeDependencies {
  readonly kernel: Kernel;
  readonly plans: PlanSource;
  readonly shards: readonly StoreClient[];
  readonly defaultApp: string;
  readonly limits: PipelineLimits;
  readonly retentionDays: number;
  /** Of the hashes of who was erased. */
  readonly erasureKey: () => Promise<Uint8Array>;
  readonly now: () => number;
}

const ATTEMPTS_MAX = 8;
const RETRY_MS = 1_000;
const FILTER_BYTES_MAX = 256 * 1024 * 1024;
const SESSION_TURN_MS = 365 * 86_400_000;
/** A bucket is clean some two leases after its last event; one that events still come to never is. */
const CLEAN_LEASES = 4;
const CLEAN_POLL_MS = 250;
const quiet = { step() {} };

/** Resolves with the last progress. Rejects with ReplayError, StoreError, or the signal's reason. */
export async function runReplay(
  request: ReplayRequest,
  deps: ReplayDependencies,
  tell: (progress: ReplayProgress) => void,
  signal: AbortSignal,
): Promise<ReplayProgress> {
  let progress: ReplayProgress = {
    phase: 'finding',
    records: 0,
    read: 0,
    ranges: [],
    difference: null,
    remaining: null,
  };
  const set = (more: Partial<ReplayProgress>) => {
    progress = { ...progress, ...more };
    tell(progress);
  };
  const ranges = await findRanges(request, deps, signal);
  for (const name of new Set(ranges.map((range) => range.name))) await refuseMoved(name, deps);
  const records = ranges.reduce((sum, { from, until }) => sum + until - from, 0);
  set({
    phase: 'reading',
    ranges: ranges.map(({ name, ...places }) => ({ ...places, topic: name })),
    records,
  });
  const places = deps.shards
    .map((client, shard) => ({
      client,
      tables: new ReplayTables(client),
      ranges: ranges.filter(({ partition }) => partition % deps.shards.length === shard),
    }))
    .filter((place) => place.ranges.length > 0);
  try {
    for (const { client, tables, ranges: own } of places) {
      await tables.open();
      for (const range of own)
        await readAgain(range, client, deps, signal, (count) => set({ read: progress.read + count }));
    }
    const compare = async () => {
      const all: ReplayDifference[] = [];
      for (const { tables, ranges: own } of places) {
        signal.throwIfAborted();
        all.push(await tables.compare(own, deps.retentionDays));
      }
      return { days: addUp(all), examples: all.flatMap(({ examples }) => examples) };
    };
    set({ phase: 'comparing' });
    set({ difference: await compare() });
    if (request.swap) {
      set({ phase: 'swapping' });
      for (const { tables, ranges: own } of places) await swap(tables, own, deps, signal);
      set({ remaining: await compare() });
    }
    set({ phase: 'done' });
    return progress;
  } finally {
    for (const { tables } of places) await tables.drop().catch(() => {});
  }
}

/** Each shard is held against its own partitions: what lies elsewhere would be missed there, and written a second time. */
async function refuseMoved(name: string, { log, shards }: ReplayDependencies): Promise<void> {
  if (!(await hasOtherLayouts(shards, name, log.topic(name).partitions))) return;
  throw new ReplayError(
    `The number of shards, or of partitions of ${name}, was another one within the retention: rows may lie on another shard than their partition's. Replay the log into another database (ANALYTICS_CH_DATABASE, ANALYTICS_KAFKA_GROUP_ID).`,
  );
}

async function swap(
  tables: ReplayTables,
  ranges: readonly ReplayRange[],
  { limits }: ReplayDependencies,
  signal: AbortSignal,
): Promise<void> {
  // Buckets that are clean show nothing of the swap until it is done; of those that new events touch raw is read anyway.
  const patience = performance.now() + CLEAN_LEASES * limits.leaseMs;
  while ((await tables.dirtyBuckets(ranges)) > 0 && performance.now() < patience)
    await sleep(CLEAN_POLL_MS, signal);
  await tables.swap(ranges, signal);
  // What the pipeline had looked up before is stored by then, or refused.
  await sleep(limits.leaseMs, signal);
  await tables.settle(ranges);
}

/** Takes the records of a range into the replay's own table, decided as they were the first time. */
async function readAgain(
  range: ReplayRange,
  client: StoreClient,
  deps: ReplayDependencies,
  signal: AbortSignal,
  read: (records: number) => void,
): Promise<void> {
  const topic = deps.log.topic(range.name);
  const { limits } = deps;
  // Of what is committed every plan is known.
  await deps.plans.upTo(deps.now(), signal);
  const intake = new Intake(range, client, deps, signal);
  let expected = range.from;
  for await (const records of topic.scan(range.partition, range.from, range.until, signal)) {
    checkOrder(records, expected, range);
    await intake.lookUpReceipts(records);
    for (const record of records) {
      intake.take(record);
      const { rows, builder } = intake.batch;
      if (rows >= limits.batchRowsMax || builder.bytes >= limits.batchBytesMax) await intake.write();
    }
    expected = records[records.length - 1]!.offset + 1;
    read(records.length);
    // Others get their turn.
    await new Promise(setImmediate);
  }
  signal.throwIfAborted();
  await intake.write();
}

/** The pipeline's road without its log: nothing is committed, buried or accounted for. */
class Intake {
  readonly context: BatchContext;
  batch: Batch;
  readonly #range: ReplayRange;
  readonly #store: ReplayStore;
  readonly #sessions: SessionMemory;
  readonly #writer: Writer;
  readonly #builder: BlockBuilder;
  readonly #backOff: (attempt: number, error: unknown) => Promise<void>;
  /** By offset, of records that do not say themselves when they were received. */
  #receipts: ReadonlyMap<number, number> = new Map();
  /** What the record in hand takes for now. */
  #readAt = 0;
  readonly #now: () => number;

  constructor(range: ReplayRange, client: StoreClient, deps: ReplayDependencies, signal: AbortSignal) {
    const { limits, erasureKey: key } = deps;
    const store = new ReplayStore(client, range);
    this.#range = range;
    this.#store = store;
    this.#now = deps.now;
    // Nothing is known of any session: what is not of this range is looked up, each time.
    this.#sessions = new SessionMemory(Infinity, {
      turnMs: SESSION_TURN_MS,
      actorsMax: limits.sessionActorsMax,
    });
    const window = { windowMs: Number.MAX_SAFE_INTEGER, entriesMax: limits.dedupeEntriesMax };
    this.context = {
      dedupe: new DedupeWindow({ ...window, filterBytesMax: FILTER_BYTES_MAX }, -Infinity),
      defaultApp: deps.sources.find(({ topic }) => topic === range.name)?.app ?? deps.defaultApp,
      foreign: {
        ageMaxMs: limits.timestampAgeMaxMs,
        aheadMaxMs: limits.timestampAheadMaxMs,
        now: () => this.#readAt,
        dnt: limits.dnt,
      },
      present: new Map(),
      plans: deps.plans.book,
    };
    this.#backOff = async (attempt, error) => {
      signal.throwIfAborted();
      if (attempt >= ATTEMPTS_MAX) throw error;
      await sleep(RETRY_MS, signal);
    };
    this.#writer = new Writer({
      source: range,
      store,
      steps: createSteps(this.#sessions),
      observer: quiet,
      leaseMs: limits.leaseMs,
      generation: () => 0,
      erased: createErasedFilter({ client, key, now: () => performance.now() }),
      backOff: this.#backOff,
      now: () => performance.now(),
      // Its rows go to a table of its own.
      heldUntil: () => Infinity,
      sleep: (ms) => sleep(ms, signal),
    });
    this.#builder = deps.kernel.createBlockBuilder({ topic: range.topic });
    this.batch = new Batch(range, this.#builder);
  }

  /**
   * A foreign record whose own time nobody can believe was received when it was read. To be decided as it was the first
   * time, it is read at that moment again.
   */
  async lookUpReceipts(records: readonly LogRecord[]): Promise<void> {
    const foreign = records.filter(({ headers }) => !headers.some(([name]) => name === 'received_at'));
    if (foreign.length === 0) return;
    const [from, until] = [foreign[0]!.offset, foreign[foreign.length - 1]!.offset + 1];
    await this.#persist(async () => {
      this.#receipts = await this.#store.receipts(from, until);
    });
  }

  take(record: LogRecord): void {
    this.#readAt = this.#receipts.get(record.offset) ?? this.#now();
    this.batch.take(record, this.context);
  }

  async write(): Promise<void> {
    if (this.batch.spans.length === 0) return;
    await this.#settle();
    const { dedupe } = this.context;
    const { added } = dedupe;
    await this.#writer.write(this.batch);
    dedupe.settle(added);
    this.batch = new Batch(this.#range, this.#builder);
  }

  async #settle(): Promise<void> {
    await this.#persist(async () => {
      await settleLateIds(this.batch, this.#store);
      await loadLateSessions(this.batch, this.#store, this.#sessions);
    });
  }

  async #persist(work: () => Promise<void>): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      try {
        return await work();
      } catch (error) {
        await this.#backOff(attempt, error);
      }
    }
  }
}

/** Retention may take the beginning away between the look and the read. */
function checkOrder(
  records: readonly LogRecord[],
  expected: number,
  { name, partition, from }: ReplayRange,
): void {
  const first = records[0]?.offset ?? expected;
  if (expected === from && first > expected)
    throw new ReplayError(
      `Partition ${partition} of ${name} lost its records ${from} to ${first - 1} to retention while they were to be read. Begin later.`,
    );
}

function addUp(parts: readonly ReplayDifference[]): ReplayDifference['days'] {
  const days = new Map<string, ReplayDay>();
  for (const row of parts.flatMap((part) => part.days)) {
    const sum = days.getOrInsertComputed(`${row.day} ${row.app_id}`, () => ({ ...row, ...NOTHING }));
    days.set(`${row.day} ${row.app_id}`, {
      ...sum,
      stored: sum.stored + row.stored,
      missing: sum.missing + row.missing,
      different: sum.different + row.different,
      surplus: sum.surplus + row.surplus,
    });
  }
  return [...days.values()];
}

const NOTHING = { stored: 0, missing: 0, different: 0, surplus: 0 };
