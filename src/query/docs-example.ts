import type { JsonSchema, OpenApiDocument } from './openapi.ts';

/** Believable values for the examples in the docs, by name first, then by type. */
const byName: Readonly<Record<string, unknown>> = {
  event_name: 'video_start',
  event_id: '019a0b1c-2d3e-7f40-8a5b-6c7d8e9f0a1b',
  app_id: 'tube',
  user_id: 'ann',
  video_id: 'v1',
  title: 'The Way Home',
  duration_seconds: 1320,
  metric: 'viewers',
  interval: '1h',
  timezone: 'UTC',
  completion_rate: 0.45,
  avg_watch_percentage: 67.5,
  engagement_score: 6.1,
  error_rate: 0.002,
  country: 'DE',
  query: 'SELECT count() FROM events',
  template: 'overview_stats',
  reason: 'invalid_timestamp',
  next_cursor: null,
  truncated: undefined,
};
/** Of the event's many fields the examples show these. */
const SHOWN_OF_EVENT = ['event_name', 'user_id', 'video_id', 'timestamp', 'properties'];
const INSTANT = '2026-01-31T18:00:00.000Z';
const DEPTH_MAX = 8;

export function exampleOf(document: OpenApiDocument, schema: JsonSchema, name: string, depth = 0): unknown {
  if (depth > DEPTH_MAX) return null;
  if (name in byName) return byName[name];
  const inner = (of: unknown, as = name) => exampleOf(document, of as JsonSchema, as, depth + 1);
  if (typeof schema.$ref === 'string') return exampleOfEvent(document, depth);
  if (Array.isArray(schema.anyOf)) return inner(schema.anyOf[0]);
  if (Array.isArray(schema.enum)) return schema.enum[0];
  if ('const' in schema) return schema.const;
  switch (schema.type) {
    case 'array':
      return [inner(schema.items, '')];
    case 'object':
      return exampleOfProperties(schema, inner);
    case 'integer':
    case 'number':
      return typeof schema.minimum === 'number' && schema.minimum > 1 ? schema.minimum : 1;
    case 'boolean':
      return false;
    case 'null':
      return null;
    default:
      return schema.format === 'date-time'
        ? INSTANT
        : schema.format === 'uuid'
          ? byName.event_id
          : name || 'text';
  }
}

function exampleOfProperties(schema: JsonSchema, inner: (of: unknown, as: string) => unknown): unknown {
  const properties = Object.entries((schema.properties ?? {}) as Record<string, JsonSchema>);
  return Object.fromEntries(properties.map(([key, of]) => [key, inner(of, key)]));
}

function exampleOfEvent(document: OpenApiDocument, depth: number): unknown {
  const { Event } = document.components.schemas as Record<string, { properties: Record<string, JsonSchema> }>;
  const shown = Object.entries(Event!.properties).filter(([key]) => SHOWN_OF_EVENT.includes(key));
  return Object.fromEntries(shown.map(([key, of]) => [key, exampleOf(document, of, key, depth + 1)]));
}
