import { type JsonKind, type JsonNode, JsonSyntaxError, JsonText } from '../event/kernel/json.ts';

/**
 * JSON that is changed in places: what is not touched stays as it was written, so that a number of 20 digits keeps its
 * digits and the order of keys is the sender's.
 */

export type Value = Leaf | Branch;

/** Anything but an object; an array stays text as a whole. */
export interface Leaf {
  readonly kind: Exclude<JsonKind, 'object'>;
  readonly text: string;
}

export interface Branch {
  readonly kind: 'object';
  /** As it was written, while nothing in it has changed. */
  readonly text?: string;
  readonly members: readonly Member[];
}

export interface Member {
  readonly key: string;
  readonly value: Value;
}

/** Why a text is no single JSON value. */
export interface NotOneValue {
  readonly kind: 'broken' | 'several';
  readonly detail: string;
}

/** Reads a text that holds one JSON value and nothing else. */
export function readDocument(text: string): Value | NotOneValue {
  const json = new JsonText(Buffer.from(text));
  const at = json.skipSpace(0);
  try {
    const node = json.value(at);
    const rest = json.skipSpace(node.end);
    if (rest === json.bytes.length) return readNode(json, node);
    return json.bytes[rest] === 0x7b || json.bytes[rest] === 0x5b
      ? { kind: 'several', detail: `Another value begins at byte ${rest}.` }
      : { kind: 'broken', detail: `Not JSON at byte ${rest}: nothing may follow the value.` };
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error;
    return { kind: 'broken', detail: `Not JSON at byte ${error.position}: ${error.message}.` };
  }
}

export function isDocument(read: Value | NotOneValue): read is Value {
  return read.kind !== 'broken' && read.kind !== 'several';
}

function readNode(json: JsonText, node: JsonNode): Value {
  const text = json.slice(node.start, node.end);
  if (node.kind !== 'object') return { kind: node.kind, text };
  return {
    kind: 'object',
    text,
    members: node.members.map(({ key, value }) => ({ key, value: readNode(json, value) })),
  };
}

/** A value as JavaScript has it, as a document. Anything that JSON can say. */
export function documentOf(value: unknown): Value {
  if (value === null) return { kind: 'null', text: 'null' };
  switch (typeof value) {
    case 'string':
      return textLeaf(value);
    case 'number':
      return numberLeaf(JSON.stringify(value));
    case 'boolean':
      return { kind: value ? 'true' : 'false', text: String(value) };
    default:
      if (Array.isArray(value)) return { kind: 'array', text: JSON.stringify(value) };
      return {
        kind: 'object',
        members: Object.entries(value as object).map(([key, inner]) => ({ key, value: documentOf(inner) })),
      };
  }
}

export const textLeaf = (text: string): Leaf => ({ kind: 'string', text: JSON.stringify(text) });
/** `text` is a number by the grammar of JSON. */
export const numberLeaf = (text: string): Leaf => ({ kind: 'number', text });

export function writeDocument(value: Value): string {
  if (value.kind !== 'object' || value.text !== undefined) return value.text as string;
  return `{${value.members.map((member) => `${JSON.stringify(member.key)}:${writeDocument(member.value)}`).join(',')}}`;
}

/** The value at a path; undefined where there is none. Of a key that stands twice the last counts. */
export function findValue(value: Value, path: readonly string[]): Value | undefined {
  const [key, ...rest] = path;
  if (key === undefined) return value;
  const found = value.kind === 'object' ? value.members.findLast((member) => member.key === key) : undefined;
  return found === undefined ? undefined : findValue(found.value, rest);
}

/** How far the path leads through objects: the first of its places that is there and neither an object nor null. */
export function findObstacle(value: Value, path: readonly string[]): readonly string[] | null {
  for (let length = 0; length < path.length; length++) {
    const found = findValue(value, path.slice(0, length));
    if (found === undefined || found.kind === 'null') return null;
    if (found.kind !== 'object') return path.slice(0, length);
  }
  return null;
}

/**
 * With another value at the path, undefined for none. Objects that are missing on the way are made; a key that stood
 * twice stands once afterwards, where it first stood. `findObstacle` says when this cannot be.
 */
export function putValue(value: Value, path: readonly string[], put: Value | undefined): Value {
  const [key, ...rest] = path;
  if (key === undefined) return put ?? { kind: 'null', text: 'null' };
  const members = value.kind === 'object' ? value.members : [];
  const own = findValue({ kind: 'object', members }, [key]);
  if (own === undefined && put === undefined) return value;
  const next = rest.length === 0 ? put : putValue(own ?? { kind: 'object', members: [] }, rest, put);
  const at = members.findIndex((member) => member.key === key);
  const changed = members.flatMap((member, i) => {
    if (member.key !== key) return [member];
    return i === at && next !== undefined ? [{ key, value: next }] : [];
  });
  return {
    kind: 'object',
    members: at < 0 && next !== undefined ? [...changed, { key, value: next }] : changed,
  };
}
