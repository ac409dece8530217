import { LogUnavailableError } from '../log.ts';
import type { LogFiles } from './files.ts';

const SAMPLE_EVERY_MS = 1_000;
const RETRY_AFTER_MS = 5_000;

/**
 * Stops the log while the disk still has some air: the database beside it needs space to make space. Samples at most
 * once a second, and only while something is appended.
 */
export class FreeSpace {
  readonly #files: LogFiles;
  readonly #folder: string;
  readonly #minFreeBytes: number;
  readonly #now: () => number;
  #freeBytes = Number.POSITIVE_INFINITY;
  #sampledAt = Number.NEGATIVE_INFINITY;
  #sampling: Promise<void> | null = null;

  constructor(files: LogFiles, folder: string, minFreeBytes: number, now: () => number) {
    this.#files = files;
    this.#folder = folder;
    this.#minFreeBytes = minFreeBytes;
    this.#now = now;
  }

  /** By the last sample; starts the next one when it is due. */
  isLow(): boolean {
    // A clock that was set back must not make a sample last for hours.
    if (Math.abs(this.#now() - this.#sampledAt) >= SAMPLE_EVERY_MS) void this.sample();
    return this.#freeBytes < this.#minFreeBytes;
  }

  /** Never rejects: a disk that cannot be asked is taken as not full, the write itself will tell. */
  sample(): Promise<void> {
    this.#sampling ??= this.#take().finally(() => {
      this.#sampling = null;
    });
    return this.#sampling;
  }

  /** Waits for a sample that is under way, then throws LogUnavailableError if there is still too little. */
  async check(): Promise<void> {
    await this.#sampling;
    const reason = this.reason();
    if (reason !== null) throw new LogUnavailableError(reason, RETRY_AFTER_MS);
  }

  /** Why nothing is taken, for the operator; null when all is well by the last sample. */
  reason(): string | null {
    if (!this.isLow()) return null;
    return (
      `The disk of ${this.#folder} has ${this.#freeBytes} bytes left, less than the ${this.#minFreeBytes} that the log ` +
      'leaves free. Make space: events are taken again as soon as there is some.'
    );
  }

  async #take(): Promise<void> {
    this.#sampledAt = this.#now();
    try {
      this.#freeBytes = await this.#files.freeBytes(this.#folder);
    } catch {
      this.#freeBytes = Number.POSITIVE_INFINITY;
    }
  }
}
