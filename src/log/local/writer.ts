import { LogUnavailableError, type NewRecord } from '../log.ts';
import { type LogFiles, writeFully } from './files.ts';
import { estimateFrameBytes, GroupEncoder } from './frame.ts';
import { createSegment, type Partition } from './partition.ts';
import { SparseIndex, scanFrames } from './segment.ts';

/** A group commit takes what has arrived, up to this; the rest goes with the next. */
const GROUP_BYTES_MAX = 8 * 1024 * 1024;
/** Accepted and not yet durable, per partition. Callers bound their own requests; this only stops a runaway. */
const PENDING_BYTES_MAX = 256 * 1024 * 1024;
/**
 * When appends come side by side, groups begin at least this far apart: half as many writes for a moment's wait. One
 * sender that waits for each answer never waits for this.
 */
const GROUP_EVERY_MS = 4;
const RETRY_AFTER_MS = 1_000;
const PAGE_BYTES = 4096;

interface PendingAppend {
  readonly records: readonly NewRecord[];
  readonly bytes: number;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export interface WriterOptions {
  readonly files: LogFiles;
  readonly partition: Partition;
  /** Descriptor of the active segment; the writer closes it. */
  readonly fd: number;
  readonly segmentBytes: number;
  /** Called after a new segment began. */
  readonly onRoll: () => void;
}

/**
 * Appends to one partition. All that arrived while the last group was being written becomes the next group: one
 * write, durable as a whole, then all its appends resolve. One group is in flight; its latency follows the disk.
 *
 * When a write fails, its appends are rejected, and before anything else is written the file is cut back to its last
 * durable record and checked. Until that works nothing is accepted; it is tried again with each group.
 */
export class PartitionWriter {
  readonly #files: LogFiles;
  readonly #partition: Partition;
  readonly #segmentBytes: number;
  readonly #onRoll: () => void;
  readonly #encoder = new GroupEncoder();
  #fd: number | null;
  #pending: PendingAppend[] = [];
  #pendingBytes = 0;
  #flushing: Promise<void> | null = null;
  #failure: Error | null = null;
  // A write failed for another reason than space: acknowledged bytes of its first page may not be on the disk any more.
  #pageSuspect = false;
  // A new segment was begun and failed: its file may exist, so the old one must not grow past the new one's name.
  #rollDue = false;
  #closed = false;
  /** Of the last group: performance.now() at its begin, and how many appends it was of. */
  #lastBegan = 0;
  #lastAppends = 0;

  constructor(options: WriterOptions) {
    this.#files = options.files;
    this.#partition = options.partition;
    this.#segmentBytes = options.segmentBytes;
    this.#onRoll = options.onRoll;
    this.#fd = options.fd;
  }

  /** Why the last write failed; null when it did not. */
  get failure(): Error | null {
    return this.#failure;
  }

