import type { DntMode } from '../event/do-not-track.ts';
import { formatUuid } from '../event/kernel/uuid.ts';
import { type BlockBuilder, type EventRecord, type EventVerdict, rowFlag } from '../event/kernel.ts';
import type { LogRecord } from '../log/log.ts';
import type { PlanBook, PlanBreach } from '../plans/book.ts';
import type { LogSource } from '../store/events.ts';
import type { DedupeWindow } from './dedupe-window.ts';
import { type Heeded, heedRecord } from './do-not-track.ts';
import { createTally, type Tally } from './ledger.ts';
import { PlanDesk } from './plan-desk.ts';
import { type ForeignRules, type RecordMeta, readMeta } from './record-meta.ts';

/**
 * Consecutive records of one source on their way to one insert.
 *
 * In: log records. Out: a block of rows, without the duplicates, and what became of every event. A batch can be built
 * again from its records at any time, leaving out more rows: that is how late duplicates and rows that turned out to be
 * stored already are taken out.
 */

/** A record's place in the batch. Where some of its events lose their person, these are a second span behind it. */
export interface Span {
  readonly record: LogRecord;
  readonly meta: RecordMeta;
  /** What its rows are made of. */
  readonly input: EventRecord;
  firstRow: number;
  /** Rows in the block. */
  rows: number;
  readonly events: number;
  /** skip[i] = 1: event i of the record gets no row. */
  skip: Uint8Array | null;
}

export interface DeadEvent {
  readonly span: Span;
  readonly index: number;
  readonly reason: string;
  readonly detail: string;
  readonly raw: Uint8Array;
}

/** An event whose id may have been received before: ClickHouse has to be asked. */
export interface LateRow {
  readonly span: Span;
  readonly index: number;
}

/**
 * What is stored already: offset -> `presentKey` of each row. The id is part of the key, since a log that began anew
 * (another disk, the same ClickHouse) gives its events places that others had before.
 */
export type Present = ReadonlyMap<number, ReadonlySet<string>>;

export interface BatchContext {
  readonly dedupe: DedupeWindow;
  /** Of events and records that name none. */
  readonly defaultApp: string;
  readonly foreign: ForeignRules;
  /** Rows stored by an earlier attempt that nobody committed; taken as facts. */
  readonly present: Present;
  /** What events have to be like. */
  readonly plans: PlanBook;
}

export class Batch {
  readonly builder: BlockBuilder;
  readonly source: LogSource;
  readonly spans: Span[] = [];
  readonly dead: DeadEvent[] = [];
  readonly late: LateRow[] = [];
  readonly tally: Tally = createTally();
  readonly plans: PlanDesk;
  /** performance.now() of the first record. */
  openedAt = 0;
  /** Epoch ms of receipt of its oldest event. */
  oldestReceivedAt = Infinity;
  /** Epoch ms at which its oldest record came into the log: later than its receipt where a dead letter was replayed. */
  oldestAppendedAt = Infinity;
  #parseSeconds = 0;
  /** Ids that were looked up in ClickHouse, and how many of them were there with the same payload. */
  lookups = 0;
  duplicatesStored = 0;
  /** Per row, after the steps: 1 for a bot's. */
  isBot: Uint8Array | null = null;
  /** Rows stored by an earlier attempt and therefore not in the block. */
  presentRows = 0;

  constructor(source: LogSource, builder: BlockBuilder) {
    this.source = source;
    this.builder = builder;
    this.plans = new PlanDesk(builder);
    builder.reset();
  }

  get rows(): number {
    return this.builder.rows;
  }

  get firstOffset(): number {
    return this.spans[0]!.record.offset;
  }

  get nextOffset(): number {
    return this.spans[this.spans.length - 1]!.record.offset + 1;
  }

  /** The clock of the batch's age begins. */
  open(): void {
    this.openedAt = performance.now();
  }

  /** Seconds spent in the kernel since the last call. */
  takeParseSeconds(): number {
    const seconds = this.#parseSeconds;
    this.#parseSeconds = 0;
    return seconds;
  }

  /** Takes a record: parses it, decides about duplicates, keeps the rest as rows. Returns how many events it held. */
  take(record: LogRecord, context: BatchContext): number {
    const meta = readMeta(record, context);
    if (meta.filtered > 0) return this.#takeFiltered(record, meta);
    this.oldestReceivedAt = Math.min(this.oldestReceivedAt, meta.receivedAt);
    this.oldestAppendedAt = Math.min(this.oldestAppendedAt, record.timestamp);
    const input = recordInput(record, meta);
    const { span, bad } = this.#add(record, meta, input);
    for (const one of bad) this.#bury(span, one);
    const heeded = heedRecord(this.builder, span.firstRow, input, dntOf(meta, context));
    this.#settle(span, context, heeded);
    if (heeded !== null && heeded.instead !== null)
      this.#settle(this.#add(record, meta, heeded.instead).span, context, null);
    return span.events;
  }

