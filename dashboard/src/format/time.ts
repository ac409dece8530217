import type { Interval } from '../state/range.ts';

/** Times in the viewer's zone. */

const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
const clockSeconds = new Intl.DateTimeFormat('en-GB', {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hourCycle: 'h23',
});
const day = new Intl.DateTimeFormat('en-GB', { day: 'numeric', month: 'short' });
const weekday = new Intl.DateTimeFormat('en-GB', { weekday: 'short', day: 'numeric', month: 'short' });
const month = new Intl.DateTimeFormat('en-GB', { month: 'short', year: 'numeric' });
const monthOnly = new Intl.DateTimeFormat('en-GB', { month: 'short' });
const exact = new Intl.DateTimeFormat('en-GB', {
  day: 'numeric',
  month: 'short',
  year: 'numeric',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
  hourCycle: 'h23',
  timeZoneName: 'short',
});

/** The name of a bucket, as the tooltip and the table say it. */
export function bucketName(date: Date, interval: Interval | 'live'): string {
  if (interval === 'live') return clockSeconds.format(date);
  if (interval === '1m' || interval === '5m') return `${day.format(date)}, ${clock.format(date)}`;
  if (interval === '1h') {
    const end = new Date(date.getTime() + 3_600_000);
    return `${weekday.format(date)}, ${clock.format(date)}–${clock.format(end)}`;
  }
  if (interval === '1d') return weekday.format(date);
  if (interval === '1w') return `Week of ${day.format(date)}`;
  return month.format(date);
}

/** A cohort by the first date of its period, `2026-11-23`. */
export function cohortName(date: string, unit: 'day' | 'week' | 'month'): string {
  const [year = 0, monthNumber = 1, dayNumber = 1] = date.split('-').map(Number);
  const first = new Date(year, monthNumber - 1, dayNumber);
  return bucketName(first, unit === 'month' ? '1mo' : unit === 'week' ? '1w' : '1d');
}

/** An axis mark; `stepSeconds` is the distance between marks. */
export function tickName(date: Date, stepSeconds: number): string {
  if (stepSeconds < 60) return clockSeconds.format(date);
  const midnight = date.getHours() === 0 && date.getMinutes() === 0;
  if (stepSeconds < 86_400) return midnight ? day.format(date) : clock.format(date);
  if (stepSeconds < 27 * 86_400) return day.format(date);
  return date.getMonth() === 0 ? month.format(date) : monthOnly.format(date);
}

export function exactTime(text: string): string {
  const date = new Date(text);
  return Number.isNaN(date.getTime()) ? text : exact.format(date);
}

/** `14:03:22` today, `3 Nov, 14:03` before. */
export function eventTime(text: string, now: Date): string {
  const date = new Date(text);
  if (Number.isNaN(date.getTime())) return text;
  if (date.toDateString() === now.toDateString()) return clockSeconds.format(date);
  return `${day.format(date)}, ${clock.format(date)}`;
}

/** `just now`, `12 s ago`, `3 min ago`, `5 h ago`, `2 days ago`. */
export function age(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 2) return 'just now';
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86_400)} days ago`;
}

/** `1 s`, `2 min`, `3 h`: an age small enough for the bar. */
export function shortAge(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  return `${Math.floor(seconds / 3600)} h`;
}
