/** One event read: a JSON object in, its canonical values out, or the first problem in the documented order. */
import {
  type EventFieldName,
  eventFields,
  eventLimits,
  type IdField,
  idFields,
  type Refusal,
  type RefusalCode,
} from '../event.ts';
import { readInstant } from './body.ts';
import { type ContextTexts, readContextTexts } from './context.ts';
import {
  appendMembers,
  findMember,
  type JsonMember,
  type JsonNode,
  type JsonText,
  joinMembers,
} from './json.ts';

/** Keys of `properties` that are measures, and those that are true or not. */
export const measureKeys = ['watch_ms', 'duration_ms', 'duration', 'bitrate', 'bitrate_kbps'] as const;
export const switchKeys = ['completed', 'instant_skip', 'fatal'] as const;

export interface EventReading {
  readonly name: string;
  /** Whether the client named it; else `name` is the default. */
  readonly named: boolean;
  /** As the client wrote it; null when absent. */
  readonly id: string | null;
  /** '' when absent; `properties` already looked at. */
  readonly ids: Readonly<Record<IdField, string>>;
  /** Epoch ms as the client said; null when absent. */
  readonly saidAt: number | null;
  /** Epoch ms, skew repaired, receipt when absent. */
  readonly timestamp: number;
  /** JSON text on one line, top-level strangers moved in; '{}' when absent. */
  readonly properties: string;
  /** JSON text on one line without `ip`; '{}' when absent. */
  readonly context: string;
  /** NaN when unknown, like the two below. */
  readonly watchMs: number;
  readonly durationMs: number;
  readonly bitrate: number;
  readonly completed: boolean;
  readonly instantSkip: boolean;
  readonly fatal: boolean;
  readonly texts: ContextTexts;
}

/** What an event's time is judged by. Epoch ms, bounds inclusive. */
export interface EventClock {
  readonly receivedAt: number;
  readonly sentAt: number | null;
  readonly oldestAllowed: number;
  readonly newestAllowed: number;
}

interface FieldName {
  readonly field: EventFieldName;
  /** 0 for the canonical name, then in the order of the aliases. */
  readonly rank: number;
}

interface Chosen {
  readonly member: JsonMember;
  readonly rank: number;
}

/** The members of an event by what they are to it. */
interface Sorted {
  readonly fields: ReadonlyMap<EventFieldName, JsonNode>;
  /** Top-level members that are no field, in the order of the text, each key once. */
  readonly strangers: readonly JsonMember[];
}

class RefusedError extends Error {
  readonly refusal: Refusal;
  constructor(code: RefusalCode, detail: string) {
    super(detail);
    this.refusal = { code, detail };
  }
}

const fieldNames: ReadonlyMap<string, FieldName> = new Map(
  eventFields.flatMap((field) =>
    [field.name, ...field.aliases].map((name, rank) => [name, { field: field.name, rank }] as const),
  ),
);
const textFields: ReadonlySet<EventFieldName> = new Set<EventFieldName>(['event_id', ...idFields]);

/** Null everywhere, and '' where an identifier is expected, is as good as nothing. */
function isAbsent(text: JsonText, field: EventFieldName, node: JsonNode): boolean {
  if (node.kind === 'null') return true;
  return textFields.has(field) && node.kind === 'string' && text.string(node) === '';
}

function sortMembers(text: JsonText, event: JsonNode): Sorted {
  const seen = new Set<string>();
  const chosen = new Map<EventFieldName, Chosen>();
  const gone = new Set<JsonMember>();
  for (const member of event.members) {
    const name = fieldNames.get(member.key);
    if (name === undefined) continue;
    if (isAbsent(text, name.field, member.value)) {
      gone.add(member);
      continue;
    }
    if (seen.has(member.key))
      throw new RefusedError('duplicate_key', `The field ${member.key} stands twice.`);
    seen.add(member.key);
    // A time of sending that lost to another is not kept: it changes with every retry, and would change the payload.
    if (name.field === 'sent_at') gone.add(member);
    const best = chosen.get(name.field);
    if (best === undefined || name.rank < best.rank) chosen.set(name.field, { member, rank: name.rank });
  }
  const used = new Set([...chosen.values()].map((choice) => choice.member));
  const strangers = new Map<string, JsonMember>();
  for (const member of event.members) {
    if (!used.has(member) && !gone.has(member)) strangers.set(member.key, member);
  }
  const fields = new Map([...chosen].map(([field, choice]) => [field, choice.member.value]));
  return { fields, strangers: [...strangers.values()] };
}

