import { type TSchema, Type } from 'typebox';
import { Value } from 'typebox/value';
import type { FunnelFilter } from '../catalog/funnels.ts';
import { HttpProblem } from '../http/problem.ts';
import { FILTER_OPERATORS, type Filter } from '../store/sql/filters.ts';
import { FILTERS_MAX, makeFilter } from './filter.ts';
import { nullable } from './schemas.ts';

/** What definitions that people keep in the catalogue share: their names, filters, and what is said of faults. */

export const closed = { additionalProperties: false };
export const or = <T extends TSchema>(schema: T) => Type.Optional(nullable(schema));
const scalar = Type.Union([Type.String(), Type.Number(), Type.Boolean()]);
const GivenFilter = Type.Object(
  {
    field: Type.String({ description: 'A column, or `properties.x.y`.' }),
    op: Type.Enum([...FILTER_OPERATORS]),
    value: Type.Union([scalar, Type.Array(scalar)], { description: 'An array for `in`, else one value.' }),
  },
  closed,
);
export const givenFilters = or(
  Type.Array(GivenFilter, { maxItems: FILTERS_MAX, description: 'All must hold.' }),
);

export const refuse = (detail: string) => new HttpProblem('invalid_request', detail);

export function checkName(name: string): string {
  if (name.length <= 100 && name.trim() === name && !/\p{Cc}/u.test(name)) return name;
  throw refuse('name: 1 to 100 characters, no blank at its ends and no control characters.');
}

/** The body may repeat the name of its address. */
export function checkSameName(name: string, given: string | undefined): void {
  if (given === undefined || given === name) return;
  throw refuse(
    `name: the body says ${JSON.stringify(given)}, the address ${JSON.stringify(name)}. Leave it out of the body.`,
  );
}

/** A sentence about a body that the schema refuses. `shape` says what the body is at all. */
export function findFault(schema: TSchema, body: unknown, shape: string): string {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return shape;
  // Of a choice between types the innermost fault says most.
  const faults = Value.Errors(schema, body).filter(({ keyword }) => keyword !== 'boolean');
  const fault = faults.toSorted((a, b) => b.instancePath.length - a.instancePath.length)[0];
  const where = placeName(fault?.instancePath ?? '');
  if (where.endsWith('.value')) return `${where}: a text, a number or a boolean; an array of them for in.`;
  const params = (fault?.params ?? {}) as {
    additionalProperties?: readonly string[];
    allowedValues?: readonly string[];
  };
  if (params.additionalProperties !== undefined) {
    return `${where === '' ? '' : `${where}: `}there is no field ${params.additionalProperties.map((field) => JSON.stringify(field)).join(', ')}.`;
  }
  const words = params.allowedValues === undefined ? '' : `: ${params.allowedValues.join(', ')}`;
  return `${where === '' ? 'The definition' : where} ${fault?.message ?? 'is not valid'}${words}.`;
}

/** `/steps/0/filters/1/op` as people write it. */
function placeName(path: string): string {
  return path
    .slice(1)
    .replace(/\/(\d+)/g, '[$1]')
    .replaceAll('/', '.');
}

/** Filters of a definition as the store takes them. Answers 400 where one is none. */
export function readStored(list: readonly FunnelFilter[], where = 'filters'): Filter[] {
  return list.map(({ field, op, value }, i) => {
    const place = `${where}[${i}]`;
    if ((op === 'in') !== Array.isArray(value)) {
      throw refuse(`${place}: ${op === 'in' ? 'in takes an array' : `${op} takes one value, no array`}.`);
    }
    return makeFilter(place, field, op, [value].flat().map(String));
  });
}
