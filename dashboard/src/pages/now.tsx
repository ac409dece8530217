import { useContext, useMemo } from 'preact/hooks';
import type { ChartInput } from '../chart/chart-data.ts';
import { requestKey } from '../data/api.ts';
import type { History, Realtime, RealtimePoint } from '../data/types.ts';
import { useQuery } from '../data/use-query.ts';
import { bandwidth, fullNumber, percent, shortNumber } from '../format/number.ts';
import { PageHead } from '../shell/page-head.tsx';
import { useLiveSubscription } from '../shell/use-live.ts';
import { sharedQuery } from '../state/location.ts';
import { usePage } from '../state/page.ts';
import { spellRange } from '../state/range.ts';
import { ServicesContext } from '../state/services.ts';
import { useStore } from '../state/store.ts';
import { ChartView } from '../ui/chart-panel.tsx';
import { Figure } from '../ui/figure.tsx';
import { States } from '../ui/panel.tsx';
import { EventTail } from './event-tail.tsx';
import { LiveTitles } from './live-titles.tsx';
import { useHistory } from './use-history.ts';

type LiveMetric = keyof Realtime;

interface LiveLook {
  id: LiveMetric;
  label: string;
  help: string;
  color: string;
  kind: ChartInput['kind'];
  short(value: number): string;
  full(value: number): string;
  lessIsBetter?: boolean;
}

const LOOKS: readonly LiveLook[] = [
  {
    id: 'concurrent_viewers',
    label: 'Watching now',
    help: 'Distinct people with an active view in the last 60 seconds',
    color: '--series-blue',
    kind: 'count',
    short: shortNumber,
    full: (v) => `${fullNumber(v)} people`,
  },
  {
    id: 'active_streams',
    label: 'Streams',
    help: 'Distinct streams or titles being watched',
    color: '--series-sky',
    kind: 'count',
    short: shortNumber,
    full: (v) => `${fullNumber(v)} streams`,
  },
  {
    id: 'events_per_second',
    label: 'Events per second',
    help: 'Mean of the last 60 seconds',
    color: '--series-amber',
    kind: 'decimal',
    short: shortNumber,
    full: (v) => `${fullNumber(v)} events a second`,
  },
  {
    id: 'error_rate',
    label: 'Error rate',
    help: 'Errors, of all events of the last 60 seconds',
    color: '--series-red',
    kind: 'rate',
    short: percent,
    full: (v) => `${(v * 100).toFixed(3)} % of events`,
    lessIsBetter: true,
  },
  {
    id: 'bandwidth_gbps',
    label: 'Bandwidth',
    help: 'Sum of the last known bitrates of active views',
    color: '--series-green',
    kind: 'decimal',
    short: bandwidth,
    full: (v) => `${v.toFixed(4)} Gbit/s`,
  },
];

const ALERT_ERROR_RATE = 0.01;
const ZOOM_MS_MIN = 300_000;

/** The last 30 minutes of one figure. */
function liveInput(look: LiveLook, points: readonly (RealtimePoint | null)[]): ChartInput {
  const known = points.filter((point) => point !== null);
  return {
    title: `${look.label}, last 30 minutes`,
    times: known.map((point) => Date.parse(point.time) / 1000),
    series: [
      {
        label: look.label,
        color: look.color,
        values: known.map((point) => (Number.isNaN(point[look.id]) ? null : point[look.id])),
      },
    ],
    interval: 'live',
    isOpen: false,
    kind: look.kind,
    short: look.short,
  };
}

/** What happens at this moment. */
export function NowPage() {
  const { live, location } = useContext(ServicesContext);
  const page = usePage();
  const pushed = useStore(live.now).metrics;
  useLiveSubscription(page.app, true);
  const history = useQuery<History>(requestKey('/v1/realtime/history', { app_id: page.app }), page.asked);
  const first = useQuery<Realtime>(requestKey('/api/metrics/realtime', { app_id: page.app }), page.asked);
  const points = useHistory(history.data, page.app);
  const metrics = pushed ?? first.data;
  const asked = page.query.get('metric');
  const look = LOOKS.find((candidate) => candidate.id === asked) ?? LOOKS[0]!;
  const input = useMemo(() => liveInput(look, points), [look, points]);

  function zoom(from: number, to: number): void {
    const query = sharedQuery(page.query);
    query.delete('range');
    const span = spellRange(new Date(from), new Date(Math.max(to, from + ZOOM_MS_MIN)));
    query.set('from', span.from);
    query.set('to', span.to);
    location.go('/overview', query);
  }

  return (
    <>
      <PageHead title="Now" caption="The last 60 seconds, by the second" hasFilters={false} />
      <section class="panel panel-wide" aria-label="Live figures and chart">
        <LiveFigures metrics={metrics} points={points} picked={look} isLoading={first.loading} />
        <States
          query={history}
          skeleton={<div class="skeleton chart-skeleton" />}
          isEmpty={points.length === 0}
          empty={<div class="state chart-skeleton">The first point comes within 10 seconds.</div>}
        >
          <ChartView
            input={input}
            height={240}
            subtitle="Last 30 minutes"
            heading={<h2>{input.title}</h2>}
            onZoom={zoom}
          />
        </States>
      </section>
      <div class="now-grid">
        <EventTail />
        <LiveTitles />
      </div>
    </>
  );
}

interface LiveFiguresProps {
  metrics: Realtime | null;
  points: readonly RealtimePoint[];
  picked: LiveLook;
  isLoading: boolean;
}

/** The five figures of this moment; each is a button that puts its last 30 minutes into the chart. */
function LiveFigures({ metrics, points, picked, isLoading }: LiveFiguresProps) {
  const { location } = useContext(ServicesContext);
  const isAlarming = (metrics?.error_rate ?? 0) > ALERT_ERROR_RATE;
  return (
    <fieldset class="figures" aria-label="Live figures">
      {LOOKS.map((one) => (
        <Figure
          key={one.id}
          label={one.label}
          help={one.help}
          value={metrics?.[one.id] ?? null}
          short={one.short}
          full={one.full}
          color={one.color}
          spark={points.map((point) => (Number.isNaN(point[one.id]) ? null : point[one.id]))}
          isLoading={metrics === null && isLoading}
          isPicked={one.id === picked.id}
          onPick={() => location.change({ metric: one.id === LOOKS[0]!.id ? null : one.id }, 'replace')}
        >
          {one.id === 'error_rate' && isAlarming && <span class="figure-alert">Over 1 %</span>}
        </Figure>
      ))}
    </fieldset>
  );
}
