import { createContext } from 'preact';
import type { Api } from '../data/api.ts';
import type { Live } from '../data/live.ts';
import type { Location } from './location.ts';
import type { Store } from './store.ts';
import type { Theme } from './theme.ts';

/** What every component may use; main.tsx makes it once. */
export interface Services {
  api: Api;
  live: Live;
  location: Location;
  theme: Theme;
  /** What outlives the page; null where the browser forbids it. */
  storage: Storage | null;
  /** Counts up each time that all shown figures should be asked for again. */
  refresh: Store<number>;
}

export const ServicesContext = createContext<Services>(null as unknown as Services);
