/** The texts of a block, each kept once: open addressing by hash, linear probing. Id 0 is the empty text. */
import { hash64 } from './hash';
import { copy, equal } from './text';
import { TEXT_COLUMNS } from './schema';

/** The text that each column had last: neighbours mostly agree. */
const LAST = memory.data(TEXT_COLUMNS * 4, 16);

export class Texts {
  /** Two words per text: where it begins in the arena, and its length. */
  static slices: usize = 0;
  static count: u32 = 1;
  static countMax: u32 = 0;
  static arena: usize = 0;
  static used: u32 = 0;
  static arenaBytes: u32 = 0;
  /** A word per place: the id, 0 when free. There are at least twice as many places as texts. */
  static table: usize = 0;
  static tableMask: u32 = 0;
}

@inline
export function textAt(id: u32): usize {
  return Texts.arena + load<u32>(Texts.slices + (<usize>id << 3));
}

@inline
export function textLength(id: u32): u32 {
  return load<u32>(Texts.slices + (<usize>id << 3), 4);
}

@inline
function isText(id: u32, p: usize, length: u32): bool {
  return textLength(id) == length && equal(textAt(id), p, length);
}

/** The place of a text in the table: its own, or the free one where it would go. */
function placeOf(p: usize, length: u32): usize {
  let slot = <u32>hash64(p, length, 0) & Texts.tableMask;
  while (true) {
    const place = Texts.table + (<usize>slot << 2);
    const id = load<u32>(place);
    if (id == 0 || isText(id, p, length)) return place;
    slot = (slot + 1) & Texts.tableMask;
  }
}

/** The id of a text for a column; a new one when it was not seen before. There must be room. */
export function internText(column: u32, p: usize, length: u32): u32 {
  if (length == 0) return 0;
  const last = load<u32>(LAST + (<usize>column << 2));
  if (last != 0 && isText(last, p, length)) return last;
  const place = placeOf(p, length);
  let id = load<u32>(place);
  if (id == 0) {
    id = Texts.count++;
    store<u32>(place, id);
    store<u32>(Texts.slices + (<usize>id << 3), Texts.used);
    store<u32>(Texts.slices + (<usize>id << 3), length, 4);
    copy(Texts.arena + Texts.used, p, length);
    Texts.used += length;
  }
  store<u32>(LAST + (<usize>column << 2), id);
  return id;
}

/** Puts all texts into a new, empty table. */
export function rebuildTable(): void {
  for (let id: u32 = 1; id < Texts.count; id++) store<u32>(placeOf(textAt(id), textLength(id)), id);
}

/** Forgets the texts from `count` on, the newest first, so that no probe sequence is broken. */
export function cutTexts(count: u32): void {
  for (let id = Texts.count - 1; id >= count; id--) {
    store<u32>(placeOf(textAt(id), textLength(id)), 0);
    Texts.used -= textLength(id);
  }
  Texts.count = count;
  memory.fill(LAST, 0, TEXT_COLUMNS * 4);
}

/** Whether one more event of that many bytes may not find room for its texts. */
@inline
export function textsWantRoom(eventBytes: u32): bool {
  return Texts.count + TEXT_COLUMNS > Texts.countMax || Texts.used + eventBytes > Texts.arenaBytes;
}
