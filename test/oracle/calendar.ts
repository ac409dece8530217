/**
 * Local time for the oracle: offsets come from Intl alone, everything else is walked step by step.
 * Zones whose clocks change at other moments than a quarter of an hour (none does any more) are not served.
 */

export type Interval = '1m' | '5m' | '1h' | '1d' | '1w' | '1mo';

const minuteMs = 60_000;
const quarterMs = 15 * minuteMs;
const dayMs = 24 * 60 * minuteMs;

const formats = new Map<string, Intl.DateTimeFormat>();
const offsets = new Map<string, Map<number, number>>();

function formatOf(zone: string): Intl.DateTimeFormat {
  let format = formats.get(zone);
  if (!format) {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      hourCycle: 'h23',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
    formats.set(zone, format);
  }
  return format;
}

/** What the clocks of `zone` are ahead of UTC at the instant `at` (epoch ms), in ms. Throws RangeError on an unknown zone. */
export function offsetMs(zone: string, at: number): number {
  if (zone === 'UTC') return 0;
  const fixed = /^([+-])(\d\d):(\d\d)$/.exec(zone);
  if (fixed) return (fixed[1] === '-' ? -1 : 1) * (Number(fixed[2]) * 60 + Number(fixed[3])) * minuteMs;
  let known = offsets.get(zone);
  if (!known) {
    known = new Map();
    offsets.set(zone, known);
  }
  const quarter = Math.floor(at / quarterMs);
  let offset = known.get(quarter);
  if (offset === undefined) {
    const parts: Record<string, number> = {};
    for (const { type, value } of formatOf(zone).formatToParts(quarter * quarterMs))
      parts[type] = Number(value);
    const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
    offset = Date.UTC(year, month - 1, day, hour, minute, second) - quarter * quarterMs;
    known.set(quarter, offset);
  }
  return offset;
}

/** The wall-clock time shown in `zone`, as if it were UTC, in epoch ms. */
function localMs(zone: string, at: number): number {
  return at + offsetMs(zone, at);
}

/** The local date as YYYY-MM-DD. */
export function localDate(zone: string, at: number): string {
  return new Date(localMs(zone, at)).toISOString().slice(0, 10);
}

/** First instant (epoch ms) whose local date is `date` (YYYY-MM-DD) or, where that date was skipped, a later one. */
export function startOfDate(zone: string, date: string): number {
  let at = Date.parse(`${date}T00:00:00Z`) - 15 * 60 * minuteMs;
  while (localDate(zone, at) < date) at += quarterMs;
  return at;
}

/** Moves a date YYYY-MM-DD by whole days. */
export function addDays(date: string, days: number): string {
  return new Date(Date.parse(`${date}T00:00:00Z`) + days * dayMs).toISOString().slice(0, 10);
}

/** The first date of the day, week (Monday) or month that `date` is in. */
function periodOf(date: string, interval: '1d' | '1w' | '1mo'): string {
  if (interval === '1d') return date;
  if (interval === '1mo') return `${date.slice(0, 7)}-01`;
  const sundayIsZero = new Date(`${date}T00:00:00Z`).getUTCDay();
  return addDays(date, -((sundayIsZero + 6) % 7));
}

const stepOf = { '1m': minuteMs, '5m': 5 * minuteMs, '1h': 60 * minuteMs } as const;
const bucketStarts = new Map<string, number>();

/**
 * Start (epoch ms) of the bucket that holds `at`. Under a day it is the latest instant, not after `at`, at which the
 * local clocks showed a multiple of the step; from a day on it is the first instant of the local day, week or month.
 */
export function bucketStart(zone: string, at: number, interval: Interval): number {
  if (interval === '1d' || interval === '1w' || interval === '1mo') {
    const first = periodOf(localDate(zone, at), interval);
    const key = `${zone} ${first}`;
    let start = bucketStarts.get(key);
    if (start === undefined) {
      start = startOfDate(zone, first);
      bucketStarts.set(key, start);
    }
    return start;
  }
  let start = Math.floor(at / minuteMs) * minuteMs;
  while (localMs(zone, start) % stepOf[interval] !== 0) start -= minuteMs;
  return start;
}

/** All bucket starts (epoch ms) that touch [from, to), in order. */
export function bucketsBetween(zone: string, from: number, to: number, interval: Interval): number[] {
  const starts: number[] = [];
  const stride = interval === '1m' ? minuteMs : interval === '5m' ? 5 * minuteMs : quarterMs;
  let at = from;
  while (at < to) {
    const start = bucketStart(zone, at, interval);
    if (starts.at(-1) !== start) starts.push(start);
    // The stride divides every bucket, so that walking the quarters of an hour cannot jump over one.
    at = Math.floor(at / stride) * stride + stride;
  }
  return starts;
}
