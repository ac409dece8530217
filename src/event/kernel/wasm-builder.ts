/** The block builder over WebAssembly: the usual events in the kernel, the rest one by one through the reference. */
import {
  type AddResult,
  type BlockBuilder,
  type BlockOptions,
  type EventRecord,
  type EventVerdict,
  type InternedText,
  rowFlag,
  type StringColumnName,
  stringColumnNames,
  type TextColumnName,
  textColumnNames,
} from '../kernel.ts';
import { readBody, readLineSlice } from './body.ts';
import { JsonText } from './json.ts';
import { type EventReading, readEvent } from './reading.ts';
import { brokenRecord, flagsOf, recordClock } from './reference-builder.ts';
import { checkUtf8, verdictOn } from './reference-scanner.ts';
import { readCell, rowJson } from './row-json.ts';
import { type RowArrayName, rowBytes } from './rows.ts';
import { coordinateEventId, readEventId } from './uuid.ts';
import { BlockMemory, type RowViews } from './wasm-memory.ts';
import { type KernelExports, KernelInstance, type Region } from './wasm-module.ts';

const eventsMax = 0xffff_ffff;
const farMs = 8.64e15;
/** What the kernel keeps of a row before it has one; other flags follow from its cells. */
const ownFlags =
  rowFlag.hasEventId | rowFlag.hasTimestamp | rowFlag.completed | rowFlag.instantSkip | rowFlag.fatal;

/** One record on its way. */
interface Attempt {
  readonly record: EventRecord;
  readonly skip: Uint8Array | null;
  readonly input: number;
  sentAt: number | null;
  bad: EventVerdict[];
  text: JsonText | null;
}

/** The texts of the kernel, decoded when they are first asked for. */
class WasmTexts implements InternedText {
  readonly #instance: KernelInstance;
  #known = [''];

  constructor(instance: KernelInstance) {
    this.#instance = instance;
  }

  get size(): number {
    return this.#instance.exports.textCount();
  }

  get(id: number): string {
    const known = this.#known[id];
    if (known !== undefined) return known;
    const { exports } = this.#instance;
    const text = this.#instance.text(exports.textAt(id), exports.textLength(id));
    this.#known[id] = text;
    return text;
  }

  cutTo(size: number): void {
    this.#instance.exports.cutTexts(size);
    this.#known.length = Math.min(this.#known.length, size);
  }
}

export class WasmBlockBuilder implements BlockBuilder {
  readonly text: WasmTexts;
  readonly #topic: string;
  readonly #instance: KernelInstance;
  readonly #exports: KernelExports;
  readonly #memory: BlockMemory;
  readonly #skip: Region;
  readonly #app: Region;
  /** Texts of a row that the reference read. */
  readonly #rare: Region;
  /** How many texts there were at the first row of each add. */
  #textsAt = new Map<number, number>();
  #textColumns: Record<TextColumnName, Uint32Array> | null = null;
  #textColumnsOf: RowViews | null = null;

