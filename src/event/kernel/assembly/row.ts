/** What was found in an event as one row of the block. */
import { cellAt, cellLength, F_ODD_ID, Found, hasCell, Scratch, setCell } from './cells';
import { hash64, putHex } from './hash';
import { internText, textsWantRoom } from './intern';
import {
  C_ANONYMOUS_ID,
  C_APP_ID,
  C_CONTEXT,
  C_EVENT_NAME,
  C_PROPERTIES,
  C_SESSION_ID,
  C_STREAM_ID,
  C_USER_ID,
  C_VIDEO_ID,
  C_VIEW_ID,
  F_BITRATE_KNOWN,
  F_DURATION_MS_KNOWN,
  F_HAS_ACTOR,
  F_HAS_EVENT_ID,
  F_HAS_SESSION,
  F_HAS_VIDEO,
  F_HAS_VIEW,
  F_SESSION_ASSIGNED,
  F_WATCH_MS_KNOWN,
  ROW_ARRAYS,
  R_actorWords,
  R_appHash,
  R_bitrate,
  R_cellStart,
  R_durationMs,
  R_flags,
  R_idWords,
  R_index,
  R_kind,
  R_payloadWords,
  R_streamWords,
  R_text,
  R_timestamp,
  R_viewWords,
  R_watchMs,
  STRING_COLUMNS,
  TEXT_COLUMNS,
  eventKind,
} from './schema';
import { breaksToSpaces, copy, Seen } from './text';

/** Where each row array begins. The host fills it. */
const ARRAYS = memory.data(ROW_ARRAYS * 4, 16);
/** Two words per String column: where it begins, and its length so far. The host fills it. */
const STRINGS = memory.data(STRING_COLUMNS * 8, 16);
/** Where texts are put together for hashing: app (of any length that fits), 0x1f and two ids. */
const JOINED_APP_MAX: u32 = 3000;
const JOINED = memory.data(4096, 16);
const SAID = memory.data(8, 8);
/** `{}`, for what is absent. */
const EMPTY_OBJECT = memory.data<u8>([0x7b, 0x7d]);
/** `s_` or `v_` and 16 hex digits. */
const SLOT_BYTES: u32 = 18;

export class Block {
  static rows: u32 = 0;
  static rowsMax: u32 = 0;
  /** Rows of the record for which the host has to make an id. */
  static withoutId: u32 = 0;
  /** The app of events that name none. */
  static app: usize = 0;
  static appLength: u32 = 0;
}

export function arraysAt(): usize {
  return ARRAYS;
}

export function stringsAt(): usize {
  return STRINGS;
}

@inline
function at(array: u32, row: u32, bytes: u32): usize {
  return <usize>load<u32>(ARRAYS + (<usize>array << 2)) + <usize>row * bytes;
}

@inline
function putWords(array: u32, row: u32, hash: u64): void {
  store<u64>(at(array, row, 8), hash);
}

export function rowsWantRoom(eventBytes: u32): bool {
  return Block.rows == Block.rowsMax || textsWantRoom(eventBytes + Block.appLength);
}

/** Appends a cell to a String column. */
function putCell(row: u32, column: u32, from: usize, length: u32): usize {
  const entry = STRINGS + (<usize>column << 3);
  const start = <usize>load<u32>(entry);
  const used = load<u32>(entry, 4);
  store<u32>(at(R_cellStart, row, STRING_COLUMNS * 4) + (<usize>column << 2), used);
  let to = start + used;
  for (let rest = length; ; rest >>= 7) {
    if (rest < 0x80) {
      store<u8>(to++, rest);
      break;
    }
    store<u8>(to++, (rest & 0x7f) | 0x80);
  }
  copy(to, from, length);
  store<u32>(entry, <u32>(to + length - start), 4);
  return to;
}

/** Joins texts in JOINED by 0x1f. */
class Joined {
  static length: u32 = 0;

  static begin(from: usize, length: u32): void {
    copy(JOINED, from, length);
    Joined.length = length;
  }

  static add(from: usize, length: u32): void {
    store<u8>(JOINED + Joined.length, 0x1f);
    copy(JOINED + Joined.length + 1, from, length);
    Joined.length += length + 1;
  }

  static hash(): u64 {
    return hash64(JOINED, Joined.length, 0);
  }
}

/** Writes `prefix`, `_` and the hash in hex. */
function putSlot(to: usize, prefix: u32, hash: u64): void {
  store<u8>(to, prefix);
  store<u8>(to, 0x5f, 1);
  putHex(to + 2, hash);
}

