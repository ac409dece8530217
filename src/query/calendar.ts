import type { Zone } from './zone.ts';

/** Local dates and the intervals of a chart. Dates are `YYYY-MM-DD`, moments epoch ms. */

export const INTERVALS = ['1m', '5m', '1h', '1d', '1w', '1mo'] as const;
export type Interval = (typeof INTERVALS)[number];

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** No clock is further from UTC than this. */
const OFFSET_MAX_MS = 15 * HOUR_MS;

/** About how long an interval is, to tell how many there are before they are made. */
export const INTERVAL_MS: Readonly<Record<Interval, number>> = {
  '1m': MINUTE_MS,
  '5m': 5 * MINUTE_MS,
  '1h': HOUR_MS,
  '1d': DAY_MS,
  '1w': 7 * DAY_MS,
  '1mo': 30 * DAY_MS,
};

/** Whether the text is a day that exists. */
export function isDate(text: string): boolean {
  if (!/^\d{4}-\d\d-\d\d$/.test(text)) return false;
  const at = Date.parse(`${text}T00:00:00Z`);
  return !Number.isNaN(at) && new Date(at).toISOString().startsWith(text);
}

export function addDays(date: string, days: number): string {
  return new Date(Date.parse(`${date}T00:00:00Z`) + days * DAY_MS).toISOString().slice(0, 10);
}

export function localDate(zone: Zone, at: number): string {
  return new Date(at + zone.offsetAt(at)).toISOString().slice(0, 10);
}

/** The first moment of a local date; where the date was skipped, that of the next one. */
export function startOfDate(zone: Zone, date: string): number {
  const midnight = Date.parse(`${date}T00:00:00Z`);
  for (const { start, end, offset } of zone.segments(midnight - OFFSET_MAX_MS, midnight + 2 * DAY_MS)) {
    const at = Math.max(start, midnight - offset);
    if (at < end) return at;
  }
  return midnight;
}

/**
 * Starts of the intervals that touch [from, to), ascending; the first may lie before `from`. An interval under a day
 * begins when the local clocks show a multiple of it; days, weeks (from Monday) and months begin with their first date.
 */
export function intervalStarts(zone: Zone, from: number, to: number, interval: Interval): number[] {
  if (from >= to) return [];
  switch (interval) {
    case '1d':
    case '1w':
    case '1mo':
      return dateStarts(zone, from, to, interval);
    default:
      return clockStarts(zone, from, to, INTERVAL_MS[interval]);
  }
}

function clockStarts(zone: Zone, from: number, to: number, step: number): number[] {
  let first = from;
  const starts: number[] = [];
  // A change of the clocks can make the interval that holds `from` up to two steps long.
  for (const { start, end, offset } of zone.segments(from - 3 * step, to)) {
    for (let at = Math.ceil((start + offset) / step) * step - offset; at < end; at += step) {
      if (at <= from) first = at;
      else starts.push(at);
    }
  }
  return [first, ...starts];
}

function dateStarts(zone: Zone, from: number, to: number, interval: '1d' | '1w' | '1mo'): number[] {
  const starts: number[] = [];
  let date = periodStart(localDate(zone, from), interval);
  for (let at = startOfDate(zone, date); at < to; at = startOfDate(zone, date)) {
    // A date that was skipped begins when the next one does.
    if (starts.at(-1) !== at) starts.push(at);
    date = nextPeriod(date, interval);
  }
  return starts;
}

function periodStart(date: string, interval: '1d' | '1w' | '1mo'): string {
  if (interval === '1d') return date;
  if (interval === '1mo') return `${date.slice(0, 7)}-01`;
  const weekday = new Date(`${date}T00:00:00Z`).getUTCDay();
  return addDays(date, -((weekday + 6) % 7));
}

function nextPeriod(date: string, interval: '1d' | '1w' | '1mo'): string {
  if (interval === '1d') return addDays(date, 1);
  if (interval === '1w') return addDays(date, 7);
  return `${addDays(date, 31).slice(0, 7)}-01`;
}
