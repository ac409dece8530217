/**
 * The bytes of JSON text: white space, strings, escapes. Every text lies in memory with at least 64 zero bytes behind
 * it: a zero ends any loop here, as it stands in no valid JSON, so that nothing checks for the end.
 */

/** What was passed over. Whoever wants to know sets it back first. */
export class Seen {
  /** A backslash in the string that was read last. */
  static escape: bool = false;
  static lineBreak: bool = false;
  static keys: u32 = 0;
  /** The deepest level of objects and arrays. */
  static deepest: u32 = 0;
}

@inline
export function skipSpace(p: usize): usize {
  return load<u8>(p) > 0x20 ? p : skipSpaceSlow(p);
}

function skipSpaceSlow(p: usize): usize {
  while (true) {
    const c = load<u8>(p);
    if (c == 0x0a || c == 0x0d) Seen.lineBreak = true;
    else if (c != 0x20 && c != 0x09) return p;
    p++;
  }
}

/** 0 to 15, or negative. */
@inline
export function hexDigit(c: u32): i32 {
  const digit = c - 48;
  if (digit < 10) return digit;
  const letter = (c | 32) - 97;
  return letter < 6 ? <i32>letter + 10 : -1;
}

@inline
export function hexQuad(p: usize): i32 {
  return (
    (hexDigit(load<u8>(p)) << 12) |
    (hexDigit(load<u8>(p, 1)) << 8) |
    (hexDigit(load<u8>(p, 2)) << 4) |
    hexDigit(load<u8>(p, 3))
  );
}

/** From behind the opening quote to the closing quote, or 0 when the string is not valid. */
export function stringEnd(p: usize): usize {
  const quote = i8x16.splat(0x22);
  const backslash = i8x16.splat(0x5c);
  const space = i8x16.splat(0x20);
  Seen.escape = false;
  while (true) {
    const bytes = v128.load(p);
    const stops = v128.or(v128.or(i8x16.eq(bytes, quote), i8x16.eq(bytes, backslash)), i8x16.lt_u(bytes, space));
    const mask = i8x16.bitmask(stops);
    if (mask == 0) {
      p += 16;
      continue;
    }
    p += ctz(mask);
    const c = load<u8>(p);
    if (c == 0x22) return p;
    if (c != 0x5c) return 0;
    Seen.escape = true;
    p = escapeEnd(p);
    if (p == 0) return 0;
  }
}

/** From a backslash to behind its escape, or 0. */
function escapeEnd(p: usize): usize {
  switch (<u32>load<u8>(p, 1)) {
    case 0x22:
    case 0x5c:
    case 0x2f:
    case 0x62:
    case 0x66:
    case 0x6e:
    case 0x72:
    case 0x74:
      return p + 2;
    case 0x75:
      return hexQuad(p + 2) < 0 ? 0 : p + 6;
  }
  return 0;
}

function putCodePoint(to: usize, x: u32): usize {
  if (x < 0x80) {
    store<u8>(to, x);
    return to + 1;
  }
  if (x < 0x800) {
    store<u8>(to, 0xc0 | (x >> 6));
    store<u8>(to, 0x80 | (x & 63), 1);
    return to + 2;
  }
  if (x < 0x10000) {
    store<u8>(to, 0xe0 | (x >> 12));
    store<u8>(to, 0x80 | ((x >> 6) & 63), 1);
    store<u8>(to, 0x80 | (x & 63), 2);
    return to + 3;
  }
  store<u8>(to, 0xf0 | (x >> 18));
  store<u8>(to, 0x80 | ((x >> 12) & 63), 1);
  store<u8>(to, 0x80 | ((x >> 6) & 63), 2);
  store<u8>(to, 0x80 | (x & 63), 3);
  return to + 4;
}

@inline
function plainEscape(c: u32): u32 {
  if (c == 0x62) return 8;
  if (c == 0x66) return 12;
  if (c == 0x6e) return 10;
  if (c == 0x72) return 13;
  return c == 0x74 ? 9 : c;
}

/** Decodes the inside of a valid string. Returns the end of what was written, never more bytes than were read. */
export function decode(p: usize, length: usize, to: usize): usize {
  const end = p + length;
  while (p < end) {
    const c = <u32>load<u8>(p);
    if (c != 0x5c) {
      store<u8>(to++, c);
      p++;
      continue;
    }
    const kind = <u32>load<u8>(p, 1);
    if (kind != 0x75) {
      store<u8>(to++, plainEscape(kind));
      p += 2;
      continue;
    }
    let x = <u32>hexQuad(p + 2);
    p += 6;
    if (x >> 10 == 0x36 && p < end && load<u16>(p) == 0x755c) {
      const low = <u32>hexQuad(p + 2);
      if (low >> 10 == 0x37) {
        x = 0x10000 + ((x & 0x3ff) << 10) + (low & 0x3ff);
        p += 6;
      }
    }
    // Half a pair by itself is no character.
    if (x >> 11 == 0x1b) x = 0xfffd;
    to = putCodePoint(to, x);
  }
  return to;
}

/** Copies in strides of 16: up to 15 bytes behind either end are touched. */
@inline
export function copy(to: usize, from: usize, length: usize): void {
  let i: usize = 0;
  do {
    v128.store(to + i, v128.load(from + i));
    i += 16;
  } while (i < length);
}

/** Turns line breaks into spaces. */
export function breaksToSpaces(p: usize, length: usize): void {
  const end = p + length;
  for (; p < end; p++) {
    const c = load<u8>(p);
    if (c == 0x0a || c == 0x0d) store<u8>(p, 0x20);
  }
}

export function equal(a: usize, b: usize, length: usize): bool {
  let i: usize = 0;
  for (; i + 16 <= length; i += 16) {
    if (v128.any_true(v128.xor(v128.load(a + i), v128.load(b + i)))) return false;
  }
  for (; i < length; i++) {
    if (load<u8>(a + i) != load<u8>(b + i)) return false;
  }
  return true;
}
