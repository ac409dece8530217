/**
 * How many active views hold each actor, or each stream: open addressing by a 64-bit hash, four words a slot, so that
 * the number of distinct ones is known at every moment and nothing has to be counted when somebody asks.
 */
const SLOT_WORDS = 4;
const LOW = 0;
const HIGH = 1;
const COUNT = 2;
const OWNER = 3;
const FIRST_SLOTS = 1024;

export class RefCounts {
  #words = new Uint32Array(FIRST_SLOTS * SLOT_WORDS);
  #slots = FIRST_SLOTS;
  #size = 0;
  /** Nobody's; a look without any use would be left out by the compiler. */
  touched = 0;

  get size(): number {
    return this.#size;
  }

  /** True when nobody held it before; then `owner` is who it is counted for until it is let go. */
  retain(low: number, high: number, owner: number): boolean {
    let at = this.#find(low, high);
    if (this.#words[at + COUNT]! > 0) {
      this.#words[at + COUNT]!++;
      return false;
    }
    if (this.#size * 2 >= this.#slots) {
      this.#grow();
      at = this.#find(low, high);
    }
    this.#words[at + LOW] = low;
    this.#words[at + HIGH] = high;
    this.#words[at + COUNT] = 1;
    this.#words[at + OWNER] = owner;
    this.#size++;
    return true;
  }

  /** The owner when nobody holds it any more, else -1. */
  release(low: number, high: number): number {
    const at = this.#find(low, high);
    if (this.#words[at + COUNT]! === 0) return -1;
    if (--this.#words[at + COUNT]! > 0) return -1;
    const owner = this.#words[at + OWNER]!;
    this.#size--;
    this.#close(at / SLOT_WORDS);
    return owner;
  }

  /** Brings the places of the keys of rows `from` to `to` into the caches; `keys` has two words a row. */
  touch(keys: Uint32Array, from: number, to: number): void {
    const words = this.#words;
    const mask = this.#slots - 1;
    let seen = 0;
    for (let k = from * 2; k < to * 2; k += 2) seen |= words[(keys[k]! & mask) * SLOT_WORDS + COUNT]!;
    this.touched = seen;
  }

  #find(low: number, high: number): number {
    const mask = this.#slots - 1;
    for (let slot = low & mask; ; slot = (slot + 1) & mask) {
      const at = slot * SLOT_WORDS;
      if (this.#words[at + COUNT] === 0) return at;
      if (this.#words[at + LOW] === low && this.#words[at + HIGH] === high) return at;
    }
  }

  /** Moves up what stands behind the hole and could not be found past it. */
  #close(hole: number): void {
    const mask = this.#slots - 1;
    for (
      let slot = (hole + 1) & mask;
      this.#words[slot * SLOT_WORDS + COUNT] !== 0;
      slot = (slot + 1) & mask
    ) {
      const home = this.#words[slot * SLOT_WORDS + LOW]! & mask;
      if (((slot - home) & mask) < ((slot - hole) & mask)) continue;
      this.#words.copyWithin(hole * SLOT_WORDS, slot * SLOT_WORDS, (slot + 1) * SLOT_WORDS);
      hole = slot;
    }
    this.#words[hole * SLOT_WORDS + COUNT] = 0;
  }

  #grow(): void {
    const old = this.#words;
    this.#slots *= 2;
    this.#words = new Uint32Array(this.#slots * SLOT_WORDS);
    for (let from = 0; from < old.length; from += SLOT_WORDS) {
      if (old[from + COUNT] === 0) continue;
      const to = this.#find(old[from + LOW]!, old[from + HIGH]!);
      for (let i = 0; i < SLOT_WORDS; i++) this.#words[to + i] = old[from + i]!;
    }
  }
}
