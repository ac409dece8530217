import { PLAN_LEAD_MS } from './catalog/plans.ts';
import type { CatalogDoor } from './open-catalog.ts';
import { PlanBook } from './plans/book.ts';
import type { Logger } from './telemetry/logger.ts';

/** Keeps the plans of a process as the catalogue has them. */

export interface PlanWatch {
  readonly book: PlanBook;
  /**
   * Resolves when every plan is known that is in force at a moment, or the catalogue does not answer now: then nobody
   * changes a plan there either. Waits for the first reading, however long that takes, until the signal is aborted.
   */
  upTo(at: number, signal: AbortSignal): Promise<void> | null;
  stop(): Promise<void>;
}

const EVERY_MS = 1_000;

/** @param now epoch ms */
export function watchPlans(door: Pick<CatalogDoor, 'open'>, logger: Logger, now: () => number): PlanWatch {
  return new Watch(door, logger, now);
}

class Watch implements PlanWatch {
  readonly book = new PlanBook();
  readonly #door: Pick<CatalogDoor, 'open'>;
  readonly #logger: Logger;
  readonly #now: () => number;
  readonly #first = Promise.withResolvers<void>();
  #version: string | null = null;
  /** Epoch ms up to which all plans in force are known. */
  #knownUntil = -Infinity;
  #failed = false;
  #stopped = false;
  #reading: Promise<void> | null = null;
  readonly #timer: NodeJS.Timeout;

  constructor(door: Pick<CatalogDoor, 'open'>, logger: Logger, now: () => number) {
    this.#door = door;
    this.#logger = logger;
    this.#now = now;
    this.#timer = setInterval(() => void this.#read(), EVERY_MS);
    this.#timer.unref();
    void this.#read();
  }

  upTo(at: number, signal: AbortSignal): Promise<void> | null {
    // What comes from the future, by some sender's clock, waits for no plan of the future.
    if (Math.min(at, this.#now()) < this.#knownUntil) return null;
    if (this.#version === null) return this.#untilFirst(signal);
    return this.#failed ? null : this.#read();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#timer);
    await this.#reading;
  }

  async #untilFirst(signal: AbortSignal): Promise<void> {
    const { promise: aborted, reject } = Promise.withResolvers<never>();
    const end = () => reject(signal.reason as Error);
    if (signal.aborted) end();
    signal.addEventListener('abort', end);
    try {
      await Promise.race([this.#first.promise, aborted]);
    } finally {
      signal.removeEventListener('abort', end);
    }
  }

  /** One reading at a time. Never rejects. */
  #read(): Promise<void> {
    if (this.#stopped) return Promise.resolve();
    this.#reading ??= this.#readOnce().finally(() => {
      this.#reading = null;
    });
    return this.#reading;
  }

  async #readOnce(): Promise<void> {
    // Before it is asked: a change that comes meanwhile is in force a lead later than now.
    const began = this.#now();
    try {
      const { plans } = await this.#door.open();
      const version = await plans.version();
      if (version !== this.#version) {
        this.book.load(await plans.revisions());
        this.#version = version;
      }
      this.#knownUntil = began + PLAN_LEAD_MS;
      if (this.#failed) this.#logger.info({}, 'the plans are read again');
      this.#failed = false;
      this.#first.resolve();
    } catch (error) {
      if (!this.#failed && !this.#stopped)
        this.#logger.warn({ err: error }, 'the plans cannot be read now; those known last stay in force');
      this.#failed = true;
    }
  }
}
