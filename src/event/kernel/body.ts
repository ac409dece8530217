/** Where the events of a body are. The forms of a body are described at the head of reference.ts. */
import { eventFields, eventLimits } from '../event.ts';
import type { ScanError } from '../kernel.ts';
import { readEpoch, readInstantText } from './instant.ts';
import { findMember, type JsonNode, JsonSyntaxError, type JsonText } from './json.ts';

/** One place where an event should be. `node` is null where there is no JSON value; `detail` says why. */
export interface EventSlice {
  readonly start: number;
  /** Exclusive. */
  readonly end: number;
  readonly node: JsonNode | null;
  readonly detail: string;
}

export interface BodyEvents {
  readonly error: ScanError | null;
  readonly slices: readonly EventSlice[];
  /** Epoch ms, null when the body does not say. */
  readonly sentAt: number | null;
}

const lineFeed = 0x0a;

/** Every name of an event's name. */
export const nameKeys: readonly string[] = eventFields
  .filter((field) => field.name === 'event_name')
  .flatMap((field) => [field.name, ...field.aliases]);

function failed(code: ScanError['code'], position: number, detail: string): BodyEvents {
  return { error: { code, position, detail }, slices: [], sentAt: null };
}

export function tooMany(position: number, maxEvents: number): BodyEvents {
  return failed('too_many_events', position, `A request holds at most ${maxEvents} events.`);
}

/** A moment in JSON: a string or a number. NaN when it is none, or something else. */
export function readInstant(text: JsonText, node: JsonNode): number {
  if (node.kind === 'string') return readInstantText(text.string(node));
  return node.kind === 'number' ? readEpoch(text.number(node)) : NaN;
}

/** `{"events": […]}` without a name of its own; anything with a name is an event. */
export function isEnvelope(node: JsonNode): boolean {
  if (findMember(node.members, 'events')?.kind !== 'array') return false;
  return !node.members.some((m) => nameKeys.includes(m.key) && m.value.kind !== 'null');
}

function readSentAt(text: JsonText, envelope: JsonNode): number | null {
  for (const key of ['sent_at', 'sentAt']) {
    const node = findMember(envelope.members, key);
    const at = node === undefined ? NaN : readInstant(text, node);
    if (!Number.isNaN(at)) return at;
  }
  return null;
}

function slicesOf(nodes: readonly JsonNode[]): EventSlice[] {
  return nodes.map((node) => ({ start: node.start, end: node.end, node, detail: '' }));
}

function readEnvelope(text: JsonText, envelope: JsonNode, maxEvents: number): BodyEvents {
  const { items } = findMember(envelope.members, 'events')!;
  if (items.length === 0) return failed('empty_batch', envelope.start, 'The body holds no event.');
  if (items.length > maxEvents) return tooMany(items[maxEvents]!.start, maxEvents);
  return { error: null, slices: slicesOf(items), sentAt: readSentAt(text, envelope) };
}

function readArray(text: JsonText, at: number, maxEvents: number): BodyEvents {
  const nodes: JsonNode[] = [];
  let p = text.skipSpace(at + 1);
  if (text.bytes[p] === 0x5d && text.skipSpace(p + 1) === text.bytes.length) {
    return failed('empty_batch', at, 'The body holds no event.');
  }
  while (true) {
    if (nodes.length === maxEvents && p < text.bytes.length) return tooMany(p, maxEvents);
    const node = text.value(p);
    nodes.push(node);
    p = text.skipSpace(node.end);
    if (text.bytes[p] === 0x5d) break;
    if (text.bytes[p] !== 0x2c) throw new JsonSyntaxError(p, "',' or ']' was expected");
    p = text.skipSpace(p + 1);
  }
  p = text.skipSpace(p + 1);
  if (p < text.bytes.length) throw new JsonSyntaxError(p, 'nothing may follow the array');
  return { error: null, slices: slicesOf(nodes), sentAt: null };
}

/** The value at `at`, or the broken rest of its line. */
export function readLineSlice(text: JsonText, at: number): EventSlice {
  try {
    const node = text.value(at);
    return { start: at, end: node.end, node, detail: '' };
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    const lineEnd = text.bytes.indexOf(lineFeed, at);
    let end = lineEnd < 0 ? text.bytes.length : lineEnd;
    if (text.bytes[end - 1] === 0x0d && end - 1 > at) end--;
    return {
      start: at,
      end,
      node: null,
      detail: `Not JSON at byte ${error.position - at}: ${error.message}.`,
    };
  }
}

function readLines(text: JsonText, at: number, maxEvents: number): BodyEvents {
  const slices: EventSlice[] = [];
  for (let p = at; p < text.bytes.length; ) {
    if (slices.length === maxEvents) return tooMany(p, maxEvents);
    const slice = readLineSlice(text, p);
    slices.push(slice);
    p = text.skipSpace(slice.end);
  }
  return { error: null, slices, sentAt: null };
}

/**
 * Whether a body whose first value is broken is NDJSON with a bad first line: the second line is a whole object by
 * itself, and the first one does not open an envelope.
 */
function isBrokenFirstLine(text: JsonText, at: number): boolean {
  const lineEnd = text.bytes.indexOf(lineFeed, at);
  if (lineEnd < 0) return false;
  const second = text.skipSpace(lineEnd);
  if (text.bytes[second] !== 0x7b) return false;
  if (text.slice(text.skipSpace(at + 1), lineEnd).startsWith('"events"')) return false;
  const slice = readLineSlice(text, second);
  if (slice.node === null || slice.node.kind !== 'object') return false;
  const next = text.bytes.subarray(slice.end, text.skipSpace(slice.end));
  return next.includes(lineFeed) || slice.end + next.length === text.bytes.length;
}

function readObjects(text: JsonText, at: number, mode: 'auto' | 'ndjson', maxEvents: number): BodyEvents {
  try {
    // Two levels more: the object may turn out to be the envelope around the events.
    const first = text.value(at, -1);
    const alone = text.skipSpace(first.end) === text.bytes.length;
    if (alone && isEnvelope(first)) return readEnvelope(text, first, maxEvents);
    if (first.depth > eventLimits.nestingMax) text.value(at);
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    if (mode === 'auto' && !isBrokenFirstLine(text, at)) throw error;
  }
  return readLines(text, at, maxEvents);
}

/** Finds the events of a body. Never throws over what it holds. */
export function readBody(text: JsonText, mode: 'auto' | 'ndjson', maxEvents: number): BodyEvents {
  const { bytes } = text;
  const hasMark = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf;
  const at = text.skipSpace(hasMark ? 3 : 0);
  if (at === bytes.length) return failed('empty_batch', at, 'The body is empty.');
  try {
    if (bytes[at] === 0x5b) return readArray(text, at, maxEvents);
    if (bytes[at] === 0x7b) return readObjects(text, at, mode, maxEvents);
    if (mode === 'ndjson') return readLines(text, at, maxEvents);
    throw new JsonSyntaxError(at, 'an object or an array of objects was expected');
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    return failed('invalid_json', error.position, `Not JSON at byte ${error.position}: ${error.message}.`);
  }
}
