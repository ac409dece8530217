import { createStore, type Store } from './store.ts';

/** Where the reader is. The whole state of a page is in here, so a link shows the same page. */
export interface Place {
  path: string;
  query: URLSearchParams;
}

export type Change = Record<string, string | readonly string[] | null>;

export interface Location {
  place: Store<Place>;
  /** Goes to another page; `keep` names what of the query goes along. */
  go(path: string, query?: URLSearchParams): void;
  /** Changes parameters of the present page; null removes one. */
  change(parameters: Change, how?: 'push' | 'replace'): void;
}

function readPlace(): Place {
  return { path: window.location.pathname, query: new URLSearchParams(window.location.search) };
}

/** Spells a link with colons and commas left readable. */
export function spell(path: string, query: URLSearchParams): string {
  const text = query.toString().replaceAll('%3A', ':').replaceAll('%2C', ',');
  return text === '' ? path : `${path}?${text}`;
}

export function createLocation(): Location {
  const place = createStore(readPlace());
  window.addEventListener('popstate', () => place.set(readPlace()));
  function put(url: string, how: 'push' | 'replace'): void {
    if (how === 'push') history.pushState(null, '', url);
    else history.replaceState(null, '', url);
    place.set(readPlace());
  }
  return {
    place,
    go(path, query = new URLSearchParams()) {
      put(spell(path, query), 'push');
      window.scrollTo(0, 0);
    },
    change(parameters, how = 'push') {
      const { path, query } = readPlace();
      for (const [name, value] of Object.entries(parameters)) {
        query.delete(name);
        if (value === null) continue;
        for (const item of typeof value === 'string' ? [value] : value) query.append(name, item);
      }
      put(spell(path, query), how);
    },
  };
}

/** Parameters that mean the same on every page and follow the reader around. */
const SHARED = ['app', 'range', 'from', 'to', 'compare'];
const SHARED_FILTER_FIELDS =
  /^(event_name|video_id|country|device|browser|os|referrer|utm_source|utm_campaign):/;

/** The query to take along to another page. */
export function sharedQuery(query: URLSearchParams, filters = true): URLSearchParams {
  const kept = new URLSearchParams();
  for (const name of SHARED) {
    const value = query.get(name);
    if (value !== null) kept.set(name, value);
  }
  if (filters) for (const f of query.getAll('f')) if (SHARED_FILTER_FIELDS.test(f)) kept.append('f', f);
  return kept;
}