  #add(
    record: LogRecord,
    meta: RecordMeta,
    input: EventRecord,
  ): { span: Span; bad: readonly EventVerdict[] } {
    const began = performance.now();
    const { firstRow, events, bad } = this.builder.add(input, null);
    this.#parseSeconds += (performance.now() - began) / 1000;
    const span: Span = { record, meta, input, firstRow, rows: 0, events, skip: null };
    this.spans.push(span);
    return { span, bad };
  }

  #settle(span: Span, context: BatchContext, heeded: Heeded | null): void {
    const skip = this.#decide(span, context, heeded);
    span.rows = this.builder.rows - span.firstRow;
    if (skip) this.#leaveOut(span, skip);
  }

  /** A record of events that were left out: all there is of them is how many they were. */
  #takeFiltered(record: LogRecord, meta: RecordMeta): number {
    this.oldestReceivedAt = Math.min(this.oldestReceivedAt, meta.receivedAt);
    this.oldestAppendedAt = Math.min(this.oldestAppendedAt, record.timestamp);
    const input = recordInput(record, meta);
    this.spans.push({ record, meta, input, firstRow: this.builder.rows, rows: 0, events: 0, skip: null });
    this.tally.add(meta.app, meta.receivedAt, 'filtered', meta.filtered);
    return meta.filtered;
  }

  /** Builds the block again without the rows of `extra` (per span: indexes to leave out). */
  rebuild(extra: ReadonlyMap<Span, ReadonlySet<number>>): void {
    this.builder.reset();
    for (const span of this.spans) {
      const more = extra.get(span);
      if (more) {
        span.skip ??= new Uint8Array(span.events);
        for (const index of more) span.skip[index] = 1;
      }
      span.firstRow = this.builder.add(span.input, span.skip).firstRow;
      span.rows = this.builder.rows - span.firstRow;
    }
  }

  /** The row of an event that is in the block. */
  rowOf(span: Span, index: number): number {
    // Rows of a record lie in the order of their indexes.
    const { index: indexes } = this.builder;
    let low = span.firstRow;
    let high = span.firstRow + span.rows;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (indexes[middle]! < index) low = middle + 1;
      else high = middle;
    }
    if (low < span.firstRow + span.rows && indexes[low] === index) return low;
    throw new Error(`event ${index} of record ${span.record.offset} has no row in this batch`);
  }

  /** A stored-looking row turned out to be a duplicate or a collision; `rebuild` takes it out. */
  reclassify(late: LateRow, verdict: 'duplicate' | 'collision'): void {
    const row = this.rowOf(late.span, late.index);
    const app = this.builder.text.get(this.builder.textColumns.app_id[row]!);
    this.tally.move(app, late.span.meta.receivedAt, verdict === 'duplicate' ? 'duplicate' : 'quarantined');
    if (verdict === 'collision') this.#buryCollision(late.span, late.index, row);
  }

  #bury(span: Span, bad: EventVerdict): void {
    this.dead.push({ span, index: bad.index, reason: bad.code, detail: bad.detail, raw: bad.raw });
    this.tally.add(span.meta.app, span.meta.receivedAt, 'quarantined', 1);
  }

  #buryCollision(span: Span, index: number, row: number): void {
    const raw = Buffer.from(this.builder.eventJson(row));
    const detail = 'an event with this id and another payload was received before';
    this.dead.push({ span, index, reason: 'id_collision', detail, raw });
  }

  /** Whether the event of a row goes to the dead letters for what it has against its plan. */
  #breaksPlan(book: PlanBook, at: number, span: Span, row: number, isPresent: boolean): boolean {
    const breach: PlanBreach | null = this.plans.judge(book, row, at);
    if (breach === null) return false;
    this.plans.count(breach, row, idAt(this.builder.idWords, row));
    if (breach.mode !== 'quarantine' || isPresent) return false;
    const raw = Buffer.from(this.builder.eventJson(row));
    const detail = `${breach.path}: ${breach.expected}`;
    this.dead.push({ span, index: this.builder.index[row]!, reason: 'plan_violation', detail, raw });
    return true;
  }

  /** Duplicates of the span's rows, as a skip list; null when all rows stay. */
  #decide(span: Span, context: BatchContext, heeded: Heeded | null): Uint8Array | null {
    const { builder, tally } = this;
    const { receivedAt } = span.meta;
    const present = context.present.get(span.record.offset);
    const stored = new RunCounter((app, count) => {
      tally.add(builder.text.get(app), receivedAt, 'stored', count);
    });
    // Taken out of the builder once: its getters look whether the memory has moved.
    const { index: indexes, idWords, payloadWords, appHash, flags, timestamp } = builder;
    const apps = builder.textColumns.app_id;
    const { dedupe, plans } = context;
    const plannedAt = plans.isEmpty ? null : plannedTime(span);
    const end = builder.rows;
    let skip: Uint8Array | null = null;
    dedupe.take(appHash, idWords, span.firstRow, end);
    for (let row = span.firstRow; row < end; row++) {
      const index = indexes[row]!;
      const isPresent = present?.has(presentKey(index, idAt(idWords, row))) === true;
      if (heeded?.rows.has(row) && (heeded.instead !== null || !isPresent)) {
        if (heeded.instead === null) tally.add(builder.text.get(apps[row]!), receivedAt, 'filtered', 1);
        skip ??= new Uint8Array(span.events);
        skip[index] = 1;
        continue;
      }
      // Before its id is remembered: what is quarantined is not stored, and may come back once it is mended.
      if (plannedAt !== null && this.#breaksPlan(plans, plannedAt, span, row, isPresent)) {
        tally.add(builder.text.get(apps[row]!), receivedAt, 'quarantined', 1);
        skip ??= new Uint8Array(span.events);
        skip[index] = 1;
        continue;
      }
      const created = createdAt(flags[row]!, timestamp[row]!, idWords, row);
      const verdict = dedupe.check(
        row - span.firstRow,
        payloadWords[row * 2]!,
        payloadWords[row * 2 + 1]!,
        receivedAt,
        created,
      );
      if (isPresent) {
        // The check only made its id known: what is stored is no longer to be decided.
        stored.count(apps[row]!);
        this.presentRows++;
        skip ??= new Uint8Array(span.events);
        skip[index] = 1;
        continue;
      }
      if (verdict === 'new' || verdict === 'unsure') {
        stored.count(apps[row]!);
        if (verdict === 'unsure') this.late.push({ span, index });
        continue;
      }
      const fate = verdict === 'duplicate' ? 'duplicate' : 'quarantined';
      tally.add(builder.text.get(apps[row]!), receivedAt, fate, 1);
      if (verdict === 'collision') this.#buryCollision(span, index, row);
      skip ??= new Uint8Array(span.events);
      skip[index] = 1;
    }
    stored.end();
    return skip;
  }

  #leaveOut(span: Span, skip: Uint8Array): void {
    span.skip = skip;
    this.builder.truncate(span.firstRow);
    // A request sent again as a whole: nothing of it is left to parse.
    if (span.rows === skip.reduce((sum, left) => sum + left, 0)) {
      span.rows = 0;
      return;
    }
    this.builder.add(span.input, skip);
    span.rows = this.builder.rows - span.firstRow;
  }
}

