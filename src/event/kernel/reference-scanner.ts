/** The plain scanner. */
import { isUtf8 } from 'node:buffer';
import type { Refusal } from '../event.ts';
import type { BodyScanner, EventVerdict, Scan, ScanError, ScanOptions } from '../kernel.ts';
import { type BodyEvents, readBody } from './body.ts';
import { positiveMurmur2 } from './hash.ts';
import { type JsonNode, JsonText, joinMembers } from './json.ts';
import { type EventReading, oneLine, readEvent } from './reading.ts';
import { formatUuid, readEventId } from './uuid.ts';

/** What the scan of one good event gives. */
export interface ScannedEvent {
  /** With its line feed. */
  readonly line: Buffer;
  readonly keyHash: number;
  /** The UUID under which it will be stored. */
  readonly eventId: string;
}

export function scanFailed(error: ScanError): Scan {
  const [lineEnd, keyHash] = [new Uint32Array(0), new Uint32Array(0)];
  const nothing = { count: 0, accepted: 0, verdicts: [], lines: new Uint8Array(0), lineEnd, keyHash };
  return { error, ...nothing, sentAt: null, firstIds: [] };
}

/** Null, or why these bytes cannot be a body at all. */
export function checkUtf8(body: Uint8Array): ScanError | null {
  if (isUtf8(body)) return null;
  return { code: 'invalid_utf8', position: 0, detail: 'The body is not UTF-8.' };
}

/** The event's line, with `injected` members in front. A null member of an injected name makes room for it. */
function lineOf(text: JsonText, node: JsonNode, injected: ReadonlyMap<string, string>): Buffer {
  const front = [...injected]
    .map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`)
    .join(',');
  const kept = node.members.filter((member) => !injected.has(member.key));
  const asSent = kept.length === node.members.length;
  const object = asSent ? text.slice(node.start, node.end) : joinMembers(text, kept);
  if (front === '') return Buffer.from(`${oneLine(object)}\n`);
  return Buffer.from(`{${front}${kept.length > 0 ? ',' : ''}${oneLine(object.slice(1))}\n`);
}

/** Makes the line of a good event; takes an id when it has none. */
export function scanReading(
  text: JsonText,
  node: JsonNode,
  reading: EventReading,
  defaultName: string | null,
  nextId: () => Uint8Array,
): ScannedEvent {
  const injected = new Map<string, string>();
  const id = reading.id ?? formatUuid(nextId());
  if (reading.id === null) injected.set('event_id', id);
  if (defaultName !== null && !reading.named) injected.set('event_name', defaultName);
  const { user_id, anonymous_id, session_id } = reading.ids;
  const key = user_id || anonymous_id || session_id || id;
  return {
    line: lineOf(text, node, injected),
    keyHash: positiveMurmur2(Buffer.from(key)),
    eventId: formatUuid(readEventId(id)),
  };
}

/** The verdict on the event in `bytes` from `start` to `end`. */
export function verdictOn(
  bytes: Uint8Array,
  slice: { start: number; end: number },
  index: number,
  refusal: Refusal,
): EventVerdict {
  // A Buffer's slice() would be a view of the body.
  const raw = new Uint8Array(bytes.subarray(slice.start, slice.end));
  return { index, code: refusal.code, detail: refusal.detail, raw };
}

export class ReferenceScanner implements BodyScanner {
  scan(body: Uint8Array, options: ScanOptions): Scan {
    const notUtf8 = checkUtf8(body);
    if (notUtf8 !== null) return scanFailed(notUtf8);
    const text = new JsonText(body);
    const events = readBody(text, options.mode, options.maxEvents);
    return events.error === null ? this.#scanEvents(text, events, options) : scanFailed(events.error);
  }

  #scanEvents(text: JsonText, events: BodyEvents, options: ScanOptions): Scan {
    const sentAt = events.sentAt ?? options.sentAt;
    const clock = { ...options, sentAt };
    const good: ScannedEvent[] = [];
    const verdicts: EventVerdict[] = [];
    for (const [index, slice] of events.slices.entries()) {
      if (slice.node === null) {
        verdicts.push(verdictOn(text.bytes, slice, index, { code: 'invalid_json', detail: slice.detail }));
        continue;
      }
      const read = readEvent(text, slice.node, clock, options.defaultName);
      if ('refusal' in read) verdicts.push(verdictOn(text.bytes, slice, index, read.refusal));
      else
        good.push(scanReading(text, slice.node, read.reading, options.defaultName, () => options.nextIds(1)));
    }
    let end = 0;
    return {
      error: null,
      count: events.slices.length,
      accepted: good.length,
      verdicts,
      lines: Buffer.concat(good.map((event) => event.line)),
      lineEnd: Uint32Array.from(good, (event) => (end += event.line.length)),
      keyHash: Uint32Array.from(good, (event) => event.keyHash),
      sentAt,
      firstIds: good.slice(0, 1).map((event) => event.eventId),
    };
  }
}
