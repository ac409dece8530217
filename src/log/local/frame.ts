/**
 * How a record lies in a segment file. All numbers are little-endian.
 *
 *   0 magic       FF 53 4C 01: FF never occurs in UTF-8, so no text can look like a frame
 *   4 crc32       of everything from byte 8 to the end of the frame
 *   8 length      of the whole frame
 *  12 offset      64 bits
 *  20 timestamp   float64, epoch ms
 *  28 place       index of the record in its group commit: tells a torn last group from damage further up
 *  32 key length  -1 for no key
 *  36 length of the headers
 *  40 headers (u16 count, then u16 length, name, u32 length, value of each), key, value
 */
import { crc32 } from 'node:zlib';
import type { Header, LogRecord, NewRecord } from '../log.ts';

export const FRAME_HEADER_BYTES = 40;
export const FRAME_MAGIC = Buffer.from([0xff, 0x53, 0x4c, 0x01]);
const MAGIC = FRAME_MAGIC.readUInt32LE(0);
const TWO_TO_32 = 0x1_0000_0000;

/** Values up to this size are copied beside their header: cheaper than one more entry of the writev. */
const COPIED_VALUE_BYTES_MAX = 4096;
const KEPT_SCRATCH_BYTES_MAX = 8 * 1024 * 1024;

export interface EncodedGroup {
  readonly buffers: readonly Uint8Array[];
  readonly bytes: number;
  /** Where each frame starts, from the start of the group. */
  readonly positions: readonly number[];
}

/** More than a frame without its value can take, whatever its text is. */
function headBytesMax(record: NewRecord): number {
  let bytes = FRAME_HEADER_BYTES + 2 + (record.key?.length ?? 0);
  for (const [name, value] of record.headers) bytes += 6 + 3 * (name.length + value.length);
  return bytes;
}

/** About what the record takes in the file; for limits, before it is encoded. */
export function estimateFrameBytes(record: NewRecord): number {
  return headBytesMax(record) + record.value.length;
}

/** Encodes group commits into a buffer that it uses again: a group is valid until the next call of `encode`. */
export class GroupEncoder {
  #scratch = Buffer.allocUnsafeSlow(64 * 1024);

  encode(records: readonly NewRecord[], firstOffset: number): EncodedGroup {
    this.#reserve(records);
    const scratch = this.#scratch;
    const buffers: Uint8Array[] = [];
    const positions: number[] = [];
    let runStart = 0;
    let at = 0;
    let bytes = 0;
    for (let place = 0; place < records.length; place++) {
      const record = records[place] as NewRecord;
      const start = at;
      positions.push(bytes);
      at = writeHead(scratch, start, record, firstOffset + place, place);
      const copied = record.value.length <= COPIED_VALUE_BYTES_MAX;
      if (copied) {
        scratch.set(record.value, at);
        at += record.value.length;
      }
      const length = at - start + (copied ? 0 : record.value.length);
      scratch.writeUInt32LE(length, start + 8);
      let crc = crc32(scratch.subarray(start + 8, at));
      if (!copied) {
        crc = crc32(record.value, crc);
        buffers.push(scratch.subarray(runStart, at), record.value);
        runStart = at;
      }
      scratch.writeUInt32LE(crc, start + 4);
      bytes += length;
    }
    if (at > runStart) buffers.push(scratch.subarray(runStart, at));
    return { buffers, bytes, positions };
  }

  #reserve(records: readonly NewRecord[]): void {
    let needed = 0;
    for (const record of records) {
      needed += headBytesMax(record);
      if (record.value.length <= COPIED_VALUE_BYTES_MAX) needed += record.value.length;
    }
    // A rare giant group must not hold its memory for ever.
    if (needed > this.#scratch.length || this.#scratch.length > KEPT_SCRATCH_BYTES_MAX) {
      this.#scratch = Buffer.allocUnsafeSlow(Math.max(64 * 1024, needed + needed / 2));
    }
  }
}

