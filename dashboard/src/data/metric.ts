import type { Filter } from '../state/filters.ts';
import { spellFilter } from '../state/filters.ts';
import type { Interval } from '../state/range.ts';
import { requestKey } from './api.ts';
import type { Metric, MetricAnswer, MetricSeries } from './types.ts';

export interface MetricQuestion {
  metric: Metric;
  from: Date;
  to: Date;
  interval?: Interval | null;
  groupBy?: string | null;
  filters?: readonly Filter[];
  app?: string | null;
  timezone?: string;
  limit?: number;
}

/** Spells a question to `GET /metrics`. */
export function metricKey(question: MetricQuestion): string {
  return requestKey('/metrics', {
    metric: question.metric,
    from: question.from.toISOString(),
    to: question.to.toISOString(),
    interval: question.interval,
    group_by: question.groupBy,
    filter: question.filters?.map(spellFilter),
    timezone: question.timezone,
    app_id: question.app,
    limit: question.limit,
  });
}

/** The one series of an ungrouped answer. */
export function onlySeries(answer: MetricAnswer | null): MetricSeries | null {
  return answer?.series[0] ?? null;
}

export function seriesValues(series: MetricSeries | null): (number | null)[] {
  return series?.points.map((point) => point.value) ?? [];
}

export function seriesTimes(series: MetricSeries | null): number[] {
  return series?.points.map((point) => Date.parse(point.time) / 1000) ?? [];
}