function readName(text: JsonText, node: JsonNode | undefined, defaultName: string | null): string {
  if (node === undefined) {
    if (defaultName !== null) return defaultName;
    throw new RefusedError('missing_event_name', 'The event has no event_name.');
  }
  if (node.kind !== 'string') throw new RefusedError('invalid_event_name', 'event_name is not a string.');
  const name = text.string(node);
  if (name === '') throw new RefusedError('invalid_event_name', 'event_name is empty.');
  if (name.length > eventLimits.nameCharsMax && [...name].length > eventLimits.nameCharsMax) {
    throw new RefusedError(
      'invalid_event_name',
      `event_name has more than ${eventLimits.nameCharsMax} characters.`,
    );
  }
  return name;
}

/** A string, or a number by its digits; null when it is something else. */
function readText(text: JsonText, node: JsonNode): string | null {
  if (node.kind === 'string') return text.string(node);
  return node.kind === 'number' ? text.slice(node.start, node.end) : null;
}

function readId(text: JsonText, node: JsonNode | undefined, field: EventFieldName): string {
  if (node === undefined) return '';
  const value = readText(text, node);
  if (value === null) {
    const code = field === 'event_id' ? 'invalid_event_id' : 'invalid_field';
    throw new RefusedError(code, `${field} is neither a string nor a number.`);
  }
  if (Buffer.byteLength(value) > eventLimits.idBytesMax) {
    throw new RefusedError('field_too_long', `${field} has more than ${eventLimits.idBytesMax} bytes.`);
  }
  return value;
}

/** An identifier inside `properties`, which are free form: what cannot be one is not one, and no reason to refuse. */
function readLooseId(text: JsonText, node: JsonNode | undefined): string {
  const value = node === undefined ? null : readText(text, node);
  return value !== null && Buffer.byteLength(value) <= eventLimits.idBytesMax ? value : '';
}

function isStorable(at: number): boolean {
  return at >= eventLimits.timestampMin && at <= eventLimits.timestampMax;
}

function readTime(
  text: JsonText,
  fields: Sorted['fields'],
  clock: EventClock,
): { saidAt: number | null; timestamp: number } {
  const node = fields.get('timestamp');
  if (node === undefined) return { saidAt: null, timestamp: clock.receivedAt };
  const saidAt = readInstant(text, node);
  const sentNode = fields.get('sent_at');
  const ownSentAt = sentNode === undefined ? NaN : readInstant(text, sentNode);
  const sentAt = Number.isNaN(ownSentAt) ? clock.sentAt : ownSentAt;
  const timestamp = sentAt === null ? saidAt : saidAt + (clock.receivedAt - sentAt);
  if (!isStorable(saidAt) || !isStorable(timestamp)) {
    throw new RefusedError('invalid_timestamp', 'timestamp is no moment between the years 1900 and 2299.');
  }
  if (timestamp < clock.oldestAllowed) {
    const limit = new Date(clock.oldestAllowed).toISOString();
    throw new RefusedError(
      'timestamp_too_old',
      `The event is from ${new Date(timestamp).toISOString()}; the oldest that is kept is ${limit}.`,
    );
  }
  if (timestamp > clock.newestAllowed) {
    const limit = new Date(clock.newestAllowed).toISOString();
    throw new RefusedError(
      'timestamp_in_future',
      `The event is from ${new Date(timestamp).toISOString()}; the latest that is taken is ${limit}.`,
    );
  }
  return { saidAt, timestamp };
}

/** JSON has line breaks only between its tokens, so that they can become spaces. */
export function oneLine(json: string): string {
  return json.replace(/[\r\n]/g, ' ');
}

function checkObject(
  which: 'properties' | 'context',
  size: { bytes: number; depth: number; keys: number },
): void {
  const { objectBytesMax, objectDepthMax, objectKeysMax } = eventLimits;
  if (size.bytes > objectBytesMax) {
    throw new RefusedError(
      `${which}_too_large`,
      `${which} has ${size.bytes} bytes; ${objectBytesMax} are allowed.`,
    );
  }
  if (size.depth > objectDepthMax) {
    throw new RefusedError(
      `${which}_too_deep`,
      `${which} has ${size.depth} levels; ${objectDepthMax} are allowed.`,
    );
  }
  if (size.keys > objectKeysMax) {
    throw new RefusedError(
      `${which}_too_many_keys`,
      `${which} has ${size.keys} keys; ${objectKeysMax} are allowed.`,
    );
  }
}

