/** People who asked not to be tracked: what they send is left out, or taken without who they are, as the setting has it. */
import type { IncomingHttpHeaders } from 'node:http';
import {
  asksInContext,
  type DntMode,
  type EventObject,
  firstOf,
  mayAskNotToBeTracked,
  withoutPerson,
} from '../event/do-not-track.ts';
import { eventFields } from '../event/event.ts';
import type { EventVerdict, Scan } from '../event/kernel.ts';

export interface Heard {
  readonly scan: Scan;
  /** Events left out, by app; they are in `scan.verdicts` too, as `do_not_track`. */
  readonly filtered: ReadonlyMap<string, number>;
}

const NOBODY: ReadonlyMap<string, number> = new Map();
const DETAIL = 'Its sender asked not to be tracked (DNT or GPC), and this service honours that.';
const { name: APP_NAME, aliases: APP_ALIASES } = eventFields.find(({ name }) => name === 'app_id')!;
const APP = [APP_NAME, ...APP_ALIASES];

/** Whether the request itself says so: `DNT: 1` or `Sec-GPC: 1`. */
export function asksNotToBeTracked(headers: IncomingHttpHeaders): boolean {
  return headers.dnt === '1' || headers['sec-gpc'] === '1';
}

/**
 * What is left of a scan. `asked`: the request said so, for all of its events; else each event may say so in its context.
 * `app`: of events that name none. `rescan` reads NDJSON as the scan was read.
 */
export function heedDnt(
  scan: Scan,
  mode: DntMode,
  asked: boolean,
  app: string,
  rescan: (lines: Uint8Array) => Scan,
): Heard {
  const untouched = { scan, filtered: NOBODY };
  if (mode === 'off' || scan.accepted === 0) return untouched;
  const { buffer, byteOffset, byteLength } = scan.lines;
  const all = Buffer.from(buffer, byteOffset, byteLength);
  if (!asked && !mayAskNotToBeTracked(all)) return untouched;
  const lines = Array.from({ length: scan.accepted }, (_, i) =>
    // A copy: the next scan overwrites them.
    Buffer.from(all.subarray(i === 0 ? 0 : scan.lineEnd[i - 1]!, scan.lineEnd[i]!)),
  );
  const events = lines.map((line) => JSON.parse(line.toString()) as EventObject);
  const concerned = events.map((event) => asked || asksInContext(event));
  if (!concerned.includes(true)) return untouched;
  if (mode === 'drop') return leaveOut(scan, lines, events, concerned, app);
  const without = lines.map((line, i) =>
    concerned[i] ? Buffer.from(`${JSON.stringify(withoutPerson(events[i]!))}\n`) : line,
  );
  const { count, verdicts, sentAt, firstIds } = scan;
  const again = rescan(Buffer.concat(without));
  if (again.accepted !== lines.length) throw new Error('an event without its person is no event any more');
  return { scan: { ...again, count, verdicts, sentAt, firstIds }, filtered: NOBODY };
}

function leaveOut(
  scan: Scan,
  lines: readonly Buffer[],
  events: readonly EventObject[],
  concerned: readonly boolean[],
  app: string,
): Heard {
  const refused = new Set(scan.verdicts.map(({ index }) => index));
  const verdicts: EventVerdict[] = [...scan.verdicts];
  const filtered = new Map<string, number>();
  const kept: number[] = [];
  for (let row = 0, index = 0; row < lines.length; row++, index++) {
    while (refused.has(index)) index++;
    if (!concerned[row]) {
      kept.push(row);
      continue;
    }
    const named = String(firstOf(events[row]!, APP, (value) => value !== '') ?? app);
    filtered.set(named, (filtered.get(named) ?? 0) + 1);
    // Nothing of it is kept, not even to say what it was.
    verdicts.push({ index, code: 'do_not_track', detail: DETAIL, raw: new Uint8Array() });
  }
  let end = 0;
  const lineEnd = kept.map((row) => {
    end += lines[row]!.length;
    return end;
  });
  return {
    scan: {
      ...scan,
      accepted: kept.length,
      verdicts: verdicts.sort((a, b) => a.index - b.index),
      lines: Buffer.concat(kept.map((row) => lines[row]!)),
      lineEnd: Uint32Array.from(lineEnd),
      keyHash: Uint32Array.from(kept, (row) => scan.keyHash[row]!),
      firstIds: kept[0] === 0 ? scan.firstIds : [],
    },
    filtered,
  };
}
