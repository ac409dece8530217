import type { SqlValues } from './values.ts';

/**
 * Filters on raw events: which fields there are, and a filter as a condition. Values compare as text, `gt` and `lt` as
 * numbers; a property that is absent or null passes `ne` and nothing else.
 */

export const FILTER_OPERATORS = ['eq', 'ne', 'in', 'contains', 'gt', 'lt'] as const;
export type FilterOperator = (typeof FILTER_OPERATORS)[number];

export interface Filter {
  /** One of FILTER_COLUMNS, or `properties.x.y`. */
  readonly field: string;
  readonly op: FilterOperator;
  /** For `in`: any of these; else exactly one. For `gt` and `lt` the text of a number. */
  readonly values: readonly string[];
}

const TEXT_COLUMNS = [
  'app_id',
  'event_name',
  'video_id',
  'view_id',
  'stream_id',
  'user_id',
  'anonymous_id',
  'actor',
  'session_id',
  'page',
  'referrer',
  'utm_source',
  'utm_medium',
  'utm_campaign',
  'utm_term',
  'utm_content',
  'device',
  'os',
  'browser',
  'country',
] as const;
const NUMBER_COLUMNS = ['watch_ms', 'duration_ms', 'bitrate'] as const;
const BOOL_COLUMNS = ['completed', 'instant_skip', 'fatal'] as const;

export const FILTER_COLUMNS: readonly string[] = [...TEXT_COLUMNS, ...NUMBER_COLUMNS, ...BOOL_COLUMNS];

const PATH_DEPTH_MAX = 8;
const isOneOf = (list: readonly string[], name: string) => list.includes(name);

/** Whether there is such a field. */
export function isFilterField(field: string): boolean {
  if (isOneOf(FILTER_COLUMNS, field)) return true;
  const path = field.split('.');
  return path[0] === 'properties' && path.length > 1 && path.length <= PATH_DEPTH_MAX && !path.includes('');
}

interface FieldSql {
  /** Text, or NULL where the event does not say. */
  readonly text: string;
  /** The same read as a number, or NULL. */
  readonly number: string;
}

/** SQL of a field of `events`. Throws RangeError when isFilterField is false. */
export function fieldSql(field: string, values: SqlValues): FieldSql {
  if (isOneOf(TEXT_COLUMNS, field)) return { text: field, number: numberOfText(field) };
  if (isOneOf(NUMBER_COLUMNS, field)) return { text: `toString(${field})`, number: field };
  if (isOneOf(BOOL_COLUMNS, field)) return { text: `toString(${field})`, number: `toFloat64(${field})` };
  if (!isFilterField(field)) throw new RangeError(`there is no field ${field}`);
  const path = field
    .split('.')
    .slice(1)
    .map((key) => values.text(key))
    .join(', ');
  const place = `properties, ${path}`;
  const type = `toString(JSONType(${place}))`;
  const isNumber = `${type} IN ('Int64', 'UInt64', 'Double')`;
  return {
    text: `multiIf(${type} = 'String', JSONExtractString(${place}), ${isNumber}, toString(JSONExtractFloat(${place})),
      ${type} IN ('Bool', 'Array', 'Object'), JSONExtractRaw(${place}), NULL)`,
    number: `multiIf(${isNumber}, JSONExtractFloat(${place}), ${type} = 'Bool', toFloat64(JSONExtractBool(${place})),
      ${type} = 'String', ${numberOfText(`JSONExtractString(${place})`)}, NULL)`,
  };
}

/** Like a script language reads it: blank is 0. */
function numberOfText(text: string): string {
  return `if(trimBoth(${text}) = '', 0, toFloat64OrNull(trimBoth(${text})))`;
}

/** One filter as a condition on a row of `events`. Throws RangeError for a field that does not exist. */
export function filterSql(filter: Filter, values: SqlValues): string {
  const { text, number } = fieldSql(filter.field, values);
  const [value = ''] = filter.values;
  switch (filter.op) {
    case 'eq':
      return `ifNull(${text} = ${values.text(value)}, 0)`;
    case 'ne':
      return `ifNull(${text} != ${values.text(value)}, 1)`;
    case 'in':
      return filter.values.length === 0 ? '0' : `ifNull(${text} IN ${values.texts(filter.values)}, 0)`;
    case 'contains':
      return `ifNull(position(${text}, ${values.text(value)}) > 0, 0)`;
    case 'gt':
      return `ifNull(${number} > ${values.add('Float64', Number(value))}, 0)`;
    case 'lt':
      return `ifNull(${number} < ${values.add('Float64', Number(value))}, 0)`;
  }
}

/** All of them; '1' without any. */
export function filtersSql(filters: readonly Filter[], values: SqlValues): string {
  return filters.length === 0 ? '1' : filters.map((filter) => `(${filterSql(filter, values)})`).join(' AND ');
}
