import { crc32c } from '@platformatic/kafka';
import type { Header, LogRecord, NewRecord } from '../log.ts';
import { compress, compressionNumber, decompress } from './codec.ts';
import type { Compression } from './options.ts';

/** Record batches as they lie in Kafka's log (magic 2), from records and back. */

const HEAD = 61;
/** Up to where `batchLength` begins to count. */
const LENGTH_END = 12;
const COMPRESSION = 0b111;
const APPEND_TIME = 0b1000;
const TRANSACTIONAL = 0b1_0000;
const CONTROL = 0b10_0000;

export interface BatchProducer {
  readonly id: bigint;
  readonly epoch: number;
  /** Number of the batch's first record among those of this producer in the partition. */
  readonly sequence: number;
  readonly transactional: boolean;
}

export async function encodeBatch(
  records: readonly NewRecord[],
  producer: BatchProducer,
  compression: Compression,
): Promise<Buffer> {
  const base = records[0]!.timestamp;
  const body = await compress(compression, encodeRecords(records, base));
  const batch = Buffer.allocUnsafe(HEAD + body.length);
  batch.writeBigInt64BE(0n, 0);
  batch.writeInt32BE(batch.length - LENGTH_END, 8);
  batch.writeInt32BE(-1, 12);
  batch.writeInt8(2, 16);
  batch.writeInt16BE(compressionNumber(compression) | (producer.transactional ? TRANSACTIONAL : 0), 21);
  batch.writeInt32BE(records.length - 1, 23);
  batch.writeBigInt64BE(BigInt(base), 27);
  batch.writeBigInt64BE(BigInt(records.reduce((max, r) => Math.max(max, r.timestamp), base)), 35);
  batch.writeBigInt64BE(producer.id, 43);
  batch.writeInt16BE(producer.epoch, 51);
  batch.writeInt32BE(producer.sequence, 53);
  batch.writeInt32BE(records.length, 57);
  body.copy(batch, HEAD);
  batch.writeUInt32BE(crc32c(batch.subarray(21)), 17);
  return batch;
}

function encodeRecords(records: readonly NewRecord[], base: number): Buffer {
  const headers = records.map((record) => record.headers.map(encodeHeader));
  const sizes = records.map((record, i) => recordSize(record, headers[i]!, i, base));
  const out = Buffer.allocUnsafe(sizes.reduce((sum, size) => sum + varintSize(size) + size, 0));
  let at = 0;
  for (const [i, record] of records.entries()) {
    at = writeVarint(out, at, sizes[i]!);
    out[at++] = 0;
    at = writeVarint(out, at, record.timestamp - base);
    at = writeVarint(out, at, i);
    at = record.key === null ? writeVarint(out, at, -1) : writeBytes(out, at, record.key);
    at = writeBytes(out, at, record.value);
    at = writeVarint(out, at, record.headers.length);
    for (const bytes of headers[i]!.flat()) at = writeBytes(out, at, bytes);
  }
  return out;
}

const encodeHeader = ([name, value]: Header): Buffer[] => [Buffer.from(name), Buffer.from(value)];

function recordSize(record: NewRecord, headers: readonly Buffer[][], index: number, base: number): number {
  let size = 1 + varintSize(record.timestamp - base) + varintSize(index) + varintSize(headers.length);
  size += record.key === null ? varintSize(-1) : varintSize(record.key.length) + record.key.length;
  size += varintSize(record.value.length) + record.value.length;
  for (const bytes of headers.flat()) size += varintSize(bytes.length) + bytes.length;
  return size;
}

/** Signed numbers lie zigzag, seven bits a byte. Within what a double holds, which times and lengths are. */
function varintSize(value: number): number {
  let rest = value < 0 ? -2 * value - 1 : 2 * value;
  let size = 1;
  for (; rest >= 128; size++) rest = Math.floor(rest / 128);
  return size;
}

function writeVarint(out: Buffer, at: number, value: number): number {
  let rest = value < 0 ? -2 * value - 1 : 2 * value;
  for (; rest >= 128; at++) {
    out[at] = (rest % 128) + 128;
    rest = Math.floor(rest / 128);
  }
  out[at] = rest;
  return at + 1;
}

