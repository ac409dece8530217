import { metricKey, onlySeries, seriesValues } from '../data/metric.ts';
import type { Metric, MetricAnswer } from '../data/types.ts';
import { type Query, useQueries } from '../data/use-query.ts';
import { LOOKS } from '../format/metric.ts';
import type { Filter } from '../state/filters.ts';
import { usePage } from '../state/page.ts';
import { Figure } from '../ui/figure.tsx';

export interface MetricPair {
  metric: Metric;
  now: Query<MetricAnswer>;
  before: Query<MetricAnswer>;
}

/** Asks for metrics over the page's range and over the period before. */
export function useMetricPairs(metrics: readonly Metric[], filters: readonly Filter[]): MetricPair[] {
  const { range, app, asked } = usePage();
  const shared = { interval: range.interval, filters, app, timezone: range.timezone };
  const keys = metrics.flatMap((metric) => [
    metricKey({ ...shared, metric, from: range.from, to: range.to }),
    metricKey({ ...shared, metric, ...range.previous }),
  ]);
  const answers = useQueries<MetricAnswer>(keys, asked);
  return metrics.map((metric, index) => ({
    metric,
    now: answers[index * 2]!,
    before: answers[index * 2 + 1]!,
  }));
}

interface Props {
  pairs: readonly MetricPair[];
  picked: Metric;
  onPick: (metric: Metric) => void;
}

/** The row of figures; each is a button that puts its metric into the chart below. */
export function MetricFigures({ pairs, picked, onPick }: Props) {
  const { range } = usePage();
  return (
    <fieldset class="figures" aria-label="Figures">
      {pairs.map(({ metric, now, before }) => {
        const look = LOOKS[metric];
        const series = onlySeries(now.data);
        const total = series?.total ?? (now.data === null ? null : look.isRate === true ? null : 0);
        const past = onlySeries(before.data);
        return (
          <Figure
            key={metric}
            label={look.label}
            help={look.help}
            value={total}
            short={look.short}
            full={look.full}
            color={look.color}
            lessIsBetter={look.lessIsBetter ?? false}
            {...(before.data === null ? {} : { before: past?.total ?? 0 })}
            spark={seriesValues(series)}
            isOpen={range.open}
            isLoading={now.loading}
            isDimmed={now.stale}
            isPicked={metric === picked}
            onPick={() => onPick(metric)}
          />
        );
      })}
    </fieldset>
  );
}