function writeHead(out: Buffer, start: number, record: NewRecord, offset: number, place: number): number {
  let at = start + FRAME_HEADER_BYTES;
  if (record.headers.length > 0) {
    out.writeUInt16LE(record.headers.length, at);
    at += 2;
    for (const [name, value] of record.headers) {
      const nameEnd = writeText(out, at + 2, name);
      out.writeUInt16LE(nameEnd - at - 2, at);
      at = writeText(out, nameEnd + 4, value);
      out.writeUInt32LE(at - nameEnd - 4, nameEnd);
    }
  }
  out.writeUInt32LE(MAGIC, start);
  out.writeUInt32LE(offset % TWO_TO_32, start + 12);
  out.writeUInt32LE(Math.floor(offset / TWO_TO_32), start + 16);
  out.writeDoubleLE(record.timestamp, start + 20);
  out.writeUInt32LE(place, start + 28);
  out.writeInt32LE(record.key ? record.key.length : -1, start + 32);
  out.writeUInt32LE(at - start - FRAME_HEADER_BYTES, start + 36);
  if (record.key) {
    out.set(record.key, at);
    at += record.key.length;
  }
  return at;
}

/** Short ASCII is written here: the call into native code costs more than the bytes. */
function writeText(out: Buffer, start: number, text: string): number {
  if (text.length > 32) return start + out.write(text, start, 'utf8');
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 127) return start + out.write(text, start, 'utf8');
    out[start + i] = code;
  }
  return start + text.length;
}

/** The length of the frame whose header is at `at`, or -1 when there is no header. 40 bytes must be readable. */
export function readFrameLength(buffer: Buffer, at: number): number {
  if (buffer.readUInt32LE(at) !== MAGIC) return -1;
  const length = buffer.readUInt32LE(at + 8);
  const inner = FRAME_HEADER_BYTES + Math.max(0, buffer.readInt32LE(at + 32)) + buffer.readUInt32LE(at + 36);
  return length >= inner ? length : -1;
}

export function readFrameOffset(buffer: Buffer, at: number): number {
  return buffer.readUInt32LE(at + 16) * TWO_TO_32 + buffer.readUInt32LE(at + 12);
}

/** The offset of the first record of the group commit that wrote this frame. */
export function readGroupOffset(buffer: Buffer, at: number): number {
  return readFrameOffset(buffer, at) - buffer.readUInt32LE(at + 28);
}

export function readFrameTimestamp(buffer: Buffer, at: number): number {
  return buffer.readDoubleLE(at + 20);
}

/** Whether the checksum of the frame at `at`, all of it in the buffer, is right. */
export function isFrameIntact(buffer: Buffer, at: number, length: number): boolean {
  return crc32(buffer.subarray(at + 8, at + length)) === buffer.readUInt32LE(at + 4);
}

/** The record of an intact frame; its key and value are views into `buffer`. */
export function readRecord(buffer: Buffer, at: number, length: number, partition: number): LogRecord {
  const keyLength = buffer.readInt32LE(at + 32);
  const headersEnd = at + FRAME_HEADER_BYTES + buffer.readUInt32LE(at + 36);
  const keyEnd = headersEnd + Math.max(0, keyLength);
  return {
    partition,
    offset: readFrameOffset(buffer, at),
    key: keyLength < 0 ? null : buffer.subarray(headersEnd, keyEnd),
    headers: readHeaders(buffer, at + FRAME_HEADER_BYTES, headersEnd),
    value: buffer.subarray(keyEnd, at + length),
    timestamp: readFrameTimestamp(buffer, at),
  };
}

function readHeaders(buffer: Buffer, start: number, end: number): Header[] {
  if (start === end) return [];
  const headers: Header[] = [];
  let at = start + 2;
  for (let left = buffer.readUInt16LE(start); left > 0; left--) {
    const nameEnd = at + 2 + buffer.readUInt16LE(at);
    const valueEnd = nameEnd + 4 + buffer.readUInt32LE(nameEnd);
    headers.push([buffer.toString('utf8', at + 2, nameEnd), buffer.toString('utf8', nameEnd + 4, valueEnd)]);
    at = valueEnd;
  }
  return headers;
}