/** A chain over the fields that are there; the host's hashPayload() is the same. */
function hashPayload(app: usize, appLength: u32): u64 {
  let hash = hash64(cellAt(C_EVENT_NAME), cellLength(C_EVENT_NAME), 1);
  if (appLength > 0) hash = hash64(app, appLength, hash ^ 2);
  for (let cell: u32 = C_USER_ID; cell <= C_STREAM_ID; cell++) {
    if (cellLength(cell) > 0) hash = hash64(cellAt(cell), cellLength(cell), hash ^ <u64>(cell - C_USER_ID + 3));
  }
  if (Found.hasTime) {
    store<i64>(SAID, Found.said);
    hash = hash64(SAID, 8, hash ^ 9);
  }
  hash = hash64(cellAt(C_PROPERTIES), cellLength(C_PROPERTIES), hash ^ 10);
  return hash64(cellAt(C_CONTEXT), cellLength(C_CONTEXT), hash ^ 11);
}

/** An object's text as it is stored: '{}' when absent, on one line. Found in the input, it may be changed in place. */
function settleObject(cell: u32): void {
  if (!hasCell(cell)) setCell(cell, EMPTY_OBJECT, 2);
  else if (Seen.lineBreak) breaksToSpaces(cellAt(cell), cellLength(cell));
}

function putView(row: u32, app: usize, appLength: u32, view: usize, viewLength: u32): void {
  Joined.begin(app, appLength);
  Joined.add(cellAt(C_VIDEO_ID), cellLength(C_VIDEO_ID));
  Joined.add(view, viewLength);
  putWords(R_viewWords, row, Joined.hash());
}

/** The cells of session and view: as said, derived, or slots for assignSession(). */
function putSessionAndView(row: u32, app: usize, appLength: u32, actor: bool): void {
  const slot = Scratch.next;
  const hasSession = hasCell(C_SESSION_ID);
  const hasVideo = hasCell(C_VIDEO_ID);
  putWords(R_viewWords, row, 0);
  if (hasSession) putCell(row, C_SESSION_ID, cellAt(C_SESSION_ID), cellLength(C_SESSION_ID));
  else {
    putSlot(slot, 0x73, 0);
    putCell(row, C_SESSION_ID, slot, actor ? SLOT_BYTES : 0);
  }
  if (hasCell(C_VIEW_ID)) {
    putView(row, app, appLength, cellAt(C_VIEW_ID), cellLength(C_VIEW_ID));
    putCell(row, C_VIEW_ID, cellAt(C_VIEW_ID), cellLength(C_VIEW_ID));
    return;
  }
  if (!hasVideo || (!hasSession && !actor)) {
    putCell(row, C_VIEW_ID, slot, 0);
    return;
  }
  if (hasSession) {
    Joined.begin(cellAt(C_SESSION_ID), cellLength(C_SESSION_ID));
    Joined.add(cellAt(C_VIDEO_ID), cellLength(C_VIDEO_ID));
    putSlot(slot, 0x76, Joined.hash());
    putView(row, app, appLength, slot, SLOT_BYTES);
  } else putSlot(slot, 0x76, 0);
  putCell(row, C_VIEW_ID, slot, SLOT_BYTES);
}

function flagsOf(actor: bool): u32 {
  let flags = Found.flags;
  if (actor) flags |= F_HAS_ACTOR;
  if (hasCell(C_SESSION_ID)) flags |= F_HAS_SESSION;
  if (hasCell(C_VIDEO_ID)) flags |= F_HAS_VIDEO;
  if (hasCell(C_VIEW_ID)) flags |= F_HAS_VIEW;
  if (!isNaN(Found.watchMs)) flags |= F_WATCH_MS_KNOWN;
  if (!isNaN(Found.durationMs)) flags |= F_DURATION_MS_KNOWN;
  if (!isNaN(Found.bitrate)) flags |= F_BITRATE_KNOWN;
  return flags;
}

function putScalars(row: u32, index: u32, actor: bool): void {
  store<f64>(at(R_timestamp, row, 8), <f64>Found.timestamp);
  store<f64>(at(R_watchMs, row, 8), Found.watchMs);
  store<f64>(at(R_durationMs, row, 8), Found.durationMs);
  store<f64>(at(R_bitrate, row, 8), Found.bitrate);
  const id = at(R_idWords, row, 16);
  const has = (Found.flags & F_HAS_EVENT_ID) != 0;
  store<u32>(id, has ? Found.id0 : 0);
  store<u32>(id, has ? Found.id1 : 0, 4);
  store<u32>(id, has ? Found.id2 : 0, 8);
  store<u32>(id, has ? Found.id3 : 0, 12);
  if (!has || (Found.flags & F_ODD_ID) != 0) Block.withoutId++;
  store<u32>(at(R_index, row, 4), index);
  store<u32>(at(R_flags, row, 4), flagsOf(actor));
  store<u8>(at(R_kind, row, 1), eventKind(cellAt(C_EVENT_NAME), cellLength(C_EVENT_NAME)));
}

