import type { EventStore, LogSource } from '../store/events.ts';
import { BUCKET_SECONDS, insertIdPrefix } from '../store/events.ts';
import { type Batch, idAt, presentKey, type Span } from './batch.ts';
import { type Block, createBlock } from './block.ts';
import { EVENT_COLUMN_NAMES, encodeBlock } from './encode.ts';
import type { ErasedFilter } from './erased.ts';
import { runSteps, type Step, type StepObserver } from './steps.ts';

/**
 * Writes batches of one source to the raw table, each exactly once.
 *
 * In: a decided batch. Out: its rows are stored. What can be lost: nothing; what can be doubled: nothing. After any
 * doubt about an insert the writer makes sure that nothing of it can still land, reads back which coordinates are
 * stored, and inserts the others.
 */

/** An insert whose outcome nobody knows. */
export interface Doubt {
  /** Of the server when the doubt arose: the insert went to that one or an earlier one. */
  generation: number;
  /** By the server's clock, epoch ms. */
  leaseUntil: number;
}

export interface WriterOptions {
  readonly source: LogSource;
  readonly store: EventStore;
  readonly steps: readonly Step[];
  readonly observer: StepObserver;
  readonly leaseMs: number;
  /** Who was erased; null: nobody ever is. */
  readonly erased: ErasedFilter | null;
  /** Counts starts of the server: inserts sent to an earlier one cannot land any more. Constant for a remote one. */
  generation(): number;
  /** Waits, for as long as it takes, before the next attempt. Rejects when the assignment ends. */
  backOff(attempt: number, error: unknown): Promise<void>;
  /** Milliseconds of a clock that goes on evenly, whatever the wall clock is set to. */
  readonly now: () => number;
  /** By that clock: until when nobody else writes what is this source's (Assignment.heldUntil). */
  readonly heldUntil: () => number;
  /** Resolves after `ms`, rejects when the assignment ends. */
  sleep(ms: number): Promise<void>;
}

/** A mark is renewed before it gets so old that an insert's lease could outlive it. */
const MARK_LEASES = 2;
/** The server's clock may be set anew while ours goes on evenly. */
const SYNC_EVERY_MS = 60_000;
const BUCKET_MS = BUCKET_SECONDS * 1000;

export class Writer {
  readonly #options: WriterOptions;
  readonly #marks = new Map<string, number>();
  #clockOffsetMs = 0;
  /** By our clock; never so far. */
  #syncedAt = -Infinity;
  #inserts = 0;

  constructor(options: WriterOptions) {
    this.#options = options;
  }

  /** Our idea of the server's clock; leases are measured by it. */
  async syncClock(): Promise<void> {
    const before = this.#options.now();
    const server = await this.#options.store.serverTime();
    this.#syncedAt = this.#options.now();
    this.#clockOffsetMs = server - (before + this.#syncedAt) / 2;
  }

  /** Resolves when every row of the batch is stored. Rejects only when the assignment ends. */
  async write(batch: Batch): Promise<void> {
    let doubt: Doubt | null = null;
    for (let attempt = 0; ; attempt++) {
      try {
        if (doubt) await this.#keepMissing(batch, doubt);
        const holdsUntil = (await this.#options.erased?.drop(batch)) ?? Infinity;
        if (batch.rows === 0) return;
        doubt = { generation: 0, leaseUntil: 0 };
        await this.#attempt(batch, doubt, holdsUntil);
        return;
      } catch (error) {
        if (doubt) doubt.generation = this.#options.generation();
        await this.#options.backOff(attempt, error);
      }
    }
  }

  /** `holdsUntil`: until when it is known that the rows may be stored; the lease ends one lease after that at the latest. */
  async #attempt(batch: Batch, doubt: Doubt, holdsUntil: number): Promise<void> {
    const { steps, observer, store, source, leaseMs } = this.#options;
    const block = createBlock(batch);
    runSteps(steps, block, observer);
    batch.isBot = block.isBot;
    const leaseUntil = await this.lease(holdsUntil);
    await this.#announce(block, leaseUntil);
    const chunks = encodeBlock(block, leaseUntil);
    const queryId = `${insertIdPrefix(source)}${process.pid}-${batch.firstOffset}-${++this.#inserts}`;
    doubt.leaseUntil = leaseUntil;
    await store.insert(chunks, EVENT_COLUMN_NAMES, queryId, leaseMs);
  }

