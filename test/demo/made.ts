/** What the demo makes, without sending it: all events of a stretch of virtual time, each acknowledged as it leaves. */
import { createCatalogue } from '../../src/demo/catalogue.ts';
import { createCount, createCounter } from '../../src/demo/count.ts';
import { createStream, type DemoStream } from '../../src/demo/stream.ts';
import type { DemoEvent } from '../../src/demo/visit.ts';

export const startAt = Date.UTC(2026, 4, 10, 23, 50);

export interface Made {
  readonly event: DemoEvent;
  /** Epoch ms, virtual. */
  readonly sentAt: number;
}

/** Runs a stream for so many ticks of `tickMs` at `wanted` events each, then drains it. */
export function makeEvents(
  stream: DemoStream,
  ticks: number,
  tickMs: number,
  wanted: number,
  hold = false,
): Made[] {
  const made: Made[] = [];
  let now = startAt;
  const leave = (events: readonly DemoEvent[]) => {
    for (const event of events) {
      made.push({ event, sentAt: now });
      stream.acknowledged(event, now);
    }
  };
  for (let tick = 0; tick < ticks; tick++) {
    const due = stream.take(now, now + tickMs, wanted, hold ? wanted : Number.POSITIVE_INFINITY);
    now += tickMs;
    leave(due);
  }
  for (let left = stream.drain(); left.length > 0; left = stream.drain()) leave(left);
  return made;
}

export function createDemo(seed: number, people = 200) {
  const catalogue = createCatalogue(seed, '');
  const stream = createStream({ seed, catalogue, people, run: 'r' });
  const counter = createCounter(createCount(catalogue));
  return { catalogue, stream, counter };
}
