import { WHEEL_MS } from './event-window.ts';
import { WINDOW_MS } from './snapshot.ts';
import { VIEW_FLOATS, VIEW_WORDS, type ViewTable, viewFloat, viewWord } from './view-table.ts';

/** Bits of a view's `flags` word. */
export const viewFlag = {
  /** The latest event says that it does not play. */
  stopped: 1,
  /** It is in the totals. */
  counted: 2,
  /** It had no event in the window and waits to be forgotten. */
  silent: 4,
} as const;

interface ViewListsOptions {
  /** Epoch ms; the window begins after it. */
  readonly tail: number;
  /** How long a view is remembered after its last event; the window at least. */
  readonly memoryMs: number;
  /** A view fell out of the window. */
  readonly onSilent: (id: number) => void;
  /** A view is to be removed from the table. */
  readonly onForgotten: (id: number) => void;
}

const FORGET_SLOTS = 4096;

/**
 * When views fall silent, and when they are forgotten. Every view is in one list: of those heard in a millisecond of
 * the window, or of those that are to be forgotten at about the same time. A view that is heard again is not moved: it
 * is looked at when its list comes up, once a minute, and filed anew. So hearing an event costs nothing here.
 */
export class ViewLists {
  readonly #views: ViewTable;
  readonly #options: ViewListsOptions;
  readonly #heard = new Uint32Array(WHEEL_MS);
  readonly #silent = new Uint32Array(FORGET_SLOTS);
  readonly #memoryMs: number;
  /** Silent views are filed by this many ms, so that the memory spans half of the slots. */
  readonly #slotMs: number;
  #tail: number;
  /** The first slot of silence, by absolute number, that was not emptied. */
  #cursor: number;

  constructor(views: ViewTable, options: ViewListsOptions) {
    this.#views = views;
    this.#options = options;
    this.#memoryMs = Math.max(WINDOW_MS, options.memoryMs);
    this.#slotMs = Math.ceil(this.#memoryMs / (FORGET_SLOTS / 2));
    this.#tail = options.tail;
    this.#cursor = this.#firstRemembered();
  }

  /** Whether a view that was heard last at this time is not remembered any more. */
  isForgotten(receivedAt: number): boolean {
    return Math.floor(receivedAt / this.#slotMs) < this.#firstRemembered();
  }

  /** Files a view that is in no list, by its time of receipt. */
  file(id: number): void {
    const receivedAt = this.#views.floats[id * VIEW_FLOATS + viewFloat.receivedAt]!;
    if (receivedAt > this.#tail) {
      // Beyond the wheel it comes up early and is filed anew.
      const at = Math.min(receivedAt, this.#tail + WHEEL_MS - 1) % WHEEL_MS;
      this.#views.words[id * VIEW_WORDS + viewWord.next] = this.#heard[at]!;
      this.#heard[at] = id;
    } else this.#fileSilent(id);
  }

  /** An event of a view that is filed. */
  heard(id: number, receivedAt: number): void {
    const { floats, words } = this.#views;
    const at = id * VIEW_FLOATS + viewFloat.receivedAt;
    if (receivedAt <= floats[at]!) return;
    const silent = (words[id * VIEW_WORDS + viewWord.flags]! & viewFlag.silent) !== 0;
    if (silent) this.#unlink(id);
    floats[at] = receivedAt;
    if (silent) this.file(id);
  }

  advance(tail: number): void {
    const from = this.#tail;
    this.#tail = tail;
    for (let at = from + 1; at <= Math.min(tail, from + WHEEL_MS); at++) this.#refile(at % WHEEL_MS);
    this.#forgetUntil(this.#firstRemembered());
  }

  /** Forgets the views that are silent for longest. False when there is none. */
  makeRoom(): boolean {
    const before = this.#views.size;
    const last = Math.floor(this.#tail / this.#slotMs);
    while (this.#views.size === before && this.#cursor <= last) this.#forgetUntil(this.#cursor + 1);
    return this.#views.size < before;
  }

  #firstRemembered(): number {
    return Math.floor((this.#tail + WINDOW_MS - this.#memoryMs) / this.#slotMs);
  }

  #refile(slot: number): void {
    let id = this.#heard[slot]!;
    this.#heard[slot] = 0;
    while (id !== 0) {
      const next = this.#views.words[id * VIEW_WORDS + viewWord.next]!;
      if (this.#views.floats[id * VIEW_FLOATS + viewFloat.receivedAt]! <= this.#tail)
        this.#options.onSilent(id);
      this.file(id);
      id = next;
    }
  }

  #forgetUntil(cursor: number): void {
    const from = this.#cursor;
    if (cursor <= from) return;
    // Moved first: a view is never filed where the list was emptied already.
    this.#cursor = cursor;
    for (let slot = from; slot < Math.min(cursor, from + FORGET_SLOTS); slot++) {
      let id = this.#silent[slot % FORGET_SLOTS]!;
      this.#silent[slot % FORGET_SLOTS] = 0;
      while (id !== 0) {
        const next = this.#views.words[id * VIEW_WORDS + viewWord.next]!;
        this.#options.onForgotten(id);
        id = next;
      }
    }
  }

  #silentSlot(id: number): number {
    const receivedAt = this.#views.floats[id * VIEW_FLOATS + viewFloat.receivedAt]!;
    return Math.max(Math.floor(receivedAt / this.#slotMs), this.#cursor) % FORGET_SLOTS;
  }

  #fileSilent(id: number): void {
    const { words } = this.#views;
    const slot = this.#silentSlot(id);
    const head = this.#silent[slot]!;
    words[id * VIEW_WORDS + viewWord.flags]! |= viewFlag.silent;
    words[id * VIEW_WORDS + viewWord.next] = head;
    words[id * VIEW_WORDS + viewWord.previous] = 0;
    if (head !== 0) words[head * VIEW_WORDS + viewWord.previous] = id;
    this.#silent[slot] = id;
  }

  #unlink(id: number): void {
    const { words } = this.#views;
    const next = words[id * VIEW_WORDS + viewWord.next]!;
    const previous = words[id * VIEW_WORDS + viewWord.previous]!;
    if (next !== 0) words[next * VIEW_WORDS + viewWord.previous] = previous;
    if (previous !== 0) words[previous * VIEW_WORDS + viewWord.next] = next;
    else this.#silent[this.#silentSlot(id)] = next;
    words[id * VIEW_WORDS + viewWord.flags]! &= ~viewFlag.silent;
  }
}
