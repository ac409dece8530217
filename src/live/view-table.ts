/**
 * Views by their 64-bit hash. A view's facts lie together (88 bytes, so an event touches two cache lines of it), in two
 * typed arrays over the same memory; an index of (tag, id) pairs finds them by open addressing.
 */

/** Places in `floats`, from `id * VIEW_FLOATS` on. Times are epoch ms. */
export const VIEW_FLOATS = 11;
export const viewFloat = {
  /** Timestamp of the latest event. */
  latestAt: 0,
  /** Timestamp of the first event of those that make a view exist; Infinity while there is none. */
  firstAt: 1,
  /** When the last known bitrate was said; -Infinity when none was. */
  bitrateAt: 2,
  /** Bit/s, whole. */
  bitrate: 3,
  /** When the stream was said. */
  streamAt: 4,
  /** Latest receipt. */
  receivedAt: 5,
} as const;

/** Places in `words`, from `id * VIEW_WORDS` on. The floats fill the first twelve. */
export const VIEW_WORDS = 22;
export const viewWord = {
  viewLow: 12,
  viewHigh: 13,
  actorLow: 14,
  actorHigh: 15,
  streamLow: 16,
  streamHigh: 17,
  /** Neighbours in the list that the view is in; ids, 0 for none. */
  next: 18,
  previous: 19,
  flags: 20,
  app: 21,
} as const;

const FIRST_VIEWS = 1024;

export class ViewTable {
  floats: Float64Array;
  words: Uint32Array;
  /** Views that there is memory for; id 0 is nobody. */
  #capacity: number;
  readonly #max: number;
  #index: Uint32Array;
  #mask: number;
  #used = 1;
  #free = 0;
  #size = 0;
  /** Nobody's; a look without any use would be left out by the compiler. */
  touched = 0;

  constructor(viewsMax: number) {
    this.#max = viewsMax;
    this.#capacity = Math.min(FIRST_VIEWS, viewsMax);
    const memory = new ArrayBuffer((this.#capacity + 1) * VIEW_WORDS * 4);
    this.floats = new Float64Array(memory);
    this.words = new Uint32Array(memory);
    this.#mask = indexSlots(this.#capacity) - 1;
    this.#index = new Uint32Array((this.#mask + 1) * 2);
  }

  get size(): number {
    return this.#size;
  }

  get full(): boolean {
    return this.#size >= this.#max;
  }

  /** The id, 0 when it is not there. */
  find(low: number, high: number): number {
    const index = this.#index;
    for (let slot = low & this.#mask; ; slot = (slot + 1) & this.#mask) {
      const id = index[slot * 2 + 1]!;
      if (id === 0) return 0;
      if (index[slot * 2] === high && this.words[id * VIEW_WORDS + viewWord.viewLow] === low) return id;
    }
  }

  /** Brings the places of the keys of rows `from` to `to` into the caches; `keys` has two words a row. */
  touch(keys: Uint32Array, from: number, to: number): void {
    const index = this.#index;
    const words = this.words;
    let seen = 0;
    for (let k = from * 2; k < to * 2; k += 2) {
      seen |= words[index[(keys[k]! & this.#mask) * 2 + 1]! * VIEW_WORDS + viewWord.viewLow]!;
    }
    this.touched = seen;
  }

  /** A new view, which must not be there yet, in a table that is not full. Its other facts are the caller's to set. */
  add(low: number, high: number): number {
    let id = this.#free;
    if (id !== 0) this.#free = this.words[id * VIEW_WORDS + viewWord.next]!;
    else {
      if (this.#used > this.#capacity) this.#grow();
      id = this.#used++;
    }
    this.words[id * VIEW_WORDS + viewWord.viewLow] = low;
    this.words[id * VIEW_WORDS + viewWord.viewHigh] = high;
    this.#insert(id, low, high);
    this.#size++;
    return id;
  }

  remove(id: number): void {
    const mask = this.#mask;
    let hole = this.words[id * VIEW_WORDS + viewWord.viewLow]! & mask;
    while (this.#index[hole * 2 + 1] !== id) hole = (hole + 1) & mask;
    // What stands behind the hole and could not be found past it moves up.
    for (let slot = (hole + 1) & mask; this.#index[slot * 2 + 1] !== 0; slot = (slot + 1) & mask) {
      const home = this.words[this.#index[slot * 2 + 1]! * VIEW_WORDS + viewWord.viewLow]! & mask;
      if (((slot - home) & mask) < ((slot - hole) & mask)) continue;
      this.#index[hole * 2] = this.#index[slot * 2]!;
      this.#index[hole * 2 + 1] = this.#index[slot * 2 + 1]!;
      hole = slot;
    }
    this.#index[hole * 2 + 1] = 0;
    this.words[id * VIEW_WORDS + viewWord.next] = this.#free;
    this.#free = id;
    this.#size--;
  }

  #insert(id: number, low: number, high: number): void {
    let slot = low & this.#mask;
    while (this.#index[slot * 2 + 1] !== 0) slot = (slot + 1) & this.#mask;
    this.#index[slot * 2] = high;
    this.#index[slot * 2 + 1] = id;
  }

  #grow(): void {
    this.#capacity = Math.min(this.#capacity * 2, this.#max);
    const memory = new ArrayBuffer((this.#capacity + 1) * VIEW_WORDS * 4);
    const words = new Uint32Array(memory);
    words.set(this.words);
    this.words = words;
    this.floats = new Float64Array(memory);
    if (indexSlots(this.#capacity) === this.#mask + 1) return;
    this.#mask = indexSlots(this.#capacity) - 1;
    const old = this.#index;
    this.#index = new Uint32Array((this.#mask + 1) * 2);
    for (let at = 0; at < old.length; at += 2) {
      const id = old[at + 1]!;
      if (id !== 0) this.#insert(id, words[id * VIEW_WORDS + viewWord.viewLow]!, old[at]!);
    }
  }
}

/** At most half full. */
function indexSlots(capacity: number): number {
  return 2 ** Math.ceil(Math.log2(capacity * 2));
}
