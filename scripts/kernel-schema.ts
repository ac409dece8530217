/**
 * Writes the AssemblyScript module `schema` out of the tables of src/event: cells, keys, limits, flags and the
 * functions that recognise a name. The WebAssembly kernel restates nothing.
 */
import { eventFields, eventKinds, eventLimits } from '../src/event/event.ts';
import { nameKeys } from '../src/event/kernel/body.ts';
import { pagePlaces, textPlaces } from '../src/event/kernel/context.ts';
import { measureKeys, switchKeys } from '../src/event/kernel/reading.ts';
import { rowArrays } from '../src/event/kernel/rows.ts';
import { rowFlag, stringColumnNames, textColumnNames } from '../src/event/kernel.ts';

/** What is known of an event before it is a row: the cells of its text columns, then these. */
const cellNames: readonly string[] = [
  ...stringColumnNames,
  ...textColumnNames,
  'event_id',
  'timestamp',
  'sent_at',
];

/** Keys in context and properties that mean something, by path; their order gives their numbers. */
const idKeys = eventFields.flatMap((field) => field.inProperties);
const places = [...Object.values(textPlaces).flat(), ...pagePlaces.map(([, place]) => place)];
const textKeys = [
  ...new Set(
    places.flatMap(([root, first, second]) => [
      `${root}.${first}`,
      ...(second ? [`${root}.${first}.${second}`] : []),
    ]),
  ),
];
const propertyKeys = [...idKeys, ...measureKeys, ...switchKeys].map((key) => `properties.${key}`);
const keyPaths = [...textKeys, ...propertyKeys];

function keyNumber(path: string): number {
  const number = keyPaths.indexOf(path);
  if (number < 0) throw new Error(`There is no key ${path}.`);
  return number;
}

function constant(name: string, type: string, value: number | string): string {
  return `export const ${name}: ${type} = ${value};`;
}

function upper(name: string): string {
  return name.replace(/[A-Z]/g, '_$&').toUpperCase();
}

/** A condition that is true when the bytes at p are exactly this ASCII text, whose length is known to be right. */
function isText(text: string): string {
  const bytes = Buffer.from(text, 'latin1');
  const length = bytes.length;
  const width = length >= 8 ? 8 : length >= 4 ? 4 : length >= 2 ? 2 : 1;
  const checks: string[] = [];
  for (let at = 0; at < length; at += width) {
    // The last load overlaps the one before it rather than reaching beyond the text.
    const from = Math.min(at, length - width);
    const value = bytes
      .subarray(from, from + width)
      .reduceRight((sum, byte) => sum * 256n + BigInt(byte), 0n);
    checks.push(`load<u${width * 8}>(p, ${from}) == 0x${value.toString(16)}`);
  }
  return checks.join(' && ');
}

/** A function of (p, length) that gives the number of a name, or `otherwise`. */
function matcher(
  name: string,
  type: string,
  numbers: ReadonlyMap<string, number>,
  otherwise: number,
): string {
  const byLength = Map.groupBy(numbers, ([text]) => text.length);
  const cases = [...byLength].map(([length, entries]) => {
    const tests = entries.map(([text, number]) => `      if (${isText(text)}) return ${number};`);
    return `    case ${length}:\n${tests.join('\n')}\n      break;`;
  });
  const body = `  switch (length) {\n${cases.join('\n')}\n  }\n  return ${otherwise};`;
  return `export function ${name}(p: usize, length: u32): ${type} {\n${body}\n}`;
}

/** The keys right below a path, with their numbers. */
function keysBelow(parent: string): Map<string, number> {
  const below = keyPaths.filter((path) => path.startsWith(`${parent}.`));
  const names = below.map((path) => [path.slice(parent.length + 1), keyNumber(path)] as const);
  return new Map(names.filter(([name]) => !name.includes('.')));
}

function nestedKeys(): string[] {
  const parents = keyPaths.filter((path) => path.startsWith('context.') && keysBelow(path).size > 0);
  const matchers = parents.map((path) => matcher(`nested${keyNumber(path)}`, 'i32', keysBelow(path), -1));
  const cases = parents.map(
    (path) => `    case ${keyNumber(path)}: return nested${keyNumber(path)}(p, length);`,
  );
  const mask = parents.reduce((sum, path) => sum | (1n << BigInt(keyNumber(path))), 0n);
  return [
    ...matchers,
    `export function nestedKey(parent: i32, p: usize, length: u32): i32 {\n  switch (parent) {\n${cases.join('\n')}\n  }\n  return -1;\n}`,
    `export function isParent(key: u32): bool {\n  return ((<u64>0x${mask.toString(16)}) >> key & 1) != 0;\n}`,
  ];
}

