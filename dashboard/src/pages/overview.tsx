import { useContext } from 'preact/hooks';
import { onlySeries } from '../data/metric.ts';
import type { Metric } from '../data/types.ts';
import { LOOKS } from '../format/metric.ts';
import { PageHead } from '../shell/page-head.tsx';
import { useLiveSubscription } from '../shell/use-live.ts';
import { usePage } from '../state/page.ts';
import { ServicesContext } from '../state/services.ts';
import { DimensionList } from './dimension-list.tsx';
import { MetricChart } from './metric-chart.tsx';
import { MetricFigures, useMetricPairs } from './metric-figures.tsx';

const SHOWN: readonly Metric[] = [
  'viewers',
  'views',
  'watch_time_seconds',
  'completion_rate',
  'events',
  'errors',
];

/** Everything over a range, on one page. */
export function OverviewPage() {
  const { location } = useContext(ServicesContext);
  const page = usePage();
  useLiveSubscription(page.app, false);
  const pairs = useMetricPairs(SHOWN, page.filters);
  const asked = page.query.get('metric');
  const pair = pairs.find((candidate) => candidate.metric === asked) ?? pairs[0]!;
  // A share cannot be ranked by itself: one view played to the end would lead the list.
  const listPair = LOOKS[pair.metric].isRate === true ? pairs.find((one) => one.metric === 'views')! : pair;
  const total = onlySeries(listPair.now.data)?.total ?? null;
  const list = { metric: listPair.metric, filters: page.filters, total };
  return (
    <>
      <PageHead title="Overview" caption={page.caption} />
      <section class="panel panel-wide" aria-label="Figures and chart">
        <MetricFigures
          pairs={pairs}
          picked={pair.metric}
          onPick={(metric) => location.change({ metric: metric === SHOWN[0] ? null : metric }, 'replace')}
        />
        <MetricChart pair={pair} filters={page.filters} />
      </section>
      <div class="lists">
        <DimensionList fields={['video_id']} isLead {...list} />
        <DimensionList fields={['referrer', 'utm_source', 'utm_campaign']} {...list} />
        <DimensionList fields={['country']} {...list} />
        <DimensionList fields={['device', 'browser', 'os']} {...list} />
        <DimensionList
          fields={['event_name']}
          metric="events"
          filters={page.filters}
          total={onlySeries(pairs.find((one) => one.metric === 'events')?.now.data ?? null)?.total ?? null}
        />
      </div>
    </>
  );
}