/** Hashes of app, actor and stream. */
function putHashes(row: u32, app: usize, appLength: u32, actor: u32): void {
  store<u32>(at(R_appHash, row, 4), <u32>hash64(app, appLength, 0));
  let hash: u64 = 0;
  if (hasCell(actor)) {
    Joined.begin(app, appLength);
    Joined.add(cellAt(actor), cellLength(actor));
    hash = Joined.hash();
  }
  putWords(R_actorWords, row, hash);
  const stream: u32 = hasCell(C_STREAM_ID) ? C_STREAM_ID : C_VIDEO_ID;
  hash = 0;
  if (hasCell(stream)) {
    Joined.begin(app, appLength);
    Joined.add(cellAt(stream), cellLength(stream));
    hash = Joined.hash();
  }
  putWords(R_streamWords, row, hash);
}

/** Appends the row. There must be room, and the String columns must be able to take the event's bytes each. */
export function putRow(index: u32): void {
  const row = Block.rows;
  if (!hasCell(C_APP_ID)) setCell(C_APP_ID, Block.app, Block.appLength);
  const app = cellAt(C_APP_ID);
  const appLength = min(cellLength(C_APP_ID), JOINED_APP_MAX);
  const actor: u32 = hasCell(C_USER_ID) ? C_USER_ID : hasCell(C_ANONYMOUS_ID) ? C_ANONYMOUS_ID : C_SESSION_ID;
  settleObject(C_PROPERTIES);
  settleObject(C_CONTEXT);
  putWords(R_payloadWords, row, hashPayload(app, appLength));
  putHashes(row, app, appLength, actor);
  putScalars(row, index, hasCell(actor));
  for (let cell: u32 = C_USER_ID; cell <= C_CONTEXT; cell++) {
    if (cell == C_SESSION_ID || cell == C_VIEW_ID) continue;
    putCell(row, cell, cellAt(cell), cellLength(cell));
  }
  putSessionAndView(row, app, appLength, hasCell(actor));
  for (let column: u32 = 0; column < TEXT_COLUMNS; column++) {
    const cell = C_APP_ID + column;
    store<u32>(at(R_text + column, row, 4), internText(column, cellAt(cell), cellLength(cell)));
  }
  Block.rows = row + 1;
}

/** Forgets the rows from `row` on. */
export function cutRows(row: u32): void {
  if (row >= Block.rows) return;
  const starts = at(R_cellStart, row, STRING_COLUMNS * 4);
  for (let column: u32 = 0; column < STRING_COLUMNS; column++) {
    store<u32>(STRINGS + (<usize>column << 3), load<u32>(starts + (<usize>column << 2)), 4);
  }
  Block.rows = row;
}

@inline
function cellOf(row: u32, column: u32): usize {
  const start = load<u32>(at(R_cellStart, row, STRING_COLUMNS * 4) + (<usize>column << 2));
  return <usize>load<u32>(STRINGS + (<usize>column << 3)) + start;
}

/** Writes the session into its slot, and the view that derives from it. `app` is the row's, as text. */
export function assignSession(row: u32, low: u32, high: u32, app: usize, appLength: u32): void {
  const flags = load<u32>(at(R_flags, row, 4));
  const session = cellOf(row, C_SESSION_ID);
  if ((flags & F_HAS_SESSION) != 0 || load<u8>(session) != SLOT_BYTES) return;
  putSlot(session + 1, 0x73, (<u64>high << 32) | low);
  if ((flags & F_HAS_VIEW) == 0 && (flags & F_HAS_VIDEO) != 0) {
    // Identifiers have at most 256 bytes: their length takes one byte or two.
    let video = cellOf(row, C_VIDEO_ID);
    let length = <u32>load<u8>(video++);
    if (length > 0x7f) length = (length & 0x7f) | (<u32>load<u8>(video++) << 7);
    const view = cellOf(row, C_VIEW_ID) + 1;
    Joined.begin(session + 1, SLOT_BYTES);
    Joined.add(video, length);
    putSlot(view, 0x76, Joined.hash());
    setCell(C_VIDEO_ID, video, length);
    putView(row, app, appLength, view, SLOT_BYTES);
  }
  store<u32>(at(R_flags, row, 4), flags | F_SESSION_ASSIGNED);
}
