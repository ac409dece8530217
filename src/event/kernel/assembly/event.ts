/** One event: its top-level fields into cells, in one pass. Anything unusual marks it as rare and is passed over. */
import { cellAt, cellLength, F_ODD_ID, forgetEvent, Found, hasCell, Scratch, setCell } from './cells';
import { contextEnd, forgetContent, propertiesEnd, resolveContent } from './content';
import { epochInstant, isoInstant, NOT_USUAL } from './instant';
import {
  C_CONTEXT,
  C_EVENT_ID,
  C_EVENT_NAME,
  C_PROPERTIES,
  C_SENT_AT,
  C_TIMESTAMP,
  DEPTH_MAX,
  F_HAS_EVENT_ID,
  F_HAS_TIMESTAMP,
  ID_BYTES_MAX,
  KEYS_MAX,
  NAME_CHARS_MAX,
  OBJECT_BYTES_MAX,
  TIMESTAMP_MAX,
  TIMESTAMP_MIN,
  fieldName,
} from './schema';
import { strangerEnd, Strangers, strangersFit } from './strangers';
import { decode, hexQuad, Seen, skipSpace, stringEnd } from './text';
import { colonEnd, numberEnd, objectEnd, valueEnd } from './value';

/** What an event is judged by, for a whole body or record. Epoch ms. */
export class Clock {
  static receivedAt: i64 = 0;
  static sentAt: i64 = 0;
  static hasSentAt: bool = false;
  static oldest: i64 = i64.MIN_VALUE;
  static newest: i64 = i64.MAX_VALUE;
  /** Bounds of what events said whose time depends on the body's time of sending. */
  static leastSaid: i64 = 0;
  static mostSaid: i64 = 0;
}

/** What the events are read for. */
export class Purpose {
  /** Into rows, not lines: look into properties and context too. */
  static rows: bool = false;
  /** There is a name for events without one. */
  static hasDefaultName: bool = false;
}

/**
 * Fills a cell with a string or number; a second value for it, under whatever name, is rare. Nothing more is taken
 * from an event that is rare: scratch memory is for one decoded text per cell.
 */
function fill(cell: u32, at: usize, length: u32, escaped: bool): void {
  const lengthMax: u32 = cell == C_EVENT_NAME ? NAME_CHARS_MAX : ID_BYTES_MAX;
  if (hasCell(cell) || length > lengthMax || (escaped && cell >= C_TIMESTAMP)) Found.rare = true;
  if (Found.rare) return;
  if (escaped) {
    const to = Scratch.next;
    Scratch.next = decode(at, length, to);
    at = to;
    length = <u32>(Scratch.next - to);
  }
  setCell(cell, at, length);
}

/** A string as the value of a field. */
function stringField(cell: u32, p: usize): usize {
  const end = stringEnd(p + 1);
  if (end == 0) return 0;
  const length = <u32>(end - p - 1);
  if (cell == C_PROPERTIES || cell == C_CONTEXT) Found.rare = true;
  else if (length > 0) fill(cell, p + 1, length, Seen.escape);
  else if (cell == C_EVENT_NAME || cell == C_EVENT_ID || cell >= C_TIMESTAMP) Found.rare = true;
  return end + 1;
}

function objectField(cell: u32, p: usize): usize {
  if (hasCell(cell)) Found.rare = true;
  Seen.keys = 0;
  Seen.deepest = 0;
  const start = p;
  if (!Purpose.rows) p = objectEnd(p, 2);
  else p = cell == C_PROPERTIES ? propertiesEnd(p) : contextEnd(p, -1);
  if (p == 0) return 0;
  const length = <u32>(p - start);
  if (length > OBJECT_BYTES_MAX || Seen.deepest > DEPTH_MAX + 1 || Seen.keys > KEYS_MAX) Found.rare = true;
  if (cell == C_PROPERTIES) {
    Strangers.ownKeys = Seen.keys;
    Strangers.ownDeepest = Seen.deepest;
  }
  setCell(cell, start, length);
  return p;
}

/** A value that is neither string nor object. */
function otherField(cell: u32, c: u32, p: usize): usize {
  if (c == 0x6e) {
    // Nothing is as good as no field; only a null that would stand beside an injected value has to make room.
    if (cell == C_EVENT_ID || cell == C_EVENT_NAME) Found.rare = true;
    return valueEnd(p, 2);
  }
  const isNumber = c == 0x2d || c - 48 < 10;
  if (!isNumber || cell == C_EVENT_ID || cell == C_EVENT_NAME || cell == C_PROPERTIES || cell == C_CONTEXT) {
    Found.rare = true;
    return valueEnd(p, 2);
  }
  const end = numberEnd(p);
  if (end == 0) return 0;
  // Digits in quotes are rare, so that a moment that begins with a digit but has no hyphen is a number.
  fill(cell, p, <u32>(end - p), false);
  return end;
}

