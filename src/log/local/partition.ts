import type { NewRecord } from '../log.ts';
import type { LogFiles } from './files.ts';
import { Recent } from './recent.ts';
import {
  findFrame,
  readSegments,
  type Segment,
  SparseIndex,
  scanFrames,
  scanLastSegment,
  segmentName,
} from './segment.ts';

/** What is durable of one partition: shared by its one writer and its readers. */
export class Partition {
  readonly topic: string;
  readonly id: number;
  readonly folder: string;
  /** Oldest first; the last one is written to. Never empty. */
  readonly segments: Segment[];
  /** The offset after the last durable record. */
  end: number;
  /** Durable bytes in all segments. */
  bytes: number;
  /** What was appended last, for readers that keep up. */
  readonly recent: Recent;
  readonly #waiting = new Set<() => void>();

  constructor(place: PartitionPlace, segments: Segment[], end: number) {
    this.topic = place.topic;
    this.id = place.id;
    this.folder = place.folder;
    this.recent = new Recent(place.recentBytesMax);
    this.segments = segments;
    this.end = end;
    this.bytes = segments.reduce((sum, segment) => sum + segment.bytes, 0);
  }

  get name(): string {
    return `${this.topic}/${this.id}`;
  }

  /** The segment that is written to. */
  get active(): Segment {
    return this.segments.at(-1) as Segment;
  }

  /** The first offset that is kept. */
  get earliest(): number {
    return (this.segments[0] as Segment).base;
  }

  /** The segment that has this offset, or the oldest when it was removed. */
  segmentAt(offset: number): Segment {
    let low = 1;
    let high = this.segments.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.segments[middle] as Segment).base <= offset) low = middle + 1;
      else high = middle;
    }
    return this.segments[low - 1] as Segment;
  }

  /** The segment after the one with this base; null after the last. */
  segmentAfter(base: number): Segment | null {
    if (this.active.base <= base) return null;
    const at = this.segmentAt(base);
    return at.base > base ? at : (this.segments[this.segments.indexOf(at) + 1] ?? null);
  }

  /** These records and bytes at the end of the active segment are durable now. */
  advance(records: readonly NewRecord[], bytes: number): void {
    this.active.bytes += bytes;
    this.bytes += bytes;
    for (const { key, headers, value, timestamp } of records)
      this.recent.push({ partition: this.id, offset: this.end++, key, headers, value, timestamp });
    for (const wake of this.#waiting) wake();
  }

  addSegment(segment: Segment): void {
    this.segments.push(segment);
  }

  dropOldest(): Segment {
    const oldest = this.segments.shift() as Segment;
    this.bytes -= oldest.bytes;
    return oldest;
  }

  /** Resolves when something was appended, the time is over or the signal is aborted: look again which. */
  waitForMore(waitMs: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted || waitMs <= 0) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(wake);
        signal.removeEventListener('abort', wake);
        resolve();
      };
      const timer = setTimeout(wake, Math.min(waitMs, 2 ** 31 - 1));
      this.#waiting.add(wake);
      signal.addEventListener('abort', wake, { once: true });
    });
  }
}

/** A repair that lost nothing that was acknowledged. */
export interface TornTail {
  readonly file: string;
  readonly keptBytes: number;
  readonly cutBytes: number;
}

export interface RecoveryReport {
  readonly onTornTail: (torn: TornTail) => void;
  /** Acknowledged records are gone: the disk did not keep what it had confirmed. */
  readonly onLoss: (error: Error) => void;
}

export interface PartitionPlace {
  readonly topic: string;
  readonly id: number;
  readonly folder: string;
  /** Some group committed this offset: nothing may be appended below it, or that group would never read it. */
  readonly endAtLeast: number;
  /** What readers that keep up may take from memory. */
  readonly recentBytesMax: number;
}

export interface OpenedPartition {
  readonly partition: Partition;
  /** Descriptor of the active segment. */
  readonly fd: number;
}

/** Makes a new, empty active segment whose name survives a crash. */
export async function createSegment(
  files: LogFiles,
  folder: string,
  base: number,
): Promise<{ segment: Segment; fd: number }> {
  const path = `${folder}/${segmentName(base)}`;
  const fd = await files.openForAppend(path, true);
  try {
    await files.syncFolder(folder);
  } catch (error) {
    await files.close(fd);
    throw error;
  }
  const segment = { base, path, bytes: 0, salvage: false, index: new SparseIndex(), firstTimestamp: null };
  return { segment, fd };
}

/**
 * Opens a partition: looks at the names of all segments and at the contents of the last. Cuts a torn last group.
 * Throws LogDamagedError when acknowledged records of the last segment are damaged.
 */
export async function openPartition(
  files: LogFiles,
  place: PartitionPlace,
  report: RecoveryReport,
): Promise<OpenedPartition> {
  await files.makeFolder(place.folder);
  const segments = await readSegments(files, place.folder);
  const last = segments.at(-1);
  let end = 0;
  let fd: number | null = null;
  if (last?.salvage) {
    end = await findSalvageEnd(files, last);
    // Nothing in it can be read: the new segment takes its place.
    if (end === last.base) segments.pop();
  } else if (last) {
    ({ end, fd } = await recover(files, last, report.onTornTail));
  }
  if (last && end < place.endAtLeast) report.onLoss(explainLoss(last, end, place));
  if (fd === null || end < place.endAtLeast) {
    if (fd !== null) await files.close(fd);
    const created = await createSegment(files, place.folder, Math.max(end, place.endAtLeast));
    segments.push(created.segment);
    end = created.segment.base;
    fd = created.fd;
  }
  return { partition: new Partition(place, segments, end), fd };
}

function explainLoss(segment: Segment, end: number, place: PartitionPlace): Error {
  return new Error(
    `${segment.path} ends at offset ${end}, but a group has read up to ${place.endAtLeast}: the disk lost records that ` +
      `it had confirmed. New records begin at ${place.endAtLeast}. Check the disk and its write cache.`,
  );
}

async function recover(
  files: LogFiles,
  segment: Segment,
  onTornTail: (torn: TornTail) => void,
): Promise<{ end: number; fd: number }> {
  const fd = await files.openForAppend(segment.path, false);
  try {
    const end = await scanLastSegment(files, fd, segment);
    if (end.position < segment.bytes) {
      await files.truncate(fd, end.position);
      onTornTail({ file: segment.path, keptBytes: end.position, cutBytes: segment.bytes - end.position });
      segment.bytes = end.position;
    }
    // After kill -9 the last group may be whole but only in the page cache: it must not be read before it is durable.
    await files.sync(fd);
    return { end: end.offset, fd };
  } catch (error) {
    await files.close(fd);
    throw error;
  }
}

/** The offset after the last readable record of a damaged file. */
async function findSalvageEnd(files: LogFiles, segment: Segment): Promise<number> {
  const fd = await files.openForRead(segment.path);
  try {
    let at = { position: 0, offset: segment.base };
    for (;;) {
      const end = await scanFrames(files, fd, at, segment.bytes, true, () => {});
      const next = await findFrame(
        files,
        fd,
        end.position,
        segment.bytes,
        (frame) => frame.offset >= end.offset,
      );
      if (!next) return end.offset;
      at = next;
    }
  } finally {
    await files.close(fd);
  }
}
