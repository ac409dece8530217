/** The scanner over WebAssembly: the usual events in the kernel, the rest one by one through the reference. */
import type { BodyScanner, EventVerdict, Scan, ScanOptions } from '../kernel.ts';
import { readLineSlice, tooMany } from './body.ts';
import { JsonText } from './json.ts';
import { readEvent } from './reading.ts';
import {
  checkUtf8,
  ReferenceScanner,
  type ScannedEvent,
  scanFailed,
  scanReading,
  verdictOn,
} from './reference-scanner.ts';
import { formatUuid, readEventId } from './uuid.ts';
import { type KernelExports, KernelInstance, type Region } from './wasm-module.ts';

const idBytes = 16;
const idsAtOnceMax = 256;
/** No moment lies beyond it, so that infinite bounds need not be passed. */
const farMs = 8.64e15;

/** The ids of one scan. What a first attempt took is given out again, in the same order, by the next. */
class IdPool {
  readonly #options: ScanOptions;
  #ids = new Uint8Array(0);
  #used = 0;

  constructor(options: ScanOptions) {
    this.#options = options;
  }

  /** At least one id, and the more the more were asked for. They count as used. */
  take(): Uint8Array {
    if (this.#used === this.#ids.length) {
      const count = Math.min(Math.max(this.#ids.length / idBytes, 1), idsAtOnceMax);
      this.#ids = Buffer.concat([this.#ids, this.#options.nextIds(count)]);
    }
    const ids = this.#ids.subarray(this.#used, this.#used + idsAtOnceMax * idBytes);
    this.#used += ids.length;
    return ids;
  }

  takeOne(): Uint8Array {
    const ids = this.take();
    this.giveBack(ids.length - idBytes);
    return ids.subarray(0, idBytes);
  }

  /** The last so many bytes that were taken were not used. */
  giveBack(bytes: number): void {
    this.#used -= bytes;
  }

  rewind(): void {
    this.#used = 0;
  }
}

/** One scan on its way: a body, its options, and what the kernel left to the host so far. */
interface Attempt {
  readonly body: Uint8Array;
  readonly options: ScanOptions;
  readonly ids: IdPool;
  readonly input: number;
  sentAt: number | null;
  verdicts: EventVerdict[];
  /** Whether the reference judged any event: it may have done so by another time of sending. */
  rare: boolean;
  firstId: string | null;
  text: JsonText | null;
}

export class WasmScanner implements BodyScanner {
  readonly #instance: KernelInstance;
  readonly #exports: KernelExports;
  readonly #reference = new ReferenceScanner();
  readonly #lines: Region;
  readonly #ends: Region;
  readonly #keys: Region;
  readonly #firstId: Region;
  readonly #ids: Region;
  readonly #name: Region;
  #idsEnd = 0;

  constructor(module: WebAssembly.Module) {
    this.#instance = new KernelInstance(module);
    this.#exports = this.#instance.exports;
    this.#lines = this.#instance.allocate(1 << 18);
    this.#ends = this.#instance.allocate(4 * 1024);
    this.#keys = this.#instance.allocate(4 * 1024);
    this.#firstId = this.#instance.allocate(1024);
    this.#ids = this.#instance.allocate(idsAtOnceMax * idBytes);
    this.#name = this.#instance.allocate(1024);
    this.#useLines();
  }

  scan(body: Uint8Array, options: ScanOptions): Scan {
    const notUtf8 = checkUtf8(body);
    if (notUtf8 !== null) return scanFailed(notUtf8);
    const input = this.#instance.putInput(body);
    const ids = new IdPool(options);
    const fresh = { verdicts: [], rare: false, firstId: null, text: null };
    const attempt: Attempt = { body, options, ids, input, sentAt: options.sentAt, ...fresh };
    let status = this.#run(attempt);
    if (status === this.#exports.DONE.value && this.#isMisjudged(attempt)) {
      // The time of sending stood behind the events, and makes a difference: once more, now that it is known.
      ids.rewind();
      Object.assign(attempt, { sentAt: this.#exports.sentAt(), ...fresh, verdicts: [] });
      status = this.#run(attempt);
    }
    if (status === this.#exports.TOO_MANY.value) {
      return scanFailed(tooMany(this.#exports.walkAt() - input, options.maxEvents).error!);
    }
    if (status === this.#exports.WHOLE.value) {
      ids.rewind();
      return this.#reference.scan(body, { ...options, nextIds: () => ids.takeOne() });
    }
    return this.#result(attempt);
  }

  #result(attempt: Attempt): Scan {
    const { buffer } = this.#instance;
    const accepted = this.#exports.lineCount();
    const firstId = attempt.firstId ?? this.#instance.text(this.#firstId.at, this.#exports.firstIdLength());
    return {
      error: null,
      count: this.#exports.walkCount(),
      accepted,
      verdicts: attempt.verdicts,
      lines: new Uint8Array(buffer, this.#lines.at, this.#exports.linesEnd() - this.#lines.at),
      lineEnd: new Uint32Array(buffer, this.#ends.at, accepted),
      keyHash: new Uint32Array(buffer, this.#keys.at, accepted),
      sentAt: this.#exports.hasSentAt() ? this.#exports.sentAt() : attempt.options.sentAt,
      firstIds: accepted === 0 ? [] : [formatUuid(readEventId(firstId))],
    };
  }

  /** Whether the envelope's time of sending came too late for events that depend on it. */
  #isMisjudged(attempt: Attempt): boolean {
    if (!this.#exports.hasSentAt() || this.#exports.sentAt() === attempt.sentAt) return false;
    if (attempt.rare) return true;
    const { receivedAt, oldestAllowed, newestAllowed } = attempt.options;
    const skew = receivedAt - this.#exports.sentAt();
    const [least, most] = [this.#exports.leastSaid(), this.#exports.mostSaid()];
    return least <= most && (least + skew < oldestAllowed || most + skew > newestAllowed);
  }

  /** From the first event to the last, or to what the kernel alone cannot do. */
  #run(attempt: Attempt): number {
    const exports = this.#exports;
    this.#begin(attempt);
    let status = exports.begin(attempt.input, attempt.body.length);
    if (status !== exports.DONE.value) return status;
    if (exports.hasSentAt()) {
      attempt.sentAt = exports.sentAt();
      this.#setClock(attempt);
    }
    while (true) {
      status = exports.run();
      if (status === exports.RARE.value) status = this.#readRare(attempt);
      else if (status === exports.ROOM.value) status = this.#makeRoom(attempt.body.length);
      else if (status === exports.IDS.value) status = this.#fetchIds(attempt);
      if (status >= 0) break;
    }
    this.#returnIds(attempt);
    return status;
  }

  #begin(attempt: Attempt): void {
    const { defaultName, maxEvents } = attempt.options;
    const member = defaultName === null ? '' : `"event_name":${JSON.stringify(defaultName)},`;
    const name = Buffer.from(member);
    this.#instance.grow(this.#name, name.length, 0);
    this.#instance.bytes.set(name, this.#name.at);
    this.#exports.beginLines(this.#name.at, name.length);
    this.#exports.setWalk(false, maxEvents, 0, 0);
    this.#setClock(attempt);
  }

  #setClock(attempt: Attempt): void {
    const { receivedAt, oldestAllowed, newestAllowed } = attempt.options;
    const [oldest, newest] = [Math.max(oldestAllowed, -farMs), Math.min(newestAllowed, farMs)];
    this.#exports.setClock(receivedAt, attempt.sentAt ?? NaN, oldest, newest);
  }

  #useLines(): void {
    const countMax = this.#ends.size / 4;
    this.#exports.useLines(
      this.#lines.at,
      this.#lines.size,
      this.#ends.at,
      this.#keys.at,
      countMax,
      this.#firstId.at,
    );
  }

  /** Makes room for that many more bytes of lines, and for one more line at least. */
  #makeRoom(bytes: number): number {
    const used = this.#exports.linesEnd() - this.#lines.at;
    const noted = this.#exports.lineCount() * 4;
    this.#instance.grow(this.#lines, used + bytes + this.#name.size + 1024, used);
    this.#instance.grow(this.#ends, noted + 1024, noted);
    this.#instance.grow(this.#keys, noted + 1024, noted);
    this.#useLines();
    return -1;
  }

  #fetchIds(attempt: Attempt): number {
    const ids = attempt.ids.take();
    this.#instance.bytes.set(ids, this.#ids.at);
    this.#exports.setIds(this.#ids.at, this.#ids.at + ids.length);
    this.#idsEnd = this.#ids.at + ids.length;
    return -1;
  }

  /** Takes back the ids that the kernel has and did not use. */
  #returnIds(attempt: Attempt): void {
    if (this.#exports.idsAt() !== 0) attempt.ids.giveBack(this.#idsEnd - this.#exports.idsAt());
    this.#exports.setIds(0, 0);
  }

  /** Reads the value at which the kernel stopped. */
  #readRare(attempt: Attempt): number {
    attempt.rare = true;
    attempt.text ??= new JsonText(attempt.body);
    const index = this.#exports.walkCount();
    const slice = readLineSlice(attempt.text, this.#exports.walkStart() - attempt.input);
    if (slice.node === null) {
      const refusal = { code: 'invalid_json', detail: slice.detail } as const;
      attempt.verdicts.push(verdictOn(attempt.body, slice, index, refusal));
    } else {
      const { options, sentAt } = attempt;
      const read = readEvent(attempt.text, slice.node, { ...options, sentAt }, options.defaultName);
      if ('refusal' in read) attempt.verdicts.push(verdictOn(attempt.body, slice, index, read.refusal));
      else {
        this.#returnIds(attempt);
        const nextId = () => attempt.ids.takeOne();
        this.#putLine(
          attempt,
          scanReading(attempt.text, slice.node, read.reading, options.defaultName, nextId),
        );
      }
    }
    return this.#exports.resumeAt(attempt.input + slice.end);
  }

  #putLine(attempt: Attempt, event: ScannedEvent): void {
    if (this.#exports.lineCount() === 0) attempt.firstId = event.eventId;
    this.#makeRoom(attempt.body.length + event.line.length);
    this.#instance.bytes.set(event.line, this.#exports.linesEnd());
    this.#exports.addLine(event.line.length, event.keyHash);
  }
}
