/** What `context` (and for some, `properties`) says about page, device and campaign. */
import { eventLimits } from '../event.ts';
import type { TextColumnName } from '../kernel.ts';
import { findMember, type JsonMember, type JsonText } from './json.ts';

export type ContextTexts = Readonly<Record<Exclude<TextColumnName, 'app_id' | 'event_name'>, string>>;

export type Place = readonly ['context' | 'properties', ...path: string[]];

/** Where each text is looked for, first to last: the first that is a string with something in it is taken. */
export const textPlaces = {
  user_agent: [
    ['context', 'user_agent'],
    ['context', 'userAgent'],
  ],
  device: [
    ['context', 'device'],
    ['context', 'device', 'type'],
    ['properties', 'device_type'],
  ],
  os: [
    ['context', 'os'],
    ['context', 'os', 'name'],
  ],
  browser: [
    ['context', 'browser'],
    ['context', 'browser', 'name'],
    ['properties', 'browser'],
  ],
  country: [
    ['context', 'country'],
    ['context', 'location', 'country'],
  ],
  referrer: [
    ['context', 'referrer'],
    ['context', 'page', 'referrer'],
  ],
  utm_source: [
    ['context', 'utm_source'],
    ['context', 'campaign', 'source'],
  ],
  utm_medium: [
    ['context', 'utm_medium'],
    ['context', 'campaign', 'medium'],
  ],
  utm_campaign: [
    ['context', 'utm_campaign'],
    ['context', 'campaign', 'name'],
  ],
  utm_term: [
    ['context', 'utm_term'],
    ['context', 'campaign', 'term'],
  ],
  utm_content: [
    ['context', 'utm_content'],
    ['context', 'campaign', 'content'],
  ],
  page_url: [
    ['context', 'page', 'url'],
    ['context', 'url'],
    ['properties', 'url'],
  ],
} as const satisfies Record<string, readonly Place[]>;

/** Sources of the page, in order. Those that are addresses leave page_path empty: page_url has them. */
export const pagePlaces: readonly (readonly ['path' | 'url', Place])[] = [
  ['path', ['context', 'page', 'path']],
  ['url', ['context', 'page', 'url']],
  ['url', ['context', 'url']],
  ['path', ['context', 'path']],
  ['path', ['context', 'page']],
  ['path', ['properties', 'page']],
  ['path', ['properties', 'path']],
];

/** At most `textBytesMax` bytes, never half a character. */
function cut(value: string): string {
  const bytes = Buffer.from(value);
  if (bytes.length <= eventLimits.textBytesMax) return value;
  let end: number = eventLimits.textBytesMax;
  while ((bytes[end]! & 0xc0) === 0x80) end--;
  return bytes.toString('utf8', 0, end);
}

/** Reads the texts. `page_path` is empty when the page is best told by `page_url`. */
export function readContextTexts(
  text: JsonText,
  context: readonly JsonMember[],
  properties: readonly JsonMember[],
): ContextTexts {
  const read = ([root, ...path]: Place): string => {
    let members = root === 'context' ? context : properties;
    for (const [i, key] of path.entries()) {
      const node = findMember(members, key);
      if (node?.kind === 'string' && i === path.length - 1) return cut(text.string(node));
      members = node?.members ?? [];
    }
    return '';
  };
  const first = (candidates: readonly Place[]): string => {
    for (const place of candidates) {
      const found = read(place);
      if (found !== '') return found;
    }
    return '';
  };
  const texts = Object.fromEntries(
    Object.entries(textPlaces).map(([name, candidates]) => [name, first(candidates)]),
  );
  const page = pagePlaces.find(([, place]) => read(place) !== '');
  return { ...texts, page_path: page?.[0] === 'path' ? read(page[1]) : '' } as ContextTexts;
}
