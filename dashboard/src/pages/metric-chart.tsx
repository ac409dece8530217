import { useContext, useMemo } from 'preact/hooks';
import type { ChartInput, ChartSeries } from '../chart/chart-data.ts';
import { SERIES_COLORS } from '../chart/colors.ts';
import { metricKey, onlySeries, seriesTimes, seriesValues } from '../data/metric.ts';
import { useTitles } from '../data/titles.ts';
import type { Metric, MetricAnswer } from '../data/types.ts';
import { useQuery } from '../data/use-query.ts';
import { LOOKS } from '../format/metric.ts';
import type { Filter } from '../state/filters.ts';
import { type PageState, usePage } from '../state/page.ts';
import { ServicesContext } from '../state/services.ts';
import { ChartView, useZoom } from '../ui/chart-panel.tsx';
import { Icon } from '../ui/icon.tsx';
import { States } from '../ui/panel.tsx';
import { Choices, Popover } from '../ui/popover.tsx';
import type { MetricPair } from './metric-figures.tsx';

const GROUPS_MAX = 6;
const BREAKDOWNS = [
  { value: '', label: 'One line' },
  { value: 'event_name', label: 'By event' },
  { value: 'video_id', label: 'By title' },
  { value: 'country', label: 'By country' },
  { value: 'device', label: 'By device' },
  { value: 'browser', label: 'By browser' },
  { value: 'referrer', label: 'By referrer' },
];

function chartKind(metric: Metric): ChartInput['kind'] {
  if (metric === 'watch_time_seconds') return 'duration';
  return LOOKS[metric].isRate === true ? 'rate' : 'count';
}

/** What all charts of a page share. */
function base(metric: Metric, page: PageState): Omit<ChartInput, 'times' | 'series'> {
  const look = LOOKS[metric];
  const { interval, open } = page.range;
  return { title: look.label, interval, isOpen: open, kind: chartKind(metric), short: look.short };
}

/** One metric as a line, with the period before behind it when that is asked for. */
export function singleInput(pair: MetricPair, page: PageState): ChartInput {
  const look = LOOKS[pair.metric];
  const now = onlySeries(pair.now.data);
  const series: ChartSeries[] = [{ label: look.label, color: look.color, values: seriesValues(now) }];
  const past = page.compare ? onlySeries(pair.before.data) : null;
  if (past !== null) {
    const values = seriesValues(past).slice(0, now?.points.length ?? 0);
    series.unshift({ label: 'Before', color: '--past', isPast: true, values, times: seriesTimes(past) });
  }
  return { ...base(pair.metric, page), times: seriesTimes(now), series };
}

function useBreakdown(metric: Metric, by: string | null, filters: readonly Filter[], page: PageState) {
  const { range, app, asked } = page;
  const key =
    by === null
      ? null
      : metricKey({
          metric,
          from: range.from,
          to: range.to,
          interval: range.interval,
          groupBy: by,
          filters,
          app,
          timezone: range.timezone,
          limit: GROUPS_MAX,
        });
  const query = useQuery<MetricAnswer>(key, asked);
  const all = query.data?.series ?? [];
  const values = all.map((series) => series.group[by ?? ''] ?? '');
  const titleOf = useTitles(by === 'video_id' ? values : []);
  const input = useMemo((): ChartInput => {
    const series = all.slice(0, GROUPS_MAX).map((one, index): ChartSeries => {
      const value = values[index] ?? '';
      const label = by === 'video_id' ? titleOf(value) : value === '' ? 'None' : value;
      return { label, color: SERIES_COLORS[index % SERIES_COLORS.length]!, values: seriesValues(one) };
    });
    return { ...base(metric, page), times: seriesTimes(all[0] ?? null), series };
  }, [query.data, metric, page, titleOf('')]);
  return { query, input, isCut: query.data?.truncated === true || all.length > GROUPS_MAX };
}

/** The wide chart under the figures: the picked metric, whole or broken down. */
export function MetricChart({ pair, filters }: { pair: MetricPair; filters: readonly Filter[] }) {
  const { location } = useContext(ServicesContext);
  const page = usePage();
  const zoom = useZoom();
  const by = BREAKDOWNS.find((item) => item.value !== '' && item.value === page.query.get('by')) ?? null;
  const whole = useMemo(() => singleInput(pair, page), [pair.now.data, pair.before.data, page]);
  const broken = useBreakdown(pair.metric, by?.value ?? null, filters, page);
  const query = by === null ? pair.now : broken.query;
  const input = by === null ? whole : broken.input;
  return (
    <States
      query={query}
      skeleton={<div class="skeleton chart-skeleton" />}
      isEmpty={input.times.length === 0}
      empty={<div class="state chart-skeleton">Nothing to draw in this range.</div>}
    >
      <ChartView
        input={input}
        height={280}
        subtitle={page.caption}
        onZoom={zoom}
        heading={<h2>{input.title} over time</h2>}
        {...(by !== null && broken.isCut ? { note: `The ${GROUPS_MAX} largest; the rest is left out.` } : {})}
        tools={
          <>
            {page.range.preset === 'custom' && (
              <button type="button" class="link" onClick={() => location.change({ from: null, to: null })}>
                Reset range
              </button>
            )}
            <Popover
              label="Break down"
              align="end"
              buttonClass="button button-quiet"
              button={
                <>
                  {by?.label ?? 'Break down'} <Icon name="chevron" size={14} />
                </>
              }
            >
              {(close) => (
                <Choices
                  label="Break down"
                  value={by?.value ?? ''}
                  options={BREAKDOWNS}
                  onChoose={(value) => {
                    location.change({ by: value === '' ? null : value }, 'replace');
                    close();
                  }}
                />
              )}
            </Popover>
          </>
        }
      />
    </States>
  );
}
