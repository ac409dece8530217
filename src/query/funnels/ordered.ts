import type { FunnelPlan, History, RunFinder } from './plan.ts';

/**
 * Runs whose steps follow each other, with other events between (`ordered`) or none (`strict`).
 *
 * An exclusion is open from its `after_step` until its `before_step`: an event that it matches then ends the run, even one
 * that could be a step on the way; the event that serves `before_step` itself does not.
 *
 * For a goal of k steps, `ends[j][p]` is the earliest time at which a run can be at step k that has its step j at p. It is
 * found from the last step back, each in one pass with a queue of the best candidates within the step window, so that a
 * history costs events times steps, however many runs it has.
 */
export function createOrderedFinder(plan: FunnelPlan): RunFinder {
  const rules = readRules(plan);
  // Grows to the longest history; most have a few events only.
  let ends: Float64Array[] = [];
  return (history) => {
    const { length } = history.times;
    if ((ends[0]?.length ?? 0) < length)
      ends = Array.from({ length: plan.steps }, () => new Float64Array(length * 2));
    for (let goal = boundReach(history, plan.steps); goal > 0; goal--) {
      const run = findRun(history, rules, goal, ends);
      if (run !== null) return run;
    }
    return [];
  };
}

interface Rules {
  readonly strict: boolean;
  readonly windowMs: number;
  readonly stepWindowMs: number;
  readonly rangeMs: number;
  /** By steps done, from 0: exclusions that end a run there. */
  readonly kills: readonly number[];
  /** The same without those that the next step closes: a run may not take such an event as its next step. */
  readonly blocks: readonly number[];
}

function readRules({ order, steps, windowMs, stepWindowMs, exclusions, rangeMs }: FunnelPlan): Rules {
  const maskOf = (holds: (after: number, before: number) => boolean) =>
    exclusions.reduce((mask, { afterStep, beforeStep }, i) => {
      return holds(afterStep, beforeStep) ? mask | (1 << i) : mask;
    }, 0);
  const done = Array.from({ length: steps }, (_, i) => i);
  return {
    strict: order === 'strict',
    windowMs,
    stepWindowMs: stepWindowMs ?? Number.POSITIVE_INFINITY,
    rangeMs,
    kills: done.map((n) => maskOf((after, before) => after <= n && n < before)),
    blocks: done.map((n) => maskOf((after, before) => after <= n && n + 1 < before)),
  };
}

/** No run gets further than this: the steps found one after the other, whatever the windows. */
function boundReach({ steps }: History, count: number): number {
  let reached = 0;
  for (const served of steps) {
    if ((served >> reached) & 1) reached++;
    if (reached === count) break;
  }
  return reached;
}

/** The earliest run of exactly `goal` steps. `ends[j]` is of step j + 1. */
function findRun(
  history: History,
  rules: Rules,
  goal: number,
  ends: readonly Float64Array[],
): number[] | null {
  const { times, steps } = history;
  const last = ends[goal - 1]!;
  for (let p = 0; p < times.length; p++) {
    last[p] = (steps[p]! >> (goal - 1)) & 1 ? times[p]! : Number.POSITIVE_INFINITY;
  }
  for (let done = goal - 1; done > 0; done--) {
    if (rules.strict) stepBackStrictly(history, rules, done, ends);
    else stepBack(history, rules, done, ends);
  }
  const first = ends[0]!;
  for (let p = 0; p < times.length && times[p]! < rules.rangeMs; p++) {
    if (first[p]! - times[p]! <= rules.windowMs) return follow(history, rules, goal, ends, p);
  }
  return null;
}

/** Whether a run with so many steps done may take the event as its next one, the time apart. */
function takes({ steps, excluded }: History, { blocks }: Rules, done: number, p: number): boolean {
  return ((steps[p]! >> done) & 1) === 1 && (excluded[p]! & blocks[done]!) === 0;
}

function stepBack(history: History, rules: Rules, done: number, ends: readonly Float64Array[]): void {
  const { times, steps, excluded } = history;
  const [here, next] = [ends[done - 1]!, ends[done]!];
  const kill = rules.kills[done]!;
  // Places of the next step, the latest first, each of which ends later than those behind it are able to.
  const queue: number[] = [];
  let head = 0;
  for (let p = times.length - 1; p >= 0; p--) {
    here[p] = Number.POSITIVE_INFINITY;
    if ((steps[p]! >> (done - 1)) & 1) {
      while (head < queue.length && times[queue[head]!]! - times[p]! > rules.stepWindowMs) head++;
      if (head < queue.length) here[p] = next[queue[head]!]!;
    }
    if ((excluded[p]! & kill) !== 0) {
      queue.length = 0;
      head = 0;
    }
    if (next[p] === Number.POSITIVE_INFINITY || !takes(history, rules, done, p)) continue;
    while (queue.length > head && next[queue.at(-1)!]! >= next[p]!) queue.pop();
    queue.push(p);
  }
}

function stepBackStrictly(history: History, rules: Rules, done: number, ends: readonly Float64Array[]): void {
  const { times, steps } = history;
  const [here, next] = [ends[done - 1]!, ends[done]!];
  for (let p = 0; p < times.length; p++) {
    const goesOn =
      (steps[p]! >> (done - 1)) & 1 &&
      p + 1 < times.length &&
      times[p + 1]! - times[p]! <= rules.stepWindowMs &&
      takes(history, rules, done, p + 1);
    here[p] = goesOn ? next[p + 1]! : Number.POSITIVE_INFINITY;
  }
}

/** The earliest run from this beginning: at each step the first event from which the goal is still within the window. */
function follow(
  history: History,
  rules: Rules,
  goal: number,
  ends: readonly Float64Array[],
  start: number,
): number[] {
  const run = [start];
  const until = history.times[start]! + rules.windowMs;
  while (run.length < goal) {
    const done = run.length;
    let p = run.at(-1)! + 1;
    while (ends[done]![p]! > until || !takes(history, rules, done, p)) p++;
    run.push(p);
  }
  return run;
}