/** Pairs of a text cell and a key that may fill it; with the high bit the key leaves the cell empty. */
function candidates(): string {
  const pairs = Object.entries(textPlaces).flatMap(([column, list]) =>
    list.map((place) => [cellNames.indexOf(column), keyNumber(place.join('.'))]),
  );
  const page = cellNames.indexOf('page_path');
  for (const [kind, place] of pagePlaces)
    pairs.push([kind === 'url' ? page | 0x80 : page, keyNumber(place.join('.'))]);
  return `export const CANDIDATES = memory.data<u8>([${[...pairs.flat(), 255].join(', ')}]);`;
}

function fieldCells(): Map<string, number> {
  return new Map(
    eventFields.flatMap((field) =>
      [field.name, ...field.aliases].map((name) => [name, cellNames.indexOf(field.name)] as const),
    ),
  );
}

/** The module's text. */
export function kernelSchema(): string {
  if (keyPaths.length > 64)
    throw new Error('The kernel has one bit of 64 for each key that means something.');
  const mask = textKeys.reduce((sum, path) => sum | (1n << BigInt(keyNumber(path))), 0n);
  const firstText = rowArrays.findIndex((array) => array.name.startsWith('text:'));
  return [
    ...cellNames.map((name, i) => constant(`C_${name.toUpperCase()}`, 'u32', i)),
    constant('CELLS', 'u32', cellNames.length),
    constant('STRING_COLUMNS', 'u32', stringColumnNames.length),
    constant('TEXT_COLUMNS', 'u32', textColumnNames.length),
    constant('ROW_ARRAYS', 'u32', rowArrays.length),
    constant('R_text', 'u32', firstText),
    ...rowArrays.flatMap(({ name }, i) =>
      name.startsWith('text:') ? [] : [constant(`R_${name}`, 'u32', i)],
    ),
    ...Object.entries(rowFlag).map(([name, flag]) => constant(`F_${upper(name)}`, 'u32', flag)),
    ...propertyKeys.map((path, i) =>
      constant(`K_${path.split('.')[1]!.toUpperCase()}`, 'u32', textKeys.length + i),
    ),
    constant('K_FIRST_ID', 'u32', textKeys.length),
    constant('K_FIRST_MEASURE', 'u32', textKeys.length + idKeys.length),
    constant('K_FIRST_SWITCH', 'u32', textKeys.length + idKeys.length + measureKeys.length),
    constant('KEYS', 'u32', keyPaths.length),
    constant('TEXT_KEYS', 'u64', `0x${mask.toString(16)}`),
    constant('NAME_CHARS_MAX', 'u32', eventLimits.nameCharsMax),
    constant('ID_BYTES_MAX', 'u32', eventLimits.idBytesMax),
    constant('OBJECT_BYTES_MAX', 'u32', eventLimits.objectBytesMax),
    constant('DEPTH_MAX', 'u32', eventLimits.objectDepthMax),
    constant('KEYS_MAX', 'u32', eventLimits.objectKeysMax),
    constant('TEXT_BYTES_MAX', 'u32', eventLimits.textBytesMax),
    constant('NESTING_MAX', 'u32', eventLimits.nestingMax),
    constant('TIMESTAMP_MIN', 'i64', eventLimits.timestampMin),
    constant('TIMESTAMP_MAX', 'i64', eventLimits.timestampMax),
    candidates(),
    matcher('fieldName', 'i32', fieldCells(), -1),
    matcher('contextKey', 'i32', keysBelow('context'), -1),
    matcher('propertyKey', 'i32', keysBelow('properties'), -1),
    ...nestedKeys(),
    matcher('eventKind', 'u32', new Map(Object.entries(eventKinds)), 0),
    matcher('isNameOrEvents', 'bool', new Map([...nameKeys, 'events'].map((name) => [name, 1])), 0),
  ].join('\n');
}
