/** What properties and context say that has a column of its own. */
import { cellAt, cellLength, Found, hasCell, Scratch, setCell } from './cells';
import {
  CANDIDATES,
  C_CONTEXT,
  C_VIDEO_ID,
  ID_BYTES_MAX,
  K_BITRATE,
  K_BITRATE_KBPS,
  K_COMPLETED,
  K_DURATION,
  K_DURATION_MS,
  K_FATAL,
  K_FIRST_ID,
  K_FIRST_MEASURE,
  K_FIRST_SWITCH,
  K_INSTANT_SKIP,
  K_WATCH_MS,
  KEYS,
  contextKey,
  isParent,
  nestedKey,
  propertyKey,
  F_COMPLETED,
  F_FATAL,
  F_INSTANT_SKIP,
  TEXT_BYTES_MAX,
  TEXT_KEYS,
} from './schema';
import { forgetStrangers, moveStrangers, noteOwnKey, strangerAt, strangerKeyLength, Strangers } from './strangers';
import { copy, decode, Seen, skipSpace, stringEnd } from './text';
import { colonEnd, numberValue, valueEnd } from './value';

const TEXTS = memory.data(KEYS * 8, 16);
const NUMBERS = memory.data(KEYS * 8, 16);

/** By key of the schema, one bit each, for the event at hand. */
class Keys {
  static seen: u64 = 0;
  /** Those with a text, or, of measures and switches, with a value that counts. */
  static told: u64 = 0;
}

export function forgetContent(): void {
  Keys.seen = 0;
  Keys.told = 0;
  Address.to = 0;
  forgetStrangers();
}

/** Takes note of a text. Longer ones would have to be cut, or are none: rare. Scratch memory is for one of each key. */
function takeText(key: u32, at: usize, length: u32, escaped: bool, bytesMax: u32): void {
  if (length == 0) return;
  if (length > bytesMax) Found.rare = true;
  if (Found.rare) return;
  if (escaped) {
    const to = Scratch.next;
    Scratch.next = decode(at, length, to);
    at = to;
    length = <u32>(Scratch.next - to);
  }
  store<u32>(TEXTS + (key << 3), <u32>at);
  store<u32>(TEXTS + (key << 3), length, 4);
  Keys.told |= (<u64>1) << key;
}

/** The value of a key of properties that has a meaning. */
function takeProperty(key: u32, p: usize): usize {
  const c = <u32>load<u8>(p);
  const isId = key >= K_FIRST_ID && key < K_FIRST_MEASURE;
  if (c == 0x22) {
    const end = stringEnd(p + 1);
    if (end == 0) return 0;
    const bytesMax: u32 = isId ? ID_BYTES_MAX : TEXT_BYTES_MAX;
    if (key < K_FIRST_MEASURE) takeText(key, p + 1, <u32>(end - p - 1), Seen.escape, bytesMax);
    return end + 1;
  }
  const end = valueEnd(p, 3);
  if (end == 0) return 0;
  if (key >= K_FIRST_SWITCH) {
    if (c == 0x74) Keys.told |= (<u64>1) << key;
  } else if (c == 0x2d || c - 48 < 10) {
    if (isId) takeText(key, p, <u32>(end - p), false, ID_BYTES_MAX);
    else if (key >= K_FIRST_MEASURE) {
      store<f64>(NUMBERS + (key << 3), numberValue(p, end));
      Keys.told |= (<u64>1) << key;
    }
  }
  return end;
}

@inline
function seeKey(key: u32): void {
  const bit = (<u64>1) << key;
  if ((Keys.seen & bit) != 0) Found.rare = true;
  Keys.seen |= bit;
}

/** Passes over the object of properties, which is on level 2 of the event. */
export function propertiesEnd(p: usize): usize {
  Seen.deepest = 2;
  p = skipSpace(p + 1);
  if (load<u8>(p) == 0x7d) return p + 1;
  while (true) {
    const name = p + 1;
    if (load<u8>(p) != 0x22) return 0;
    const end = stringEnd(name);
    if (end == 0) return 0;
    if (Seen.escape) Found.rare = true;
    const key = propertyKey(name, <u32>(end - name));
    p = colonEnd(end + 1);
    if (p == 0) return 0;
    Seen.keys++;
    noteOwnKey(name, <u32>(end - name));
    if (key < 0) p = valueEnd(p, 3);
    else {
      seeKey(key);
      p = takeProperty(key, p);
    }
    if (p == 0) return 0;
    p = skipSpace(p);
    const c = load<u8>(p);
    if (c == 0x7d) return p + 1;
    if (c != 0x2c) return 0;
    p = skipSpace(p + 1);
  }
}

/** The address in context, which is not stored: what is to be cut out, with one comma. */
class Address {
  static from: usize = 0;
  static to: usize = 0;
  static isFirst: bool = false;
}

function noteAddress(start: usize, before: usize, end: usize): void {
  if (Address.to != 0) Found.rare = true;
  Address.isFirst = before == 0;
  Address.from = before == 0 ? start : before;
  Address.to = end;
}