  /** Tries in the background to make the file good again, if the last write failed; for those who only ask for health. */
  probe(): void {
    if (this.#failure && !this.#closed) this.#flushing ??= this.#flush();
  }

  append(records: readonly NewRecord[]): Promise<void> {
    let bytes = 0;
    for (const record of records) bytes += estimateFrameBytes(record);
    if (this.#closed) return Promise.reject(new LogUnavailableError('The log is closed.', RETRY_AFTER_MS));
    if (this.#pendingBytes > 0 && this.#pendingBytes + bytes > PENDING_BYTES_MAX) {
      const message = `More than ${PENDING_BYTES_MAX} bytes wait to be written to ${this.#partition.name}.`;
      return Promise.reject(new LogUnavailableError(message, RETRY_AFTER_MS));
    }
    return new Promise((resolve, reject) => {
      this.#pending.push({ records, bytes, resolve, reject });
      this.#pendingBytes += bytes;
      this.#flushing ??= this.#flush();
    });
  }

  /** Writes what is pending, then closes the file. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#flushing;
    if (this.#fd !== null) await this.#files.close(this.#fd);
    this.#fd = null;
  }

  async #flush(): Promise<void> {
    if (this.#pending.length === 0) await this.#repair().catch(() => {});
    while (this.#pending.length > 0) {
      await this.#gather();
      const group = this.#takeGroup();
      try {
        await this.#write(group);
        for (const append of group) append.resolve();
      } catch (error) {
        this.#failure = error as Error;
        this.#pageSuspect ||= !isSpaceError(error);
        const unavailable = new LogUnavailableError(explain(this.#partition, error), RETRY_AFTER_MS, {
          cause: error,
        });
        for (const append of group) append.reject(unavailable);
      }
    }
    this.#flushing = null;
  }

  /** Lets the rest of this turn's requests join the group, and those that an acknowledgement just set free. */
  async #gather(): Promise<void> {
    const restMs = this.#lastAppends > 1 ? this.#lastBegan + GROUP_EVERY_MS - performance.now() : 0;
    await new Promise<void>((resolve) => {
      if (restMs >= 1 && !this.#closed) setTimeout(resolve, restMs);
      else setImmediate(resolve);
    });
    this.#lastBegan = performance.now();
    this.#lastAppends = this.#pending.length;
  }

  #takeGroup(): PendingAppend[] {
    let bytes = 0;
    let count = 0;
    while (count < this.#pending.length) {
      const next = (this.#pending[count] as PendingAppend).bytes;
      if (count > 0 && bytes + next > GROUP_BYTES_MAX) break;
      bytes += next;
      count++;
    }
    this.#pendingBytes -= bytes;
    if (count === this.#pending.length) {
      const all = this.#pending;
      this.#pending = [];
      return all;
    }
    return this.#pending.splice(0, count);
  }

  async #write(group: readonly PendingAppend[]): Promise<void> {
    if (this.#failure) await this.#repair();
    const records =
      group.length === 1 ? (group[0] as PendingAppend).records : group.flatMap((append) => append.records);
    const partition = this.#partition;
    const encoded = this.#encoder.encode(records, partition.end);
    const active = partition.active;
    const full = active.bytes > 0 && active.bytes + encoded.bytes > this.#segmentBytes;
    if (full || this.#rollDue) await this.#roll();
    const { active: segment, end } = partition;
    await writeFully(this.#files, this.#fd as number, encoded.buffers, segment.bytes);
    if (!this.#files.writesAreDurable) await this.#files.sync(this.#fd as number);
    if (segment.bytes === 0) segment.firstTimestamp = records[0]?.timestamp ?? null;
    for (let i = 0; i < records.length; i++) {
      segment.index?.note(end + i, segment.bytes + (encoded.positions[i] as number));
    }
    partition.advance(records, encoded.bytes);
  }

  async #roll(): Promise<void> {
    this.#rollDue = true;
    const sealed = this.#fd as number;
    const { segment, fd } = await createSegment(this.#files, this.#partition.folder, this.#partition.end);
    this.#rollDue = false;
    this.#fd = fd;
    this.#partition.addSegment(segment);
    // All of it is durable: an error of this close loses nothing.
    await this.#files.close(sealed).catch(() => {});
    this.#onRoll();
  }

  /**
   * Nothing that the failed write left behind is trusted, nor is the descriptor: some systems report a lost write
   * once and then call the page clean.
   */
  async #repair(): Promise<void> {
    const files = this.#files;
    const active = this.#partition.active;
    if (this.#fd !== null) await files.close(this.#fd).catch(() => {});
    this.#fd = null;
    const fd = await files.openForAppend(active.path, false);
    try {
      await files.truncate(fd, active.bytes);
      if (this.#pageSuspect) await this.#rewriteLastPage(fd);
      await files.sync(fd);
      await this.#verifyTail(fd);
    } catch (error) {
      await files.close(fd).catch(() => {});
      throw error;
    }
    this.#fd = fd;
    this.#failure = null;
    this.#pageSuspect = false;
  }

  /** The failed write shared a page with acknowledged bytes: write these again, so that the disk has them. */
  async #rewriteLastPage(fd: number): Promise<void> {
    const { bytes } = this.#partition.active;
    const start = Math.floor(bytes / PAGE_BYTES) * PAGE_BYTES;
    const page = Buffer.alloc(bytes - start);
    if (page.length === 0) return;
    await this.#files.read(fd, page, start);
    await writeFully(this.#files, fd, [page], start);
  }

  async #verifyTail(fd: number): Promise<void> {
    const { active, end } = this.#partition;
    active.index ??= new SparseIndex();
    const from = active.index.find(end, active.base);
    const found = await scanFrames(this.#files, fd, from, active.bytes, true, () => {});
    if (found.position === active.bytes && found.offset === end) return;
    throw new Error(
      `${active.path} ends at byte ${found.position} (offset ${found.offset}), not at ${active.bytes} (${end})`,
    );
  }
}

function isSpaceError(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOSPC' || code === 'EDQUOT';
}

function explain(partition: Partition, error: unknown): string {
  const { message } = error as Error;
  const what = isSpaceError(error) ? 'The disk of the log is full' : 'The log could not be written';
  return `${what} (partition ${partition.name}: ${message}). Nothing was acknowledged; it works again when the cause is gone.`;
}
