/** The usual forms of a moment. `NOT_USUAL` sends an event to the reference, which knows them all. */

import { numberValue } from './value';

export const NOT_USUAL: i64 = i64.MIN_VALUE;

/** Two digits, or a number so large that every bound refuses it. */
@inline
function pair(p: usize): i32 {
  const a = <u32>load<u8>(p) - 48;
  const b = <u32>load<u8>(p, 1) - 48;
  return a > 9 || b > 9 ? 1 << 16 : <i32>(a * 10 + b);
}

/** Days since 1970-01-01 of a day of the proleptic Gregorian calendar. */
function daysFromCivil(year: i32, month: i32, day: i32): i32 {
  // The year begins in March, so that the leap day is its last. All years here are positive.
  const y = month <= 2 ? year - 1 : year;
  const era = y / 400;
  const yearOfEra = y - era * 400;
  const dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
  return era * 146097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719468;
}

/** The zone at `p` in minutes, or NOT_USUAL: nothing, Z, ±hhmm or ±hh:mm to the end. */
function zoneMinutes(p: usize, end: usize): i64 {
  const c = load<u8>(p);
  if (p == end) return 0;
  if (c == 0x5a) return p + 1 == end ? 0 : NOT_USUAL;
  if ((c != 0x2b && c != 0x2d) || !(p + 5 == end || (p + 6 == end && load<u8>(p, 3) == 0x3a))) return NOT_USUAL;
  const hours = pair(p + 1);
  const minutes = pair(end - 2);
  if (hours > 23 || minutes > 59) return NOT_USUAL;
  const zone = hours * 60 + minutes;
  return c == 0x2d ? -zone : zone;
}

/** yyyy-mm-dd, T or a space, hh:mm:ss, a fraction or none, and a zone or none (UTC), in epoch ms. */
export function isoInstant(p: usize, length: u32): i64 {
  if (length < 19 || length > 35) return NOT_USUAL;
  const end = p + length;
  const between = load<u8>(p, 10);
  if (load<u8>(p, 4) != 0x2d || load<u8>(p, 7) != 0x2d || (between != 0x54 && between != 0x20)) return NOT_USUAL;
  if (load<u8>(p, 13) != 0x3a || load<u8>(p, 16) != 0x3a) return NOT_USUAL;
  const year = pair(p) * 100 + pair(p + 2);
  const month = pair(p + 5);
  const day = pair(p + 8);
  const hour = pair(p + 11);
  const minute = pair(p + 14);
  const second = pair(p + 17);
  // The 29th of February is left to the reference; the 31st is in the months that have one.
  if (year < 1900 || year > 2299 || month < 1 || month > 12 || day < 1 || day > 31) return NOT_USUAL;
  if (day > 28 && (month == 2 || (day == 31 && ((1 << month) & 0b101001010000) != 0))) return NOT_USUAL;
  if (hour > 23 || minute > 59 || second > 59) return NOT_USUAL;
  let q = p + 19;
  let ms = 0;
  if (load<u8>(q) == 0x2e) {
    let scale = 100;
    const fraction = ++q;
    for (let digit = <u32>load<u8>(q) - 48; digit < 10; digit = <u32>load<u8>(++q) - 48) {
      ms += <i32>digit * scale;
      scale /= 10;
    }
    if (q == fraction || q - fraction > 9) return NOT_USUAL;
  }
  const zone = zoneMinutes(q, end);
  if (zone == NOT_USUAL) return NOT_USUAL;
  const seconds = <i64>daysFromCivil(year, month, day) * 86400 + <i64>(hour * 3600 + minute * 60 + second);
  return (seconds - zone * 60) * 1000 + ms;
}

/** Seconds or milliseconds with a fraction, after 1970, in epoch ms. */
function fractionInstant(p: usize, end: usize): i64 {
  for (let q = p; q < end; q++) {
    const c = <u32>load<u8>(q);
    if (c - 48 > 9 && c != 0x2e) return NOT_USUAL;
  }
  const value = numberValue(p, end);
  // Near 0 rounding has cases that a sum with a half gets wrong.
  if (value < 1e6 || value >= 1e14) return NOT_USUAL;
  return value < 1e11 ? <i64>floor(value * 1000 + 0.5) : <i64>value;
}

/** Digits, seconds, milliseconds or microseconds by magnitude, in epoch ms. */
export function epochInstant(p: usize, length: u32): i64 {
  const end = p + length;
  let value: i64 = 0;
  for (let q = p; q < end; q++) {
    const digit = <u32>load<u8>(q) - 48;
    if (digit > 9) return fractionInstant(p, end);
    if (q - p == 16) return NOT_USUAL;
    value = value * 10 + digit;
  }
  if (value < 100_000_000_000) return value * 1000;
  if (value < 100_000_000_000_000) return value;
  // Beyond 2^53 a double, by which the reference reads numbers, is not exact.
  return value > 9_007_199_254_740_991 ? NOT_USUAL : value / 1000;
}
