import { IdFilter } from './id-filter.ts';

/**
 * The ids received lately, in bounded memory: the latest exactly, those before by filters.
 *
 * Two generations of open addressing: the newer takes ids, the older is only asked, and when the newer is full or old
 * enough the older is forgotten, but for a filter of its ids, which takes a tenth of the memory. `start` is the time of
 * receipt after which every id is known exactly, `filteredFrom` the one after which a filter knows it. What an event
 * may have been received before, or what a filter claims to know, only ClickHouse can tell: `unsure`.
 *
 * Two things are never forgotten by a turn: ids whose events are not stored yet (`settle`), since ClickHouse cannot be
 * asked for them, and ids of events from clocks that run ahead, until the window has passed the time they claim.
 *
 * A slot holds 64 bits of (app, event_id) and 32 bits of the payload, so a false duplicate needs a collision of 96 bits.
 */

export type Verdict = 'new' | 'duplicate' | 'collision' | 'unsure';

/** A client's clock may run ahead by this much before its events are treated as late ones. */
export const CLOCK_MARGIN_MS = 5_000;

const SLOT_WORDS = 3;
const FIRST_SLOTS = 1 << 10;
/** A late id asks each filter of its time. */
const PAST_MAX = 64;
/** A table doubles as a whole, and that takes time: many small ones do it one after the other. */
const SHARDS = 64;

/** Open addressing of (low, high) -> payload; a slot of two zero words is empty. */
class Table {
  words = new Uint32Array(FIRST_SLOTS * SLOT_WORDS);
  slots = FIRST_SLOTS;
  count = 0;

  /** Where the key is, or the empty place where it would go. */
  find(low: number, high: number): number {
    const { words } = this;
    const mask = this.slots - 1;
    // Both words: ids that differ in one place only may share the other.
    for (let slot = (low ^ high) & mask; ; slot = (slot + 1) & mask) {
      const at = slot * SLOT_WORDS;
      const a = words[at]!;
      const b = words[at + 1]!;
      if ((a === low && b === high) || (a === 0 && b === 0)) return at;
    }
  }

  add(low: number, high: number, payload: number): void {
    if (this.count * 2 >= this.slots) this.grow();
    const at = this.find(low, high);
    this.words[at] = low;
    this.words[at + 1] = high;
    this.words[at + 2] = payload;
    this.count++;
  }

  private grow(): void {
    const old = this.words;
    this.slots *= 2;
    this.words = new Uint32Array(this.slots * SLOT_WORDS);
    for (let at = 0; at < old.length; at += SLOT_WORDS) {
      const low = old[at]!;
      const high = old[at + 1]!;
      if (low === 0 && high === 0) continue;
      const to = this.find(low, high);
      this.words[to] = low;
      this.words[to + 1] = high;
      this.words[to + 2] = old[at + 2]!;
    }
  }
}

class Generation {
  readonly startedAt: number;
  /** The latest receipt, epoch ms. */
  latest = 0;
  readonly filter: IdFilter;
  readonly #tables = Array.from({ length: SHARDS }, () => new Table());
  count = 0;
  /** Nobody's; a look without any use would be left out by the compiler. */
  touched = 0;

  /** `idsLikely`: how many it may come to hold. */
  constructor(startedAt: number, idsLikely = 0) {
    this.startedAt = startedAt;
    this.filter = new IdFilter(idsLikely);
  }

  /** Brings the places of the keys into the caches; `keys` has two words each. */
  touch(keys: Uint32Array, count: number): void {
    const tables = this.#tables;
    let seen = 0;
    for (let k = 0; k < count * 2; k += 2) {
      const { words, slots } = tables[keys[k + 1]! >>> 26]!;
      seen |= words[((keys[k]! ^ keys[k + 1]!) & (slots - 1)) * SLOT_WORDS]!;
    }
    this.touched = seen;
    this.filter.touchForAdd(keys, count);
  }

  add(low: number, high: number, payload: number): void {
    this.#tables[high >>> 26]!.add(low, high, payload);
    this.filter.add(low, high);
    this.count++;
  }

  /** The payload kept under the key, or null. */
  get(low: number, high: number): number | null {
    const table = this.#tables[high >>> 26]!;
    const at = table.find(low, high);
    const { words } = table;
    return words[at] === 0 && words[at + 1] === 0 ? null : words[at + 2]!;
  }

  /** The same for a key that is most likely not there: the filter lies in faster memory than the tables. */
  find(low: number, high: number): number | null {
    return this.filter.mayHave(low, high) ? this.get(low, high) : null;
  }
}

export interface DedupeWindowOptions {
  /** How far back ids are kept, at most. */
  readonly windowMs: number;
  /**
   * Ids in both generations together, at most, beside those not stored yet; under load the window gets shorter, never
   * the memory larger.
   */
  readonly entriesMax: number;
  /** Of the filters of what is no longer kept exactly. */
  readonly filterBytesMax: number;
}

/** Ids received between the two moments, epoch ms. */
interface Past {
  readonly filter: IdFilter;
  readonly bytes: number;
  readonly from: number;
  readonly until: number;
}

/** An event that claims to be of a time after its receipt. */
interface Ahead {
  readonly low: number;
  readonly high: number;
  readonly payload: number;
  readonly created: number;
}

export class DedupeWindow {
  readonly #options: DedupeWindowOptions;
  #newer: Generation;
  #older: Generation | null = null;
  /** Oldest first. */
  readonly #past: Past[] = [];
  #added = 0;
  /** `#added` when the older generation was closed. */
  #olderEnd = 0;
  #settled = 0;
  #ahead: Ahead[] = [];
  /** Of each row taken, the two words of its key. */
  #keys = new Uint32Array(256);
  /** Epoch ms of receipt before which ids may have been given to another window than this. */
  #distrusted = -Infinity;

