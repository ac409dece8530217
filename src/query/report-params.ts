import { Value } from 'typebox/value';
import { HttpProblem } from '../http/problem.ts';
import { COMMON_PARAMS, estimates, type ReportTemplate } from '../store/report-templates.ts';

/** The parameters of a report: those of every template, and its own. */

export interface CommonParams {
  readonly app_id?: string | readonly string[];
  readonly from?: string;
  readonly to?: string;
  readonly timezone?: string;
  readonly bots?: boolean;
  readonly exact?: boolean;
}

export interface ReadParams {
  readonly common: CommonParams;
  /** The template's own, as far as they were given. */
  readonly own: Readonly<Record<string, unknown>>;
}

const COMMON = {
  app_id: {
    anyOf: [{ type: 'string' }, { type: 'array', items: { type: 'string' }, maxItems: 1000 }],
    description: 'One app or several, with commas or as a list. Default: all that the caller may see.',
  },
  from: {
    type: 'string',
    description: 'ISO instant, or a date that is included. Default: the last 7 days with today.',
  },
  to: {
    type: 'string',
    description: 'ISO instant, excluded, or a date, included. Default: the end of today.',
  },
  timezone: { type: 'string', description: 'IANA name or ±HH:MM.', default: 'UTC' },
  bots: { type: 'boolean', description: 'Count bots too.', default: false },
};
const EXACT = {
  type: 'boolean',
  description: 'Count distinct actors and sessions one by one, not by uniqCombined64.',
  default: false,
};

/** JSON Schema of a template's `params`. */
export function paramsSchema(template: ReportTemplate) {
  return {
    type: 'object',
    properties: { ...COMMON, ...(estimates(template) && { exact: EXACT }), ...template.params },
    additionalProperties: false,
  };
}

/** Answers 400 `invalid_request`, naming the parameter. */
export function readParams(template: ReportTemplate, given: unknown): ReadParams {
  const schema = paramsSchema(template);
  if (typeof given !== 'object' || given === null || Array.isArray(given))
    throw new HttpProblem('invalid_request', 'params: give an object, such as {"from": "2026-01-31"}.');
  const properties: Readonly<Record<string, object>> = schema.properties;
  const known = Object.keys(properties);
  for (const name of Object.keys(given)) {
    if (known.includes(name)) continue;
    throw new HttpProblem(
      'invalid_request',
      `params.${name}: ${template.name} has no such parameter. Parameters: ${known.join(', ')}.`,
    );
  }
  for (const [name, value] of Object.entries(given)) {
    const fault = findFault(properties[name]!, value);
    if (fault !== null) throw new HttpProblem('invalid_request', `params.${name}: it ${fault}.`);
  }
  const entries = Object.entries(given);
  return {
    common: Object.fromEntries(entries.filter(([name]) => COMMON_PARAMS.includes(name))),
    own: Object.fromEntries(entries.filter(([name]) => !COMMON_PARAMS.includes(name))),
  };
}

function findFault(schema: object, value: unknown): string | null {
  if (Value.Check(schema, value)) return null;
  if ('enum' in schema) return `must be one of ${(schema.enum as string[]).join(', ')}`;
  if ('anyOf' in schema) return 'must be a text, or a list of texts';
  return Value.Errors(schema, value)[0]?.message ?? 'is not valid';
}
