/**
 * JSON by RFC 8259 with positions: bytes in, a tree of slices out. It exists beside JSON.parse because the kernel keeps
 * `properties` as the client wrote it (a number of 20 digits keeps its digits) and has to say where a body is broken.
 */
import { eventLimits } from '../event.ts';

export type JsonKind = 'object' | 'array' | 'string' | 'number' | 'true' | 'false' | 'null';

export interface JsonMember {
  /** Decoded. */
  readonly key: string;
  /** From the quote of the key to the end of the value. */
  readonly start: number;
  readonly value: JsonNode;
}

export interface JsonNode {
  readonly kind: JsonKind;
  readonly start: number;
  /** Exclusive. */
  readonly end: number;
  /** Of an object, in the order of the text, doubles included; empty for all else. */
  readonly members: readonly JsonMember[];
  /** Of an array. */
  readonly items: readonly JsonNode[];
  /** Levels of objects and arrays in here, itself included; 0 for a scalar. */
  readonly depth: number;
  /** Keys on all levels. */
  readonly keys: number;
}

export class JsonSyntaxError extends Error {
  readonly position: number;
  constructor(position: number, message: string) {
    super(message);
    this.name = 'JsonSyntaxError';
    this.position = position;
  }
}

const none: readonly never[] = [];
const escapePattern = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;
const numberPattern = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;

/** Reads JSON values out of bytes that are known to be UTF-8. Positions are byte offsets. */
export class JsonText {
  readonly bytes: Uint8Array;
  // Latin-1 gives one character per byte, so that patterns match on byte offsets.
  readonly #latin1: string;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#latin1 = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
  }

  /** The position of the next byte at or after `at` that is not white space; the length at the end. */
  skipSpace(at: number): number {
    let p = at;
    for (; p < this.bytes.length; p++) {
      const c = this.bytes[p];
      if (c !== 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09) break;
    }
    return p;
  }

  /** The bytes of a slice as text. */
  slice(start: number, end: number): string {
    return Buffer.from(this.bytes.buffer, this.bytes.byteOffset, this.bytes.byteLength).toString(
      'utf8',
      start,
      end,
    );
  }

  /** What a string node says, decoded; a lone surrogate becomes U+FFFD. */
  string(node: JsonNode): string {
    return this.#decode(node.start, node.end);
  }

  /** What a number node says, as JSON.parse reads it. */
  number(node: JsonNode): number {
    return Number(this.#latin1.slice(node.start, node.end));
  }

  /**
   * The value that begins at `at` (no white space before it). `level` is the level of that value, 1 for an event.
   * Throws JsonSyntaxError.
   */
  value(at: number, level = 1, levelMax: number = eventLimits.nestingMax): JsonNode {
    const c = this.#latin1[at];
    if (c === '{' || c === '[') {
      if (level > levelMax)
        throw new JsonSyntaxError(at, `nested deeper than ${eventLimits.nestingMax} levels`);
      return c === '{' ? this.#object(at, level, levelMax) : this.#array(at, level, levelMax);
    }
    if (c === '"') return this.#scalar('string', at, this.#stringEnd(at, 'a value was expected'));
    for (const word of ['true', 'false', 'null'] as const) {
      if (this.#latin1.startsWith(word, at)) return this.#scalar(word, at, at + word.length);
    }
    if (c === undefined) throw new JsonSyntaxError(at, 'the text ends too early');
    return this.#scalar('number', at, this.#match(numberPattern, at, 'a value was expected'));
  }

  #object(at: number, level: number, levelMax: number): JsonNode {
    const members: JsonMember[] = [];
    let depth = 0;
    let keys = 0;
    let p = this.skipSpace(at + 1);
    while (members.length > 0 || this.bytes[p] !== 0x7d) {
      const start = p;
      const keyEnd = this.#stringEnd(p, 'a key in double quotes was expected');
      p = this.#expect(keyEnd, ':');
      const value = this.value(this.skipSpace(p), level + 1, levelMax);
      members.push({ key: this.#decode(start, keyEnd), start, value });
      depth = Math.max(depth, value.depth);
      keys += value.keys + 1;
      p = this.skipSpace(value.end);
      if (this.bytes[p] === 0x7d) break;
      p = this.skipSpace(this.#expect(p, ',', '}'));
    }
    return { kind: 'object', start: at, end: p + 1, members, items: none, depth: depth + 1, keys };
  }

  #array(at: number, level: number, levelMax: number): JsonNode {
    const items: JsonNode[] = [];
    let depth = 0;
    let keys = 0;
    let p = this.skipSpace(at + 1);
    while (items.length > 0 || this.bytes[p] !== 0x5d) {
      const item = this.value(p, level + 1, levelMax);
      items.push(item);
      depth = Math.max(depth, item.depth);
      keys += item.keys;
      p = this.skipSpace(item.end);
      if (this.bytes[p] === 0x5d) break;
      p = this.skipSpace(this.#expect(p, ',', ']'));
    }
    return { kind: 'array', start: at, end: p + 1, members: none, items, depth: depth + 1, keys };
  }

  #scalar(kind: JsonKind, start: number, end: number): JsonNode {
    return { kind, start, end, members: none, items: none, depth: 0, keys: 0 };
  }

  #expect(at: number, character: string, orElse?: string): number {
    const p = this.skipSpace(at);
    if (this.#latin1[p] === character) return p + 1;
    throw new JsonSyntaxError(p, `'${character}'${orElse ? ` or '${orElse}'` : ''} was expected`);
  }

  /** Not one pattern: over a string of a megabyte its backtracking would exhaust the stack. */
  #stringEnd(at: number, complaint: string): number {
    if (this.bytes[at] !== 0x22) throw new JsonSyntaxError(at, complaint);
    for (let p = at + 1; p < this.bytes.length; p++) {
      const c = this.bytes[p]!;
      if (c === 0x22) return p + 1;
      if (c < 0x20) throw new JsonSyntaxError(p, 'a control character stands in a string');
      if (c === 0x5c) p = this.#match(escapePattern, p, 'an escape that JSON does not have') - 1;
    }
    throw new JsonSyntaxError(this.bytes.length, 'the text ends within a string');
  }

  #match(pattern: RegExp, at: number, complaint: string): number {
    pattern.lastIndex = at;
    if (!pattern.test(this.#latin1)) throw new JsonSyntaxError(at, complaint);
    return pattern.lastIndex;
  }

  #decode(start: number, end: number): string {
    const text = this.slice(start, end);
    return text.includes('\\') ? (JSON.parse(text) as string).toWellFormed() : text.slice(1, -1);
  }
}

/** The text of an object with these members behind its own. */
export function appendMembers(text: JsonText, object: JsonNode, members: readonly JsonMember[]): string {
  const own = text.slice(object.start, object.end);
  if (members.length === 0) return own;
  const more = joinMembers(text, members).slice(1);
  return own.slice(0, -1) + (object.members.length > 0 ? ',' : '') + more;
}

/** The text of an object made of these members, each as it was written. */
export function joinMembers(text: JsonText, members: Iterable<JsonMember>): string {
  const parts: string[] = [];
  for (const member of members) parts.push(text.slice(member.start, member.value.end));
  return `{${parts.join(',')}}`;
}

/** The last member of that key, which is the one that JSON.parse would keep. */
export function findMember(members: readonly JsonMember[], key: string): JsonNode | undefined {
  return members.findLast((member) => member.key === key)?.value;
}