  constructor(module: WebAssembly.Module, options: BlockOptions = {}) {
    this.#topic = options.topic ?? '';
    this.#instance = new KernelInstance(module);
    this.#exports = this.#instance.exports;
    this.#memory = new BlockMemory(this.#instance, options.rowsMax ?? 4096, options.bytesMax ?? 1 << 20);
    this.#skip = this.#instance.allocate(1024);
    this.#app = this.#instance.allocate(1024);
    this.#rare = this.#instance.allocate(1 << 17);
    this.text = new WasmTexts(this.#instance);
  }

  get rows(): number {
    return this.#exports.rowCount();
  }
  get bytes(): number {
    return this.rows * rowBytes + this.#memory.columnBytes;
  }
  get idWords() {
    return this.#memory.views.idWords;
  }
  get payloadWords() {
    return this.#memory.views.payloadWords;
  }
  get appHash() {
    return this.#memory.views.appHash;
  }
  get timestamp() {
    return this.#memory.views.timestamp;
  }
  get index() {
    return this.#memory.views.index;
  }
  get kind() {
    return this.#memory.views.kind;
  }
  get flags() {
    return this.#memory.views.flags;
  }
  get actorWords() {
    return this.#memory.views.actorWords;
  }
  get viewWords() {
    return this.#memory.views.viewWords;
  }
  get streamWords() {
    return this.#memory.views.streamWords;
  }
  get watchMs() {
    return this.#memory.views.watchMs;
  }
  get durationMs() {
    return this.#memory.views.durationMs;
  }
  get bitrate() {
    return this.#memory.views.bitrate;
  }

  get textColumns(): Record<TextColumnName, Uint32Array> {
    const { views } = this.#memory;
    if (this.#textColumns === null || this.#textColumnsOf !== views) {
      const columns = textColumnNames.map((name) => [name, views[`text:${name}` as RowArrayName]]);
      this.#textColumns = Object.fromEntries(columns) as Record<TextColumnName, Uint32Array>;
      this.#textColumnsOf = views;
    }
    return this.#textColumns;
  }

  reset(): void {
    this.#exports.cutRows(0);
    this.#memory.clear();
    this.text.cutTo(1);
    this.#textsAt.clear();
  }

  truncate(row: number): void {
    if (row >= this.rows) return;
    this.#exports.cutRows(row);
    this.text.cutTo(this.#textsAt.get(row) ?? this.text.size);
  }

  stringColumn(name: StringColumnName): Uint8Array {
    return this.#memory.column(name);
  }

  stringAt(name: StringColumnName, row: number): string {
    const place = row * stringColumnNames.length + stringColumnNames.indexOf(name);
    return readCell(this.#memory.column(name), this.#memory.views.cellStart[place]!);
  }

  eventJson(row: number): string {
    return rowJson(this, row);
  }

  assignSession(row: number, hash: bigint): void {
    const app = this.textColumns.app_id[row]!;
    const [low, high] = [Number(hash & 0xffffffffn), Number((hash >> 32n) & 0xffffffffn)];
    this.#exports.assignSession(row, low, high, this.#exports.textAt(app), this.#exports.textLength(app));
  }

  add(record: EventRecord, skip: Uint8Array | null): AddResult {
    const firstRow = this.rows;
    this.#textsAt.set(firstRow, this.text.size);
    const notUtf8 = checkUtf8(record.value);
    if (notUtf8 !== null) return { firstRow, ...brokenRecord(record.value, notUtf8.detail) };
    const attempt = this.#begin(record, skip);
    let status = this.#run(attempt);
    if (
      status === this.#exports.DONE.value &&
      this.#exports.hasSentAt() &&
      this.#exports.sentAt() !== attempt.sentAt
    ) {
      // The time of sending stood behind the events that it moves: once more, now that it is known.
      this.#rollBack(firstRow);
      Object.assign(attempt, { sentAt: this.#exports.sentAt(), bad: [] });
      status = this.#run(attempt);
    }
    if (status !== this.#exports.DONE.value) {
      this.#rollBack(firstRow);
      return { firstRow, ...this.#addWhole(attempt) };
    }
    this.#makeIds(record, firstRow);
    return { firstRow, events: this.#exports.walkCount(), bad: attempt.bad };
  }

  #begin(record: EventRecord, skip: Uint8Array | null): Attempt {
    const input = this.#instance.putInput(record.value);
    this.#memory.reserve(record.value.length);
    const app = Buffer.from(record.app);
    this.#instance.grow(this.#app, app.length, 0);
    this.#instance.grow(this.#skip, skip?.length ?? 0, 0);
    this.#instance.bytes.set(app, this.#app.at);
    if (skip !== null) this.#instance.bytes.set(skip, this.#skip.at);
    this.#exports.setApp(this.#app.at, app.length);
    return { record, skip, input, sentAt: record.sentAt, bad: [], text: null };
  }

  #rollBack(row: number): void {
    this.#exports.cutRows(row);
    this.text.cutTo(this.#textsAt.get(row)!);
  }

  #setClock(attempt: Attempt): void {
    const { receivedAt, allowed } = attempt.record;
    this.#exports.setClock(
      receivedAt,
      attempt.sentAt ?? NaN,
      allowed?.oldest ?? -farMs,
      allowed?.newest ?? farMs,
    );
  }

  #run(attempt: Attempt): number {
    const exports = this.#exports;
    exports.setWalk(true, eventsMax, this.#skip.at, attempt.skip?.length ?? 0);
    this.#setClock(attempt);
    let status = exports.begin(attempt.input, attempt.record.value.length);
    if (status !== exports.DONE.value) return status;
    if (exports.hasSentAt()) {
      attempt.sentAt = exports.sentAt();
      this.#setClock(attempt);
    }
    while (true) {
      status = exports.run();
      if (status === exports.RARE.value) status = this.#readRare(attempt);
      else if (status === exports.ROOM.value) status = this.#makeRoom(attempt);
      if (status >= 0) return status;
    }
  }

  #makeRoom(attempt: Attempt): number {
    this.#memory.makeRoom(attempt.record.value.length + this.#app.size);
    return -1;
  }

  /** Reads the value at which the kernel stopped. */
  #readRare(attempt: Attempt): number {
    attempt.text ??= new JsonText(attempt.record.value);
    const slice = readLineSlice(attempt.text, this.#exports.walkStart() - attempt.input);
    this.#readSlice(attempt, attempt.text, slice, this.#exports.walkCount());
    return this.#exports.resumeAt(attempt.input + slice.end);
  }

  #readSlice(attempt: Attempt, text: JsonText, slice: ReturnType<typeof readLineSlice>, index: number): void {
    const { record, skip, sentAt, bad } = attempt;
    if (skip !== null && skip[index] === 1) return;
    if (slice.node === null) {
      bad.push(verdictOn(record.value, slice, index, { code: 'invalid_json', detail: slice.detail }));
      return;
    }
    const read = readEvent(text, slice.node, recordClock(record, sentAt), null);
    if ('refusal' in read) bad.push(verdictOn(record.value, slice, index, read.refusal));
    else this.#putReading(read.reading, index, attempt);
  }

  /** A record that only the reference can take apart. */
  #addWhole(attempt: Attempt): { events: number; bad: EventVerdict[] } {
    const { record } = attempt;
    const firstRow = this.rows;
    const text = new JsonText(record.value);
    const body = readBody(text, 'auto', Infinity);
    if (body.error !== null) return brokenRecord(record.value, body.error.detail);
    const whole = { ...attempt, sentAt: body.sentAt ?? record.sentAt, bad: [] };
    for (const [index, slice] of body.slices.entries()) this.#readSlice(whole, text, slice, index);
    this.#makeIds(record, firstRow);
    return { events: body.slices.length, bad: whole.bad };
  }

  /** Appends a row that the reference read. */
  #putReading(reading: EventReading, index: number, attempt: Attempt): void {
    this.#makeRoom(attempt);
    this.#memory.makeRoom(this.#rare.size);
    const { app_id, user_id, anonymous_id, session_id, video_id, view_id, stream_id } = reading.ids;
    const strings: Record<StringColumnName, string> = {
      user_id,
      anonymous_id,
      session_id,
      video_id,
      view_id,
      stream_id,
      properties: reading.properties,
      context: reading.context,
    };
    const texts: Record<TextColumnName, string> = { ...reading.texts, app_id, event_name: reading.name };
    const { timestamp, watchMs, durationMs, bitrate } = reading;
    const flags = flagsOf(reading) & ownFlags;
    this.#exports.setFound(flags, reading.saidAt ?? NaN, timestamp, watchMs, durationMs, bitrate);
    if (reading.id !== null) {
      const id = readEventId(reading.id);
      const words = new DataView(id.buffer, id.byteOffset, 16);
      this.#exports.setFoundId(
        words.getUint32(0),
        words.getUint32(4),
        words.getUint32(8),
        words.getUint32(12),
      );
    }
    const values = [
      ...stringColumnNames.map((name) => strings[name]),
      ...textColumnNames.map((name) => texts[name]),
    ];
    let at = this.#rare.at;
    for (const [cell, value] of values.entries()) {
      if (value === '') continue;
      const bytes = Buffer.from(value);
      this.#instance.bytes.set(bytes, at);
      this.#exports.setFoundCell(cell, at, bytes.length);
      at += bytes.length;
    }
    this.#exports.putFound(index);
  }

  /** Gives ids to rows whose events have none, or one that is no UUID. */
  #makeIds(record: EventRecord, firstRow: number): void {
    if (this.#exports.rowsWithoutId() === 0) return;
    const { flags, idWords, index } = this.#memory.views;
    const odd = this.#exports.F_ODD_ID.value;
    for (let row = firstRow; row < this.rows; row++) {
      const isOdd = (flags[row]! & odd) !== 0;
      if (!isOdd && (flags[row]! & rowFlag.hasEventId) !== 0) continue;
      const id = isOdd
        ? readEventId(this.#instance.text(idWords[row * 4]!, idWords[row * 4 + 1]!))
        : coordinateEventId(this.#topic, record.partition, record.offset, index[row]!);
      flags[row] = flags[row]! & ~odd;
      const words = new DataView(id.buffer, id.byteOffset, 16);
      for (let i = 0; i < 4; i++) idWords[row * 4 + i] = words.getUint32(i * 4);
    }
  }
}
