import type { AppSlots } from './app-slots.ts';
import { WINDOW_MS } from './snapshot.ts';

/** Milliseconds that a wheel holds: the window, and room for clocks of other hosts that run ahead. A power of two. */
export const WHEEL_MS = 1 << 17;

const NODE_WORDS = 4;
/** Words of a node: its app's slot, the two counts, the next node. */
const APP = 0;
const EVENTS = 1;
const ERRORS = 2;
const NEXT = 3;
/** Nodes of a millisecond that are searched for the app before a new one is made. */
const SEARCHED = 8;

/**
 * Events and errors per app in the window, to the millisecond. Each millisecond has a list of (app, events, errors);
 * as time goes on, lists enter the sums in `apps` at one end of the window and leave them at the other.
 */
export class EventWindow {
  readonly #apps: AppSlots;
  readonly #heads = new Uint32Array(WHEEL_MS);
  #nodes = new Uint32Array(1024 * NODE_WORDS);
  /** Node 0 means none. */
  #used = 1;
  #free = 0;
  #head: number;

  constructor(apps: AppSlots, now: number) {
    this.#apps = apps;
    this.#head = now;
  }

  /** Epoch ms; the window is (head - WINDOW_MS, head]. */
  get head(): number {
    return this.#head;
  }

  get tail(): number {
    return this.#head - WINDOW_MS;
  }

  /** What is older than the window is ignored; what lies ahead of it is counted when its time comes. */
  add(receivedAt: number, app: number, events: number, errors: number): void {
    if (receivedAt <= this.tail) return;
    const at = Math.min(receivedAt, this.tail + WHEEL_MS - 1);
    const node = this.#nodeOf(at % WHEEL_MS, app);
    this.#nodes[node + EVENTS]! += events;
    this.#nodes[node + ERRORS]! += errors;
    if (at <= this.#head) {
      this.#apps.events[app]! += events;
      this.#apps.errors[app]! += errors;
    }
  }

  /** Moves the end of the window to `now`. Time that goes backwards is ignored. */
  advance(now: number): void {
    const { tail } = this;
    const last = tail + WHEEL_MS - 1;
    for (let at = this.#head + 1; at <= Math.min(now, last); at++) this.#enter(at % WHEEL_MS);
    for (let at = tail + 1; at <= Math.min(now - WINDOW_MS, last); at++) this.#leave(at % WHEEL_MS);
    this.#head = Math.max(this.#head, now);
  }

  #enter(slot: number): void {
    for (let node = this.#heads[slot]!; node !== 0; node = this.#nodes[node + NEXT]!) {
      const app = this.#nodes[node + APP]!;
      this.#apps.events[app]! += this.#nodes[node + EVENTS]!;
      this.#apps.errors[app]! += this.#nodes[node + ERRORS]!;
    }
  }

  #leave(slot: number): void {
    let node = this.#heads[slot]!;
    this.#heads[slot] = 0;
    while (node !== 0) {
      const next = this.#nodes[node + NEXT]!;
      const app = this.#nodes[node + APP]!;
      this.#apps.events[app]! -= this.#nodes[node + EVENTS]!;
      this.#apps.errors[app]! -= this.#nodes[node + ERRORS]!;
      this.#nodes[node + NEXT] = this.#free;
      this.#free = node;
      this.#apps.release(app);
      node = next;
    }
  }

  #nodeOf(slot: number, app: number): number {
    let node = this.#heads[slot]!;
    for (let i = 0; node !== 0 && i < SEARCHED; i++) {
      if (this.#nodes[node + APP] === app) return node;
      node = this.#nodes[node + NEXT]!;
    }
    node = this.#free;
    if (node !== 0) this.#free = this.#nodes[node + NEXT]!;
    else node = this.#newNode();
    this.#apps.holdAgain(app);
    this.#nodes[node + APP] = app;
    this.#nodes[node + EVENTS] = 0;
    this.#nodes[node + ERRORS] = 0;
    this.#nodes[node + NEXT] = this.#heads[slot]!;
    this.#heads[slot] = node;
    return node;
  }

  #newNode(): number {
    const node = this.#used++ * NODE_WORDS;
    if (node + NODE_WORDS > this.#nodes.length) {
      const larger = new Uint32Array(this.#nodes.length * 2);
      larger.set(this.#nodes);
      this.#nodes = larger;
    }
    return node;
  }
}
