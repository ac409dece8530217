import type { AppNumbers } from './snapshot.ts';

/**
 * Running totals per app. An app has a slot while something of it is held (a view, a count), so that app ids that
 * clients invent do not pile up. Beyond `appsMax` apps at once, further ones share slot 0: they count in the totals
 * over all apps, and have no numbers of their own.
 */
export class AppSlots {
  readonly viewers: Int32Array;
  readonly streams: Int32Array;
  readonly bitsPerSecond: Float64Array;
  readonly events: Float64Array;
  readonly errors: Float64Array;
  readonly #hashes: Uint32Array;
  readonly #held: Uint32Array;
  readonly #slots = new Map<number, number>();
  readonly #free: number[] = [];
  #used = 1;

  constructor(appsMax: number) {
    this.viewers = new Int32Array(appsMax + 1);
    this.streams = new Int32Array(appsMax + 1);
    this.bitsPerSecond = new Float64Array(appsMax + 1);
    this.events = new Float64Array(appsMax + 1);
    this.errors = new Float64Array(appsMax + 1);
    this.#hashes = new Uint32Array(appsMax + 1);
    this.#held = new Uint32Array(appsMax + 1);
  }

  /** The slot of the app, held once more; `release` lets go of it. */
  hold(appHash: number): number {
    let slot = this.#slots.get(appHash);
    if (slot === undefined) {
      slot = this.#free.pop() ?? (this.#used < this.#held.length ? this.#used++ : 0);
      if (slot !== 0) {
        this.#slots.set(appHash, slot);
        this.#hashes[slot] = appHash;
      }
    }
    this.#held[slot]!++;
    return slot;
  }

  holdAgain(slot: number): void {
    this.#held[slot]!++;
  }

  release(slot: number): void {
    if (--this.#held[slot]! > 0 || slot === 0) return;
    this.#slots.delete(this.#hashes[slot]!);
    this.#free.push(slot);
    this.viewers[slot] = 0;
    this.streams[slot] = 0;
    this.bitsPerSecond[slot] = 0;
    this.events[slot] = 0;
    this.errors[slot] = 0;
  }

  numbers(): AppNumbers[] {
    const all: AppNumbers[] = [];
    const read = (slot: number, appHash: number) => {
      const viewers = this.viewers[slot]!;
      const events = this.events[slot]!;
      const streams = this.streams[slot]!;
      if (viewers === 0 && events === 0 && streams === 0) return;
      const bitsPerSecond = this.bitsPerSecond[slot]!;
      all.push({ appHash, viewers, streams, bitsPerSecond, events, errors: this.errors[slot]! });
    };
    for (const [appHash, slot] of this.#slots) read(slot, appHash);
    // No hash is -1: the crowd of slot 0 is found by nobody and counts in the sum of all.
    read(0, -1);
    return all;
  }
}
