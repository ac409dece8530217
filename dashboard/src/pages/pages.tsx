import { useContext } from 'preact/hooks';
import { requestKey } from '../data/api.ts';
import type { Metric } from '../data/types.ts';
import type { Behavior } from '../data/types-behavior.ts';
import { type Query, useQuery } from '../data/use-query.ts';
import { fullNumber, shortNumber } from '../format/number.ts';
import { PageHead } from '../shell/page-head.tsx';
import { useLiveSubscription } from '../shell/use-live.ts';
import { usePage } from '../state/page.ts';
import { ServicesContext } from '../state/services.ts';
import { Empty, Panel, SkeletonRows, States } from '../ui/panel.tsx';
import { RankedList } from '../ui/ranked-list.tsx';
import { MetricChart } from './metric-chart.tsx';
import { MetricFigures, useMetricPairs } from './metric-figures.tsx';
import { ErrorTable } from './pages/error-table.tsx';
import { PageTable } from './pages/page-table.tsx';
import { VitalsPanel } from './pages/vitals.tsx';

const SHOWN: readonly Metric[] = ['page_views', 'users', 'sessions', 'events'];
const ROWS_MAX = 100;

/** What people do on the pages of a site: which they see, how fast those are, and what goes wrong. */
export function PagesPage() {
  const { location } = useContext(ServicesContext);
  const page = usePage();
  useLiveSubscription(page.app, false);
  const { range, app, asked, query } = page;
  const pairs = useMetricPairs(SHOWN, []);
  const pair = pairs.find(({ metric }) => metric === query.get('metric')) ?? pairs[0]!;
  const summary = useQuery<Behavior>(
    requestKey('/v1/behavior/summary', {
      app_id: app,
      from: range.from.toISOString(),
      to: range.to.toISOString(),
      timezone: range.timezone,
      limit: ROWS_MAX,
    }),
    asked,
  );
  const picked = query.get('page');
  return (
    <>
      <PageHead title="Pages" caption={page.caption} hasFilters={false} />
      <section class="panel panel-wide" aria-label="Figures and chart">
        <MetricFigures
          pairs={pairs}
          picked={pair.metric}
          onPick={(metric) => location.change({ metric: metric === SHOWN[0] ? null : metric }, 'replace')}
        />
        <MetricChart pair={pair} filters={[]} />
      </section>
      <VitalsPanel
        query={summary}
        picked={picked}
        onClear={() => location.change({ page: null }, 'replace')}
      />
      <PageTable
        query={summary}
        limit={ROWS_MAX}
        picked={picked}
        onPick={(path) => location.change({ page: path === picked ? null : path }, 'replace')}
      />
      <div class="page-rest">
        <ErrorTable query={summary} />
        <TopEvents query={summary} />
      </div>
    </>
  );
}

function TopEvents({ query }: { query: Query<Behavior> }) {
  const rows = (query.data?.events_top ?? []).map(({ event_name, count, users }) => ({
    id: event_name,
    label: event_name,
    hint: `${shortNumber(users)} users`,
    value: count,
  }));
  return (
    <Panel title="Events" class="panel-list">
      <States
        query={query}
        skeleton={<SkeletonRows count={8} />}
        isEmpty={rows.length === 0}
        empty={
          <Empty>
            <p>
              <b>Nothing in this range</b>
              <br />
              <span class="muted">Pick a longer range.</span>
            </p>
          </Empty>
        }
      >
        <RankedList
          label="Events"
          rows={rows}
          total={query.data?.events ?? null}
          short={shortNumber}
          full={fullNumber}
          color="--series-amber"
        />
      </States>
    </Panel>
  );
}