function writeBytes(out: Buffer, at: number, bytes: Uint8Array): number {
  at = writeVarint(out, at, bytes.length);
  out.set(bytes, at);
  return at + bytes.length;
}

/** A batch as it came, still compressed. */
export interface RawBatch {
  readonly firstOffset: number;
  readonly lastOffset: number;
  readonly attributes: number;
  readonly firstTimestamp: number;
  readonly maxTimestamp: number;
  readonly producerId: bigint;
  readonly count: number;
  readonly body: Buffer;
}

/** The whole batches in what a broker sent; it cuts the last one off anywhere. */
export function splitBatches(bytes: Buffer): RawBatch[] {
  const batches: RawBatch[] = [];
  for (let at = 0; at + HEAD <= bytes.length; ) {
    const end = at + LENGTH_END + bytes.readInt32BE(at + 8);
    if (end > bytes.length) break;
    if (bytes.readInt8(at + 16) !== 2)
      throw new Error('The topic holds records in a format from before Kafka 0.11.');
    const firstOffset = Number(bytes.readBigInt64BE(at));
    batches.push({
      firstOffset,
      lastOffset: firstOffset + bytes.readInt32BE(at + 23),
      attributes: bytes.readInt16BE(at + 21),
      firstTimestamp: Number(bytes.readBigInt64BE(at + 27)),
      maxTimestamp: Number(bytes.readBigInt64BE(at + 35)),
      producerId: bytes.readBigInt64BE(at + 43),
      count: bytes.readInt32BE(at + 57),
      body: bytes.subarray(at + HEAD, end),
    });
    at = end;
  }
  return batches;
}

export interface AbortedTransaction {
  readonly producerId: bigint;
  readonly firstOffset: bigint;
}

/** Without what belongs to aborted transactions, and without the marks of transactions. */
export function committedOnly(
  batches: readonly RawBatch[],
  aborted: readonly AbortedTransaction[],
): RawBatch[] {
  const coming = [...aborted].sort((a, b) => Number(a.firstOffset - b.firstOffset));
  const open = new Set<bigint>();
  return batches.filter((batch) => {
    while (coming.length > 0 && coming[0]!.firstOffset <= batch.lastOffset)
      open.add(coming.shift()!.producerId);
    if (batch.attributes & CONTROL) {
      // A mark ends the transaction of its producer, one way or the other.
      open.delete(batch.producerId);
      return false;
    }
    return !(batch.attributes & TRANSACTIONAL && open.has(batch.producerId));
  });
}

/** The records from this offset on: a broker sends whole batches. */
export async function decodeBatch(batch: RawBatch, partition: number, from: number): Promise<LogRecord[]> {
  const bytes = await decompress(batch.attributes & COMPRESSION, batch.body);
  const reader = new RecordReader(bytes);
  const records: LogRecord[] = [];
  for (let i = 0; i < batch.count; i++) {
    const record = reader.next(batch, partition);
    if (record.offset >= from) records.push(record);
  }
  return records;
}

class RecordReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  next(batch: RawBatch, partition: number): LogRecord {
    const size = this.#varint();
    const end = this.#at + size;
    if (end > this.#bytes.length) throw new RangeError(`A record of ${size} bytes reaches beyond its batch.`);
    this.#at += 1;
    const timestamp = batch.firstTimestamp + this.#varint();
    const offset = batch.firstOffset + this.#varint();
    const key = this.#take();
    const value = this.#take() ?? Buffer.alloc(0);
    const headers: Header[] = [];
    for (let left = this.#varint(); left > 0; left--) headers.push([this.#text(), this.#text()]);
    this.#at = end;
    return {
      partition,
      offset,
      key,
      headers,
      value,
      timestamp: batch.attributes & APPEND_TIME ? batch.maxTimestamp : timestamp,
    };
  }

  #varint(): number {
    let value = 0;
    for (let factor = 1; ; factor *= 128) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) throw new RangeError('A batch ends within a record.');
      value += (byte & 127) * factor;
      if (byte < 128) break;
    }
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  #take(): Buffer | null {
    const length = this.#varint();
    if (length < 0) return null;
    const bytes = this.#bytes.subarray(this.#at, this.#at + length);
    this.#at += length;
    return bytes;
  }

  #text(): string {
    return this.#take()?.toString() ?? '';
  }
}
