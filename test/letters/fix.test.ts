import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isDocument, readDocument, writeDocument } from '../../src/letters/document.ts';
import { applyFix, FixError, type GivenStep, isForOne, readFix } from '../../src/letters/fix.ts';

/** The event's text after the fix, or the complaint. */
function fix(text: string, ...steps: GivenStep[]): string {
  const event = readDocument(text);
  assert.ok(isDocument(event), text);
  const done = applyFix(readFix(steps), event);
  return 'fault' in done ? done.fault.detail : writeDocument(done.event);
}

const set = (field: string, value: unknown): GivenStep => ({ op: 'set', field, value });
const rename = (field: string, value: string): GivenStep => ({ op: 'rename', field, value });
const remove = (field: string): GivenStep => ({ op: 'remove', field });
const cast = (field: string, value: string): GivenStep => ({ op: 'cast', field, value });

test('each operation', () => {
  assert.equal(fix('{"a":1}', set('b', [1, { c: null }])), '{"a":1,"b":[1,{"c":null}]}');
  assert.equal(fix('{"a":1,"b":2}', set('a', 'x')), '{"a":"x","b":2}');
  assert.equal(fix('{"a":null}', set('a.b.c', true)), '{"a":{"b":{"c":true}}}');
  assert.equal(fix('{"a":{"b":1,"c":2}}', remove('a.b')), '{"a":{"c":2}}');
  assert.equal(fix('{"a":1}', remove('b')), '{"a":1}');
  assert.equal(fix('{"evt":"x","n":1}', rename('evt', 'event_name')), '{"n":1,"event_name":"x"}');
  assert.equal(fix('{"p":{"t":5}}', rename('p.t', 'timestamp')), '{"p":{},"timestamp":5}');
  assert.equal(fix('{"a":1,"b":null}', rename('a', 'b')), '{"b":1}');
  assert.equal(fix('{"a":1}', rename('a', 'a')), '{"a":1}');
  assert.equal(fix('{"p":{"w":"12"}}', cast('p.w', 'number')), '{"p":{"w":12}}');
  assert.equal(fix('{"a.b":1}', rename('a\\.b', 'c')), '{"c":1}');
  assert.equal(fix('[1]', set('.', { a: 1 }), set('b', 2)), '{"a":1,"b":2}');
});

test('of a key that stands twice the last counts, and it stands once afterwards', () => {
  assert.equal(fix('{"a":1,"b":0,"a":2}', rename('a', 'c')), '{"b":0,"c":2}');
  assert.equal(fix('{"a":1,"b":0,"a":2}', set('a', 3)), '{"a":3,"b":0}');
  assert.equal(fix('{"a":1,"b":0,"a":"2"}', cast('a', 'number')), '{"a":2,"b":0}');
});

test('a step that cannot be done says which and why, and nothing is done', () => {
  assert.equal(fix('{"a":1}', set('b', 1), rename('x', 'y')), 'fix[1]: there is no field x.');
  assert.equal(
    fix('{"a":1}', cast('a.b', 'number')),
    'fix[0]: a is a number; a fix reaches into objects only.',
  );
  assert.equal(fix('{"a":[1]}', set('a.0', 1)), 'fix[0]: a is an array; a fix reaches into objects only.');
  assert.equal(fix('"text"', set('a', 1)), 'fix[0]: the event is a string, no object.');
  assert.match(
    fix('{"a":1,"b":2}', rename('a', 'b')),
    /^fix\[0\]: a cannot become b: there is a field b already/,
  );
  assert.equal(fix('{"a":"x"}', cast('a', 'number')), 'fix[0]: a is "x"; that is no number.');
});

