import { useMemo } from 'preact/hooks';
import { requestKey } from '../data/api.ts';
import { onlySeries } from '../data/metric.ts';
import type { AnalyticsEvent, Metric, Page, Video, VideoMetrics } from '../data/types.ts';
import { type Query, useQueries, useQuery } from '../data/use-query.ts';
import { duration, fullNumber, percent, shortNumber, withoutZeroPart } from '../format/number.ts';
import { Chips } from '../shell/chips.tsx';
import { useLiveSubscription } from '../shell/use-live.ts';
import { sharedQuery } from '../state/location.ts';
import { type PageState, usePage } from '../state/page.ts';
import { describeSpan, type Range, spellDay } from '../state/range.ts';
import { ChartView, useZoom } from '../ui/chart-panel.tsx';
import { EventRow } from '../ui/event-row.tsx';
import { Figure } from '../ui/figure.tsx';
import { Icon } from '../ui/icon.tsx';
import { Link } from '../ui/link.tsx';
import { Empty, Panel, SkeletonRows, States } from '../ui/panel.tsx';
import { DimensionList } from './dimension-list.tsx';
import { singleInput } from './metric-chart.tsx';
import { type MetricPair, useMetricPairs } from './metric-figures.tsx';
import { Quartiles } from './quartiles.tsx';

const CHARTS: readonly Metric[] = ['views', 'watch_time_seconds', 'errors'];

interface VideoFigure {
  label: string;
  help: string;
  color: string;
  read(metrics: VideoMetrics): number | null;
  short(value: number): string;
  full(value: number): string;
}

const FIGURES: readonly VideoFigure[] = [
  {
    label: 'Views',
    help: 'Playbacks that began in these days',
    color: '--series-sky',
    read: (m) => m.views,
    short: shortNumber,
    full: (v) => `${fullNumber(v)} views`,
  },
  {
    label: 'Unique viewers',
    help: 'Distinct people who watched',
    color: '--series-blue',
    read: (m) => m.unique_viewers,
    short: shortNumber,
    full: (v) => `${fullNumber(v)} people`,
  },
  {
    label: 'Watch time',
    help: 'Time spent watching',
    color: '--series-green',
    read: (m) => m.watch_time_seconds,
    short: duration,
    full: (v) => `${duration(v)} (${fullNumber(Math.round(v))} s)`,
  },
  {
    label: 'Average watched',
    help: 'Mean share of the title that a view saw',
    color: '--series-amber',
    read: (m) => (m.avg_watch_percentage === null ? null : m.avg_watch_percentage / 100),
    short: percent,
    full: (v) => `${(v * 100).toFixed(2)} % of the title`,
  },
  {
    label: 'Completion',
    help: 'Views played to the end',
    color: '--series-pink',
    read: (m) => m.completion_rate,
    short: percent,
    full: (v) => `${(v * 100).toFixed(2)} % of views`,
  },
  {
    label: 'Engagement',
    help: 'From 0 to 10: 70 % average watched, 30 % completion',
    color: '--series-red',
    read: (m) => m.engagement_score,
    short: (v) => v.toFixed(1),
    full: (v) => `${v.toFixed(2)} of 10`,
  },
];

/** The API counts whole days. */
function metricsKey(id: string, from: Date, to: Date, page: PageState): string {
  return requestKey(`/api/metrics/video/${encodeURIComponent(id)}`, {
    startDate: spellDay(from),
    endDate: spellDay(new Date(to.getTime() - 1)),
    timezone: page.range.timezone,
    app_id: page.app,
  });
}

function isWholeDays(range: Range): boolean {
  const { from } = range;
  return from.getHours() === 0 && from.getMinutes() === 0 && (range.open || range.to.getHours() === 0);
}

