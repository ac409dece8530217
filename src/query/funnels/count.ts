import type { Funnel } from '../../catalog/funnels.ts';
import { HttpProblem } from '../../http/problem.ts';
import {
  type HistoriesReader,
  HistoriesTooLarge,
  type HistoryRow,
  readHistories,
} from '../../store/questions/histories.ts';
import type { TimeRange } from '../../store/sql/range.ts';
import { readStored } from '../definition.ts';
import { createOrderedFinder } from './ordered.ts';
import type { FunnelPlan } from './plan.ts';
import { FunnelTally, type StepFigures } from './tally.ts';
import { createUnorderedFinder } from './unordered.ts';

export interface FunnelQuestion {
  readonly range: TimeRange;
  /** Null: every app. */
  readonly apps: readonly string[] | null;
  readonly bots: boolean;
  /** Field whose value at the first event of the run that counts parts the actors. */
  readonly breakdown: string | null;
  /** Values of the breakdown at most. */
  readonly limit: number;
}

export interface FunnelFigures {
  readonly steps: readonly StepFigures[];
  /** Of those that begin, how many reach the last step, 0 to 1. */
  readonly total: number;
  /** The largest first. */
  readonly groups: readonly { readonly value: string; readonly steps: readonly StepFigures[] }[];
  /** There are more groups than the limit. */
  readonly truncated: boolean;
}

const VALUES_MAX = 100_000;

/** Counts a funnel, exactly. Rejects with StoreError, or HttpProblem `result_too_large`. */
export async function countFunnel(
  store: HistoriesReader,
  funnel: Funnel,
  question: FunnelQuestion,
): Promise<FunnelFigures> {
  const plan = planOf(funnel, question.range);
  const find = plan.order === 'unordered' ? createUnorderedFinder(plan) : createOrderedFinder(plan);
  const all = new FunnelTally(plan.steps);
  const groups = new Map<string, FunnelTally>();
  for await (const rows of histories(store, funnel, question)) {
    for (const row of rows) {
      const run = find(row);
      if (run.length === 0) continue;
      all.add(run, row.times);
      if (question.breakdown !== null) groupOf(groups, row.values[run[0]!]!, plan.steps).add(run, row.times);
    }
  }
  const sorted = [...groups].sort(([a, one], [b, other]) => other.began - one.began || (a < b ? -1 : 1));
  return {
    steps: all.steps(),
    total: all.total,
    groups: sorted.slice(0, question.limit).map(([value, tally]) => ({ value, steps: tally.steps() })),
    truncated: sorted.length > question.limit,
  };
}

function planOf(funnel: Funnel, range: TimeRange): FunnelPlan {
  return {
    order: funnel.order,
    steps: funnel.steps.length,
    windowMs: funnel.window_seconds * 1000,
    stepWindowMs: funnel.step_window_seconds === null ? null : funnel.step_window_seconds * 1000,
    exclusions: funnel.exclusions.map(({ after_step, before_step }) => ({
      afterStep: after_step,
      beforeStep: before_step,
    })),
    rangeMs: range.to - range.from,
  };
}

async function* histories(
  store: HistoriesReader,
  funnel: Funnel,
  { range, apps, bots, breakdown }: FunnelQuestion,
): AsyncGenerator<HistoryRow[], void> {
  try {
    yield* readHistories(store, {
      range,
      apps,
      bots,
      windowMs: funnel.window_seconds * 1000,
      by: funnel.count_by,
      steps: funnel.steps.map(({ event_name, filters }) => ({
        eventName: event_name,
        filters: readStored(filters),
      })),
      exclusions: funnel.exclusions.map(({ event_name, filters }) => ({
        eventName: event_name,
        filters: readStored(filters),
      })),
      begins: funnel.order === 'unordered' ? 2 ** funnel.steps.length - 1 : 1,
      gaps: funnel.order === 'strict',
      field: breakdown,
    });
  } catch (cause) {
    if (!(cause instanceof HistoriesTooLarge)) throw cause;
    throw new HttpProblem('result_too_large', cause.message, { cause });
  }
}

function groupOf(groups: Map<string, FunnelTally>, value: string, steps: number): FunnelTally {
  const known = groups.get(value);
  if (known !== undefined) return known;
  if (groups.size === VALUES_MAX) {
    throw new HttpProblem(
      'result_too_large',
      `breakdown: the field has more than ${VALUES_MAX} values. Choose one with fewer.`,
    );
  }
  const tally = new FunnelTally(steps);
  groups.set(value, tally);
  return tally;
}
