import { spellCsv } from '../format/csv.ts';
import { bucketName } from '../format/time.ts';
import type { Interval } from '../state/range.ts';

export interface ChartSeries {
  label: string;
  /** Name of a custom property. */
  color: string;
  values: readonly (number | null)[];
  /** The period before: drawn thin and dashed, without fill. */
  isPast?: boolean;
  /** The times of a past series, where they differ from the chart's. */
  times?: readonly number[];
}

export interface ChartInput {
  title: string;
  /** Starts of the buckets, epoch seconds, ascending. */
  times: readonly number[];
  series: readonly ChartSeries[];
  interval: Interval | 'live';
  /** True while the last bucket still fills: it is drawn dashed. */
  isOpen: boolean;
  kind: 'count' | 'duration' | 'rate' | 'decimal';
  short(value: number): string;
}

export type Columns = [number[], ...(number | null)[][]];

/** Two columns a series: what is certain, and the dashed end that still grows. */
export function chartColumns(input: ChartInput): Columns {
  const count = input.times.length;
  const columns: Columns = [[...input.times]];
  for (const series of input.series) {
    const splits = input.isOpen && !series.isPast && count > 1;
    const solid: (number | null)[] = [];
    const tail: (number | null)[] = [];
    for (let i = 0; i < count; i += 1) {
      const value = series.values[i] ?? null;
      solid.push(splits && i === count - 1 ? null : value);
      tail.push(splits && i >= count - 2 ? value : null);
    }
    columns.push(solid, tail);
  }
  return columns;
}

export interface ChartRow {
  time: string;
  name: string;
  values: (number | null)[];
  isOpen: boolean;
}

export function chartRows(input: ChartInput): ChartRow[] {
  return input.times.map((time, index) => {
    const date = new Date(time * 1000);
    return {
      time: date.toISOString(),
      name: bucketName(date, input.interval),
      values: input.series.map((series) => series.values[index] ?? null),
      isOpen: input.isOpen && index === input.times.length - 1,
    };
  });
}

export function chartCsv(input: ChartInput): string {
  const head = ['time', ...input.series.map((series) => series.label)];
  return spellCsv([head, ...chartRows(input).map((row) => [row.time, ...row.values])]);
}

const DURATION_STEPS = [
  1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 36_000,
];

/** Steps of the vertical axis that read well: hours for durations, tens for the rest. */
export function axisSteps(kind: ChartInput['kind']): number[] {
  const steps: number[] = kind === 'duration' ? [...DURATION_STEPS] : [];
  const factor = kind === 'duration' ? 3600 : 1;
  const smallest = kind === 'count' ? 0 : kind === 'duration' ? 1 : -6;
  for (let power = smallest; power < 13; power += 1) {
    for (const step of [1, 2, 5]) {
      const value = Number(`${step}e${power}`) * factor;
      if (kind !== 'duration' || value > 36_000) steps.push(value);
    }
  }
  return steps;
}

/** The first and last moment of the buckets that a dragged stretch touches, in epoch ms. */
export function snapToBuckets(
  times: readonly number[],
  fromSeconds: number,
  toSeconds: number,
  bucketMs: number,
): { from: number; to: number } | null {
  let first = -1;
  let last = -1;
  times.forEach((time, index) => {
    if (time <= fromSeconds) first = index;
    if (time <= toSeconds) last = index;
  });
  if (last < 0) return null;
  const from = times[Math.max(0, first)]! * 1000;
  return { from, to: times[last]! * 1000 + bucketMs };
}
