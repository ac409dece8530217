/** The plain block builder. */
import { eventKind } from '../event.ts';
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
import { readBody } from './body.ts';
import { deriveViewId, hash64, hashParts, hex16 } from './hash.ts';
import { JsonText } from './json.ts';
import { type EventClock, type EventReading, readEvent } from './reading.ts';
import { checkUtf8, verdictOn } from './reference-scanner.ts';
import { readCell, rowJson } from './row-json.ts';
import { type RowArrayName, type RowType, rowArrays, rowBytes, rowTypeBytes, viewRows } from './rows.ts';
import { coordinateEventId, readEventId } from './uuid.ts';

/** The session of a row that waits for `assignSession`, and the view where that is to be derived from it. */
export const unassignedSession = `s_${'0'.repeat(16)}`;
export const unassignedView = `v_${'0'.repeat(16)}`;

/** Hash of the payload: a chain over the fields that are there, in schema order, each salted by its place. */
export function hashPayload(app: string, reading: EventReading): bigint {
  const said = Buffer.alloc(reading.saidAt === null ? 0 : 8);
  if (reading.saidAt !== null) said.writeBigInt64LE(BigInt(reading.saidAt));
  const { user_id, anonymous_id, session_id, video_id, view_id, stream_id } = reading.ids;
  const ids = [user_id, anonymous_id, session_id, video_id, view_id, stream_id];
  const fields = [reading.name, app, ...ids, said, reading.properties, reading.context];
  return fields.reduce<bigint>((hash, field, place) => {
    const bytes = typeof field === 'string' ? Buffer.from(field) : field;
    return bytes.length === 0 ? hash : hash64(bytes, hash ^ BigInt(place + 1));
  }, 0n);
}

/** What the events of a record are judged by. */
export function recordClock({ receivedAt, allowed }: EventRecord, sentAt: number | null): EventClock {
  return {
    receivedAt,
    sentAt,
    oldestAllowed: allowed?.oldest ?? Number.NEGATIVE_INFINITY,
    newestAllowed: allowed?.newest ?? Number.POSITIVE_INFINITY,
  };
}

/** A record that is broken as a whole. */
export function brokenRecord(value: Uint8Array, detail: string): { events: number; bad: EventVerdict[] } {
  const slice = { start: 0, end: value.length };
  return { events: 1, bad: [verdictOn(value, slice, 0, { code: 'invalid_json', detail })] };
}

class TextTable implements InternedText {
  #ids = new Map<string, number>([['', 0]]);
  #texts = [''];

  get size(): number {
    return this.#texts.length;
  }

  get(id: number): string {
    return this.#texts[id]!;
  }

  idOf(text: string): number {
    const known = this.#ids.get(text);
    if (known !== undefined) return known;
    this.#ids.set(text, this.#texts.length);
    return this.#texts.push(text) - 1;
  }

