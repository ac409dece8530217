/** Filters as the address and the API spell them: `field:op:value`. */
export interface Filter {
  field: string;
  op: string;
  value: string;
}

export const FIELD_LABELS: Record<string, string> = {
  app_id: 'App',
  event_name: 'Event',
  video_id: 'Title',
  country: 'Country',
  device: 'Device',
  browser: 'Browser',
  os: 'System',
  referrer: 'Referrer',
  utm_source: 'UTM source',
  utm_campaign: 'Campaign',
  user_id: 'User',
  anonymous_id: 'Anonymous user',
  session_id: 'Session',
  view_id: 'View',
};

const OP_WORDS: Record<string, string> = {
  eq: 'is',
  ne: 'is not',
  in: 'is one of',
  contains: 'contains',
  gt: 'over',
  lt: 'under',
};

export function readFilter(text: string): Filter | null {
  const match = /^([a-z_.]+):(eq|ne|in|contains|gt|lt):(.*)$/s.exec(text);
  return match === null ? null : { field: match[1]!, op: match[2]!, value: match[3]! };
}

export function spellFilter(filter: Filter): string {
  return `${filter.field}:${filter.op}:${filter.value}`;
}

export function readFilters(query: URLSearchParams): Filter[] {
  return query.getAll('f').flatMap((text) => readFilter(text) ?? []);
}

/** Turns a filter on, or off where it is on already; one `eq` of a field replaces another. */
export function toggleFilter(filters: readonly Filter[], filter: Filter): Filter[] {
  const spelled = spellFilter(filter);
  if (filters.some((other) => spellFilter(other) === spelled)) {
    return filters.filter((other) => spellFilter(other) !== spelled);
  }
  const others = filters.filter((other) => other.field !== filter.field || other.op !== filter.op);
  return [...others, filter];
}

export function opWords(op: string): string {
  return OP_WORDS[op] ?? op;
}