function field(cell: u32, p: usize): usize {
  const c = <u32>load<u8>(p);
  if (c == 0x22) return stringField(cell, p);
  if (c == 0x7b && (cell == C_PROPERTIES || cell == C_CONTEXT)) return objectField(cell, p);
  return otherField(cell, c, p);
}

/** Passes over the event at `p`, its brace. Returns the place behind it, or 0 when it is not valid JSON. */
export function eventEnd(p: usize): usize {
  forgetEvent();
  forgetContent();
  Scratch.next = Scratch.at;
  Seen.lineBreak = false;
  p = skipSpace(p + 1);
  if (load<u8>(p) == 0x7d) {
    Found.rare = true;
    return p + 1;
  }
  while (true) {
    const name = p + 1;
    if (load<u8>(p) != 0x22) return 0;
    p = stringEnd(name);
    if (p == 0) return 0;
    const length = <u32>(p - name);
    // A key with escapes may be any key.
    if (Seen.escape) Found.rare = true;
    const cell = fieldName(name, length);
    p = colonEnd(p + 1);
    if (p == 0) return 0;
    p = cell < 0 ? strangerEnd(name, length, p) : field(cell, p);
    if (p == 0) return 0;
    p = skipSpace(p);
    const c = load<u8>(p);
    if (c == 0x7d) break;
    if (c != 0x2c) return 0;
    p = skipSpace(p + 1);
  }
  if (!Found.rare) judge();
  return p + 1;
}

function instant(cell: u32): i64 {
  const at = cellAt(cell);
  const length = cellLength(cell);
  // A string stands behind its quote; those with escapes are rare.
  return load<u8>(at - 1) == 0x22 ? isoInstant(at, length) : epochInstant(at, length);
}

function isStorable(at: i64): bool {
  return at >= TIMESTAMP_MIN && at <= TIMESTAMP_MAX;
}

function judgeTime(): void {
  Found.timestamp = Clock.receivedAt;
  let sentAt = Clock.sentAt;
  let hasSentAt = Clock.hasSentAt;
  if (hasCell(C_SENT_AT)) {
    sentAt = instant(C_SENT_AT);
    hasSentAt = true;
  }
  if (!hasCell(C_TIMESTAMP)) return;
  const said = instant(C_TIMESTAMP);
  if (said == NOT_USUAL || sentAt == NOT_USUAL) {
    Found.rare = true;
    return;
  }
  const at = hasSentAt ? said + Clock.receivedAt - sentAt : said;
  if (!isStorable(said) || !isStorable(at) || at < Clock.oldest || at > Clock.newest) {
    Found.rare = true;
    return;
  }
  if (!hasCell(C_SENT_AT)) {
    if (said < Clock.leastSaid) Clock.leastSaid = said;
    if (said > Clock.mostSaid) Clock.mostSaid = said;
  }
  Found.said = said;
  Found.hasTime = true;
  Found.timestamp = at;
  Found.flags |= F_HAS_TIMESTAMP;
}

/** What can be said only when the whole event was seen. */
function judge(): void {
  if (!hasCell(C_EVENT_NAME) && !Purpose.hasDefaultName) Found.rare = true;
  if (Strangers.count > 0 && !strangersFit()) Found.rare = true;
  judgeTime();
  if (!Purpose.rows || Found.rare) return;
  resolveContent();
  if (hasCell(C_EVENT_ID)) readId();
}

let badDigits: i32 = 0;

@inline
function hexQuadAt(p: usize): u32 {
  const quad = hexQuad(p);
  badDigits |= quad;
  return quad;
}

/** Reads the event id as a UUID. The host makes one of any other text; of one with escapes, that is rare. */
function readId(): void {
  const p = cellAt(C_EVENT_ID);
  Found.flags |= F_HAS_EVENT_ID;
  if (cellLength(C_EVENT_ID) == 36) {
    badDigits = 0;
    Found.id0 = (hexQuadAt(p) << 16) | hexQuadAt(p + 4);
    Found.id1 = (hexQuadAt(p + 9) << 16) | hexQuadAt(p + 14);
    Found.id2 = (hexQuadAt(p + 19) << 16) | hexQuadAt(p + 24);
    Found.id3 = (hexQuadAt(p + 28) << 16) | hexQuadAt(p + 32);
    const first = load<u8>(p, 8) == 0x2d && load<u8>(p, 13) == 0x2d;
    if (badDigits >= 0 && first && load<u8>(p, 18) == 0x2d && load<u8>(p, 23) == 0x2d) return;
  }
  if (p >= Scratch.at && p < Scratch.next) Found.rare = true;
  Found.flags |= F_ODD_ID;
  Found.id0 = <u32>p;
  Found.id1 = cellLength(C_EVENT_ID);
}
