/** Events whose person asked not to be tracked, and what is left of one without its person. */
import { eventFields } from './event.ts';

/** What becomes of them: nothing, they are left out, or they are taken without who they are of. */
export type DntMode = 'off' | 'drop' | 'anonymize';

/** In `context`, and what there says so. */
const SIGNALS = ['dnt', 'gpc', 'doNotTrack'];
const YES: ReadonlySet<unknown> = new Set([true, 1, '1', 'yes', 'true']);
const TRACES = [...SIGNALS, '\\u'].map((text) => Buffer.from(text));

const namesOf = (field: string) => {
  const { name, aliases } = eventFields.find((one) => one.name === field)!;
  return [name, ...aliases];
};
const CONTEXT = namesOf('context');
const PERSON: readonly string[] = ['user_id', 'anonymous_id', 'session_id'].flatMap(namesOf);

/** An event as it was sent. */
export type EventObject = Record<string, unknown>;

/** False only where no event of the JSON text says so: a key may be written with escapes, too. */
export function mayAskNotToBeTracked(text: Uint8Array): boolean {
  const bytes = Buffer.from(text.buffer, text.byteOffset, text.byteLength);
  return TRACES.some((trace) => bytes.includes(trace));
}

export function asksInContext(event: EventObject): boolean {
  const context = firstOf(event, CONTEXT, (value) => typeof value === 'object') as EventObject | undefined;
  return context !== undefined && SIGNALS.some((name) => YES.has(context[name]));
}

/** The value of the first of these names that has a fitting one. */
export function firstOf(
  event: EventObject,
  names: readonly string[],
  fits: (value: unknown) => boolean,
): unknown {
  const name = names.find((one) => event[one] !== null && event[one] !== undefined && fits(event[one]));
  return name === undefined ? undefined : event[name];
}

/** Views stay what they are, where the sender names them; sessions and people are nobody's. */
export function withoutPerson(event: EventObject): EventObject {
  const kept = Object.fromEntries(Object.entries(event).filter(([name]) => !PERSON.includes(name)));
  for (const name of CONTEXT) {
    const { ip: _ip, ...rest } = (kept[name] ?? {}) as EventObject;
    if (kept[name]) kept[name] = rest;
  }
  return kept;
}
