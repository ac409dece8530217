/**
 * The stream of events: who comes when, and what is due to be sent in each stretch of virtual time.
 * In: a seed, a start, and how many events a stretch has to hold. Out: events in the order in which they leave.
 * The same seed, start and sequence of calls give the same events; nothing here looks at a clock.
 */
import type { Catalogue } from './catalogue.ts';
import { createHeap } from './heap.ts';
import { createPerson } from './people.ts';
import { createRandom } from './random.ts';
import { type DemoEvent, visitEvents } from './visit.ts';

export interface StreamOptions {
  readonly seed: number;
  readonly catalogue: Catalogue;
  /** How many different people there are. */
  readonly people: number;
  /** Makes session ids differ from those of other runs. */
  readonly run: string;
}

export interface DemoStream {
  /**
   * Events to send in [from, to) (epoch ms, to be called without gaps). New visitors come as long as fewer than `wanted`
   * are due. With `atMost` set to `wanted`, what is due beyond it waits for the next call, so that the rate holds.
   */
  take(from: number, to: number, wanted: number, atMost: number): DemoEvent[];
  /** Plans what comes after an acknowledged event: its copies and collisions. `now` is virtual, epoch ms. */
  acknowledged(event: DemoEvent, now: number): void;
  /** Everything that was held back, at once: the run is over. Visits that go on are given up. */
  drain(): DemoEvent[];
  readonly activeVisits: number;
}

/** A visit under way: its next event and those behind it. */
interface Cursor {
  readonly next: DemoEvent;
  readonly rest: Iterator<DemoEvent>;
}

export function createStream({ seed, catalogue, people, run }: StreamOptions): DemoStream {
  const chance = createRandom(seed, 3);
  const visits = createHeap<Cursor>();
  const held = createHeap<DemoEvent>();
  let visitors = 0;

  function advance(rest: Iterator<DemoEvent>): void {
    const { done, value } = rest.next();
    if (!done) visits.push(value.at, { next: value, rest });
  }

  function begin(startAt: number): void {
    const number = visitors++;
    // Regulars come more often than others, everybody comes sooner or later.
    const person = createPerson(seed, Math.floor(people * chance.next() ** 1.6), catalogue);
    const random = createRandom(seed, 4, number);
    advance(visitEvents({ person, sessionId: `${run}-${number.toString(36)}`, startAt, catalogue, random }));
  }

  return {
    take(from, to, wanted, atMost) {
      const due: DemoEvent[] = [];
      while (due.length < atMost) {
        if (held.peekKey() < to) {
          due.push(held.pop());
        } else if (visits.peekKey() < to) {
          const { next, rest } = visits.pop();
          advance(rest);
          if (next.heldMs > 0) held.push(next.at + next.heldMs, next);
          else due.push(next);
        } else if (due.length < wanted) {
          begin(from + Math.floor(chance.next() * (to - from)));
        } else break;
      }
      return due;
    },
    acknowledged(event, now) {
      for (const next of event.followUps) held.push(now + next.heldMs, next);
    },
    drain() {
      const left: DemoEvent[] = [];
      while (held.size > 0) left.push(held.pop());
      return left;
    },
    get activeVisits() {
      return visits.size;
    },
  };
}

/** Hours between two times of day, the shorter way round. */
function hoursApart(hour: number, other: number): number {
  const apart = Math.abs(hour - other) % 24;
  return Math.min(apart, 24 - apart);
}

/** How lively it is at a moment (epoch ms, UTC) against the mean of a week: quiet nights, full evenings and weekends. */
export function liveliness(at: number): number {
  const hour = (at / 3_600_000) % 24;
  const evening = Math.exp(-(hoursApart(hour, 20) ** 2) / 18);
  const noon = Math.exp(-(hoursApart(hour, 12.5) ** 2) / 8);
  const day = new Date(at).getUTCDay();
  const weekend = day === 0 || day === 6 ? 1.25 : 0.9;
  return weekend * (0.4 + 1.6 * evening + 0.5 * noon);
}
