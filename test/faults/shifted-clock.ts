/**
 * Preloaded into a service: its clock goes wrong by the milliseconds that the file `clock` beside its data folder holds,
 * from one moment to the next. What was read is written to `clock.seen`. ClickHouse, a process of its own, keeps the
 * right time.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const file = join(process.env.ANALYTICS_DATA_DIR!, '..', 'clock');
const RightDate = Date;
let offsetMs = 0;

class WrongDate extends RightDate {
  constructor(...parts: [] | [number | string]) {
    if (parts.length === 0) super(RightDate.now() + offsetMs);
    // The compiler has no overload for "whatever else was given".
    else super(...(parts as [number]));
  }
  static override now(): number {
    return RightDate.now() + offsetMs;
  }
}

function look(): void {
  const read = Number(readFileSync(file, 'utf8') || offsetMs);
  if (read === offsetMs) return;
  offsetMs = read;
  writeFileSync(`${file}.seen`, String(read));
}

writeFileSync(`${file}.seen`, '0');
look();
setInterval(look, 10).unref();
globalThis.Date = WrongDate as DateConstructor;
