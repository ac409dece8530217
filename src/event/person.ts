import { eventFields } from './event.ts';

/** Whom an event speaks of, where all there is of it is a text that may be no event at all. */

/** The fields that name a person, under all their names. */
const PERSON_FIELDS: readonly string[] = eventFields
  .filter(({ name }) => name === 'user_id' || name === 'anonymous_id')
  .flatMap(({ name, aliases }) => [name, ...aliases]);

const VALUE = `("(?:[^"\\\\]|\\\\.)*"?|-?[0-9][0-9.eE+-]*)`;
const FIELDS = new RegExp(`"(?:${PERSON_FIELDS.join('|')})"\\s*:\\s*${VALUE}`, 'g');

/** The values of those fields in a JSON text, however deep they lie and wherever the text breaks off. */
export function personIds(text: string): Set<string> {
  const ids = new Set<string>();
  for (const [, value = ''] of normalized(text).matchAll(FIELDS)) {
    if (!value.startsWith('"')) ids.add(value);
    else ids.add(unquoted(value));
  }
  return ids;
}

/** A name of a field may be written with escapes. */
function normalized(text: string): string {
  if (!text.includes('\\u')) return text;
  try {
    return JSON.stringify(JSON.parse(text));
  } catch {
    return text;
  }
}

function unquoted(value: string): string {
  const whole = value.length > 1 && value.endsWith('"') ? value : `${value}"`;
  try {
    return JSON.parse(whole) as string;
  } catch {
    return value.slice(1);
  }
}
