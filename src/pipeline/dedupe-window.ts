/**
 * The ids received lately, exactly, in bounded memory.
 *
 * Two generations of open addressing: the newer takes ids, the older is only asked, and when the newer is full or old
 * enough the older is forgotten. `start` is the time of receipt after which every id is in memory; for an event that
 * may have been received before it, the caller asks ClickHouse.
 *
 * Two things are never forgotten by a turn: ids whose events are not stored yet (`settle`), since ClickHouse cannot be
 * asked for them, and ids of events from clocks that run ahead, until the window has passed the time they claim.
 *
 * A slot holds 64 bits of (app, event_id) and 32 bits of the payload, so a false duplicate needs a collision of 96 bits.
 */

export type Verdict = 'new' | 'duplicate' | 'collision';

/** A client's clock may run ahead by this much before its events are treated as late ones. */
export const CLOCK_MARGIN_MS = 5_000;

const SLOT_WORDS = 3;
const FIRST_SLOTS = 1 << 10;
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
  readonly #tables = Array.from({ length: SHARDS }, () => new Table());
  count = 0;

  constructor(startedAt: number) {
    this.startedAt = startedAt;
  }

  add(low: number, high: number, payload: number): void {
    this.#tables[high >>> 26]!.add(low, high, payload);
    this.count++;
  }

  /** The payload kept under the key, or null. */
  get(low: number, high: number): number | null {
    const table = this.#tables[high >>> 26]!;
    const at = table.find(low, high);
    const { words } = table;
    return words[at] === 0 && words[at + 1] === 0 ? null : words[at + 2]!;
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
  #added = 0;
  /** `#added` when the older generation was closed. */
  #olderEnd = 0;
  #settled = 0;
  #ahead: Ahead[] = [];

  /** `startedAt`: epoch ms; every id received from then on has been or will be given to `check` or `load`. */
  constructor(options: DedupeWindowOptions, startedAt: number) {
    this.#options = options;
    this.#newer = new Generation(startedAt);
  }

  /** Epoch ms of receipt after which every id is in memory. */
  get start(): number {
    return (this.#older ?? this.#newer).startedAt;
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

  /** Looks the id up and remembers it when it is new. `created`: epoch ms at which the event says it was made. */
  check(
    appHash: number,
    id: Uint32Array,
    at: number,
    payloadLow: number,
    payloadHigh: number,
    receivedAt: number,
    created: number,
  ): Verdict {
    const low = mix(id[at]! ^ Math.imul(id[at + 2]!, 0x9e3779b1), appHash ^ id[at + 3]!);
    const high = mix(
      id[at + 1]! ^ Math.imul(id[at + 3]!, 0x85ebca6b),
      Math.imul(appHash, 0xc2b2ae35) ^ id[at + 2]!,
    );
    // Two zero words mean an empty slot.
    const key = low === 0 && high === 0 ? 1 : low;
    const payload = (payloadLow ^ payloadHigh) >>> 0;
    const known = this.#newer.get(key, high) ?? this.#older?.get(key, high) ?? null;
    if (known !== null) return known === payload ? 'duplicate' : 'collision';
    this.#turnIfDue(receivedAt);
    this.#newer.add(key, high, payload);
    this.#added++;
    // An event_id may be sent again until the claimed time is long over. Beyond the bound some are forgotten early.
    if (created > receivedAt + CLOCK_MARGIN_MS && this.#ahead.length < this.#options.entriesMax / 8)
      this.#ahead.push({ low: key, high, payload, created });
    return 'new';
  }

  #turnIfDue(receivedAt: number): void {
    const { windowMs, entriesMax } = this.#options;
    const full = this.#newer.count >= entriesMax / 2;
    const old = receivedAt - this.#newer.startedAt >= windowMs / 2;
    if ((!full && !old) || this.#olderEnd > this.#settled) return;
    this.#older = this.#newer;
    this.#olderEnd = this.#added;
    this.#newer = new Generation(receivedAt);
    this.#ahead = this.#ahead.filter(({ created }) => created + CLOCK_MARGIN_MS >= this.start);
    for (const { low, high, payload } of this.#ahead) this.#newer.add(low, high, payload);
  }
}

/** MurmurHash3's finaliser over two words. */
function mix(a: number, b: number): number {
  let h = Math.imul(a ^ (a >>> 16), 0x85ebca6b) ^ b;
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  h = Math.imul(h ^ (h >>> 15), 0x27d4eb2f) + a;
  return (h ^ (h >>> 16)) >>> 0;
}
