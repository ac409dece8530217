/** Time ranges in the viewer's zone. A range ends now or earlier; its last bucket may still be filling. */

export const PRESETS = ['1h', '24h', 'today', 'yesterday', '7d', '30d', '90d', 'month', '12mo'] as const;
export type Preset = (typeof PRESETS)[number];
export type Interval = '1m' | '5m' | '1h' | '1d' | '1w' | '1mo';

export const PRESET_LABELS: Record<Preset, { long: string; short: string; key: string }> = {
  '1h': { long: 'Last 60 minutes', short: '60 min', key: 'H' },
  '24h': { long: 'Last 24 hours', short: '24 h', key: 'D' },
  today: { long: 'Today', short: 'Today', key: 'T' },
  yesterday: { long: 'Yesterday', short: 'Yest.', key: 'Y' },
  '7d': { long: 'Last 7 days', short: '7 days', key: 'W' },
  '30d': { long: 'Last 30 days', short: '30 days', key: 'M' },
  '90d': { long: 'Last 90 days', short: '90 days', key: 'Q' },
  month: { long: 'Month to date', short: 'Month', key: 'N' },
  '12mo': { long: 'Last 12 months', short: '12 mo', key: 'L' },
};

export interface Range {
  preset: Preset | 'custom';
  from: Date;
  /** Exclusive; at most the end of the five minutes, or of the minute, that it is now. */
  to: Date;
  interval: Interval;
  /** The period of equal length before. */
  previous: { from: Date; to: Date };
  label: string;
  shortLabel: string;
  /** True while the range still grows. */
  open: boolean;
  timezone: string;
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
export const INTERVAL_MS: Record<Interval, number> = {
  '1m': MINUTE,
  '5m': 5 * MINUTE,
  '1h': HOUR,
  '1d': DAY,
  '1w': 7 * DAY,
  '1mo': 31 * DAY,
};

/** Days are counted on the calendar, so that a change of the clocks does not move midnight. */
function startOfDay(date: Date, addDays = 0): Date {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate() + addDays);
}

function addDays(date: Date, days: number): Date {
  const moved = new Date(date);
  moved.setDate(moved.getDate() + days);
  return moved;
}

function intervalFor(spanMs: number): Interval {
  if (spanMs <= 2 * HOUR) return '1m';
  if (spanMs <= 14 * HOUR) return '5m';
  if (spanMs <= 8 * DAY) return '1h';
  if (spanMs <= 120 * DAY) return '1d';
  if (spanMs <= 400 * DAY) return '1w';
  return '1mo';
}

/** Parses `2026-11-03`, `2026-11-03T10:00` or an instant, in the viewer's zone; null if it is neither. */
export function readMoment(text: string | null): Date | null {
  if (text === null || text === '') return null;
  const value = new Date(/^\d{4}-\d{2}-\d{2}$/.test(text) ? `${text}T00:00` : text);
  return Number.isNaN(value.getTime()) ? null : value;
}

interface Span {
  from: Date;
  end: Date;
  /** Length of the period in days when it is counted on the calendar, else null. */
  days: number | null;
}

function presetSpan(preset: Preset, now: Date): Span {
  if (preset === '1h') return { from: new Date(now.getTime() - HOUR), end: now, days: null };
  if (preset === '24h') {
    const from = new Date(Math.floor(now.getTime() / HOUR) * HOUR - 23 * HOUR);
    return { from, end: now, days: 1 };
  }
  const today = startOfDay(now);
  if (preset === 'today') return { from: today, end: startOfDay(now, 1), days: 1 };
  if (preset === 'yesterday') return { from: startOfDay(now, -1), end: today, days: 1 };
  if (preset === 'month') {
    const from = new Date(now.getFullYear(), now.getMonth(), 1);
    return { from, end: now, days: new Date(now.getFullYear(), now.getMonth(), 0).getDate() };
  }
  if (preset === '12mo') {
    return { from: new Date(now.getFullYear(), now.getMonth() - 11, 1), end: now, days: 365 };
  }
  const days = Number.parseInt(preset, 10);
  return { from: startOfDay(now, 1 - days), end: startOfDay(now, 1), days };
}

const dayFormat = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short', year: 'numeric' });
const minuteFormat = new Intl.DateTimeFormat('en-GB', {
  day: 'numeric',
  month: 'short',
  hour: '2-digit',
  minute: '2-digit',
  hourCycle: 'h23',
});
const shortDayFormat = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });

/** Names a span: whole days by their dates, others to the minute. */
export function describeSpan(from: Date, to: Date): string {
  const wholeDays = from.getTime() === startOfDay(from).getTime();
  const last = new Date(to.getTime() - 1);
  if (!wholeDays || to.getTime() - from.getTime() < DAY / 2) return minuteFormat.formatRange(from, to);
  return dayFormat.formatRange(from, last);
}

function customSpan(query: URLSearchParams): Span | null {
  const from = readMoment(query.get('from'));
  const toText = query.get('to');
  const to = readMoment(toText);
  if (from === null || to === null) return null;
  const end = toText !== null && toText.length === 10 ? addDays(to, 1) : to;
  if (end.getTime() - from.getTime() < MINUTE) return null;
  const isDays = query.get('from')?.length === 10;
  return { from, end, days: isDays ? Math.round((end.getTime() - from.getTime()) / DAY) : null };
}

function isPreset(text: string | null): text is Preset {
  return (PRESETS as readonly string[]).includes(text ?? '');
}

/** Reads the range of a page from its address; what cannot be read is the last 7 days. */
export function readRange(query: URLSearchParams, nowMs: number): Range {
  const asked = query.get('range');
  const custom = customSpan(query);
  const preset = isPreset(asked) ? asked : '7d';
  // Everyone who looks within such a step asks the same question, and five minutes are what the service counts by.
  const step = preset === '1h' && custom === null ? MINUTE : 5 * MINUTE;
  const now = new Date(Math.ceil(nowMs / step) * step);
  const span = custom ?? presetSpan(preset, now);
  const to = span.end < now ? span.end : now;
  const lengthMs = span.end.getTime() - span.from.getTime();
  const before = (date: Date): Date =>
    span.days === null ? new Date(date.getTime() - lengthMs) : addDays(date, -span.days);
  return {
    preset: custom === null ? preset : 'custom',
    from: span.from,
    to: to > span.from ? to : span.end,
    interval: intervalFor(lengthMs),
    previous: { from: before(span.from), to: before(to) },
    label: custom === null ? PRESET_LABELS[preset].long : describeSpan(span.from, span.end),
    shortLabel:
      custom === null
        ? PRESET_LABELS[preset].short
        : shortDayFormat.formatRange(span.from, new Date(span.end.getTime() - 1)),
    open: span.end >= now,
    timezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
  };
}

/** Spells a custom range for the address, to the minute, in UTC. */
export function spellRange(from: Date, to: Date): { from: string; to: string } {
  const spell = (date: Date): string => `${date.toISOString().slice(0, 16)}Z`;
  return { from: spell(from), to: spell(to) };
}

/** The day of a date in the viewer's zone as `YYYY-MM-DD`. */
export function spellDay(date: Date): string {
  const pad = (n: number): string => String(n).padStart(2, '0');
  return `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;
}
