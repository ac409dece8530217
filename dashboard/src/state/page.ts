import { useContext, useEffect, useMemo, useState } from 'preact/hooks';
import { type Filter, readFilters, spellFilter } from './filters.ts';
import { describeSpan, type Range, readRange } from './range.ts';
import { ServicesContext } from './services.ts';
import { useStore } from './store.ts';

/** What a page is about, read from its address. */
export interface PageState {
  path: string;
  query: URLSearchParams;
  app: string | null;
  range: Range;
  filters: Filter[];
  compare: boolean;
  /** Changes when the reader asks for something else, not when time passes. */
  asked: string;
  /** The range in words, with its zone. */
  caption: string;
}

export function usePage(): PageState {
  const { location, refresh } = useContext(ServicesContext);
  const place = useStore(location.place);
  const tick = useStore(refresh);
  return useMemo(() => {
    const { path, query } = place;
    const range = readRange(query, Date.now());
    return {
      path,
      query,
      app: query.get('app'),
      range,
      filters: readFilters(query),
      compare: query.get('compare') === '1',
      asked: `${path}?${query}`,
      caption: `${describeSpan(range.from, range.to)} · ${range.timezone.replaceAll('_', ' ')}`,
    };
  }, [place, tick]);
}

/** Puts filters into the address. */
export function useFilters(): { filters: Filter[]; setFilters: (filters: Filter[]) => void } {
  const { location } = useContext(ServicesContext);
  const { filters } = usePage();
  return { filters, setFilters: (next) => location.change({ f: next.map(spellFilter) }) };
}

/** The clock, read again each `everyMs`, on whole multiples of it. */
export function useTick(everyMs: number): number {
  const read = (): number => Math.floor(Date.now() / everyMs) * everyMs;
  const [now, setNow] = useState(read);
  useEffect(() => {
    const timer = setInterval(() => setNow(read()), everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
  return now;
}