/** One title: what it did, where people left, what it looked like for them. */
export function VideoPage({ id }: { id: string }) {
  const page = usePage();
  useLiveSubscription(page.app, false);
  const filters = useMemo(
    () => [
      ...page.filters.filter((one) => one.field !== 'video_id'),
      { field: 'video_id', op: 'eq', value: id },
    ],
    [page, id],
  );
  const { range } = page;
  const [now, before] = useQueries<VideoMetrics>(
    [
      metricsKey(id, range.from, range.to, page),
      metricsKey(id, range.previous.from, range.previous.to, page),
    ],
    page.asked,
  ) as [Query<VideoMetrics>, Query<VideoMetrics>];
  const catalogue = useQuery<Page<Video>>(requestKey('/v1/videos', { ids: id, limit: 1 }));
  const pairs = useMetricPairs(CHARTS, filters);
  const views = onlySeries(pairs[0]!.now.data)?.total ?? null;
  return (
    <>
      <PosterLine id={id} video={catalogue.data?.data[0]} metrics={now.data} page={page} />
      <section class="panel panel-wide" aria-label="Figures">
        <States query={now} skeleton={<div class="skeleton figures-skeleton" />}>
          <div class="figures">
            {FIGURES.map((figure) => {
              const past = before.data === null ? undefined : figure.read(before.data);
              return (
                <Figure
                  key={figure.label}
                  {...figure}
                  value={now.data === null ? null : figure.read(now.data)}
                  {...(past === undefined ? {} : { before: past })}
                />
              );
            })}
          </div>
          {!isWholeDays(range) && (
            <p class="panel-note">These figures count whole days; the charts follow the chosen time.</p>
          )}
        </States>
      </section>
      <div class="video-grid">
        <VideoChart pair={pairs[0]!} page={page} height={240} />
        <Panel title="Where they leave">
          <States query={now} skeleton={<div class="skeleton chart-skeleton" />}>
            {now.data !== null && <Quartiles metrics={now.data} />}
          </States>
        </Panel>
        <VideoChart pair={pairs[1]!} page={page} height={180} />
        <VideoChart pair={pairs[2]!} page={page} height={180} />
      </div>
      <div class="lists lists-three">
        <DimensionList fields={['country']} metric="views" filters={filters} total={views} />
        <DimensionList fields={['device', 'browser', 'os']} metric="views" filters={filters} total={views} />
        <VideoEvents id={id} page={page} />
      </div>
    </>
  );
}

interface PosterProps {
  id: string;
  video: Video | undefined;
  metrics: VideoMetrics | null;
  page: PageState;
}

function PosterLine({ id, video, metrics, page }: PosterProps) {
  const title = video?.title ?? metrics?.title ?? id;
  const seconds =
    video?.duration_seconds ?? (metrics?.duration_ms == null ? null : metrics.duration_ms / 1000);
  const facts = [
    video?.series,
    seconds === null ? null : withoutZeroPart(duration(seconds)),
    title === id ? null : id,
  ];
  return (
    <div class="page-head poster">
      <Link path="/videos" query={sharedQuery(page.query)} class="icon-button" label="Back to Videos">
        <Icon name="back" />
      </Link>
      <div class="poster-text">
        <h1 class="cut">{title}</h1>
        <p class="caption">
          {facts.filter(Boolean).join(' · ')}
          {video?.tags?.map((tag) => (
            <span class="tag" key={tag}>
              {tag}
            </span>
          ))}
        </p>
      </div>
      <p class="caption poster-range">
        {describeSpan(page.range.from, page.range.to)} · {page.range.timezone.replaceAll('_', ' ')}
      </p>
      <Chips />
    </div>
  );
}

function VideoChart({ pair, page, height }: { pair: MetricPair; page: PageState; height: number }) {
  const zoom = useZoom();
  const input = useMemo(() => singleInput(pair, page), [pair.now.data, pair.before.data, page]);
  return (
    <section class="panel" aria-label={`${input.title} over time`}>
      <States
        query={pair.now}
        skeleton={<div class="skeleton" style={{ height: `${height + 48}px` }} />}
        isEmpty={input.times.length === 0}
        empty={<div class="state">Nothing in this range.</div>}
      >
        <ChartView
          input={input}
          height={height}
          subtitle={page.caption}
          heading={<h2>{input.title}</h2>}
          onZoom={zoom}
        />
      </States>
    </section>
  );
}

function VideoEvents({ id, page }: { id: string; page: PageState }) {
  const { range, app, asked } = page;
  const query = useQuery<Page<AnalyticsEvent>>(
    requestKey('/v1/events', {
      video_id: id,
      from: range.from.toISOString(),
      to: range.to.toISOString(),
      app_id: app,
      limit: 8,
    }),
    asked,
  );
  const events = query.data?.data ?? [];
  const all = sharedQuery(page.query, false);
  all.append('f', `video_id:eq:${id}`);
  return (
    <Panel title="Latest events" class="panel-list">
      <States
        query={query}
        skeleton={<SkeletonRows count={8} />}
        isEmpty={events.length === 0}
        empty={<Empty>No events of this title in this range.</Empty>}
      >
        <ol class="tail tail-short" aria-label="Latest events">
          {events.map((event) => (
            <EventRow key={event.event_id} event={event} />
          ))}
        </ol>
        <footer class="panel-foot">
          <Link path="/event-log" query={all} class="link">
            All its events
          </Link>
        </footer>
      </States>
    </Panel>
  );
}
