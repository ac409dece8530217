import type { LogRecord, SoleWriter, Topic } from '../log/log.ts';
import type { DerivedProgress, DerivedStore, Newness } from '../store/derived.ts';
import { type LogSource, type Places, sourceKey } from '../store/events.ts';
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
  /**
   * What one question may answer with, whole records apart. It costs a look through the raw rows of all open buckets, so
   * that few large ones are cheaper than many small ones. Default 10,000.
   */
  readonly rowsPerQuestion?: number;
}

export interface PublisherObserver {
  published(name: string, count: number): void;
  /** Stored records that were not looked at for ends and errors yet. */
  waiting(records: number): void;
}

/** The time in which the derived topic is ours, and how far it is recorded. */
export interface Tenure {
  readonly signal: AbortSignal;
  /** Everything on the derived topic below this offset is recorded. */
  recorded: number;
  commit(offset: number): Promise<void>;
}

const ROWS_PER_QUESTION = 10_000;
/** Of each source in one round: it grows while rounds find little, since a record holds from one event to a request's. */
const RECORDS_FIRST = 1_000;
const RECORDS_MAX = 128_000;
const EVENTS_PER_APPEND = 2_000;
/** Silence is looked for so many times in its length. */
const LOOKS_PER_SILENCE = 30;

/** A partition that the pipeline reads, now. */
interface SourceNow extends LogSource {
  readonly committed: number;
  readonly progress: DerivedProgress;
  /** Everything of it that is not stored yet was received after this, epoch ms. */
  readonly clock: number;
}

export class Publisher {
  readonly #options: PublisherOptions;
  readonly #tenure: Tenure;
  readonly #progress: Map<string, DerivedProgress>;
  readonly #newness: Newness;
  readonly #rowsMax: number;
  readonly #writer: SoleWriter;
  #lookedForSilence = -Infinity;
  #recordsPerRound = RECORDS_FIRST;
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
    this.#rowsMax = options.limits.rowsPerQuestion ?? ROWS_PER_QUESTION;
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
    const more = await this.#lookForEnds(await this.#readSources());
    // What was found has moved on since.
    if (this.#isSilenceDue()) await this.#lookForSilence(await this.#readSources());
    return more;
  }

  async close(): Promise<void> {
    await this.#writer.close();
  }

  async #readSources(): Promise<SourceNow[]> {
    const { sources, group, now } = this.#options;
    const found: SourceNow[] = [];
    for (const topic of sources) {
      const at = now();
      for (const lag of await topic.lag(group)) {
        const source = { topic: topic.origin, partition: lag.partition };
        const clock = lag.records > 0 ? Math.min(at, lag.oldestTimestamp ?? 0) : at;
        found.push({
          ...source,
          committed: lag.committed,
          progress: this.#progressOf(source, lag.end),
          clock,
        });
      }
    }
    this.#tenure.signal.throwIfAborted();
    return found;
  }

  /** A log that began anew has an end before what was looked at. */
  #progressOf(source: LogSource, end: number): DerivedProgress {
    const known = this.#progress.get(sourceKey(source));
    return known === undefined || known.ended > end ? { ...source, ended: 0, silent: 0 } : known;
  }

  async #advance(
    sources: readonly SourceNow[],
    seen: readonly Places[],
    what: 'ended' | 'silent',
  ): Promise<void> {
    const progressOf = new Map(sources.map((source) => [sourceKey(source), source.progress]));
    const advanced = seen.map((places) => ({
      ...progressOf.get(sourceKey(places))!,
      [what]: places.until,
    }));
    await this.#options.store.saveProgress(advanced);
    for (const progress of advanced) this.#progress.set(sourceKey(progress), progress);
  }

  #isSilenceDue(): boolean {
    const now = this.#options.now();
    const every = this.#options.limits.silenceMs / LOOKS_PER_SILENCE;
    // A clock that was set back must not put it off.
    if (now >= this.#lookedForSilence && now - this.#lookedForSilence < every) return false;
    this.#lookedForSilence = now;
    return true;
  }

  /** True when there is more. */
  async #lookForEnds(sources: readonly SourceNow[]): Promise<boolean> {
    const { store, observer } = this.#options;
    const most = this.#recordsPerRound;
    const places = sources.flatMap(({ topic, partition, progress: { ended }, committed }) =>
      committed > ended ? [{ topic, partition, from: ended, until: Math.min(committed, ended + most) }] : [],
    );
    if (places.length === 0) return false;
    const { rows, seen } = await store.triggers(places, this.#newness, this.#rowsMax);
    await this.#publish(await decideEnded(store, rows));
    await this.#advance(sources, seen, 'ended');
    const waiting =
      sources.reduce((sum, source) => sum + Math.max(0, source.committed - source.progress.ended), 0) -
      seen.reduce((sum, { from, until }) => sum + until - from, 0);
    observer.waiting(waiting);
    if (rows.length >= this.#rowsMax) this.#recordsPerRound = Math.ceil(most / 2);
    else if (waiting > 0) this.#recordsPerRound = Math.min(RECORDS_MAX, most * 2);
    return waiting > 0;
  }

  async #lookForSilence(sources: readonly SourceNow[]): Promise<void> {
    const { store, limits } = this.#options;
    // By the clock of what is stored: what waits in the log, wherever, may be of any view.
    const moment = Math.min(...sources.map(({ clock }) => clock)) - limits.silenceMs;
    const looked = sources.flatMap(({ topic, partition, progress: { silent, ended } }) =>
      ended > silent ? [{ topic, partition, from: silent, until: ended }] : [],
    );
    let left = looked.length === 0 ? [] : await store.receivedUntil(looked, moment);
    while (left.length > 0) {
      const { rows, seen } = await store.silentViews(left, moment, this.#newness, this.#rowsMax);
      await this.#publish(await decideSilent(store, rows));
      await this.#advance(sources, seen, 'silent');
      left = left.flatMap((places) => {
        const until = seen.find((one) => sourceKey(one) === sourceKey(places))?.until ?? places.from;
        return until < places.until ? [{ ...places, from: until }] : [];
      });
    }
  }

  async #publish(events: readonly DerivedEvent[]): Promise<void> {
    if (events.length === 0) return;
    for (let at = 0; at < events.length; at += EVENTS_PER_APPEND) {
      this.#tenure.signal.throwIfAborted();
      const now = this.#options.now();
      const some = events.slice(at, at + EVENTS_PER_APPEND);
      await this.#writer.append(some.map((event) => createRecord(event, now)));
    }
    await this.#readBack();
    for (const [name, some] of Map.groupBy(events, (event) => event.event_name))
      this.#options.observer.published(name, some.length);
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
