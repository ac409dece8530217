import { type TSchema, Type } from 'typebox';
import { FILTERS_MAX } from './filter.ts';

/** Parameters and shapes that several routes share. They check requests and describe the API alike. */

declare module 'fastify' {
  interface FastifySchema {
    summary?: string;
    description?: string;
    tags?: readonly string[];
  }
}

export const appIdParam = Type.Optional(
  Type.Array(Type.String(), {
    description: 'One app or several, with commas. Default: all that the caller may see.',
  }),
);

export const fromParam = Type.Optional(
  Type.String({
    description: 'ISO instant, or a date that is included. Default: the last 7 days with today.',
  }),
);

export const toParam = Type.Optional(
  Type.String({ description: 'ISO instant, excluded, or a date, included. Default: the end of today.' }),
);

export const timezoneParam = Type.Optional(
  Type.String({ description: 'IANA name or ±HH:MM. Default: UTC.' }),
);

export const botsParam = Type.Optional(Type.Boolean({ description: 'Count bots too. Default: false.' }));

export const exactParam = Type.Optional(
  Type.Boolean({ description: 'Count distinct actors one by one, not by uniqCombined64. Default: false.' }),
);

export const filterParam = Type.Optional(
  Type.Array(Type.String(), {
    maxItems: FILTERS_MAX,
    description:
      '`field:op:value`, repeatable. Operators: eq, ne, in (values with commas), contains, gt, lt.',
  }),
);

export const cursorParam = Type.Optional(
  Type.String({ maxLength: 1024, description: '`next_cursor` of the page before.' }),
);

export const LIMIT_DEFAULT = 50;
export const limitParam = Type.Optional(
  Type.Integer({ minimum: 1, maximum: 1000, description: `Items of a page. Default: ${LIMIT_DEFAULT}.` }),
);

export const nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);

export const pageOf = <T extends TSchema>(item: T) =>
  Type.Object({ data: Type.Array(item), next_cursor: nullable(Type.String()) });

/** ISO 8601 UTC with ms. */
export const isoTime = Type.String({ format: 'date-time' });

export const iso = (ms: number): string => new Date(ms).toISOString();
