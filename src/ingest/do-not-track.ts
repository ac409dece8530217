/** People who asked not to be tracked: what they send is left out, or taken without who they are, as the setting has it. */
import type { IncomingHttpHeaders } from 'node:http';
import { eventFields } from '../event/event.ts';
import type { EventVerdict, Scan } from '../event/kernel.ts';

export type DntMode = 'off' | 'drop' | 'anonymize';

export interface Heard {
  readonly scan: Scan;
  /** Events left out, by app; they are in `scan.verdicts` too, as `do_not_track`. */
  readonly filtered: ReadonlyMap<string, number>;
}

const NOBODY: ReadonlyMap<string, number> = new Map();
const DETAIL = 'Its sender asked not to be tracked (DNT or GPC), and this service honours that.';
/** In `context`, and what there says so. */
const SIGNALS = ['dnt', 'gpc', 'doNotTrack'];
const YES: ReadonlySet<unknown> = new Set([true, 1, '1', 'yes', 'true']);
/** Without one of these bytes no event says so: a key may be written with escapes, too. */
const TRACES = [...SIGNALS, '\\u'].map((text) => Buffer.from(text));

const namesOf = (field: string) => {
  const { name, aliases } = eventFields.find((one) => one.name === field)!;
  return [name, ...aliases];
};
const CONTEXT = namesOf('context');
const APP = namesOf('app_id');
const PERSON: readonly string[] = ['user_id', 'anonymous_id', 'session_id'].flatMap(namesOf);

type Fields = Record<string, unknown>;

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
  if (!asked && !TRACES.some((trace) => all.includes(trace))) return untouched;
  const lines = Array.from({ length: scan.accepted }, (_, i) =>
    // A copy: the next scan overwrites them.
    Buffer.from(all.subarray(i === 0 ? 0 : scan.lineEnd[i - 1]!, scan.lineEnd[i]!)),
  );
  const events = lines.map((line) => JSON.parse(line.toString()) as Fields);
  const concerned = events.map((event) => asked || saysSo(event));
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

function saysSo(event: Fields): boolean {
  const context = firstOf(event, CONTEXT, (value) => typeof value === 'object') as Fields | undefined;
  return context !== undefined && SIGNALS.some((name) => YES.has(context[name]));
}

function firstOf(event: Fields, names: readonly string[], fits: (value: unknown) => boolean): unknown {
  const name = names.find((one) => event[one] !== null && event[one] !== undefined && fits(event[one]));
  return name === undefined ? undefined : event[name];
}

/** Views stay what they are, where the sender names them; sessions and people are nobody's. */
function withoutPerson(event: Fields): Fields {
  const kept = Object.fromEntries(Object.entries(event).filter(([name]) => !PERSON.includes(name)));
  for (const name of CONTEXT) {
    const { ip: _ip, ...rest } = (kept[name] ?? {}) as Fields;
    if (kept[name]) kept[name] = rest;
  }
  return kept;
}

function leaveOut(
  scan: Scan,
  lines: readonly Buffer[],
  events: readonly Fields[],
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
