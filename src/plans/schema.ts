import { Compile } from 'typebox/schema';

/**
 * The schema of a tracking plan: a subset of JSON Schema for the `properties` of an event. In it are words whose check
 * takes a time that the event's size bounds; patterns and references are not.
 */

/** A word, a depth or a size that a plan may not have. The message is for who wrote it. */
export class PlanSchemaError extends Error {
  override readonly name = 'PlanSchemaError';
}

/** Where `properties` differ from the plan, and what the plan wants there. */
export interface PlanFault {
  /** `properties.player.version` */
  readonly path: string;
  readonly expected: string;
}

/** Null: the properties are as planned. @param properties JSON text of an object */
export type PlanCheck = (properties: string) => PlanFault | null;

export const PLAN_SCHEMA_BYTES_MAX = 32 * 1024;
const DEPTH_MAX = 8;
const PLACES_MAX = 500;
const TEXT_MAX = 200;

const TYPES = ['object', 'array', 'string', 'number', 'integer', 'boolean', 'null'];
const FORMATS = ['date-time', 'date', 'uuid', 'email', 'uri'];
const isCount = (value: unknown) => Number.isSafeInteger(value) && (value as number) >= 0;
const isText = (value: unknown) => typeof value === 'string';
const isNumber = (value: unknown) => typeof value === 'number' && Number.isFinite(value);
const isList = (value: unknown, holds: (item: unknown) => boolean) =>
  Array.isArray(value) && value.length > 0 && value.every(holds);

/** Words that hold no schema, and what they take. */
const WORDS: Readonly<
  Record<string, { readonly takes: string; readonly fits: (value: unknown) => boolean }>
> = {
  type: {
    takes: `one of ${TYPES.join(', ')}, or several in an array`,
    fits: (value) =>
      TYPES.includes(value as string) || isList(value, (item) => TYPES.includes(item as string)),
  },
  enum: { takes: 'an array of texts, numbers, booleans or null', fits: (value) => isList(value, isPlain) },
  const: { takes: 'a text, a number, a boolean or null', fits: isPlain },
  required: { takes: 'an array of names', fits: (value) => Array.isArray(value) && value.every(isText) },
  format: { takes: `one of ${FORMATS.join(', ')}`, fits: (value) => FORMATS.includes(value as string) },
  title: { takes: 'a text', fits: isText },
  description: { takes: 'a text', fits: isText },
  ...Object.fromEntries(
    ['minItems', 'maxItems', 'minLength', 'maxLength'].map((name) => [
      name,
      { takes: 'a whole number from 0 on', fits: isCount },
    ]),
  ),
  ...Object.fromEntries(
    ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum'].map((name) => [
      name,
      { takes: 'a number', fits: isNumber },
    ]),
  ),
};
const NESTING = ['properties', 'additionalProperties', 'items', 'anyOf'];

function isPlain(value: unknown): boolean {
  return value === null || ['string', 'boolean'].includes(typeof value) || isNumber(value);
}

/** The check of a schema. Throws PlanSchemaError. */
export function compilePlan(schema: unknown): PlanCheck {
  if (JSON.stringify(schema ?? null).length > PLAN_SCHEMA_BYTES_MAX)
    throw new PlanSchemaError(`schema: has more than ${PLAN_SCHEMA_BYTES_MAX} bytes as JSON. Plan less.`);
  const left = { places: PLACES_MAX };
  readSchema(schema, 'schema', 1, left);
  const { type = 'object' } = schema as { type?: unknown };
  if (type !== 'object')
    throw new PlanSchemaError('schema: `type` is "object"; properties are nothing else.');
  const validator = Compile({ ...(schema as object), type: 'object' } as never);
  return (properties) => {
    const value: unknown = JSON.parse(properties);
    if (validator.Check(value)) return null;
    const [, faults] = validator.Errors(value);
    return describeFault(faults as readonly Fault[]);
  };
}

function readSchema(schema: unknown, place: string, depth: number, left: { places: number }): void {
  if (typeof schema !== 'object' || schema === null || Array.isArray(schema))
    throw new PlanSchemaError(`${place}: is no object. A schema looks like {"type": "string"}.`);
  if (depth > DEPTH_MAX) throw new PlanSchemaError(`${place}: more than ${DEPTH_MAX} levels. Plan fewer.`);
  left.places -= 1;
  if (left.places < 0)
    throw new PlanSchemaError(`schema: more than ${PLACES_MAX} schemas in it. Plan fewer.`);
  for (const [word, value] of Object.entries(schema)) {
    const at = `${place}.${word}`;
    if (NESTING.includes(word)) readNested(word, value, at, depth, left);
    else if (!Object.hasOwn(WORDS, word))
      throw new PlanSchemaError(
        `${at}: is no word of a plan. Those are ${[...Object.keys(WORDS), ...NESTING].join(', ')}.`,
      );
    else if (!WORDS[word]!.fits(value)) throw new PlanSchemaError(`${at}: takes ${WORDS[word]!.takes}.`);
  }
}

function readNested(word: string, value: unknown, at: string, depth: number, left: { places: number }): void {
  if (word === 'additionalProperties' && typeof value === 'boolean') return;
  if (word === 'properties') {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw new PlanSchemaError(`${at}: takes an object of schemas by name.`);
    for (const [name, inner] of Object.entries(value)) {
      if (name === '__proto__') throw new PlanSchemaError(`${at}: __proto__ cannot be planned.`);
      readSchema(inner, `${at}.${name}`, depth + 1, left);
    }
  } else if (word === 'anyOf') {
    if (!Array.isArray(value) || value.length === 0 || value.length > 20)
      throw new PlanSchemaError(`${at}: takes an array of 1 to 20 schemas.`);
    for (const [n, inner] of value.entries()) readSchema(inner, `${at}.${n}`, depth + 1, left);
  } else readSchema(value, at, depth + 1, left);
}

interface Fault {
  readonly keyword: string;
  readonly instancePath: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly message: string;
}

/** The first fault that says something: of a name too much the parent tells which, of alternatives the choice does. */
function describeFault(faults: readonly Fault[]): PlanFault {
  const fault =
    faults.find(({ keyword }) => keyword === 'anyOf') ??
    faults.find(({ keyword }) => keyword !== 'boolean') ??
    faults[0];
  if (fault === undefined) return { path: 'properties', expected: 'must be as planned' };
  const names = (fault.params.requiredProperties ?? fault.params.additionalProperties) as
    | readonly string[]
    | undefined;
  const steps = fault.instancePath.split('/').slice(1);
  if (names?.[0] !== undefined) steps.push(names[0]);
  const path = ['properties', ...steps.map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'))];
  return { path: shorten(path.join('.')), expected: shorten(describeWanted(fault)) };
}

function describeWanted({ keyword, message, params }: Fault): string {
  if (keyword === 'required') return 'must be there';
  if (keyword === 'additionalProperties') return 'must not be there';
  if (keyword === 'enum') return `must be one of ${JSON.stringify(params.allowedValues)}`;
  return message;
}

function shorten(text: string): string {
  return text.length <= TEXT_MAX ? text : `${text.slice(0, TEXT_MAX - 1)}…`.toWellFormed();
}
