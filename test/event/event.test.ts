import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type EventColumnName, eventColumns } from '../../src/event/columns.ts';
import { eventFieldsMarkdown, eventSchema, refusalsMarkdown } from '../../src/event/describe.ts';
import {
  eventFields,
  eventKind,
  eventKinds,
  idFields,
  refusals,
  type WireEvent,
} from '../../src/event/event.ts';
import { rowArrays } from '../../src/event/kernel/rows.ts';
import { stringColumnNames, textColumnNames } from '../../src/event/kernel.ts';

test('no name stands for two fields', () => {
  const names = eventFields.flatMap((field) => [field.name, ...field.aliases]);
  assert.equal(new Set(names).size, names.length);
  const ids = eventFields.filter((field) => field.type === 'id').map((field) => field.name);
  assert.deepEqual(ids, [...idFields]);
});

test('kinds have one code each, and other names none', () => {
  const codes = Object.values(eventKinds);
  assert.deepEqual(
    codes,
    codes.map((_, i) => i + 1),
  );
  assert.deepEqual([eventKind('search'), eventKind('toString'), eventKind('anything')], [19, 0, 0]);
});

test('the wire type takes canonical names, null and strangers', () => {
  const event: WireEvent = { event_name: 'a', user_id: null, timestamp: 1, properties: { a: 1 }, foo: 'bar' };
  assert.equal(event.event_name, 'a');
});

test('columns are named once, and those of the kernel are its own', () => {
  const names = eventColumns.map((column) => column.name);
  assert.equal(new Set(names).size, names.length);
  const byKernel = eventColumns.filter((column) => column.encoding === 'string').map((column) => column.name);
  assert.deepEqual(new Set<EventColumnName>(byKernel), new Set<EventColumnName>(stringColumnNames));
  for (const { type, encoding } of eventColumns) {
    assert.equal(type.startsWith('Nullable'), encoding === 'float64?');
  }
});

test('row arrays keep text columns together and wide types first', () => {
  const texts = rowArrays.flatMap(({ name }, i) => (name.startsWith('text:') ? [i] : []));
  assert.equal(texts.length, textColumnNames.length);
  assert.equal(texts.at(-1)! - texts[0]!, textColumnNames.length - 1);
});

test('the docs name every field and code', () => {
  for (const field of eventFields) {
    assert.ok(eventFieldsMarkdown().includes(`| \`${field.name}\` |`));
    assert.ok(Object.hasOwn((eventSchema as unknown as { properties: object }).properties, field.name));
  }
  for (const code of Object.keys(refusals)) assert.ok(refusalsMarkdown().includes(`\`${code}\``));
});