function readProperties(text: JsonText, sorted: Sorted): { json: string; members: readonly JsonMember[] } {
  const node = sorted.fields.get('properties');
  if (node !== undefined && node.kind !== 'object') {
    throw new RefusedError('invalid_properties', 'properties is not an object.');
  }
  const own = node?.members ?? [];
  const moved = sorted.strangers.filter((member) => findMember(own, member.key) === undefined);
  const members = [...own, ...moved];
  const json = node === undefined ? joinMembers(text, moved) : appendMembers(text, node, moved);
  checkObject('properties', {
    bytes: Buffer.byteLength(json),
    depth: members.reduce((depth, member) => Math.max(depth, member.value.depth + 1), 1),
    keys: members.reduce((keys, member) => keys + member.value.keys + 1, 0),
  });
  return { json: oneLine(json), members };
}

function readContext(
  text: JsonText,
  node: JsonNode | undefined,
): { json: string; members: readonly JsonMember[] } {
  if (node === undefined) return { json: '{}', members: [] };
  if (node.kind !== 'object') throw new RefusedError('invalid_context', 'context is not an object.');
  checkObject('context', { bytes: node.end - node.start, depth: node.depth, keys: node.keys });
  const members = node.members.filter((member) => member.key !== 'ip');
  return { json: oneLine(withoutAddress(text, node, members)), members };
}

/** The text of context without `ip`: one is cut out together with the comma in front of it, or behind the first. */
function withoutAddress(text: JsonText, context: JsonNode, kept: readonly JsonMember[]): string {
  const { members } = context;
  if (members.length === kept.length) return text.slice(context.start, context.end);
  if (members.length > kept.length + 1) return joinMembers(text, kept);
  const i = members.findIndex((member) => !kept.includes(member));
  const [before, address, after] = [members[i - 1], members[i]!, members[i + 1]];
  const from = before === undefined ? address.start : before.value.end;
  const to = before === undefined && after !== undefined ? after.start : address.value.end;
  return text.slice(context.start, from) + text.slice(to, context.end);
}

/** A number that can be a measure: finite and not negative. NaN when it is not, or not there. */
function readMeasure(
  text: JsonText,
  members: readonly JsonMember[],
  key: (typeof measureKeys)[number],
  factor: number,
): number {
  const node = findMember(members, key);
  const value = node?.kind === 'number' ? text.number(node) * factor : NaN;
  // Adding 0 turns -0 into 0.
  return value >= 0 && value < Infinity ? value + 0 : NaN;
}

function firstKnown(measure: number, orElse: number): number {
  return Number.isNaN(measure) ? orElse : measure;
}

function readChecked(
  text: JsonText,
  event: JsonNode,
  clock: EventClock,
  defaultName: string | null,
): EventReading {
  if (event.kind !== 'object') throw new RefusedError('not_an_object', 'The event is not a JSON object.');
  const sorted = sortMembers(text, event);
  const name = readName(text, sorted.fields.get('event_name'), defaultName);
  const id = readId(text, sorted.fields.get('event_id'), 'event_id');
  const ids = Object.fromEntries(
    idFields.map((field) => [field, readId(text, sorted.fields.get(field), field)]),
  ) as Record<IdField, string>;
  const time = readTime(text, sorted.fields, clock);
  const properties = readProperties(text, sorted);
  const context = readContext(text, sorted.fields.get('context'));
  for (const field of eventFields) {
    for (const key of field.inProperties) ids[key] ||= readLooseId(text, findMember(properties.members, key));
  }
  const { members } = properties;
  const isTrue = (key: (typeof switchKeys)[number]) => findMember(members, key)?.kind === 'true';
  return {
    name,
    named: sorted.fields.has('event_name'),
    id: id === '' ? null : id,
    ids,
    ...time,
    properties: properties.json,
    context: context.json,
    watchMs: readMeasure(text, members, 'watch_ms', 1),
    durationMs: firstKnown(
      readMeasure(text, members, 'duration_ms', 1),
      readMeasure(text, members, 'duration', 1000),
    ),
    bitrate: firstKnown(
      readMeasure(text, members, 'bitrate', 1),
      readMeasure(text, members, 'bitrate_kbps', 1000),
    ),
    completed: isTrue('completed'),
    instantSkip: isTrue('instant_skip'),
    fatal: isTrue('fatal'),
    texts: readContextTexts(text, context.members, members),
  };
}

/** Reads one event. `defaultName` is the name of an event that has none. */
export function readEvent(
  text: JsonText,
  event: JsonNode,
  clock: EventClock,
  defaultName: string | null,
): { reading: EventReading } | { refusal: Refusal } {
  try {
    return { reading: readChecked(text, event, clock, defaultName) };
  } catch (error) {
    if (error instanceof RefusedError) return { refusal: error.refusal };
    throw error;
  }
}
