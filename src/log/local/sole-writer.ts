import type { LogRecord, NewRecord, SoleWriter } from '../log.ts';
import type { Cursor } from './cursor.ts';
import type { Partition } from './partition.ts';

const READ_BYTES = 4 * 1024 * 1024;

export interface LocalSoleWriterOptions {
  readonly partition: Partition;
  readonly openCursor: (offset: number) => Cursor;
  readonly append: (records: readonly NewRecord[]) => Promise<void>;
}

/**
 * The one writer of a partition. A group of records is one frame after the other in one write: after a crash the torn
 * end of it is cut off, and what stands of it is read back, record by record.
 */
export class LocalSoleWriter implements SoleWriter {
  readonly #options: LocalSoleWriterOptions;
  #underWay: Promise<unknown> = Promise.resolve();
  #open = true;

  constructor(options: LocalSoleWriterOptions) {
    this.#options = options;
  }

  async readBack(offset: number, onRecords: (records: LogRecord[]) => Promise<void>): Promise<number> {
    const { partition } = this.#options;
    // An offset of a log that was there before this one.
    const from = offset > partition.end ? 0 : Math.max(offset, partition.earliest);
    const { end } = partition;
    const cursor = this.#options.openCursor(from);
    try {
      while (cursor.offset < end) {
        const records = await cursor.read(READ_BYTES);
        if (records.length === 0) break;
        await onRecords(records);
      }
      return Math.max(cursor.offset, from);
    } finally {
      await cursor.close();
    }
  }

  async append(records: readonly NewRecord[]): Promise<void> {
    if (!this.#open) throw new Error(`${this.#options.partition.name} has another writer by now`);
    const appended = this.#options.append(records);
    this.#underWay = appended.catch(() => {});
    await appended;
  }

  /** Resolves when nothing of it is under way any more. */
  async shutOut(): Promise<void> {
    this.#open = false;
    await this.#underWay;
  }

  async close(): Promise<void> {
    await this.shutOut();
  }
}
