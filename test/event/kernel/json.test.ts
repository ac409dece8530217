import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  appendMembers,
  findMember,
  type JsonNode,
  JsonSyntaxError,
  JsonText,
  joinMembers,
} from '../../../src/event/kernel/json.ts';
import { Random } from '../random.ts';
import { EventWriter } from '../random-events.ts';

function plain(text: JsonText, node: JsonNode): unknown {
  if (node.kind === 'object')
    return Object.fromEntries(node.members.map((m) => [m.key, plain(text, m.value)]));
  if (node.kind === 'array') return node.items.map((item) => plain(text, item));
  if (node.kind === 'string') return text.string(node);
  return node.kind === 'number' ? text.number(node) : JSON.parse(node.kind);
}

/** The value with U+FFFD for every half of a pair, in keys too. */
function wellFormed(value: unknown): unknown {
  if (typeof value === 'string') return value.toWellFormed();
  if (Array.isArray(value)) return value.map(wellFormed);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key.toWellFormed(), wellFormed(inner)]),
  );
}

/** What JSON.parse says of a text, or undefined when it is not JSON. */
function parsed(json: string): unknown {
  try {
    return wellFormed(JSON.parse(json));
  } catch {
    return undefined;
  }
}

/** The same by JsonText. */
function read(json: string): unknown {
  const text = new JsonText(Buffer.from(json));
  try {
    const node = text.value(text.skipSpace(0));
    return text.skipSpace(node.end) === text.bytes.length ? plain(text, node) : undefined;
  } catch (error) {
    assert.ok(error instanceof JsonSyntaxError);
    return undefined;
  }
}

test('reads what JSON.parse reads, and refuses what it refuses', () => {
  const firstSeed = Date.now() % 2 ** 31;
  for (let seed = firstSeed; seed < firstSeed + 1500; seed++) {
    const writer = new EventWriter(new Random(seed), 0.2);
    const json = writer.random.chance(0.5) ? writer.value() : writer.broken(writer.value());
    assert.deepEqual(read(json), parsed(json), `seed ${seed}: ${json}`);
  }
});

test('says where and why a text is broken', () => {
  const broken: readonly (readonly [json: string, position: number])[] = [
    ['{"a":1,}', 7],
    ['{"a" 1}', 5],
    ['[1 2]', 3],
    ['"a\nb"', 2],
    ['"\\x"', 1],
    ['"abc', 4],
    ['tru', 0],
    ['', 0],
    ['[1,', 3],
    ['-', 0],
    ['{1:2}', 1],
  ];
  for (const [json, position] of broken) {
    assert.throws(
      () => new JsonText(Buffer.from(json)).value(0),
      { name: 'JsonSyntaxError', position },
      json,
    );
  }
  const nested = (levels: number) => () =>
    new JsonText(Buffer.from('['.repeat(levels) + ']'.repeat(levels))).value(0);
  assert.equal(nested(500)().depth, 500);
  assert.throws(nested(501), { position: 500 });
});

test('joins members as they were written, and finds the last of a key', () => {
  const text = new JsonText(Buffer.from('{"a" : 1.0, "b":{"c":[]},"a":2}'));
  const node = text.value(0);
  assert.deepEqual([node.keys, node.depth], [4, 3]);
  assert.equal(joinMembers(text, node.members.slice(0, 2)), '{"a" : 1.0,"b":{"c":[]}}');
  assert.equal(text.number(findMember(node.members, 'a')!), 2);
  const empty = new JsonText(Buffer.from('{ }'));
  assert.equal(appendMembers(empty, empty.value(0), []), '{ }');
  assert.equal(appendMembers(text, node, node.members.slice(2)), '{"a" : 1.0, "b":{"c":[]},"a":2,"a":2}');
});