  /**
   * When a statement that begins now has to be over, by the server's clock, epoch ms. Whoever is given the source next
   * waits for one lease before it looks at what is stored. So the lease counts from when the source was surely ours: a
   * process that was stopped, and goes on before it hears that its partitions are another's, has none left.
   */
  async lease(holdsUntil = Infinity): Promise<number> {
    const { now, heldUntil, leaseMs } = this.#options;
    if (now() - this.#syncedAt >= SYNC_EVERY_MS) await this.syncClock();
    const begins = Math.min(now(), holdsUntil, heldUntil());
    return Math.round(begins + this.#clockOffsetMs + leaseMs);
  }

  /** Marks the buckets of the block before any of its rows can be there. */
  async #announce(block: Block, leaseUntil: number): Promise<void> {
    const due = touchedBuckets(block).filter(({ key }) => (this.#marks.get(key) ?? 0) < leaseUntil);
    if (due.length === 0) return;
    // One mark announces the inserts of the next moments too, so that not every block writes one.
    const until = leaseUntil + (MARK_LEASES - 1) * this.#options.leaseMs;
    await this.#options.store.mark(due, until);
    if (this.#marks.size > 50_000) this.#marks.clear();
    for (const { key } of due) this.#marks.set(key, until);
  }

  /** Takes out of the batch what is stored already. */
  async #keepMissing(batch: Batch, doubt: Doubt): Promise<void> {
    await this.fence(doubt);
    const places = { ...batch.source, from: batch.firstOffset, until: batch.nextOffset };
    const present = await this.#options.store.present(places);
    if (present.size === 0) return;
    // They may have landed after the recompute that thought their mark was over.
    await this.#options.store.markStored(places);
    const { index: indexes, idWords } = batch.builder;
    const out = new Map<Span, ReadonlySet<number>>();
    for (const span of batch.spans) {
      const keys = present.get(span.record.offset);
      if (!keys) continue;
      const stored = new Set<number>();
      for (let row = span.firstRow; row < span.firstRow + span.rows; row++)
        if (keys.has(presentKey(indexes[row]!, idAt(idWords, row)))) stored.add(indexes[row]!);
      out.set(span, stored);
    }
    batch.rebuild(out);
  }

  /**
   * After this no insert that was sent before can land: it ran on a server that is gone, or its lease is over by the
   * server's own clock and it was ended. In this order: until the lease is over one may still arrive and begin.
   */
  async fence(doubt: Doubt): Promise<void> {
    const { store, source, sleep } = this.#options;
    await this.syncClock();
    if (doubt.generation !== this.#options.generation()) return;
    for (;;) {
      const rest = doubt.leaseUntil - (await store.serverTime());
      if (rest < 0) break;
      await sleep(rest + 1);
    }
    await store.endInserts(source);
  }
}

function touchedBuckets({ text, builder, rows }: Block): { app: string; bucket: number; key: string }[] {
  const apps = text.app_id.values;
  const { ids } = text.app_id;
  const { timestamp } = builder;
  // One number for app and bucket: a number is a much cheaper key than a text.
  const found = new Set<number>();
  let last = -1;
  for (let row = 0; row < rows; row++) {
    const key = Math.floor(timestamp[row]! / BUCKET_MS) * apps.length + ids[row]!;
    if (key === last) continue;
    last = key;
    found.add(key);
  }
  return Array.from(found, (key) => {
    const place = Math.floor(key / apps.length);
    const bucket = place * BUCKET_SECONDS;
    const app = apps[key - place * apps.length]!;
    return { app, bucket, key: `${bucket} ${app}` };
  });
}