  cutTo(size: number): void {
    for (const text of this.#texts.splice(size)) this.#ids.delete(text);
  }
}

/** Bytes in ClickHouse's Native form of a String column. */
class NativeStrings {
  #bytes = new Uint8Array(1024);
  end = 0;

  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.end);
  }

  push(value: string): void {
    const text = Buffer.from(value);
    while (this.end + text.length + 5 > this.#bytes.length) {
      const larger = new Uint8Array(this.#bytes.length * 2);
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    let length = text.length;
    for (; length >= 0x80; length >>>= 7) this.#bytes[this.end++] = (length & 0x7f) | 0x80;
    this.#bytes[this.end++] = length;
    this.#bytes.set(text, this.end);
    this.end += text.length;
  }

  /** Replaces a text of the same length whose cell begins at `cell`. */
  overwrite(cell: number, value: string): void {
    this.#bytes.set(Buffer.from(value), cell + 1);
  }
}

type RowViews = { [A in (typeof rowArrays)[number] as A['name']]: ReturnType<typeof viewRows<A['type']>> };

function allocateRows(capacity: number, old: RowViews | null): RowViews {
  const views = rowArrays.map(({ name, type, perRow }) => {
    const length = capacity * perRow;
    const view = viewRows<RowType>(type, new ArrayBuffer(length * rowTypeBytes[type]), 0, length);
    if (old !== null) view.set(old[name as RowArrayName]);
    return [name, view];
  });
  return Object.fromEntries(views) as RowViews;
}

function putWords(array: Uint32Array, row: number, hash: bigint): void {
  array[row * 2] = Number(hash & 0xffffffffn);
  array[row * 2 + 1] = Number(hash >> 32n);
}

export class ReferenceBlockBuilder implements BlockBuilder {
  readonly text = new TextTable();
  readonly #topic: string;
  readonly #strings = Object.fromEntries(stringColumnNames.map((n) => [n, new NativeStrings()])) as Record<
    StringColumnName,
    NativeStrings
  >;
  #capacity = 256;
  #arrays = allocateRows(256, null);
  #rows = 0;
  /** How many texts there were at the first row of each add. */
  #textsAt = new Map<number, number>();

  constructor(options: BlockOptions = {}) {
    this.#topic = options.topic ?? '';
  }

  get rows(): number {
    return this.#rows;
  }

  get bytes(): number {
    return stringColumnNames.reduce((sum, name) => sum + this.#strings[name].end, this.#rows * rowBytes);
  }

  get idWords() {
    return this.#arrays.idWords;
  }
  get payloadWords() {
    return this.#arrays.payloadWords;
  }
  get appHash() {
    return this.#arrays.appHash;
  }
  get timestamp() {
    return this.#arrays.timestamp;
  }
  get index() {
    return this.#arrays.index;
  }
  get kind() {
    return this.#arrays.kind;
  }
  get flags() {
    return this.#arrays.flags;
  }
  get actorWords() {
    return this.#arrays.actorWords;
  }
  get viewWords() {
    return this.#arrays.viewWords;
  }
  get streamWords() {
    return this.#arrays.streamWords;
  }
  get watchMs() {
    return this.#arrays.watchMs;
  }
  get durationMs() {
    return this.#arrays.durationMs;
  }
  get bitrate() {
    return this.#arrays.bitrate;
  }
  get textColumns() {
    const columns = textColumnNames.map((name) => [name, this.#arrays[`text:${name}`]]);
    return Object.fromEntries(columns) as Record<TextColumnName, Uint32Array>;
  }

  reset(): void {
    this.truncate(0);
    this.text.cutTo(1);
    this.#textsAt.clear();
  }

  truncate(row: number): void {
    if (row >= this.#rows) return;
    for (const [i, name] of stringColumnNames.entries()) this.#strings[name].end = this.#cell(row, i);
    this.text.cutTo(this.#textsAt.get(row) ?? this.text.size);
    this.#rows = row;
  }

  stringColumn(name: StringColumnName): Uint8Array {
    return this.#strings[name].bytes;
  }

  stringAt(name: StringColumnName, row: number): string {
    return readCell(this.#strings[name].bytes, this.#cell(row, stringColumnNames.indexOf(name)));
  }

  eventJson(row: number): string {
    return rowJson(this, row);
  }

  add(record: EventRecord, skip: Uint8Array | null): AddResult {
    const firstRow = this.#rows;
    this.#textsAt.set(firstRow, this.text.size);
    const notUtf8 = checkUtf8(record.value);
    if (notUtf8 !== null) return { firstRow, ...brokenRecord(record.value, notUtf8.detail) };
    const text = new JsonText(record.value);
    const body = readBody(text, 'auto', Number.POSITIVE_INFINITY);
    if (body.error !== null) return { firstRow, ...brokenRecord(record.value, body.error.detail) };
    const bad: EventVerdict[] = [];
    const sentAt = body.sentAt ?? record.sentAt;
    const clock = recordClock(record, sentAt);
    for (const [index, slice] of body.slices.entries()) {
      if (skip !== null && skip[index] === 1) continue;
      if (slice.node === null) {
        bad.push(verdictOn(record.value, slice, index, { code: 'invalid_json', detail: slice.detail }));
        continue;
      }
      const read = readEvent(text, slice.node, clock, null);
      if ('refusal' in read) bad.push(verdictOn(record.value, slice, index, read.refusal));
      else this.#push(read.reading, record, index);
    }
    return { firstRow, events: body.slices.length, bad };
  }

  assignSession(row: number, hash: bigint): void {
    const flags = this.flags[row]!;
    if ((flags & rowFlag.hasSession) !== 0 || this.stringAt('session_id', row) === '') return;
    const sessionId = `s_${hex16(hash)}`;
    this.#strings.session_id.overwrite(this.#cell(row, stringColumnNames.indexOf('session_id')), sessionId);
    const videoId = this.stringAt('video_id', row);
    if ((flags & rowFlag.hasView) === 0 && videoId !== '') {
      const viewId = deriveViewId(sessionId, videoId);
      this.#strings.view_id.overwrite(this.#cell(row, stringColumnNames.indexOf('view_id')), viewId);
      const app = this.text.get(this.textColumns.app_id[row]!);
      putWords(this.viewWords, row, hashParts(app, videoId, viewId));
    }
    this.flags[row] = flags | rowFlag.sessionAssigned;
  }

  #cell(row: number, column: number): number {
    return this.#arrays.cellStart[row * stringColumnNames.length + column]!;
  }

  #push(reading: EventReading, record: EventRecord, index: number): void {
    if (this.#rows === this.#capacity) {
      this.#capacity *= 2;
      this.#arrays = allocateRows(this.#capacity, this.#arrays);
    }
    const row = this.#rows++;
    const app = reading.ids.app_id || record.app;
    this.#putIds(row, app, reading, record, index);
    this.#putTexts(row, app, reading);
    this.timestamp[row] = reading.timestamp;
    this.index[row] = index;
    this.kind[row] = eventKind(reading.name);
    this.watchMs[row] = reading.watchMs;
    this.durationMs[row] = reading.durationMs;
    this.bitrate[row] = reading.bitrate;
    this.flags[row] = flagsOf(reading);
  }

  #putIds(row: number, app: string, reading: EventReading, record: EventRecord, index: number): void {
    const { user_id, anonymous_id, session_id, video_id, view_id, stream_id } = reading.ids;
    const id =
      reading.id === null
        ? coordinateEventId(this.#topic, record.partition, record.offset, index)
        : readEventId(reading.id);
    const idView = new DataView(id.buffer, id.byteOffset, 16);
    for (let i = 0; i < 4; i++) this.idWords[row * 4 + i] = idView.getUint32(i * 4);
    putWords(this.payloadWords, row, hashPayload(app, reading));
    this.appHash[row] = Number(hash64(Buffer.from(app)) & 0xffffffffn);
    const actor = user_id || anonymous_id || session_id;
    putWords(this.actorWords, row, actor === '' ? 0n : hashParts(app, actor));
    const stream = stream_id || video_id;
    putWords(this.streamWords, row, stream === '' ? 0n : hashParts(app, stream));
    const derivedView = session_id !== '' && video_id !== '' ? deriveViewId(session_id, video_id) : '';
    const view = view_id || derivedView;
    putWords(this.viewWords, row, view === '' ? 0n : hashParts(app, video_id, view));
    const awaitsSession = session_id === '' && actor !== '';
    const strings: Record<StringColumnName, string> = {
      user_id,
      anonymous_id,
      session_id: awaitsSession ? unassignedSession : session_id,
      video_id,
      view_id: view || (awaitsSession && video_id !== '' ? unassignedView : ''),
      stream_id,
      properties: reading.properties,
      context: reading.context,
    };
    for (const [i, name] of stringColumnNames.entries()) {
      this.#arrays.cellStart[row * stringColumnNames.length + i] = this.#strings[name].end;
      this.#strings[name].push(strings[name]);
    }
  }

  #putTexts(row: number, app: string, reading: EventReading): void {
    const texts: Record<TextColumnName, string> = { ...reading.texts, app_id: app, event_name: reading.name };
    for (const name of textColumnNames) this.#arrays[`text:${name}`][row] = this.text.idOf(texts[name]);
  }
}

/** The flags of a row before a session is assigned to it. */
export function flagsOf(reading: EventReading): number {
  const { user_id, anonymous_id, session_id, video_id, view_id } = reading.ids;
  const said: readonly (readonly [flag: number, isSet: boolean])[] = [
    [rowFlag.hasEventId, reading.id !== null],
    [rowFlag.hasTimestamp, reading.saidAt !== null],
    [rowFlag.hasActor, (user_id || anonymous_id || session_id) !== ''],
    [rowFlag.hasSession, session_id !== ''],
    [rowFlag.hasVideo, video_id !== ''],
    [rowFlag.hasView, view_id !== ''],
    [rowFlag.completed, reading.completed],
    [rowFlag.instantSkip, reading.instantSkip],
    [rowFlag.fatal, reading.fatal],
    [rowFlag.watchMsKnown, !Number.isNaN(reading.watchMs)],
    [rowFlag.durationMsKnown, !Number.isNaN(reading.durationMs)],
    [rowFlag.bitrateKnown, !Number.isNaN(reading.bitrate)],
  ];
  return said.reduce((flags, [flag, isSet]) => (isSet ? flags | flag : flags), 0);
}
