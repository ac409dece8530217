/** Keys that are limited to some apps: what they send for others is refused, event by event. */
import { eventFields } from '../event/event.ts';
import { formatUuid } from '../event/kernel/uuid.ts';
import type { BlockBuilder, EventVerdict, Kernel, Scan } from '../event/kernel.ts';

/**
 * The scan without the events of other apps, each of which has a verdict instead.
 * @param receivedAt epoch ms, that of the scan
 * @param app of events that name none
 */
export type AppGuard = (scan: Scan, receivedAt: number, app: string, allowed: readonly string[]) => Scan;

const BUILDER_ROWS = 1024;
const BUILDER_BYTES = 1024 * 1024;

const field = eventFields.find(({ name }) => name === 'app_id')!;
/** Without one of these bytes no event names an app: a key may be written with escapes, too. */
const TRACES = [field.name, ...field.aliases, '\\u'].map((text) => Buffer.from(text));

/** Which app an event names is read by the very kernel that stores it. Made when the first such key comes. */
export function createAppGuard(kernel: Pick<Kernel, 'createBlockBuilder'>): AppGuard {
  let builder: BlockBuilder | null = null;
  return (scan, receivedAt, app, allowed) => {
    if (scan.accepted === 0) return scan;
    const { buffer, byteOffset, byteLength } = scan.lines;
    const lines = Buffer.from(buffer, byteOffset, byteLength);
    if (!TRACES.some((trace) => lines.includes(trace))) {
      return allowed.includes(app) ? scan : without(scan, () => app, null);
    }
    builder ??= kernel.createBlockBuilder({ rowsMax: BUILDER_ROWS, bytesMax: BUILDER_BYTES });
    const rows = fill(builder, scan, receivedAt, app);
    const { text, textColumns } = builder;
    const appOf = (row: number) => text.get(textColumns.app_id[row]!);
    for (let row = 0; row < rows; row++) {
      if (!allowed.includes(appOf(row))) {
        return without(scan, (at) => (allowed.includes(appOf(at)) ? null : appOf(at)), builder);
      }
    }
    return scan;
  };
}

function fill(builder: BlockBuilder, { lines, accepted, sentAt }: Scan, receivedAt: number, app: string) {
  builder.reset();
  builder.add({ value: lines, receivedAt, sentAt, app, partition: 0, offset: 0 }, null);
  if (builder.rows === accepted) return accepted;
  throw new Error(`the scanner took ${accepted} events, the block builder ${builder.rows}`);
}

/**
 * @param foreignApp of an accepted event: the app that it may not be of, or null
 * @param builder holds the accepted events, a row each; null when they all go
 */
function without(scan: Scan, foreignApp: (row: number) => string | null, builder: BlockBuilder | null): Scan {
  const { lines, lineEnd, keyHash } = scan;
  const verdicts: EventVerdict[] = [...scan.verdicts];
  const refused = new Set(scan.verdicts.map(({ index }) => index));
  const kept: Uint8Array[] = [];
  const ends: number[] = [];
  const hashes: number[] = [];
  const ids: string[] = [];
  let end = 0;
  for (let row = 0, index = 0; row < scan.accepted; row++, index++) {
    while (refused.has(index)) index++;
    const line = lines.slice(row === 0 ? 0 : lineEnd[row - 1]!, lineEnd[row]!);
    const foreign = foreignApp(row);
    if (foreign !== null) {
      const detail = `The key may not send events of the app ${JSON.stringify(foreign)}.`;
      verdicts.push({ index, code: 'app_forbidden', detail, raw: line.slice(0, -1) });
      continue;
    }
    kept.push(line);
    end += line.length;
    ends.push(end);
    hashes.push(keyHash[row]!);
    if (ids.length === 0 && builder !== null) ids.push(idOf(builder, row));
  }
  return {
    ...scan,
    accepted: kept.length,
    verdicts: verdicts.sort((a, b) => a.index - b.index),
    lines: Buffer.concat(kept),
    lineEnd: Uint32Array.from(ends),
    keyHash: Uint32Array.from(hashes),
    firstIds: ids,
  };
}

function idOf({ idWords }: BlockBuilder, row: number): string {
  const bytes = Buffer.alloc(16);
  for (let word = 0; word < 4; word++) bytes.writeUInt32BE(idWords[4 * row + word]!, 4 * word);
  return formatUuid(bytes);
}
