import { type Read, readObject } from './draft.ts';

/** An event that somebody pastes to see what a plan says of it. */
export interface Sample {
  properties: object;
  /** Null where only properties were pasted. */
  eventName: string | null;
}

const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Reads an event as it is posted, alone or as the only one of its array, or its properties alone. */
export function readSample(text: string): Read<Sample> {
  const inner = onlyItem(text);
  if (inner !== null && inner.count !== 1)
    return { value: null, fault: `Paste one event; these are ${inner.count}.` };
  const read: Read<object> =
    inner !== null && isObject(inner.item)
      ? { value: inner.item, fault: null }
      : readObject(text, 'An event is an object, such as {"event_name": "…", "properties": {…}}.');
  if (read.value === null) return read;
  const { event_name, properties } = read.value as { event_name?: unknown; properties?: unknown };
  const eventName = typeof event_name === 'string' ? event_name : null;
  if (eventName === null && !isObject(properties))
    return { value: { properties: read.value, eventName }, fault: null };
  if (properties !== undefined && properties !== null && !isObject(properties))
    return { value: null, fault: 'The properties of an event are an object.' };
  return { value: { properties: properties ?? {}, eventName }, fault: null };
}

function onlyItem(text: string): { item: unknown; count: number } | null {
  try {
    const value = JSON.parse(text) as unknown;
    return Array.isArray(value) ? { item: value[0] as unknown, count: value.length } : null;
  } catch {
    return null;
  }
}
