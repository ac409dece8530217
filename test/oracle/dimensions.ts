/** The words by which the oracle groups and filters events: where each dimension is read from, and the filter operators. */
import { isObject, type Json, type StoredEvent } from './accept.ts';

export const dimensions = [
  'app_id',
  'event_name',
  'video_id',
  'country',
  'device',
  'browser',
  'os',
  'referrer',
  'utm_source',
  'utm_campaign',
] as const;
export type Dimension = (typeof dimensions)[number];

export type FilterOperator = 'eq' | 'ne' | 'in' | 'contains' | 'gt' | 'lt';
export interface Filter {
  /** A dimension, an id field, or `properties.x.y`. */
  readonly field: string;
  readonly op: FilterOperator;
  /** For `in` a list. */
  readonly value: string | number | boolean | readonly string[];
}

function inside(value: unknown, ...path: string[]): unknown {
  let at = value;
  for (const key of path) at = isObject(at) ? at[key] : undefined;
  return at;
}

/** The first of the places that holds a text. */
function firstText(...places: unknown[]): string {
  for (const place of places) if (typeof place === 'string' && place !== '') return place;
  return '';
}

function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).hostname : '';
}

function referrerOf(context: Json): string {
  const host = hostOf(firstText(context.referrer, inside(context, 'page', 'referrer')));
  const own = hostOf(firstText(inside(context, 'page', 'url'), context.url));
  return host === own ? '' : host;
}

/** Value of a dimension of one event; '' when it was not said. */
export function dimensionOf(event: StoredEvent, dimension: Dimension): string {
  const { context, properties } = event;
  switch (dimension) {
    case 'app_id':
    case 'event_name':
    case 'video_id':
      return event[dimension];
    case 'country':
      return firstText(context.country, inside(context, 'location', 'country'));
    case 'device':
      return firstText(context.device, inside(context, 'device', 'type'), properties.device_type);
    case 'browser':
      return firstText(context.browser, inside(context, 'browser', 'name'), properties.browser);
    case 'os':
      return firstText(context.os, inside(context, 'os', 'name'));
    case 'referrer':
      return referrerOf(context);
    case 'utm_source':
      return firstText(context.utm_source, inside(context, 'campaign', 'source'));
    case 'utm_campaign':
      return firstText(context.utm_campaign, inside(context, 'campaign', 'name'));
  }
}

function fieldOf(event: StoredEvent, field: string): unknown {
  if ((dimensions as readonly string[]).includes(field)) return dimensionOf(event, field as Dimension);
  if (field.startsWith('properties.')) return inside(event.properties, ...field.split('.').slice(1));
  if (field === 'user_id' || field === 'anonymous_id' || field === 'session_id') return event[field];
  throw new Error(`the oracle knows no field ${field}`);
}

/** Whether an event passes a filter. Values compare as text, `gt` and `lt` as numbers; `ne` holds for what is absent. */
export function passes(event: StoredEvent, { field, op, value }: Filter): boolean {
  const actual = fieldOf(event, field);
  if (actual === undefined || actual === null) return op === 'ne';
  switch (op) {
    case 'eq':
      return String(actual) === String(value);
    case 'ne':
      return String(actual) !== String(value);
    case 'in':
      return (Array.isArray(value) ? value : String(value).split(',')).includes(String(actual));
    case 'contains':
      return String(actual).includes(String(value));
    case 'gt':
      return Number(actual) > Number(value);
    case 'lt':
      return Number(actual) < Number(value);
  }
}
