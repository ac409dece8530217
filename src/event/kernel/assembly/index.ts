/**
 * The kernel's exports. The host owns the memory behind heapStart(): it lays out regions there, tells them to the
 * kernel, and grows them when run() asks for room.
 */
import { Found, Scratch, setCell } from './cells';
import { Clock, Purpose } from './event';
import { Texts } from './intern';
import { Lines, noteLine } from './line';
import { Block, putRow } from './row';
import { Seen } from './text';
import { Walk } from './walk';

export { F_ODD_ID } from './cells';
export { arraysAt, assignSession, cutRows, stringsAt } from './row';
export { cutTexts, rebuildTable, textAt, textLength } from './intern';
export { begin, DONE, hasSentAt, IDS, RARE, resumeAt, ROOM, run, TOO_MANY, WHOLE } from './walk';

export function heapStart(): usize {
  return __heap_base;
}

/** Memory for decoded texts. */
export function useScratch(at: usize): void {
  Scratch.at = at;
}

// Walking

export function setClock(receivedAt: f64, sentAt: f64, oldest: f64, newest: f64): void {
  Clock.receivedAt = <i64>receivedAt;
  Clock.hasSentAt = !isNaN(sentAt);
  Clock.sentAt = Clock.hasSentAt ? <i64>sentAt : 0;
  Clock.oldest = <i64>oldest;
  Clock.newest = <i64>newest;
}

export function setWalk(rows: bool, countMax: u32, skip: usize, skipLength: u32): void {
  Purpose.rows = rows;
  Walk.countMax = countMax;
  Walk.skip = skip;
  Walk.skipLength = skipLength;
}

export function walkStart(): usize {
  return Walk.start;
}

export function walkAt(): usize {
  return Walk.at;
}

export function walkCount(): u32 {
  return Walk.count;
}

/** Epoch ms that the envelope says; only if hasSentAt(). */
export function sentAt(): f64 {
  return <f64>Walk.sentAt;
}

/** Bounds of the timestamps, as said, that the time of sending moves; the first is the greater when there are none. */
export function leastSaid(): f64 {
  return <f64>Clock.leastSaid;
}

export function mostSaid(): f64 {
  return <f64>Clock.mostSaid;
}

// Lines

export function useLines(start: usize, bytes: u32, ends: usize, keys: usize, countMax: u32, firstId: usize): void {
  Lines.next = start + (Lines.next - Lines.start);
  Lines.start = start;
  Lines.limit = start + bytes;
  Lines.ends = ends;
  Lines.keys = keys;
  Lines.countMax = countMax;
  Lines.firstId = firstId;
}

export function beginLines(name: usize, nameLength: u32): void {
  Lines.next = Lines.start;
  Lines.count = 0;
  Lines.ids = 0;
  Lines.idsEnd = 0;
  Lines.name = name;
  Lines.nameLength = nameLength;
  Purpose.hasDefaultName = nameLength > 0;
}

export function setIds(at: usize, end: usize): void {
  Lines.ids = at;
  Lines.idsEnd = end;
}

export function idsAt(): usize {
  return Lines.ids;
}

export function linesEnd(): usize {
  return Lines.next;
}

export function lineCount(): u32 {
  return Lines.count;
}

export function firstIdLength(): u32 {
  return Lines.firstIdLength;
}

/** Notes a line that the host wrote at linesEnd(). */
export function addLine(bytes: u32, keyHash: u32): void {
  Lines.next += bytes;
  noteLine(keyHash);
}

// Rows

export function rowCount(): u32 {
  return Block.rows;
}

export function useRows(rowsMax: u32): void {
  Block.rowsMax = rowsMax;
}

/** A record begins. */
export function setApp(at: usize, length: u32): void {
  Block.app = at;
  Block.appLength = length;
  Block.withoutId = 0;
}

/** Rows since then for which the host has to make an id. */
export function rowsWithoutId(): u32 {
  return Block.withoutId;
}

export function useTexts(slices: usize, countMax: u32, arena: usize, arenaBytes: u32, table: usize, places: u32): void {
  Texts.slices = slices;
  Texts.countMax = countMax;
  Texts.arena = arena;
  Texts.arenaBytes = arenaBytes;
  Texts.table = table;
  Texts.tableMask = places - 1;
}

export function textCount(): u32 {
  return Texts.count;
}

/** A row that the host read: first its scalars (`said` NaN when there is none), its cells, then putFound(). */
export function setFound(
  flags: u32,
  said: f64,
  timestamp: f64,
  watchMs: f64,
  durationMs: f64,
  bitrate: f64,
): void {
  Found.cells = 0;
  Found.flags = flags;
  Found.hasTime = !isNaN(said);
  Found.said = Found.hasTime ? <i64>said : 0;
  Found.timestamp = <i64>timestamp;
  Found.watchMs = watchMs;
  Found.durationMs = durationMs;
  Found.bitrate = bitrate;
  Seen.lineBreak = false;
  Scratch.next = Scratch.at;
}

export function setFoundId(id0: u32, id1: u32, id2: u32, id3: u32): void {
  Found.id0 = id0;
  Found.id1 = id1;
  Found.id2 = id2;
  Found.id3 = id3;
}

export function setFoundCell(cell: u32, at: usize, length: u32): void {
  setCell(cell, at, length);
}

export function putFound(index: u32): void {
  putRow(index);
}