test('a step that is wrong in itself is refused with its index', () => {
  const wrong: [GivenStep, RegExp][] = [
    [{ op: 'sett', field: 'a', value: 1 }, /^fix\[1\]: op is "sett"; it takes set, rename, remove, cast\.$/],
    [{ op: 'set', field: 'a' }, /fix\[1\]: set takes a value/],
    [set('.', [1]), /an event is a JSON object/],
    [remove('.'), /only set takes "\."/],
    [remove(''), /fix\[1\]: field is ""/],
    [remove('a..b'), /takes names with a dot between them/],
    [{ op: 'rename', field: 'a', value: 5 }, /the new name/],
    [rename('a', '.'), /value is "\."/],
    [cast('a', 'date'), /cast takes number, string, boolean, timestamp as its value, not "date"/],
  ];
  for (const [step, message] of wrong)
    assert.throws(
      () => readFix([remove('x'), step]),
      (error) => error instanceof FixError && message.test(error.message),
      JSON.stringify(step),
    );
  assert.throws(() => readFix(Array.from({ length: 51 }, () => remove('a'))), /at most 50/);
});

test('an id, or a whole event, is for one letter', () => {
  for (const step of [set('event_id', 'x'), set('messageId', 'x'), set('.', {})])
    assert.ok(isForOne(readFix([remove('a'), step])));
  for (const step of [remove('event_id'), set('properties.event_id', 1), rename('a', 'event_id')])
    assert.ok(!isForOne(readFix([step])));
});

// One key that JSON escapes, not two: V8 14's JSON.parse takes `"` for `\\` in objects of one shape.
const keys = fc.constantFrom('a', 'b', 'c', 'x.y', 'ä', '\\');
const objects = fc.letrec<{ value: unknown; object: Record<string, unknown> }>((tie) => ({
  value: fc.oneof(fc.jsonValue({ maxDepth: 1 }), tie('object')),
  object: fc.dictionary(keys, tie('value'), { maxKeys: 4 }),
})).object;
const paths = fc.array(keys, { minLength: 1, maxLength: 3 });
const spell = (path: readonly string[]) => path.map((key) => key.replace(/[\\.]/g, '\\$&')).join('.');

/** The same, the plain way. */
function plainSet(event: unknown, path: readonly string[], value: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return value;
  const object = (event ?? {}) as Record<string, unknown>;
  if (typeof object !== 'object' || Array.isArray(object)) return undefined;
  const inner = plainSet(object[key], rest, value);
  return inner === undefined ? undefined : { ...object, [key]: inner };
}

test('set is what it would be in JavaScript, wherever it is possible', () => {
  fc.assert(
    fc.property(objects, paths, fc.jsonValue({ maxDepth: 2 }), (object, path, value) => {
      const done = fix(JSON.stringify(object), set(spell(path), value));
      const plain = plainSet(object, path, value);
      if (plain === undefined) assert.match(done, /^fix\[0\]: /);
      else assert.deepEqual(JSON.parse(done), JSON.parse(JSON.stringify(plain)));
    }),
  );
});

test('set and remove undo each other; a rename there and back is nothing but another order', () => {
  fc.assert(
    fc.property(objects, keys, (object, key) => {
      const text = JSON.stringify(object);
      const without = fix(text, remove(spell([key])));
      assert.equal(fix(without, set(spell([key]), 1), remove(spell([key]))), without);
      const away = fix(text, rename(spell([key]), 'elsewhere'), rename('elsewhere', spell([key])));
      if (key in object) assert.deepEqual(JSON.parse(away), JSON.parse(text));
      else assert.match(away, /there is no field/);
    }),
  );
});

test('what a fix does not touch stays as it was written, digit by digit', () => {
  const text = '{ "n" : 12345678901234567890, "o": { "x":1.50 , "\\u00e9":[1, 2] }, "p":{"q":"1"} }';
  const fixed = fix(text, cast('p.q', 'number'), set('z', 0));
  assert.equal(fixed, '{"n":12345678901234567890,"o":{ "x":1.50 , "\\u00e9":[1, 2] },"p":{"q":1},"z":0}');
});
