/** Passing over any JSON value, and reading numbers. */
import { NESTING_MAX } from './schema';
import { Seen, skipSpace, stringEnd } from './text';

/** The slow and exact way to read a number: the host's. */
@external('host', 'parseNumber')
declare function parseNumber(p: usize, length: u32): f64;

@inline
function isDigit(c: u32): bool {
  return c - 48 < 10;
}

/** From the first character of a number to behind it, or 0. */
export function numberEnd(p: usize): usize {
  let c = <u32>load<u8>(p);
  if (c == 0x2d) c = load<u8>(++p);
  if (c == 0x30) c = load<u8>(++p);
  else {
    if (!isDigit(c)) return 0;
    while (isDigit(c)) c = load<u8>(++p);
  }
  if (c == 0x2e) {
    c = load<u8>(++p);
    if (!isDigit(c)) return 0;
    while (isDigit(c)) c = load<u8>(++p);
  }
  if ((c | 32) == 0x65) {
    c = load<u8>(++p);
    if (c == 0x2b || c == 0x2d) c = load<u8>(++p);
    if (!isDigit(c)) return 0;
    while (isDigit(c)) c = load<u8>(++p);
  }
  return p;
}

const TENS = memory.data<f64>([1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15]);

/** The value of a valid number. Up to 15 digits without an exponent one division is exact; the host reads the rest. */
export function numberValue(p: usize, end: usize): f64 {
  const start = p;
  const negative = load<u8>(p) == 0x2d;
  if (negative) p++;
  let digits: u64 = 0;
  let point: usize = 0;
  for (; p < end; p++) {
    const c = <u32>load<u8>(p);
    if (isDigit(c)) digits = digits * 10 + (c - 48);
    else if (c == 0x2e) point = p;
    else break;
  }
  if (p < end || end - start > 16) return parseNumber(start, <u32>(end - start));
  let value = <f64>digits;
  if (point != 0) value /= load<f64>(TENS + ((end - point - 1) << 3));
  return negative ? -value : value;
}

/** Passes over the value at `p` on `level` (its own, if it is an object or array); 0 when it is not valid. */
export function valueEnd(p: usize, level: u32): usize {
  const c = <u32>load<u8>(p);
  switch (c) {
    case 0x22: {
      p = stringEnd(p + 1);
      return p == 0 ? 0 : p + 1;
    }
    case 0x7b:
      return objectEnd(p, level);
    case 0x5b:
      return arrayEnd(p, level);
    case 0x74:
      return load<u32>(p) == 0x65757274 ? p + 4 : 0;
    case 0x66:
      return load<u32>(p, 1) == 0x65736c61 ? p + 5 : 0;
    case 0x6e:
      return load<u32>(p) == 0x6c6c756e ? p + 4 : 0;
  }
  return numberEnd(p);
}

/** From a key's quote over its colon to its value, or 0. */
@inline
export function keyEnd(p: usize): usize {
  if (load<u8>(p) != 0x22) return 0;
  p = stringEnd(p + 1);
  return p == 0 ? 0 : colonEnd(p + 1);
}

@inline
export function colonEnd(p: usize): usize {
  p = skipSpace(p);
  return load<u8>(p) == 0x3a ? skipSpace(p + 1) : 0;
}

export function objectEnd(p: usize, level: u32): usize {
  if (level > NESTING_MAX) return 0;
  if (level > Seen.deepest) Seen.deepest = level;
  p = skipSpace(p + 1);
  if (load<u8>(p) == 0x7d) return p + 1;
  while (true) {
    p = keyEnd(p);
    if (p == 0) return 0;
    Seen.keys++;
    p = valueEnd(p, level + 1);
    if (p == 0) return 0;
    p = skipSpace(p);
    const c = load<u8>(p);
    if (c == 0x7d) return p + 1;
    if (c != 0x2c) return 0;
    p = skipSpace(p + 1);
  }
}

function arrayEnd(p: usize, level: u32): usize {
  if (level > NESTING_MAX) return 0;
  if (level > Seen.deepest) Seen.deepest = level;
  p = skipSpace(p + 1);
  if (load<u8>(p) == 0x5d) return p + 1;
  while (true) {
    p = valueEnd(p, level + 1);
    if (p == 0) return 0;
    p = skipSpace(p);
    const c = load<u8>(p);
    if (c == 0x5d) return p + 1;
    if (c != 0x2c) return 0;
    p = skipSpace(p + 1);
  }
}
