import type { LogFiles } from './files.ts';
import type { Partition } from './partition.ts';
import { readFirstTimestamp } from './segment.ts';

/** The group that is furthest behind in a partition, and its committed offset. */
export interface Floor {
  readonly group: string;
  readonly offset: number;
}

export interface RetentionOptions {
  readonly files: LogFiles;
  readonly partition: Partition;
  readonly retentionMs: number;
  readonly retentionBytes: number;
  readonly now: () => number;
  /** The least committed offset of all known groups; null when no group is known. */
  readonly floor: () => Floor | null;
  readonly onError: (error: Error) => void;
}

/** Removes whole old segments of one partition: by age, or while there are too many bytes; never what a group needs. */
export class Retention {
  readonly #options: RetentionOptions;
  /** Removed for readers, not yet from the disk: oldest first, so that a crash leaves no hole. */
  readonly #doomed: string[] = [];
  #running: Promise<void> | null = null;
  #again = false;

  constructor(options: RetentionOptions) {
    this.#options = options;
  }

  /** Resolves when what may go is gone. Errors go to `onError`; the files are tried again with the next run. */
  run(): Promise<void> {
    this.#again = true;
    this.#running ??= this.#loop();
    return this.#running;
  }

  /** Why the partition cannot take more: it has too many bytes and a group needs the oldest; null when it can. */
  blockedBy(): string | null {
    const { partition, retentionBytes } = this.#options;
    if (partition.bytes <= retentionBytes) return null;
    const floor = this.#options.floor();
    const next = partition.segments[1];
    if (!floor || !next || next.base <= floor.offset) return null;
    return (
      `The log's partition ${partition.name} holds ${partition.bytes} bytes, more than the ${retentionBytes} it may keep, ` +
      `and the group '${floor.group}' has not read the oldest yet: it is at offset ${floor.offset} of ${partition.end}. ` +
      'Let that group catch up, or allow the log more bytes.'
    );
  }

  async #loop(): Promise<void> {
    while (this.#again) {
      this.#again = false;
      try {
        while (await this.#oldestMayGo()) this.#doomed.push(this.#options.partition.dropOldest().path);
        await this.#unlinkDoomed();
      } catch (error) {
        this.#options.onError(error as Error);
      }
    }
    this.#running = null;
  }

  async #oldestMayGo(): Promise<boolean> {
    const { partition, retentionBytes, retentionMs, files, now } = this.#options;
    const next = partition.segments[1];
    if (!next) return false;
    const tooMuch = partition.bytes > retentionBytes;
    if (!tooMuch && retentionMs === Number.POSITIVE_INFINITY) return false;
    // The next segment began after the last record of this one: no need to open this one.
    const newest = tooMuch ? null : await readFirstTimestamp(files, next);
    if (!tooMuch && (newest === null || newest > now() - retentionMs)) return false;
    const floor = this.#options.floor();
    return floor === null || next.base <= floor.offset;
  }

  async #unlinkDoomed(): Promise<void> {
    for (let path = this.#doomed[0]; path !== undefined; path = this.#doomed[0]) {
      try {
        await this.#options.files.unlink(path);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      }
      this.#doomed.shift();
    }
  }
}
