import assert from 'node:assert/strict';
import { test } from 'node:test';
import { compilePlan, PlanSchemaError } from '../../src/plans/schema.ts';

const check = (schema: unknown, properties: unknown) => compilePlan(schema)(JSON.stringify(properties));

test('each word is held against what it says, and the first difference is told with its place', () => {
  const schema = {
    type: 'object',
    required: ['price'],
    additionalProperties: false,
    properties: {
      price: { type: 'number', minimum: 0, exclusiveMaximum: 100 },
      currency: { enum: ['EUR', 'USD'] },
      items: {
        type: 'array',
        minItems: 1,
        items: { type: 'object', required: ['id'], properties: { id: { type: 'string', maxLength: 3 } } },
      },
      when: { anyOf: [{ type: 'string', format: 'date' }, { type: 'null' }] },
    },
  };
  const good = [
    { price: 0 },
    { price: 99.9, currency: 'EUR', items: [{ id: 'abc', more: 1 }], when: null },
    { price: 1, when: '2026-02-28' },
  ];
  for (const properties of good) assert.equal(check(schema, properties), null);
  const bad: [unknown, string, RegExp][] = [
    [{}, 'properties.price', /^must be there$/],
    [{ price: '1' }, 'properties.price', /number/],
    [{ price: -1 }, 'properties.price', />= 0/],
    [{ price: 100 }, 'properties.price', /< 100/],
    [{ price: 1, extra: 2 }, 'properties.extra', /^must not be there$/],
    [{ price: 1, currency: 'GBP' }, 'properties.currency', /\["EUR","USD"\]/],
    [{ price: 1, items: [] }, 'properties.items', /1/],
    [{ price: 1, items: [{ id: 'a' }, {}] }, 'properties.items.1.id', /^must be there$/],
    [{ price: 1, items: [{ id: 'long' }] }, 'properties.items.0.id', /3/],
    [{ price: 1, when: 7 }, 'properties.when', /./],
  ];
  for (const [properties, path, expected] of bad) {
    const fault = check(schema, properties);
    assert.equal(fault?.path, path, JSON.stringify(fault));
    assert.match(fault!.expected, expected);
  }
});

test('what a schema may not be is told, and no check can take for ever', () => {
  let deep: object = { type: 'string' };
  for (let i = 0; i < 9; i++) deep = { properties: { a: deep } };
  const wide = Object.fromEntries(Array.from({ length: 600 }, (_, n) => [`p${n}`, {}]));
  const bad: [unknown, RegExp][] = [
    [null, /^schema: is no object/],
    [[], /^schema: is no object/],
    [{ type: 'array' }, /`type` is "object"/],
    [{ properties: { a: { pattern: '(a+)+$' } } }, /^schema\.properties\.a\.pattern: is no word/],
    [{ $ref: '#' }, /^schema\.\$ref: is no word/],
    [{ constructor: 1 }, /is no word/],
    [{ properties: { a: { type: 'text' } } }, /takes one of object/],
    [{ properties: { a: { minLength: -1 } } }, /takes a whole number/],
    [{ required: 'a' }, /takes an array of names/],
    [{ anyOf: [] }, /1 to 20/],
    [deep, /levels/],
    [{ properties: wide }, /more than 500/],
    [{ description: 'x'.repeat(40_000) }, /bytes/],
    [JSON.parse('{"properties": {"__proto__": {}}}'), /__proto__/],
  ];
  for (const [schema, message] of bad)
    assert.throws(
      () => compilePlan(schema),
      (error) => error instanceof PlanSchemaError && message.test(error.message),
      JSON.stringify(schema)?.slice(0, 100),
    );
});
