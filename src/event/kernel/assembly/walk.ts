/** From event to event through a body or a record. The forms are described at the head of ../reference.ts. */
import { Found } from './cells';
import { Clock, eventEnd, Purpose } from './event';
import { epochInstant, isoInstant, NOT_USUAL } from './instant';
import { putLine, wantsId, wantsRoom } from './line';
import { putRow, rowsWantRoom } from './row';
import { C_SENT_AT, fieldName, isNameOrEvents } from './schema';
import { Seen, skipSpace, stringEnd } from './text';
import { colonEnd, numberEnd, valueEnd } from './value';

/** Why run() came back. The host knows the numbers. */
export const DONE: i32 = 0;
/** The host has to read the value at Walk.start itself and to go on with resumeAt(). */
export const RARE: i32 = 1;
/** More memory, or more ids, and run() again. */
export const ROOM: i32 = 2;
export const IDS: i32 = 3;
/** The reference has to read the whole body. */
export const WHOLE: i32 = 4;
export const TOO_MANY: i32 = 5;

const ARRAY: u32 = 1;
const OBJECTS: u32 = 2;
const ENVELOPE: u32 = 3;

export class Walk {
  static form: u32 = 0;
  /** The event at hand, and the next place to look at. */
  static start: usize = 0;
  static at: usize = 0;
  static end: usize = 0;
  /** Events seen, good and bad. */
  static count: u32 = 0;
  static countMax: u32 = 0;
  /** One byte per event, 1 for those to leave out; 0 when there is none such. */
  static skip: usize = 0;
  static skipLength: u32 = 0;
  /** What the envelope says; NOT_USUAL while it said nothing. */
  static sentAt: i64 = NOT_USUAL;
}

/** Looks at the beginning of a body. Returns DONE when run() can go on, or WHOLE. */
export function begin(start: usize, length: u32): i32 {
  Walk.end = start + length;
  Walk.count = 0;
  Walk.sentAt = NOT_USUAL;
  Clock.leastSaid = i64.MAX_VALUE;
  Clock.mostSaid = i64.MIN_VALUE;
  if ((load<u32>(start) & 0xffffff) == 0xbfbbef) start += 3;
  const p = skipSpace(start);
  const c = load<u8>(p);
  Walk.at = p;
  if (c == 0x7b) {
    Walk.form = OBJECTS;
    openEnvelope(p);
    return DONE;
  }
  Walk.form = ARRAY;
  return c == 0x5b ? openArray(p) : WHOLE;
}

function openArray(p: usize): i32 {
  Walk.at = skipSpace(p + 1);
  return load<u8>(Walk.at) == 0x5d ? WHOLE : DONE;
}

/** If the object at `p` begins with a time of sending, or not, and then has events, it is an envelope. */
function openEnvelope(p: usize): void {
  p = skipSpace(p + 1);
  while (load<u8>(p) == 0x22) {
    const name = p + 1;
    p = stringEnd(name);
    if (p == 0 || Seen.escape) return;
    const length = <u32>(p - name);
    p = colonEnd(p + 1);
    if (p == 0) return;
    if (length == 6 && load<u32>(name) == 0x6e657665 && load<u16>(name, 4) == 0x7374) {
      if (load<u8>(p) != 0x5b || load<u8>(skipSpace(p + 1)) == 0x5d) return;
      Walk.form = ENVELOPE;
      Walk.at = skipSpace(p + 1);
      return;
    }
    if (fieldName(name, length) != C_SENT_AT) return;
    p = sentAtEnd(p);
    if (p == 0 || load<u8>(p) != 0x2c) return;
    p = skipSpace(p + 1);
  }
}

/** Reads the envelope's time of sending and the space behind it; 0 when it is unusual, or the second one. */
function sentAtEnd(p: usize): usize {
  if (Walk.sentAt != NOT_USUAL) return 0;
  if (load<u8>(p) == 0x22) {
    const end = stringEnd(p + 1);
    if (end == 0) return 0;
    Walk.sentAt = isoInstant(p + 1, <u32>(end - p - 1));
    p = end + 1;
  } else {
    const end = numberEnd(p);
    if (end == 0) return 0;
    Walk.sentAt = epochInstant(p, <u32>(end - p));
    p = end;
  }
  return Walk.sentAt == NOT_USUAL ? 0 : skipSpace(p);
}

