/** What was found in one event: a slice of text for each cell of its row to be, and its scalars. */
import { CELLS } from './schema';

const TABLE = memory.data(CELLS * 8, 16);

/** A flag for the host: the first two words of the id are the place and length of a text to make an id of. */
export const F_ODD_ID: u32 = 1 << 31;

export class Found {
  /** One bit per cell that has text. */
  static cells: u32 = 0;
  /** Too unusual for this kernel: the reference is to read the event. */
  static rare: bool = false;
  /** Epoch ms as the client said; only if `hasTime`. */
  static said: i64 = 0;
  static hasTime: bool = false;
  static timestamp: i64 = 0;
  static watchMs: f64 = NaN;
  static durationMs: f64 = NaN;
  static bitrate: f64 = NaN;
  /** Row flags that no cell tells: hasEventId, hasTimestamp, completed, instantSkip, fatal. */
  static flags: u32 = 0;
  /** Event id, in network order as four words. */
  static id0: u32 = 0;
  static id1: u32 = 0;
  static id2: u32 = 0;
  static id3: u32 = 0;
}

export function forgetEvent(): void {
  Found.cells = 0;
  Found.rare = false;
  Found.hasTime = false;
  Found.watchMs = NaN;
  Found.durationMs = NaN;
  Found.bitrate = NaN;
  Found.flags = 0;
}

@inline
export function hasCell(cell: u32): bool {
  return (Found.cells & (1 << cell)) != 0;
}

@inline
export function cellAt(cell: u32): usize {
  return load<u32>(TABLE + (<usize>cell << 3));
}

@inline
export function cellLength(cell: u32): u32 {
  return hasCell(cell) ? load<u32>(TABLE + (<usize>cell << 3), 4) : 0;
}

@inline
export function setCell(cell: u32, at: usize, length: u32): void {
  store<u32>(TABLE + (<usize>cell << 3), <u32>at);
  store<u32>(TABLE + (<usize>cell << 3), length, 4);
  Found.cells |= 1 << cell;
}

/** Where decoded texts of the event at hand lie. */
export class Scratch {
  static at: usize = 0;
  static next: usize = 0;
}
