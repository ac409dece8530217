import type { LogRecord, SoleWriter, Topic } from '../log/log.ts';
import type { DerivedProgress, DerivedStore, Newness } from '../store/derived.ts';
import type { LogSource } from '../store/events.ts';
import { decideEnded, decideSilent } from './decide.ts';
import { createRecord, DERIVED_PARTITION, type DerivedEvent, readRow } from './event.ts';

/**
 * Publishes what stored events give rise to, each once.
 *
 * In: rows below the offsets that the pipeline committed. Out: records on the derived topic. What can be lost: nothing;
 * what can be doubled: nothing, for readers of what is committed. The topic itself says what was published:
 *   1. become its one writer: nobody else's append can land any more   2. read it back, record it   3. decide what is
 *   missing   4. append it   5. back to 2, and when nothing is missing: the offsets are done
 * A crash anywhere begins anew with 1. Only what is on the topic counts as published, and nobody but the one writer can
 * put it there, so that step 3 never decides twice.
 */

export interface PublisherOptions {
  readonly store: DerivedStore;
  /** The derived events' own. */
  readonly topic: Topic;
  /** What the pipeline reads, and as which group. */
  readonly sources: readonly Topic[];
  readonly group: string;
  readonly limits: PublisherLimits;
  readonly observer: PublisherObserver;
  /** Epoch ms. */
  readonly now: () => number;
}

export interface PublisherLimits {
  /** A view without an end is over when nothing of it was received for so long. */
  readonly silenceMs: number;
  /** How old an event may be when it is received to be news. */
  readonly ageMaxMs: number;
}

export interface PublisherObserver {
  published(name: string, count: number): void;
}

/** The time in which the derived topic is ours, and how far it is recorded. */
export interface Tenure {
  readonly signal: AbortSignal;
  /** Everything on the derived topic below this offset is recorded. */
  recorded: number;
  commit(offset: number): Promise<void>;
}

/** Of a source in one round: what bounds a question in rows, as a record holds up to a request's events. */
const RECORDS_PER_ROUND = 1_000;
/** Silence is looked for so many times in its length. */
const LOOKS_PER_SILENCE = 30;

export class Publisher {
  readonly #options: PublisherOptions;
  readonly #tenure: Tenure;
  readonly #progress: Map<string, DerivedProgress>;
  readonly #newness: Newness;
  readonly #writer: SoleWriter;
  #lookedForSilence = -Infinity;
  #inserts = 0;

  private constructor(
    options: PublisherOptions,
    tenure: Tenure,
    opened: { writer: SoleWriter; progress: Map<string, DerivedProgress>; since: number },
  ) {
    this.#options = options;
    this.#tenure = tenure;
    this.#writer = opened.writer;
    this.#progress = opened.progress;
    this.#newness = { since: opened.since, ageMaxMs: options.limits.ageMaxMs };
  }

  static async open(options: PublisherOptions, tenure: Tenure): Promise<Publisher> {
    const { store, topic, limits, now } = options;
    // 1. From here on nobody else appends.
    const writer = await topic.openSoleWriter(DERIVED_PARTITION);
    try {
      const since = await store.beginSince(now() - limits.ageMaxMs);
      const publisher = new Publisher(options, tenure, {
        writer,
        since,
        progress: await store.progress(),
      });
      await publisher.#readBack();
      return publisher;
    } catch (error) {
      await writer.close();
      throw error;
    }
  }

  /**
   * Looks once at what is new. True when there is more to look at right away. After a rejection open another: nobody
   * knows what was appended.
   */
  async round(): Promise<boolean> {
    const silence = this.#isSilenceDue();
    let more = false;
    for (const topic of this.#options.sources) {
      const now = this.#options.now();
      for (const lag of await topic.lag(this.#options.group)) {
        this.#tenure.signal.throwIfAborted();
        const source = { topic: topic.name, partition: lag.partition };
        const before = this.#progressOf(source, lag.end);
        const ended = await this.#lookForEnds(source, before.ended, lag.committed);
        // A view is silent by the clock of what is stored: what waits in the log may be of it.
        const clock = lag.records > 0 ? Math.min(now, lag.oldestTimestamp ?? 0) : now;
        const silent = silence
          ? await this.#lookForSilence(source, before.silent, ended, clock)
          : before.silent;
        if (ended !== before.ended || silent !== before.silent)
          await this.#save({ ...source, ended, silent });
        more ||= ended < lag.committed;
      }
    }
    return more;
  }

  async close(): Promise<void> {
    await this.#writer.close();
  }

  /** A log that began anew has an end before what was looked at. */
  #progressOf(source: LogSource, end: number): DerivedProgress {
    const known = this.#progress.get(keyOf(source));
    return known === undefined || known.ended > end ? { ...source, ended: 0, silent: 0 } : known;
  }

  async #save(progress: DerivedProgress): Promise<void> {
    await this.#options.store.saveProgress(progress);
    this.#progress.set(keyOf(progress), progress);
  }

  #isSilenceDue(): boolean {
    const now = this.#options.now();
    const every = this.#options.limits.silenceMs / LOOKS_PER_SILENCE;
    // A clock that was set back must not put it off.
    if (now >= this.#lookedForSilence && now - this.#lookedForSilence < every) return false;
    this.#lookedForSilence = now;
    return true;
  }

  async #lookForEnds(source: LogSource, from: number, committed: number): Promise<number> {
    if (committed <= from) return from;
    const places = { ...source, from, until: Math.min(committed, from + RECORDS_PER_ROUND) };
    await this.#publish(decideEnded(this.#options.store, places, this.#newness));
    return places.until;
  }

  async #lookForSilence(source: LogSource, from: number, end: number, clock: number): Promise<number> {
    const { store, limits } = this.#options;
    const moment = clock - limits.silenceMs;
    if (end <= from) return from;
    const until = await store.firstReceivedAfter({ ...source, from, until: end }, moment);
    for (let at = from; at < until; at += RECORDS_PER_ROUND) {
      const places = { ...source, from: at, until: Math.min(until, at + RECORDS_PER_ROUND) };
      await this.#publish(decideSilent(store, places, moment, this.#newness));
    }
    return Math.max(from, until);
  }

  async #publish(pieces: AsyncGenerator<DerivedEvent[], void>): Promise<void> {
    for await (const events of pieces) {
      this.#tenure.signal.throwIfAborted();
      const now = this.#options.now();
      await this.#writer.append(events.map((event) => createRecord(event, now)));
      await this.#readBack();
      for (const [name, some] of Map.groupBy(events, (event) => event.event_name))
        this.#options.observer.published(name, some.length);
    }
  }

  /** Records what stands on the topic and is not recorded yet. */
  async #readBack(): Promise<void> {
    const { store } = this.#options;
    const tenure = this.#tenure;
    const before = tenure.recorded;
    tenure.recorded = await this.#writer.readBack(before, async (records) => {
      const queryId = `sluice-derived-${process.pid}-${records[0]!.offset}-${++this.#inserts}`;
      await store.record(readRows(records), queryId);
    });
    if (tenure.recorded !== before) await tenure.commit(tenure.recorded);
  }
}

function readRows(records: readonly LogRecord[]) {
  return records.flatMap((record) => readRow(record) ?? []);
}

function keyOf({ topic, partition }: LogSource): string {
  return `${topic}/${partition}`;
}