/** The rest of an envelope, from behind its events. */
function closeEnvelope(p: usize): i32 {
  p = skipSpace(p);
  while (load<u8>(p) == 0x2c) {
    p = skipSpace(p + 1);
    const name = p + 1;
    if (load<u8>(p) != 0x22) return WHOLE;
    p = stringEnd(name);
    if (p == 0 || Seen.escape) return WHOLE;
    const length = <u32>(p - name);
    // With the name of an event it is an event.
    if (isNameOrEvents(name, length)) return WHOLE;
    p = colonEnd(p + 1);
    if (p == 0) return WHOLE;
    p = fieldName(name, length) == C_SENT_AT ? sentAtEnd(p) : valueEnd(p, 2);
    if (p == 0) return WHOLE;
    p = skipSpace(p);
  }
  return load<u8>(p) == 0x7d && skipSpace(p + 1) == Walk.end ? DONE : WHOLE;
}

/** Whether the event at hand is to be left out. */
@inline
function isSkipped(): bool {
  return Walk.count < Walk.skipLength && load<u8>(Walk.skip + Walk.count) == 1;
}

/** Keeps the good event from Walk.start to `end`; DONE, or what is wanted first. */
@inline
function keep(end: usize): i32 {
  const length = <u32>(end - Walk.start);
  if (Purpose.rows) {
    if (rowsWantRoom(length)) return ROOM;
    putRow(Walk.count);
    return DONE;
  }
  if (wantsId()) return IDS;
  if (wantsRoom(length)) return ROOM;
  putLine(Walk.start, end);
  return DONE;
}

/** On to what stands behind an event that ended at `p`: -1 when there is another event. */
export function advance(p: usize): i32 {
  Walk.count++;
  p = skipSpace(p);
  Walk.at = p;
  if (Walk.form == OBJECTS) return p == Walk.end ? DONE : -1;
  const c = load<u8>(p);
  if (c == 0x2c) {
    Walk.at = skipSpace(p + 1);
    return -1;
  }
  if (c != 0x5d) return WHOLE;
  if (Walk.form == ENVELOPE) return closeEnvelope(p + 1);
  return skipSpace(p + 1) == Walk.end ? DONE : WHOLE;
}

/** What to answer when the value at Walk.start is not one good event that ends at `p` (0: no value at all). */
function unusual(p: usize): i32 {
  if (Walk.form != OBJECTS) return p == 0 ? WHOLE : RARE;
  // The first value decides what the body is.
  return Walk.count == 0 && (p == 0 || skipSpace(p) == Walk.end) ? WHOLE : RARE;
}

/** Goes on to the end, or to the next event that needs the host. */
export function run(): i32 {
  while (true) {
    if (Walk.count == Walk.countMax) return Walk.form == ENVELOPE || Walk.at == Walk.end ? WHOLE : TOO_MANY;
    const start = Walk.at;
    Walk.start = start;
    // Whether the first of several objects is left out or not, it has to be looked at: it may be an envelope.
    const skipped = isSkipped();
    const passOver = skipped && (Walk.form != OBJECTS || Walk.count > 0);
    const isObject = load<u8>(start) == 0x7b;
    Found.rare = !isObject;
    const end = isObject && !passOver ? eventEnd(start) : valueEnd(start, 1);
    if (end == 0) return unusual(end);
    if (Found.rare && !passOver) {
      const what = unusual(end);
      if (what == WHOLE || !skipped) return what;
    } else if (!skipped) {
      const wanted = keep(end);
      if (wanted != DONE) return wanted;
    }
    const next = advance(end);
    if (next >= 0) return next;
  }
}

/** Whether the envelope said when it was sent. */
export function hasSentAt(): bool {
  return Walk.form == ENVELOPE && Walk.sentAt != NOT_USUAL;
}

/** The host read the value from Walk.start to `end` itself. Then run() again when this returns -1. */
export function resumeAt(end: usize): i32 {
  return advance(end);
}
