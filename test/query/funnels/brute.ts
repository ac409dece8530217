/**
 * The oracle of the funnels: every run there is, one by one, held against the rules as they are written. Slow on purpose.
 */
import type { FunnelPlan, History } from '../../../src/query/funnels/plan.ts';

/** The run that counts: the one that gets furthest, then the earliest. */
export function bruteRun(plan: FunnelPlan, history: History): number[] {
  let best: number[] = [];
  for (const run of plan.order === 'unordered' ? anyOrder(plan, history) : inOrder(plan, history)) {
    if (run.length > best.length || (run.length === best.length && comesFirst(run, best))) best = run;
  }
  return best;
}

function comesFirst(a: readonly number[], b: readonly number[]): boolean {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return a[i]! < b[i]!;
  return false;
}

/** All increasing sequences of places, of 1 to `max` places. */
function* sequences(count: number, max: number, begun: number[] = []): Generator<number[]> {
  for (let p = (begun.at(-1) ?? -1) + 1; p < count; p++) {
    const next = [...begun, p];
    yield next;
    if (next.length < max) yield* sequences(count, max, next);
  }
}

function* inOrder(plan: FunnelPlan, history: History): Generator<number[]> {
  for (const run of sequences(history.times.length, plan.steps)) {
    if (run.every((p, i) => serves(history, p, i)) && isInTime(plan, history, run)) {
      if (plan.order === 'strict' && run.some((p, i) => i > 0 && p !== run[i - 1]! + 1)) continue;
      if (!isEnded(plan, history, run)) yield run;
    }
  }
}

const serves = ({ steps }: History, p: number, step: number) => Math.floor(steps[p]! / 2 ** step) % 2 === 1;

function isInTime(plan: FunnelPlan, { times }: History, run: readonly number[]): boolean {
  if (times[run[0]!]! >= plan.rangeMs) return false;
  if (times[run.at(-1)!]! - times[run[0]!]! > plan.windowMs) return false;
  const { stepWindowMs } = plan;
  return (
    stepWindowMs === null || run.every((p, i) => i === 0 || times[p]! - times[run[i - 1]!]! <= stepWindowMs)
  );
}

/** Whether an excluded event lies after the step at which its exclusion opens, and before the one that closes it. */
function isEnded(plan: FunnelPlan, { excluded }: History, run: readonly number[]): boolean {
  return plan.exclusions.some(({ afterStep, beforeStep }, i) => {
    if (run.length <= afterStep) return false;
    const from = run[afterStep - 1]! + 1;
    // Until the run gets there, its last event lies before that step.
    const until = run.length >= beforeStep ? run[beforeStep - 1]! : run.at(-1)! + 1;
    return excluded.slice(from, until).some((mask) => Math.floor(mask / 2 ** i) % 2 === 1);
  });
}

function* anyOrder(plan: FunnelPlan, history: History): Generator<number[]> {
  for (const run of sequences(history.times.length, plan.steps)) {
    const span = history.excluded.slice(run[0]!, run.at(-1)! + 1);
    if (!isInTime({ ...plan, stepWindowMs: null }, history, run) || span.some((mask) => mask !== 0)) continue;
    if (canServe(history, run, new Set(), plan.steps)) yield run;
  }
}

/** Tries every way of giving the events different steps. */
function canServe(history: History, run: readonly number[], given: Set<number>, count: number): boolean {
  const [first, ...rest] = run;
  if (first === undefined) return true;
  for (let step = 0; step < count; step++) {
    if (given.has(step) || !serves(history, first, step)) continue;
    if (canServe(history, rest, new Set([...given, step]), count)) return true;
  }
  return false;
}
