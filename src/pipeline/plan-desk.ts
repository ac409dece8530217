import type { BlockBuilder } from '../event/kernel.ts';
import type { PlanBook, PlanBreach } from '../plans/book.ts';
import type { Violation } from '../store/violations.ts';

/** Holds the rows of a batch against their plans, and adds up what was found. */

/** Kinds of one batch that are told apart; the rest is added up by event and app. */
const KINDS_MAX = 200;
const REST = { path: '', expected: 'other differences' };

export class PlanDesk {
  readonly #builder: BlockBuilder;
  readonly #kinds = new Map<string, { violation: Violation; count: number; eventId: string }>();
  /** Per text id of an event's name: whether anybody planned it. Ids of a builder stay as long as the batch. */
  #planned: (boolean | undefined)[] = [];
  /** Of the book that says so: a batch may stay open while plans change. */
  #edition = -1;

  constructor(builder: BlockBuilder) {
    this.#builder = builder;
  }

  /**
   * What the event of a row has against its plan, or null; it is counted by `count`.
   * @param at epoch ms at which its record came into the log
   */
  judge(book: PlanBook, row: number, at: number): PlanBreach | null {
    if (this.#edition !== book.edition) {
      this.#planned = [];
      this.#edition = book.edition;
    }
    const { text, textColumns } = this.#builder;
    const id = textColumns.event_name[row]!;
    const planned = this.#planned[id] ?? book.plans(text.get(id));
    this.#planned[id] = planned;
    if (!planned) return null;
    const app = text.get(textColumns.app_id[row]!);
    return book.judge(text.get(id), app, at, () => this.#builder.stringAt('properties', row));
  }

  count(breach: PlanBreach, row: number, eventId: string): void {
    const { text, textColumns } = this.#builder;
    const event = text.get(textColumns.event_name[row]!);
    const app = text.get(textColumns.app_id[row]!);
    const key = JSON.stringify([event, app, breach]);
    const full = this.#kinds.size >= KINDS_MAX && !this.#kinds.has(key);
    const { path, expected } = full ? REST : breach;
    const { mode } = breach;
    const kind = this.#kinds.getOrInsertComputed(full ? JSON.stringify([event, app, mode]) : key, () => ({
      violation: { app, event, mode, path, expected, eventId: '', count: 0 },
      count: 0,
      eventId: '',
    }));
    kind.count += 1;
    kind.eventId = eventId;
  }

  violations(): Violation[] {
    return [...this.#kinds.values()].map(({ violation, count, eventId }) => ({
      ...violation,
      count,
      eventId,
    }));
  }
}
