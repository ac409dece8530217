import { LogDamagedError } from './damage.ts';
import type { LogFiles } from './files.ts';
import {
  FRAME_HEADER_BYTES,
  FRAME_MAGIC,
  isFrameIntact,
  readFrameLength,
  readFrameOffset,
  readFrameTimestamp,
  readGroupOffset,
} from './frame.ts';

const SCAN_CHUNK_BYTES = 1024 * 1024;
const INDEX_EVERY_BYTES = 256 * 1024;

/** Where some of a segment's frames start, about one in 256 KB: enough to begin reading near any offset. */
export class SparseIndex {
  readonly #offsets: number[] = [];
  readonly #positions: number[] = [];

  /** Frames come in order; most are passed over. */
  note(offset: number, position: number): void {
    const last = this.#positions.at(-1);
    if (last !== undefined && position - last < INDEX_EVERY_BYTES) return;
    this.#offsets.push(offset);
    this.#positions.push(position);
  }

  /** The last noted frame at or before `offset`; the start of the segment when there is none. */
  find(offset: number, base: number): { offset: number; position: number } {
    let low = 0;
    let high = this.#offsets.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#offsets[middle] as number) <= offset) low = middle + 1;
      else high = middle;
    }
    if (low === 0) return { offset: base, position: 0 };
    return { offset: this.#offsets[low - 1] as number, position: this.#positions[low - 1] as number };
  }
}

/** One file of a partition: the records from `base` to the base of the next segment. */
export interface Segment {
  readonly base: number;
  readonly path: string;
  /** Durable bytes; readers never go past them. */
  bytes: number;
  /** The operator gave up what is damaged in this file: readers pass over it. */
  readonly salvage: boolean;
  /** Null until somebody needs it. */
  index: SparseIndex | null;
  /** Timestamp of the first record; null until known. */
  firstTimestamp: number | null;
}

const SEGMENT_NAME = /^(\d{20})\.(log|salvage)$/;

export function segmentName(base: number): string {
  return `${String(base).padStart(20, '0')}.log`;
}

/** The segments in a folder, oldest first, with their sizes; other files are left alone. */
export async function readSegments(files: LogFiles, folder: string): Promise<Segment[]> {
  const found = (await files.list(folder))
    .map((name) => SEGMENT_NAME.exec(name))
    .filter((match) => match !== null);
  const segments = await Promise.all(
    found.map(async (match): Promise<Segment> => {
      const path = `${folder}/${match[0]}`;
      const bytes = await files.size(path);
      const salvage = match[2] === 'salvage';
      return { base: Number(match[1]), path, bytes, salvage, index: null, firstTimestamp: null };
    }),
  );
  return segments.sort((a, b) => a.base - b.base);
}

export interface ScanEnd {
  /** Where the chain of frames ends: the end of the file, or the first bytes that are not the expected frame. */
  readonly position: number;
  /** Offset of the frame that would be there. */
  readonly offset: number;
}

/**
 * Follows the chain of frames from a known frame on. With `checksums` every byte is read and verified; without, only
 * the headers are looked at.
 */
export async function scanFrames(
  files: LogFiles,
  fd: number,
  from: { position: number; offset: number },
  size: number,
  checksums: boolean,
  onFrame: (offset: number, position: number, timestamp: number) => void,
): Promise<ScanEnd> {
  let { position, offset } = from;
  let buffer = Buffer.allocUnsafeSlow(0);
  let start = position;
  let filled = 0;
  const load = async (bytes: number): Promise<boolean> => {
    if (position + bytes > size) return false;
    if (position + bytes <= start + filled) return true;
    const wanted = Math.min(Math.max(bytes, SCAN_CHUNK_BYTES), size - position);
    if (buffer.length < wanted) buffer = Buffer.allocUnsafeSlow(wanted);
    start = position;
    filled = await files.read(fd, buffer.subarray(0, wanted), position);
    return filled >= bytes;
  };
  while (await load(FRAME_HEADER_BYTES)) {
    const length = readFrameLength(buffer, position - start);
    if (length < 0 || position + length > size) break;
    if (readFrameOffset(buffer, position - start) !== offset) break;
    if (checksums && !((await load(length)) && isFrameIntact(buffer, position - start, length))) break;
    onFrame(offset, position, readFrameTimestamp(buffer, position - start));
    position += length;
    offset++;
  }
  return { position, offset };
}

export interface FoundFrame {
  readonly position: number;
  readonly offset: number;
  readonly groupOffset: number;
}

/** The first intact frame at or after `from` that `accept`s; null when there is none. Reads the rest of the file. */
export async function findFrame(
  files: LogFiles,
  fd: number,
  from: number,
  size: number,
  accept: (frame: FoundFrame) => boolean,
): Promise<FoundFrame | null> {
  const rest = Buffer.allocUnsafeSlow(Math.max(0, size - from));
  const filled = await files.read(fd, rest, from);
  for (let at = rest.indexOf(FRAME_MAGIC); at >= 0; at = rest.indexOf(FRAME_MAGIC, at + 1)) {
    if (at + FRAME_HEADER_BYTES > filled) return null;
    const length = readFrameLength(rest, at);
    if (length < 0 || at + length > filled || !isFrameIntact(rest, at, length)) continue;
    const frame = {
      position: from + at,
      offset: readFrameOffset(rest, at),
      groupOffset: readGroupOffset(rest, at),
    };
    if (accept(frame)) return frame;
  }
  return null;
}

/** Builds the index of a sealed segment from its headers. Damage ends it early: the reader will meet the damage. */
export async function buildIndex(files: LogFiles, fd: number, segment: Segment): Promise<SparseIndex> {
  const index = new SparseIndex();
  const start = { position: 0, offset: segment.base };
  await scanFrames(files, fd, start, segment.bytes, false, (offset, position) =>
    index.note(offset, position),
  );
  return index;
}

/** Timestamp of the first record of a segment, null when it has none. */
export async function readFirstTimestamp(files: LogFiles, segment: Segment): Promise<number | null> {
  if (segment.firstTimestamp !== null || segment.bytes < FRAME_HEADER_BYTES) return segment.firstTimestamp;
  const fd = await files.openForRead(segment.path);
  try {
    const head = Buffer.alloc(FRAME_HEADER_BYTES);
    await files.read(fd, head, 0);
    if (readFrameLength(head, 0) >= 0) segment.firstTimestamp = readFrameTimestamp(head, 0);
    return segment.firstTimestamp;
  } finally {
    await files.close(fd);
  }
}

/**
 * Finds the end of the last segment and what is wrong with it. A crash can tear only the last group commit, which was
 * never acknowledged. If an intact frame of a later group lies behind the first bad one, acknowledged records are
 * damaged: that is not ours to cut.
 */
export async function scanLastSegment(files: LogFiles, fd: number, segment: Segment): Promise<ScanEnd> {
  const index = new SparseIndex();
  const start = { position: 0, offset: segment.base };
  const end = await scanFrames(files, fd, start, segment.bytes, true, (offset, position, timestamp) => {
    if (position === 0) segment.firstTimestamp = timestamp;
    index.note(offset, position);
  });
  segment.index = index;
  if (end.position < segment.bytes) {
    const later = await findFrame(
      files,
      fd,
      end.position,
      segment.bytes,
      (frame) => frame.groupOffset > end.offset,
    );
    if (later) throw new LogDamagedError(segment.path, end.position, end.offset, later.offset);
  }
  return end;
}
