import type { TimeRange } from '../sql/range.ts';

const HOUR_MS = 3_600_000;
/** How far to look at first; a long table is not sorted for its newest fifty rows. */
const STEPS_MS = [HOUR_MS, 24 * HOUR_MS, 7 * 24 * HOUR_MS, Number.POSITIVE_INFINITY];

export interface Step extends TimeRange {
  /** There is nothing more to look through. */
  readonly whole: boolean;
}

export interface TimeList {
  readonly range: TimeRange;
  readonly order: 'desc' | 'asc';
  /** Where the page before ended, epoch ms; null for the first page. */
  readonly after: number | null;
  /** Epoch ms: nothing lies far ahead of it. */
  readonly now: number;
}

/** Ranges from the end where the page begins, each longer than the one before, the last one all that is asked for. */
export function* growingRanges({ range, order, after, now }: TimeList): Generator<Step> {
  let { from, to } = range;
  if (after !== null && order === 'desc') to = Math.min(to, after + 1);
  if (after !== null && order === 'asc') from = Math.max(from, after);
  for (const step of STEPS_MS) {
    // Nothing lies far ahead of the clock, so the first step has to reach behind it.
    const near = order === 'desc' ? { from: Math.min(to, now) - step, to } : { from, to: from + step };
    const whole = near.from <= from && near.to >= to;
    yield { from: Math.max(near.from, from), to: Math.min(near.to, to), whole };
    if (whole) return;
  }
}