  /** `startedAt`: epoch ms; every id received from then on has been or will be given to `check` or `load`. */
  constructor(options: DedupeWindowOptions, startedAt: number) {
    this.#options = options;
    this.#newer = new Generation(startedAt);
  }

  /** Epoch ms of receipt after which every id is in memory. */
  get start(): number {
    return Math.max((this.#older ?? this.#newer).startedAt, this.#distrusted);
  }

  /** Epoch ms of receipt after which every id is in memory or in a filter. */
  get filteredFrom(): number {
    return Math.max(this.#past[0]?.from ?? this.start, this.#distrusted);
  }

  /** Ids received before this, epoch ms, may be unknown here although the window reaches back so far. */
  distrustBefore(receivedAt: number): void {
    this.#distrusted = Math.max(this.#distrusted, receivedAt);
  }

  get size(): number {
    return this.#newer.count + (this.#older?.count ?? 0);
  }

  /** How many ids were remembered so far: the place up to which `settle` may be called one day. */
  get added(): number {
    return this.#added;
  }

  /** The events of all ids remembered up to there are stored. */
  settle(added: number): void {
    this.#settled = added;
  }

  /** Takes the ids of rows `from` to `to` for `check`; `ids` has four words a row. */
  take(appHashes: ArrayLike<number>, ids: Uint32Array, from: number, to: number): void {
    if (this.#keys.length < (to - from) * 2) this.#keys = new Uint32Array((to - from) * 4);
    const keys = this.#keys;
    for (let row = from, k = 0; row < to; row++, k += 2) {
      const at = row * 4;
      const app = appHashes[row]!;
      const low = mix(ids[at]! ^ Math.imul(ids[at + 2]!, 0x9e3779b1), app ^ ids[at + 3]!);
      const high = mix(
        ids[at + 1]! ^ Math.imul(ids[at + 3]!, 0x85ebca6b),
        Math.imul(app, 0xc2b2ae35) ^ ids[at + 2]!,
      );
      // Two zero words mean an empty slot.
      keys[k] = low === 0 && high === 0 ? 1 : low;
      keys[k + 1] = high;
    }
    // The tables are larger than the caches: in so short a loop the processor waits for many places at once, where
    // `check` would wait for one after the other.
    this.#newer.touch(keys, to - from);
    this.#older?.filter.touchForQuestion(keys, to - from);
  }

  /**
   * Looks up the id of the `n`th row that was taken and remembers it when it is new. `created`: epoch ms at which the
   * event says it was made; NaN when it is new by construction.
   */
  check(n: number, payloadLow: number, payloadHigh: number, receivedAt: number, created: number): Verdict {
    const key = this.#keys[n * 2]!;
    const high = this.#keys[n * 2 + 1]!;
    const payload = (payloadLow ^ payloadHigh) >>> 0;
    const known = this.#newer.get(key, high) ?? this.#older?.find(key, high) ?? null;
    if (known !== null) return known === payload ? 'duplicate' : 'collision';
    this.#turnIfDue(receivedAt);
    this.#newer.add(key, high, payload);
    if (receivedAt > this.#newer.latest) this.#newer.latest = receivedAt;
    this.#added++;
    // An event_id may be sent again until the claimed time is long over. Beyond the bound some are forgotten early.
    if (created > receivedAt + CLOCK_MARGIN_MS) {
      if (this.#ahead.length < this.#options.entriesMax / 8)
        this.#ahead.push({ low: key, high, payload, created });
      return 'unsure';
    }
    return this.#mayBeStored(key, high, created - CLOCK_MARGIN_MS) ? 'unsure' : 'new';
  }

  /** Whether an id that is not in memory may have been received at `earliest` or later. */
  #mayBeStored(low: number, high: number, earliest: number): boolean {
    if (!(earliest < this.start)) return false;
    if (earliest < this.filteredFrom) return true;
    return this.#past.some(({ filter, until }) => until > earliest && filter.mayHave(low, high));
  }

  #turnIfDue(receivedAt: number): void {
    const { windowMs, entriesMax } = this.#options;
    const full = this.#newer.count >= entriesMax / 2;
    const old = receivedAt - this.#newer.startedAt >= windowMs / 2;
    if ((!full && !old) || this.#olderEnd > this.#settled) return;
    if (this.#older) this.#keepFilter(this.#older, this.#newer.startedAt);
    this.#older = this.#newer;
    this.#olderEnd = this.#added;
    // Records do not lie in the order of receipt to the millisecond: the older may hold later ones than this.
    this.#newer = new Generation(Math.max(receivedAt, this.#older.latest + 1), this.#older.count);
    this.#ahead = this.#ahead.filter(({ created }) => created + CLOCK_MARGIN_MS >= this.start);
    for (const { low, high, payload } of this.#ahead) this.#newer.add(low, high, payload);
  }

  #keepFilter({ filter, startedAt }: Generation, until: number): void {
    this.#past.push({ filter, bytes: filter.bytes, from: startedAt, until });
    let bytes = this.#past.reduce((sum, past) => sum + past.bytes, 0);
    while (this.#past.length > PAST_MAX || bytes > this.#options.filterBytesMax)
      bytes -= this.#past.shift()!.bytes;
  }
}

/** MurmurHash3's finaliser over two words. */
function mix(a: number, b: number): number {
  let h = Math.imul(a ^ (a >>> 16), 0x85ebca6b) ^ b;
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  h = Math.imul(h ^ (h >>> 15), 0x27d4eb2f) + a;
  return (h ^ (h >>> 16)) >>> 0;
}
