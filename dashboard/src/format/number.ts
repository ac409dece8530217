/** Figures for people: short in the page, full in the tooltip. */

const full = new Intl.NumberFormat('en', { maximumFractionDigits: 2 });
const NARROW = '\u202f';

/** 12,431 -> `12.4k`; up to 9,999 is written out. */
export function shortNumber(value: number): string {
  const size = Math.abs(value);
  if (size < 10_000) {
    if (Number.isInteger(value) || size >= 1_000) return full.format(Math.round(value));
    return value
      .toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2)
      .replace(/(\.\d*?)0+$/, '$1')
      .replace(/\.$/, '');
  }
  const units = ['k', 'M', 'B', 'T'];
  let scaled = size / 1_000;
  let unit = 0;
  while (scaled >= 999.5 && unit < units.length - 1) {
    scaled /= 1_000;
    unit += 1;
  }
  const digits = scaled >= 100 ? scaled.toFixed(0) : scaled.toFixed(1).replace(/\.0$/, '');
  return `${value < 0 ? '−' : ''}${digits}${units[unit]}`;
}

export function fullNumber(value: number): string {
  return full.format(value);
}

/** Seconds -> `1 h 02 m`, `4 m 05 s`, `12 s`; thousands of hours are shortened. */
export function duration(seconds: number): string {
  const whole = Math.round(seconds);
  if (whole < 60) return `${whole}${NARROW}s`;
  const pad = (n: number): string => String(n).padStart(2, '0');
  if (whole < 3600) return `${Math.floor(whole / 60)}${NARROW}m ${pad(whole % 60)}${NARROW}s`;
  const hours = Math.floor(whole / 3600);
  if (hours < 100) return `${hours}${NARROW}h ${pad(Math.floor((whole % 3600) / 60))}${NARROW}m`;
  return `${shortNumber(hours)}${NARROW}h`;
}

/** `50 h 00 m` -> `50 h`, for places where round values stand. */
export function withoutZeroPart(text: string): string {
  return text.replace(/ 00\u202f[ms]$/, '');
}

/** 0.1234 -> `12.3 %`. */
export function percent(rate: number): string {
  const value = rate * 100;
  const digits =
    value !== 0 && Math.abs(value) < 1 ? 2 : Math.abs(value) < 100 && !Number.isInteger(value) ? 1 : 0;
  return `${value.toFixed(digits)}${NARROW}%`;
}

/** Bits per second given in Gbit/s, in the unit that reads best. */
export function bandwidth(gbps: number): string {
  if (gbps >= 1) return `${gbps >= 100 ? gbps.toFixed(0) : gbps.toFixed(1)}${NARROW}Gbit/s`;
  if (gbps >= 0.001) return `${(gbps * 1e3).toFixed(gbps >= 0.1 ? 0 : 1)}${NARROW}Mbit/s`;
  return gbps === 0 ? `0${NARROW}Mbit/s` : `${(gbps * 1e6).toFixed(0)}${NARROW}kbit/s`;
}

export function bytes(value: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
  let scaled = value;
  let unit = 0;
  while (scaled >= 1000 && unit < units.length - 1) {
    scaled /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || scaled >= 100 ? scaled.toFixed(0) : scaled.toFixed(1);
  return `${digits}${NARROW}${units[unit]}`;
}

/** Milliseconds as `340 ms`, `2.1 s`, `4 m 05 s`. */
export function milliseconds(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)}${NARROW}ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)}${NARROW}s`;
  return duration(ms / 1000);
}

export interface ChangeFigure {
  text: string;
  words: string;
  direction: 'up' | 'down' | 'same';
}

/** The change against the period before, with sign; null where there was nothing to compare with. */
export function change(now: number | null, before: number | null): ChangeFigure | null {
  if (now === null || before === null) return null;
  if (before === 0) return now === 0 ? { text: '0 %', words: 'no change', direction: 'same' } : null;
  const rate = (now - before) / before;
  const size = Math.abs(rate) * 100;
  const text =
    size >= 1000
      ? `${shortNumber(size / 100)}×`
      : `${size >= 10 ? size.toFixed(0) : size.toFixed(1)}${NARROW}%`;
  if (size < 0.05) return { text: `0${NARROW}%`, words: 'no change', direction: 'same' };
  const direction = rate > 0 ? 'up' : 'down';
  return { text: `${rate > 0 ? '+' : '−'}${text}`, words: `${direction} by ${text}`, direction };
}
