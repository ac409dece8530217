import { usePage } from '../state/page.ts';
import { metricKey } from './metric.ts';
import type { MetricAnswer } from './types.ts';
import { useQuery } from './use-query.ts';

const NAMES_MAX = 200;

/** The names of events in the page's range, those of most events first, to choose from. */
export function useEventNames(): string[] {
  const { range, app } = usePage();
  const { data } = useQuery<MetricAnswer>(
    metricKey({
      metric: 'events',
      from: range.from,
      to: range.to,
      groupBy: 'event_name',
      filters: [],
      app,
      timezone: range.timezone,
      limit: NAMES_MAX,
    }),
  );
  return (data?.series ?? []).map((series) => series.group.event_name ?? '').filter(Boolean);
}
