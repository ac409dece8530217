import type { LogRecord } from '../log.ts';
import { LogDamagedError } from './damage.ts';
import type { LogFiles } from './files.ts';
import { FRAME_HEADER_BYTES, isFrameIntact, readFrameLength, readFrameOffset, readRecord } from './frame.ts';
import type { Partition } from './partition.ts';
import { buildIndex, findFrame, type Segment } from './segment.ts';

/** Room for the frame around the values of a read: without it, the last record of `maxBytes` would be read twice. */
const HEAD_ROOM_BYTES = 4096;

interface Place {
  readonly segment: Segment;
  readonly fd: number;
  /** Start of a frame in the file, and its offset. */
  position: number;
  offset: number;
}

/** Reads one partition in order, in large pieces, never past what is durable. One read at a time. */
export class Cursor {
  readonly #files: LogFiles;
  readonly #partition: Partition;
  #place: Place | null = null;
  #offset: number;

  constructor(files: LogFiles, partition: Partition, offset: number) {
    this.#files = files;
    this.#partition = partition;
    this.#offset = offset;
  }

  /** The offset that the next read begins with, unless it was removed. */
  get offset(): number {
    return this.#offset;
  }

  /** Continue at this offset; not while a read is under way. */
  async seek(offset: number): Promise<void> {
    if (offset === this.#offset) return;
    this.#offset = offset;
    await this.#leave();
  }

  /** The next records, about `maxBytes` of them and at least one; [] at the end of the partition. */
  async read(maxBytes: number): Promise<LogRecord[]> {
    while (this.#offset < this.#partition.end) {
      const recent = this.#partition.recent.read(this.#offset, maxBytes);
      if (recent.length > 0) {
        this.#offset += recent.length;
        // Wherever this stood in the files, it is elsewhere now.
        await this.#leave();
        return recent;
      }
      this.#place ??= await this.#enter();
      const place = this.#place;
      if (place && place.position >= place.segment.bytes) await this.#nextSegment(place);
      else if (place) {
        const records = await this.#readPiece(place, maxBytes);
        if (records.length > 0) return records;
      }
    }
    return [];
  }

  async close(): Promise<void> {
    await this.#leave();
  }

  async #leave(): Promise<void> {
    const place = this.#place;
    this.#place = null;
    if (place) await this.#files.close(place.fd);
  }

  /** Null when retention removed the segment meanwhile: look again. */
  async #enter(): Promise<Place | null> {
    this.#offset = Math.max(this.#offset, this.#partition.earliest);
    const segment = this.#partition.segmentAt(this.#offset);
    let fd: number;
    try {
      fd = await this.#files.openForRead(segment.path);
    } catch (error) {
      if (!this.#partition.segments.includes(segment)) return null;
      throw error;
    }
    const start = { position: 0, offset: segment.base };
    if (this.#offset === segment.base) return { segment, fd, ...start };
    try {
      segment.index ??= await buildIndex(this.#files, fd, segment);
    } catch (error) {
      await this.#files.close(fd);
      throw error;
    }
    return { segment, fd, ...segment.index.find(this.#offset, segment.base) };
  }

  async #nextSegment(place: Place): Promise<void> {
    const next = this.#partition.segmentAfter(place.segment.base);
    if (!next) throw new LogDamagedError(place.segment.path, place.position, place.offset, null);
    // Only retention makes a hole between segments that is no damage: it removes the oldest ones.
    if (place.offset < next.base && !place.segment.salvage && next.base > this.#partition.earliest) {
      throw new LogDamagedError(place.segment.path, place.position, place.offset, next.base);
    }
    await this.#leave();
    this.#offset = Math.max(this.#offset, next.base);
  }

  async #readPiece(place: Place, maxBytes: number): Promise<LogRecord[]> {
    const rest = place.segment.bytes - place.position;
    let piece = await this.#load(place, Math.min(rest, maxBytes + HEAD_ROOM_BYTES));
    const length = piece.length >= FRAME_HEADER_BYTES ? readFrameLength(piece, 0) : -1;
    if (length > piece.length && length <= rest) piece = await this.#load(place, length);
    const records: LogRecord[] = [];
    let at = 0;
    while (at + FRAME_HEADER_BYTES <= piece.length) {
      const frame = readFrameLength(piece, at);
      if (frame < 0 || readFrameOffset(piece, at) !== place.offset) break;
      if (at + frame > piece.length) break;
      if (place.offset >= this.#offset) {
        if (!isFrameIntact(piece, at, frame)) break;
        records.push(readRecord(piece, at, frame, this.#partition.id));
      }
      at += frame;
      place.offset++;
    }
    place.position += at;
    if (at === 0) await this.#meetDamage(place);
    this.#offset = Math.max(this.#offset, place.offset);
    return records;
  }

  async #load(place: Place, bytes: number): Promise<Buffer> {
    const piece = Buffer.allocUnsafeSlow(bytes);
    const got = await this.#files.read(place.fd, piece, place.position);
    return got < bytes ? piece.subarray(0, got) : piece;
  }

  async #meetDamage(place: Place): Promise<void> {
    const { segment, fd, position, offset } = place;
    const next = await findFrame(this.#files, fd, position, segment.bytes, (frame) => frame.offset > offset);
    if (!segment.salvage) {
      const nextOffset = next?.offset ?? this.#partition.segmentAfter(segment.base)?.base ?? null;
      throw new LogDamagedError(segment.path, position, offset, nextOffset);
    }
    place.position = next?.position ?? segment.bytes;
    place.offset = next?.offset ?? offset;
  }
}
