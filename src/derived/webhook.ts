import { setTimeout as delay } from 'node:timers/promises';
import type { Assignment, LogRecord } from '../log/log.ts';
import { pauseMs } from '../webhook/back-off.ts';
import type { Receiver } from '../webhook/receiver.ts';
import { type DerivedEvent, orderKey, readDerived } from './event.ts';

/**
 * The derived topic to one receiver: a group of its own, so that one that is dead costs nothing but its lag.
 *
 * In: records of the topic. Out: requests, at least once each, under the same id at every attempt; those of one view one
 * by one, in order, the others side by side. What is not taken is tried again, ever more slowly, until it is too old;
 * then it is a dead letter. Committed is what lies below the oldest that is neither.
 */

export interface WebhookOptions {
  readonly receiver: Receiver;
  readonly inFlightMax: number;
  /** From its publishing on. */
  readonly giveUpAfterMs: number;
  /** Makes a dead letter of it; resolves when that is durable. */
  readonly bury: (record: LogRecord, event: DerivedEvent, detail: string) => Promise<void>;
  readonly observer: WebhookObserver;
  /** Epoch ms. */
  readonly now: () => number;
  /** 0 to 1. */
  readonly random: () => number;
  /** First pause after a failure, doubled with each further one. */
  readonly backOffMs?: number;
}

export interface WebhookObserver {
  attempted(receiver: string, outcome: 'delivered' | 'failed' | 'given_up', seconds: number): void;
  lag(receiver: string, records: number): void;
  failed(stage: string, error: unknown): void;
}

/** Not taken yet, at once: what waits for its next attempt is in memory. */
const WAITING_MAX = 256;
/** From the oldest that waits to the newest that was taken: after a crash they are sent again. */
const SPAN_MAX = 4_096;
const READ_BYTES = 256 * 1024;
const READ_WAIT_MS = 1_000;
const RETRY_MS = 1_000;

/** Runs until the assignment ends, from this offset on; what fails beside the receiver is tried again. */
export async function deliverForever(
  assignment: Assignment,
  from: number,
  options: WebhookOptions,
): Promise<void> {
  const { signal } = assignment;
  for (let at = from; !signal.aborted; ) {
    const delivery = new Delivery(assignment, at, options);
    try {
      assignment.seek(at);
      await delivery.run();
    } catch (error) {
      if (signal.aborted) return;
      options.observer.failed('webhooks', error);
      at = delivery.committed;
      await delay(RETRY_MS, undefined, { signal }).catch(() => {});
    }
  }
}

class Delivery {
  readonly #assignment: Assignment;
  readonly #options: WebhookOptions;
  /** Offsets not taken yet, ascending. */
  readonly #waiting = new Set<number>();
  /** The last delivery of each order key. */
  readonly #lanes = new Map<string, Promise<void>>();
  #sending = 0;
  #freed = Promise.withResolvers<void>();
  readonly #ending = new AbortController();
  readonly #signal: AbortSignal;
  #next: number;
  committed: number;
  /** The last read found nothing. */
  #atEnd = false;
  #failure: { readonly error: unknown } | null = null;

  constructor(assignment: Assignment, from: number, options: WebhookOptions) {
    this.#assignment = assignment;
    this.#options = options;
    this.#signal = AbortSignal.any([assignment.signal, this.#ending.signal]);
    this.#next = from;
    this.committed = from;
  }

  async run(): Promise<void> {
    try {
      while (!this.#signal.aborted) {
        const records = await this.#assignment.read(READ_BYTES, this.#waiting.size > 0 ? 50 : READ_WAIT_MS);
        this.#atEnd = records.length === 0;
        for (const record of records) {
          while (this.#isFull()) await this.#untilFreed();
          this.#begin(record);
        }
        await this.#commit();
      }
    } finally {
      // Requests under way end with it; what they would have said is asked again.
      this.#ending.abort();
      this.#free();
      await Promise.allSettled(this.#lanes.values());
    }
  }

  #isFull(): boolean {
    const [oldest = this.#next] = this.#waiting;
    return this.#waiting.size >= WAITING_MAX || this.#next - oldest >= SPAN_MAX;
  }

  /** Until something was taken, or there is anything else to see to. */
  async #untilFreed(): Promise<void> {
    await Promise.race([this.#freed.promise, delay(READ_WAIT_MS, undefined, { signal: this.#signal })]);
    await this.#commit();
  }

  #begin(record: LogRecord): void {
    this.#next = record.offset + 1;
    const event = readDerived(record);
    // Not ours: nobody asked for it.
    if (event === null) return;
    const key = orderKey(event);
    this.#waiting.add(record.offset);
    const before = this.#lanes.get(key) ?? Promise.resolve();
    const lane = before
      .then(() => this.#deliver(record, event))
      .then(
        () => this.#waiting.delete(record.offset),
        (error: unknown) => {
          this.#failure ??= { error };
        },
      )
      .then(() => {
        if (this.#lanes.get(key) === lane) this.#lanes.delete(key);
        this.#free();
      });
    this.#lanes.set(key, lane);
  }

  async #commit(): Promise<void> {
    if (this.#failure !== null) throw this.#failure.error;
    const [done = this.#next] = this.#waiting;
    // A log may have offsets without records at its end.
    const isDone = this.#atEnd && this.#waiting.size === 0;
    const behind = isDone ? 0 : Math.max(0, this.#assignment.endOffset() - done);
    this.#options.observer.lag(this.#options.receiver.name, behind);
    if (done === this.committed) return;
    await this.#assignment.commit(done, '');
    this.committed = done;
  }

  /** Until it was taken or given up. */
  async #deliver(record: LogRecord, event: DerivedEvent): Promise<void> {
    const { receiver, bury, giveUpAfterMs, now, observer, backOffMs, random } = this.#options;
    const signal = this.#signal;
    const body = JSON.stringify({
      type: event.event_name,
      timestamp: new Date(record.timestamp).toISOString(),
      data: event,
    });
    for (let attempt = 0; ; attempt++) {
      await this.#enter();
      const began = performance.now();
      const outcome = await receiver.send(event.event_id, body, signal).finally(() => this.#leave());
      const seconds = (performance.now() - began) / 1000;
      observer.attempted(receiver.name, outcome.taken ? 'delivered' : 'failed', seconds);
      if (outcome.taken) return;
      if (now() - record.timestamp >= giveUpAfterMs) {
        await bury(record, event, outcome.detail);
        observer.attempted(receiver.name, 'given_up', 0);
        return;
      }
      const { retryAfterMs } = outcome;
      await delay(pauseMs({ attempt, retryAfterMs, firstMs: backOffMs, random }), undefined, { signal });
    }
  }

  async #enter(): Promise<void> {
    while (this.#sending >= this.#options.inFlightMax) {
      await this.#freed.promise;
      this.#signal.throwIfAborted();
    }
    this.#signal.throwIfAborted();
    this.#sending++;
  }

  #leave(): void {
    this.#sending--;
    this.#free();
  }

  #free(): void {
    this.#freed.resolve();
    this.#freed = Promise.withResolvers();
  }
}
