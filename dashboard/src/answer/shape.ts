import type { ChartInput } from '../chart/chart-data.ts';
import { SERIES_COLORS } from '../chart/colors.ts';
import type { SqlCell, SqlColumn } from '../data/types.ts';
import { shortNumber } from '../format/number.ts';
import { INTERVAL_MS, type Interval } from '../state/range.ts';
import type { RankedRow } from '../ui/ranked-list.tsx';

/** Columns and rows of an answer, whoever gave it. */
export interface Rows {
  columns: readonly SqlColumn[];
  rows: readonly (readonly SqlCell[])[];
}

/** What picture an answer can be drawn as: lines over time, bars by name, or none. */
export type Picture =
  | { kind: 'lines'; input: ChartInput }
  | { kind: 'bars'; rows: RankedRow[]; value: string }
  | { kind: 'none' };

const BARS_MAX = 500;

/** `Nullable(LowCardinality(String))` -> `String`. */
function bareType(type: string): string {
  const inner = /^(?:Nullable|LowCardinality)\((.*)\)$/.exec(type);
  return inner === null ? type : bareType(inner[1]!);
}

export function isNumber({ type }: SqlColumn): boolean {
  return /^(U?Int|Float|Decimal|BFloat)/.test(bareType(type));
}

function isTime({ type }: SqlColumn): boolean {
  return /^Date/.test(bareType(type));
}

/** ClickHouse writes times without a zone, in UTC. */
function readTime(cell: SqlCell): number {
  const text = String(cell).replace(' ', 'T');
  return Date.parse(text.includes('T') && !text.endsWith('Z') ? `${text}Z` : text) / 1000;
}

function readNumber(cell: SqlCell | undefined): number | null {
  if (cell === null || cell === undefined || cell === '') return null;
  const value = Number(cell);
  return Number.isFinite(value) ? value : null;
}

/** A cell as text; null is told from the word. */
export function spellCell(cell: SqlCell): string {
  if (cell === null) return 'NULL';
  return typeof cell === 'object' ? JSON.stringify(cell) : String(cell);
}

export function pictureOf(answer: Rows): Picture {
  const { columns, rows } = answer;
  const numbers = columns.flatMap((column, index) => (isNumber(column) ? [index] : []));
  if (rows.length < 2 || numbers.length === 0) return { kind: 'none' };
  const time = columns.findIndex(isTime);
  const rest = columns.flatMap((column, index) => (index === time || isNumber(column) ? [] : [index]));
  if (time >= 0 && rest.length <= 1) {
    const input = lines(answer, time, numbers, rest[0]);
    if (input !== null) return { kind: 'lines', input };
  }
  if (rest.length === 0 || rows.length > BARS_MAX) return { kind: 'none' };
  const value = numbers[0]!;
  const bars = rows.map((row, index) => ({
    id: String(index),
    label: rest.map((column) => spellCell(row[column] ?? null) || '(empty)').join(' · '),
    value: readNumber(row[value]) ?? 0,
  }));
  // A bar has no place for what is below zero.
  return bars.some((bar) => bar.value < 0)
    ? { kind: 'none' }
    : { kind: 'bars', rows: bars, value: columns[value]!.name };
}

/** One line a number, or a line a name where there is one number and one name; null where that would be too many. */
function lines(
  answer: Rows,
  time: number,
  numbers: readonly number[],
  name: number | undefined,
): ChartInput | null {
  const { columns, rows } = answer;
  if (name !== undefined && numbers.length > 1) return null;
  const found = new Map<string, Map<number, number | null>>();
  const times = new Set<number>();
  for (const row of rows) {
    const at = readTime(row[time] ?? null);
    if (Number.isNaN(at)) return null;
    times.add(at);
    for (const number of numbers) {
      const label = name === undefined ? columns[number]!.name : spellCell(row[name] ?? null);
      const line = found.get(label) ?? new Map<number, number | null>();
      found.set(label, line);
      // Two values at one moment are no line.
      if (line.has(at)) return null;
      line.set(at, readNumber(row[number]));
    }
  }
  if (times.size < 2 || found.size > SERIES_COLORS.length) return null;
  const sorted = [...times].sort((a, b) => a - b);
  const series = [...found].map(([label, line], index) => ({
    label,
    color: SERIES_COLORS[index]!,
    values: sorted.map((at) => line.get(at) ?? null),
  }));
  const whole = series.every((one) => one.values.every((value) => value === null || Number.isInteger(value)));
  return {
    title: series.map((one) => one.label).join(', '),
    times: sorted,
    series,
    interval: intervalOf(sorted),
    isOpen: false,
    kind: whole ? 'count' : 'decimal',
    short: shortNumber,
  };
}

/** The largest interval that fits between any two neighbours. */
function intervalOf(times: readonly number[]): Interval {
  let gap = Infinity;
  for (let i = 1; i < times.length; i += 1) gap = Math.min(gap, (times[i]! - times[i - 1]!) * 1000);
  let best: Interval = '1m';
  for (const [interval, ms] of Object.entries(INTERVAL_MS) as [Interval, number][])
    if (ms <= gap && ms > INTERVAL_MS[best]) best = interval;
  return best;
}
