import type { FunnelPlan, History, RunFinder } from './plan.ts';

/**
 * Runs whose steps come in any order: events within the window of the first, each serving another step, none excluded and
 * none excluded between them.
 *
 * Which events can serve different steps at once is a matching, and such sets of events are a matroid (transversal): taking
 * the events in order, each if there is room for it beside those taken, gives the largest set, and of these the earliest.
 * Of events that may serve the same steps, as many as there are steps are enough to look at.
 */
export function createUnorderedFinder({ steps: count, windowMs, rangeMs }: FunnelPlan): RunFinder {
  return (history) => {
    const { times, steps, excluded } = history;
    const kinds = sortKinds(history);
    const most = match(candidates(kinds, 0, times.length), history, count).length;
    const stops = nextExcluded(excluded);
    let best: number[] = [];
    for (let start = 0; start < times.length && times[start]! < rangeMs && best.length < most; start++) {
      if (steps[start] === 0 || excluded[start] !== 0) continue;
      const last = times[start]! + windowMs;
      const near = candidates(kinds, start, stops[start]!).filter((p) => times[p]! <= last);
      if (near.length <= best.length) continue;
      const run = match(near, history, count);
      if (run.length > best.length) best = run;
    }
    return best;
  };
}

/** The events that may serve the same steps. */
interface Kind {
  readonly places: number[];
  /** How many steps these are. */
  readonly size: number;
  /** Places before this one lie before the beginning that is looked at. */
  head: number;
}

function sortKinds({ steps, excluded }: History): Kind[] {
  const kinds = new Map<number, Kind>();
  steps.forEach((served, p) => {
    if (served === 0 || excluded[p] !== 0) return;
    const kind = kinds.get(served);
    if (kind === undefined) kinds.set(served, { places: [p], size: countBits(served), head: 0 });
    else kind.places.push(p);
  });
  return [...kinds.values()];
}

/** The places that matter from `start` until `stop`, ascending. `start` never goes back. */
function candidates(kinds: readonly Kind[], start: number, stop: number): number[] {
  const found: number[] = [];
  for (const kind of kinds) {
    while (kind.head < kind.places.length && kind.places[kind.head]! < start) kind.head++;
    for (let i = kind.head; i < kind.places.length && i < kind.head + kind.size; i++) {
      if (kind.places[i]! >= stop) break;
      found.push(kind.places[i]!);
    }
  }
  return found.sort((a, b) => a - b);
}

/** For each place the next excluded one after it. */
function nextExcluded(excluded: readonly number[]): number[] {
  const next = new Array<number>(excluded.length);
  let stop = excluded.length;
  for (let p = excluded.length - 1; p >= 0; p--) {
    next[p] = stop;
    if (excluded[p] !== 0) stop = p;
  }
  return next;
}

/** Those of the places, in order, that can serve different steps together with the ones before. */
function match(places: readonly number[], { steps }: History, count: number): number[] {
  /** Step -> what the event that has it may serve; 0: it is free. */
  const takenBy = new Array<number>(count).fill(0);
  const taken: number[] = [];
  for (const place of places) {
    if (taken.length === count) break;
    if (findRoom(steps[place]!, takenBy, { steps: 0 })) taken.push(place);
  }
  return taken;
}

/** Gives the event a step, moving others to other steps where that makes room. */
function findRoom(served: number, takenBy: number[], visited: { steps: number }): boolean {
  for (let step = 0; step < takenBy.length; step++) {
    const bit = 1 << step;
    if ((served & bit) === 0 || (visited.steps & bit) !== 0) continue;
    visited.steps |= bit;
    const other = takenBy[step]!;
    if (other !== 0 && !findRoom(other, takenBy, visited)) continue;
    takenBy[step] = served;
    return true;
  }
  return false;
}

function countBits(mask: number): number {
  let count = 0;
  for (let rest = mask; rest !== 0; rest &= rest - 1) count++;
  return count;
}
