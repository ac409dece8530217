import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { compareLines, prettyJson } from '../../../dashboard/src/format/json.ts';

test('indented as JSON.stringify does it, but with every digit', () => {
  fc.assert(
    fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
      const text = JSON.stringify(value);
      assert.equal(prettyJson(text), JSON.stringify(JSON.parse(text), null, 2));
    }),
  );
  assert.equal(prettyJson('{"n":12345678901234567890}'), '{\n  "n": 12345678901234567890\n}');
  assert.equal(prettyJson('{ "a" : [ ] , "b" : { } }'), '{\n  "a": [],\n  "b": {}\n}');
  assert.equal(prettyJson('{"cut": "of'), '{"cut": "of');
});

test('lines that only one side has are marked, and nothing is lost', () => {
  const { before, after } = compareLines('{\n  "a": 1,\n  "b": 2\n}', '{\n  "b": 2,\n  "c": 3\n}');
  assert.deepEqual(
    before.filter((line) => line.changed).map((line) => line.text),
    ['  "a": 1,'],
  );
  assert.deepEqual(
    after.filter((line) => line.changed).map((line) => line.text),
    ['  "c": 3'],
  );
  const texts = fc
    .array(fc.constantFrom('a', 'b', 'c', '', 'a,'), { maxLength: 12 })
    .map((lines) => lines.join('\n'));
  fc.assert(
    fc.property(texts, texts, (one, other) => {
      const compared = compareLines(one, other);
      assert.equal(compared.before.map((line) => line.text).join('\n'), one);
      assert.equal(compared.after.map((line) => line.text).join('\n'), other);
      const kept = (lines: typeof compared.before) =>
        lines.filter((line) => !line.changed).map((line) => line.text.replace(/,$/, ''));
      assert.deepEqual(kept(compared.before), kept(compared.after));
      if (one === other) assert.ok(compared.before.every((line) => !line.changed));
    }),
  );
});
