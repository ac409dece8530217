/** Top-level fields that nobody knows: they move into properties, behind what is there. */
import { cellAt, cellLength, Found, hasCell, Scratch, setCell } from './cells';
import { C_PROPERTIES, DEPTH_MAX, isNameOrEvents, KEYS_MAX, OBJECT_BYTES_MAX } from './schema';
import { copy, equal, Seen } from './text';
import { valueEnd } from './value';

/** More are rare. */
const STRANGERS_MAX: u32 = 64;
/** Three words each: where the member begins (its quote), the length of its key, and its end. */
const TABLE = memory.data(64 * 12, 16);
/** Two words for each key right in properties: where it begins, behind its quote, and its length. */
const OWN = memory.data(256 * 8, 16);

export class Strangers {
  static count: u32 = 0;
  static bytes: u32 = 0;
  static keys: u32 = 0;
  static deepest: u32 = 0;
  static ownCount: u32 = 0;
  /** What properties has itself. */
  static ownKeys: u32 = 0;
  static ownDeepest: u32 = 2;
}

export function forgetStrangers(): void {
  Strangers.count = 0;
  Strangers.bytes = 0;
  Strangers.keys = 0;
  Strangers.deepest = 0;
  Strangers.ownCount = 0;
  Strangers.ownKeys = 0;
  Strangers.ownDeepest = 2;
}

/** Passes over the value at `p` of the stranger whose key begins at `name`. */
export function strangerEnd(name: usize, length: u32, p: usize): usize {
  Seen.keys = 0;
  Seen.deepest = 1;
  const end = valueEnd(p, 2);
  if (end == 0) return 0;
  // An object with events may be an envelope around them.
  if (Strangers.count == STRANGERS_MAX || isNameOrEvents(name, length)) {
    Found.rare = true;
    return end;
  }
  const entry = TABLE + <usize>Strangers.count * 12;
  store<u32>(entry, <u32>(name - 1));
  store<u32>(entry, length, 4);
  store<u32>(entry, <u32>end, 8);
  Strangers.count++;
  Strangers.bytes += <u32>(end - name) + 2;
  Strangers.keys += Seen.keys + 1;
  if (Seen.deepest + 1 > Strangers.deepest) Strangers.deepest = Seen.deepest + 1;
  return end;
}

/** Notes a key of properties, of which there are at most 255 in an event that is not rare. */
export function noteOwnKey(name: usize, length: u32): void {
  if (Strangers.ownCount == 255) {
    Found.rare = true;
    return;
  }
  const entry = OWN + (<usize>Strangers.ownCount << 3);
  store<u32>(entry, <u32>name);
  store<u32>(entry, length, 4);
  Strangers.ownCount++;
}

/** Whether all of them would fit if they all moved. If some do not move, because their key is there, less has to fit. */
export function strangersFit(): bool {
  if (Strangers.ownKeys + Strangers.keys > KEYS_MAX) return false;
  if (max(Strangers.ownDeepest, Strangers.deepest) > DEPTH_MAX + 1) return false;
  return max(cellLength(C_PROPERTIES), 2) + Strangers.bytes <= OBJECT_BYTES_MAX;
}

@inline
export function strangerAt(i: u32): usize {
  return load<u32>(TABLE + <usize>i * 12);
}

@inline
export function strangerKeyLength(i: u32): u32 {
  return load<u32>(TABLE + <usize>i * 12, 4);
}

/** Whether the key of a stranger stands in properties too, or is that of a stranger before it. */
function isTaken(i: u32): bool {
  const key = strangerAt(i) + 1;
  const length = strangerKeyLength(i);
  for (let j: u32 = 0; j < Strangers.ownCount; j++) {
    const own = OWN + (<usize>j << 3);
    if (load<u32>(own, 4) == length && equal(load<u32>(own), key, length)) return true;
  }
  for (let j: u32 = 0; j < i; j++) {
    if (strangerKeyLength(j) == length && equal(strangerAt(j) + 1, key, length)) return true;
  }
  return false;
}

/** Writes properties with the strangers into scratch memory, and makes that the cell. They must fit. */
export function moveStrangers(): void {
  const start = Scratch.next;
  let to = start;
  if (hasCell(C_PROPERTIES)) {
    const length = cellLength(C_PROPERTIES) - 1;
    copy(to, cellAt(C_PROPERTIES), length);
    to += length;
  } else store<u8>(to++, 0x7b);
  for (let i: u32 = 0; i < Strangers.count; i++) {
    if (isTaken(i)) Found.rare = true;
    if (i > 0 || Strangers.ownCount > 0) store<u8>(to++, 0x2c);
    const from = strangerAt(i);
    const length = <usize>load<u32>(TABLE + <usize>i * 12, 8) - from;
    copy(to, from, length);
    to += length;
  }
  store<u8>(to++, 0x7d);
  Scratch.next = to;
  setCell(C_PROPERTIES, start, <u32>(to - start));
}