/** Copies context without its address. */
function cutAddress(): void {
  if (Address.to == 0) return;
  const start = cellAt(C_CONTEXT);
  const end = start + cellLength(C_CONTEXT);
  const to = Scratch.next;
  copy(to, start, Address.from - start);
  copy(to + (Address.from - start), Address.to, end - Address.to);
  Scratch.next = to + (Address.from - start) + (end - Address.to);
  setCell(C_CONTEXT, to, <u32>(Scratch.next - to));
}

/** A stranger counts as what properties would say. */
function takeStrangers(): void {
  for (let i: u32 = 0; i < Strangers.count; i++) {
    const name = strangerAt(i) + 1;
    const length = strangerKeyLength(i);
    const key = propertyKey(name, length);
    if (key < 0) continue;
    seeKey(key);
    takeProperty(key, colonEnd(name + length + 1));
  }
  moveStrangers();
}

/** Passes over context (parent < 0), or over an object in it that has keys with a meaning. */
export function contextEnd(p: usize, parent: i32): usize {
  const level: u32 = parent < 0 ? 2 : 3;
  if (level > Seen.deepest) Seen.deepest = level;
  p = skipSpace(p + 1);
  if (load<u8>(p) == 0x7d) return p + 1;
  // Where the member before ended.
  let before: usize = 0;
  while (true) {
    const name = p + 1;
    if (load<u8>(p) != 0x22) return 0;
    p = stringEnd(name);
    if (p == 0) return 0;
    if (Seen.escape) Found.rare = true;
    const length = <u32>(p - name);
    const key = parent < 0 ? contextKey(name, length) : nestedKey(parent, name, length);
    p = colonEnd(p + 1);
    if (p == 0) return 0;
    Seen.keys++;
    if (key < 0) {
      p = valueEnd(p, level + 1);
      if (parent < 0 && length == 2 && load<u16>(name) == 0x7069) noteAddress(name - 1, before, p);
    } else {
      seeKey(key);
      const c = load<u8>(p);
      if (c == 0x22) {
        const text = p + 1;
        p = stringEnd(text);
        if (p == 0) return 0;
        takeText(key, text, <u32>(p - text), Seen.escape, TEXT_BYTES_MAX);
        p++;
      } else if (c == 0x7b && isParent(key)) p = contextEnd(p, key);
      else p = valueEnd(p, level + 1);
    }
    if (p == 0) return 0;
    before = p;
    p = skipSpace(p);
    const c = load<u8>(p);
    if (c == 0x7d) return p + 1;
    if (c != 0x2c) return 0;
    p = skipSpace(p + 1);
    if (Address.to == before && Address.isFirst) Address.to = p;
  }
}

@inline
function told(key: u32): bool {
  return (Keys.told & ((<u64>1) << key)) != 0;
}

/** A number that can be a measure, else NaN. */
function measure(key: u32, factor: f64): f64 {
  if (!told(key)) return NaN;
  const value = load<f64>(NUMBERS + (key << 3)) * factor;
  return value >= 0 && value < Infinity ? value + 0.0 : NaN;
}

function known(value: f64, orElse: f64): f64 {
  return isNaN(value) ? orElse : value;
}

/** After the event was read: fills the cells and scalars that content has a say in. */
export function resolveContent(): void {
  cutAddress();
  if (Strangers.count > 0) takeStrangers();
  if (Keys.told == 0) return;
  for (let i: u32 = 0; i < 3; i++) {
    const key = K_FIRST_ID + i;
    if (told(key) && cellLength(C_VIDEO_ID + i) == 0) takeCell(C_VIDEO_ID + i, key);
  }
  Found.watchMs = measure(K_WATCH_MS, 1);
  Found.durationMs = known(measure(K_DURATION_MS, 1), measure(K_DURATION, 1000));
  Found.bitrate = known(measure(K_BITRATE, 1), measure(K_BITRATE_KBPS, 1000));
  if (told(K_COMPLETED)) Found.flags |= F_COMPLETED;
  if (told(K_INSTANT_SKIP)) Found.flags |= F_INSTANT_SKIP;
  if (told(K_FATAL)) Found.flags |= F_FATAL;
  if ((Keys.told & TEXT_KEYS) == 0) return;
  // Pairs of a cell and a key that may fill it, the best key first, to a cell of 255. With the high bit the key only
  // stands before those that follow: the cell stays empty.
  for (let pair = CANDIDATES; ; pair += 2) {
    const cell = <u32>load<u8>(pair);
    if (cell == 255) return;
    const key = <u32>load<u8>(pair, 1);
    if (!told(key) || hasCell(cell & 0x7f)) continue;
    if (cell > 0x7f) setCell(cell & 0x7f, 0, 0);
    else takeCell(cell, key);
  }
}

@inline
function takeCell(cell: u32, key: u32): void {
  setCell(cell, load<u32>(TEXTS + (key << 3)), load<u32>(TEXTS + (key << 3), 4));
}