/**
 * When the client made the event, epoch ms. One created inside the window cannot have been received before it; one
 * created earlier, or at a time that nobody can tell, can. NaN, which is never late, for an id made of a place in the
 * log: that is new by construction.
 */
function createdAt(flags: number, timestamp: number, idWords: Uint32Array, row: number): number {
  if ((flags & rowFlag.hasEventId) === 0) return Number.NaN;
  return (flags & rowFlag.hasTimestamp) === 0 ? uuidTime(idWords, row) : timestamp;
}

/** The moment that decides which plan counts: when the record came into the log, if it says so. */
function plannedTime({ record, meta }: Span): number {
  return meta.allowed === null && record.timestamp > 0 ? record.timestamp : meta.receivedAt;
}

/** One event of a record, as `Present` names it. */
export function presentKey(index: number, eventId: string): string {
  return `${index} ${eventId}`;
}

/** The event_id of a row as text. */
export function idAt(words: Uint32Array, row: number): string {
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < 4; i++) view.setUint32(i * 4, words[row * 4 + i]!);
  return formatUuid(bytes);
}

/** Counts runs of equal texts, so that each run is told once. */
class RunCounter {
  readonly #tell: (text: number, count: number) => void;
  #text = 0;
  #count = 0;

  constructor(tell: (text: number, count: number) => void) {
    this.#tell = tell;
  }

  count(text: number): void {
    if (text === this.#text) {
      this.#count++;
      return;
    }
    this.end();
    this.#text = text;
    this.#count = 1;
  }

  end(): void {
    if (this.#count > 0) this.#tell(this.#text, this.#count);
    this.#count = 0;
  }
}

/** When a version 7 UUID was made, in epoch ms; long ago for every other, since nobody can tell. */
function uuidTime(words: Uint32Array, row: number): number {
  const second = words[row * 4 + 1]!;
  if (((second >>> 12) & 15) !== 7) return 0;
  return words[row * 4]! * 0x10000 + (second >>> 16);
}

/** Ingest has heeded it in what it wrote. */
function dntOf(meta: RecordMeta, { foreign }: BatchContext): DntMode {
  return meta.allowed === null ? 'off' : foreign.dnt;
}

function recordInput(record: LogRecord, meta: RecordMeta): EventRecord {
  return {
    value: record.value,
    receivedAt: meta.receivedAt,
    sentAt: meta.sentAt,
    app: meta.app,
    partition: record.partition,
    offset: record.offset,
    allowed: meta.allowed,
  };
}
