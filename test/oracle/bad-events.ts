import type { Json } from './accept.ts';

/** What has to be refused, each made from a good event; every limit is crossed clearly. */
export const badEvents: ((event: Json) => unknown)[] = [
  ({ event_name: _, ...rest }) => rest,
  (event) => ({ ...event, event_name: 'n'.repeat(201) }),
  (event) => ({ ...event, event_name: 7 }),
  (event) => ({ ...event, timestamp: 'yesterday' }),
  (event) => ({ ...event, timestamp: '2100-01-01T00:00:00.000Z' }),
  (event) => ({ ...event, timestamp: '2001-01-01T00:00:00.000Z' }),
  (event) => ({ ...event, properties: [1] }),
  (event) => ({ ...event, properties: { long: 'x'.repeat(40_000) } }),
  (event) => ({
    ...event,
    properties: { a: { b: { c: { d: { e: { f: { g: { h: { i: { j: 1 } } } } } } } } } },
  }),
  (event) => ({
    ...event,
    properties: Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`key${i}`, i])),
  }),
  () => null,
  () => 'text',
];
