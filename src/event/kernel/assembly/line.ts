/** A good event as one line of NDJSON. */
import { cellAt, cellLength, hasCell } from './cells';
import { C_ANONYMOUS_ID, C_EVENT_ID, C_EVENT_NAME, C_SESSION_ID, C_USER_ID } from './schema';
import { positiveMurmur2 } from './hash';
import { breaksToSpaces, copy, Seen } from './text';

export class Lines {
  static start: usize = 0;
  static next: usize = 0;
  /** Exclusive; 64 bytes behind it belong to the region too. */
  static limit: usize = 0;
  static ends: usize = 0;
  static keys: usize = 0;
  static count: u32 = 0;
  static countMax: u32 = 0;
  /** Ids to give away, 16 bytes each. */
  static ids: usize = 0;
  static idsEnd: usize = 0;
  /** `"event_name":"…",` for events without a name. */
  static name: usize = 0;
  static nameLength: u32 = 0;
  /** The id of the first event, as it is in its line. */
  static firstId: usize = 0;
  static firstIdLength: u32 = 0;
}

/** Bytes that an injected id takes, with key and comma. */
const ID_MEMBER_BYTES: u32 = 52;

@inline
export function wantsId(): bool {
  return !hasCell(C_EVENT_ID) && Lines.ids == Lines.idsEnd;
}

export function wantsRoom(eventBytes: u32): bool {
  if (Lines.count == Lines.countMax) return true;
  return Lines.next + eventBytes + ID_MEMBER_BYTES + Lines.nameLength + 1 > Lines.limit;
}

@inline
function hexByte(to: usize, byte: u32): void {
  const high = byte >> 4;
  const low = byte & 15;
  store<u8>(to, high < 10 ? high + 48 : high + 87);
  store<u8>(to, low < 10 ? low + 48 : low + 87, 1);
}

function putUuid(to: usize, id: usize): void {
  for (let i = 0; i < 16; i++) {
    if (i == 4 || i == 6 || i == 8 || i == 10) store<u8>(to++, 0x2d);
    hexByte(to, load<u8>(id + i));
    to += 2;
  }
}

/** `"event_id":"` in words of 8 and 4 bytes. */
const ID_KEY_8: u64 = 0x695f746e65766522;
const ID_KEY_4: u32 = 0x223a2264;

export function putLine(start: usize, end: usize): void {
  let to = Lines.next;
  const length = end - start;
  let id = cellAt(C_EVENT_ID);
  let idLength = cellLength(C_EVENT_ID);
  store<u8>(to++, 0x7b);
  if (idLength == 0) {
    store<u64>(to, ID_KEY_8);
    store<u32>(to, ID_KEY_4, 8);
    id = to + 12;
    idLength = 36;
    putUuid(id, Lines.ids);
    Lines.ids += 16;
    store<u16>(to, 0x2c22, 48);
    to += 50;
  }
  if (!hasCell(C_EVENT_NAME)) {
    copy(to, Lines.name, Lines.nameLength);
    to += Lines.nameLength;
  }
  copy(to, start + 1, length - 1);
  if (Seen.lineBreak) breaksToSpaces(to, length - 1);
  to += length - 1;
  store<u8>(to++, 0x0a);
  Lines.next = to;
  let key = C_USER_ID;
  if (!hasCell(key)) key = hasCell(C_ANONYMOUS_ID) ? C_ANONYMOUS_ID : C_SESSION_ID;
  const hash = hasCell(key) ? positiveMurmur2(cellAt(key), cellLength(key)) : positiveMurmur2(id, idLength);
  if (Lines.count == 0) {
    copy(Lines.firstId, id, idLength);
    Lines.firstIdLength = idLength;
  }
  noteLine(hash);
}

/** Notes a line that was written up to `Lines.next`. */
export function noteLine(keyHash: u32): void {
  store<u32>(Lines.ends + (<usize>Lines.count << 2), <u32>(Lines.next - Lines.start));
  store<u32>(Lines.keys + (<usize>Lines.count << 2), keyHash);
  Lines.count++;
}
