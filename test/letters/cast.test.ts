import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { type CastKind, castValue } from '../../src/letters/cast.ts';
import { documentOf, isDocument, readDocument } from '../../src/letters/document.ts';

/** The cast value's text, or the complaint. */
function cast(text: string, kind: CastKind): string {
  const value = readDocument(text);
  assert.ok(isDocument(value), text);
  const done = castValue(value, kind);
  return typeof done === 'string' ? done : done.text;
}

test('what can be cast without guessing, and what cannot', () => {
  const good: [string, CastKind, string][] = [
    ['"12.50"', 'number', '12.50'],
    ['" 7 "', 'number', '7'],
    ['12345678901234567890', 'number', '12345678901234567890'],
    ['12345678901234567890', 'string', '"12345678901234567890"'],
    ['true', 'string', '"true"'],
    ['"caf\\u00e9"', 'string', '"caf\\u00e9"'],
    ['"Yes"', 'boolean', 'true'],
    ['0', 'boolean', 'false'],
    ['1774958400', 'timestamp', '"2026-03-31T12:00:00.000Z"'],
    ['1774958400123', 'timestamp', '"2026-03-31T12:00:00.123Z"'],
    ['1774958400123456', 'timestamp', '"2026-03-31T12:00:00.123Z"'],
    ['1774958400123456789', 'timestamp', '"2026-03-31T12:00:00.123Z"'],
    ['"1774958400123456789"', 'timestamp', '"2026-03-31T12:00:00.123Z"'],
    ['"2026-03-31 14:00+02:00"', 'timestamp', '"2026-03-31T12:00:00.000Z"'],
    ['"2026/03/31 12:00:00"', 'timestamp', '"2026-03-31T12:00:00.000Z"'],
    ['"2026/03/31"', 'timestamp', '"2026-03-31T00:00:00.000Z"'],
    ['"Tue, 31 Mar 2026 12:00:00 GMT"', 'timestamp', '"2026-03-31T12:00:00.000Z"'],
    ['"31 Mar 2026 14:00:00 +0200"', 'timestamp', '"2026-03-31T12:00:00.000Z"'],
  ];
  for (const [text, kind, expected] of good) assert.equal(cast(text, kind), expected, `${text} as ${kind}`);
  const bad: [string, CastKind, RegExp][] = [
    ['"0x10"', 'number', /^is "0x10"; that is no number\.$/],
    ['""', 'number', /no number/],
    ['true', 'number', /no number/],
    ['"perhaps"', 'boolean', /no boolean/],
    ['2', 'boolean', /no boolean/],
    ['"yesterday"', 'timestamp', /no timestamp/],
    ['"31.03.2026"', 'timestamp', /no timestamp/],
    ['"31 Mar 2026 14:00:00"', 'timestamp', /no timestamp/],
    ['true', 'timestamp', /no timestamp/],
    ['"9999-01-01"', 'timestamp', /no timestamp/],
    ['{"a":1}', 'string', /^is an object; it cannot be made a string\.$/],
    ['[1]', 'number', /is an array/],
    ['null', 'string', /is null/],
  ];
  for (const [text, kind, expected] of bad) assert.match(cast(text, kind), expected, `${text} as ${kind}`);
});

test('a moment in any of its notations is the same moment', () => {
  const moments = fc.integer({ min: Date.UTC(2001, 8, 10), max: Date.UTC(2280, 0, 1) });
  fc.assert(
    fc.property(moments, (ms) => {
      const iso = JSON.stringify(new Date(ms).toISOString());
      const notations = [iso, `${ms}`, `"${ms}"`, `${ms}000`, `${ms}000000`];
      for (const text of notations) assert.equal(cast(text, 'timestamp'), iso, text);
    }),
  );
});

test('a cast done twice is done once, and a number made text and back keeps its digits', () => {
  const scalars = fc.oneof(fc.string(), fc.double({ noNaN: true, noDefaultInfinity: true }), fc.boolean());
  const kinds = fc.constantFrom<CastKind>('number', 'string', 'boolean', 'timestamp');
  fc.assert(
    fc.property(scalars, kinds, (scalar, kind) => {
      const once = castValue(documentOf(scalar), kind);
      if (typeof once !== 'string') assert.deepEqual(castValue(once, kind), once);
    }),
  );
  fc.assert(
    fc.property(fc.bigInt(), (digits) => {
      assert.equal(cast(cast(String(digits), 'string'), 'number'), String(digits));
    }),
  );
});
