import { useMemo, useState } from 'preact/hooks';
import type { ChartInput } from '../chart/chart-data.ts';
import { SERIES_COLORS } from '../chart/colors.ts';
import { metricKey, seriesTimes, seriesValues } from '../data/metric.ts';
import type { MetricAnswer, Report } from '../data/types.ts';
import { useQuery } from '../data/use-query.ts';
import { LOOKS } from '../format/metric.ts';
import { fullNumber, percent, shortNumber } from '../format/number.ts';
import { PageHead } from '../shell/page-head.tsx';
import { useLiveSubscription } from '../shell/use-live.ts';
import type { Filter } from '../state/filters.ts';
import { type PageState, usePage } from '../state/page.ts';
import { ChartView, useZoom } from '../ui/chart-panel.tsx';
import { Figure } from '../ui/figure.tsx';
import { Empty, Panel, SkeletonRows, States } from '../ui/panel.tsx';
import { RankedList } from '../ui/ranked-list.tsx';
import { Tabs } from '../ui/tabs.tsx';
import { type CampaignSums, PARTS, sessionsBy, sumCampaigns } from './campaigns/sums.ts';
import { DimensionList } from './dimension-list.tsx';
import { ReportRows } from './reports/rows.tsx';
import { type Asked, useReport } from './reports/use-report.ts';

const CAMPAIGNS_MAX = 1_000;
const SOURCES_MAX = 6;
const OF_CAMPAIGNS: readonly Filter[] = [{ field: 'utm_source', op: 'ne', value: '' }];
const CHART_HEIGHT = 280;
const PART_LABELS = { utm_source: 'Sources', utm_medium: 'Media', utm_campaign: 'Campaigns' };

interface FigureLook {
  measure: keyof CampaignSums;
  label: string;
  help: string;
  color: string;
  short(value: number): string;
  full(value: number): string;
  lessIsBetter?: boolean;
}

const count = { short: shortNumber, full: fullNumber };
const rate = { short: percent, full: (value: number) => `${(value * 100).toFixed(2)} %` };
const FIGURES: readonly FigureLook[] = [
  {
    measure: 'sessions',
    label: 'Sessions',
    help: 'Visits that came by a campaign',
    color: '--series-sky',
    ...count,
  },
  {
    measure: 'page_views',
    label: 'Page views',
    help: 'Pages opened in them',
    color: '--series-green',
    ...count,
  },
  {
    measure: 'bounce_rate',
    label: 'Bounce rate',
    help: 'One page view and under 10 s, of all',
    color: '--series-red',
    lessIsBetter: true,
    ...rate,
  },
  {
    measure: 'conversions',
    label: 'Conversions',
    help: 'Events that are conversions',
    color: '--series-pink',
    ...count,
  },
  {
    measure: 'conversion_rate',
    label: 'Conversion rate',
    help: 'Visits with a conversion, of all',
    color: '--series-pink',
    ...rate,
  },
];

function useCampaigns({ app, range }: PageState, { from, to }: { from: Date; to: Date }): Asked {
  return useReport({
    template: 'campaigns',
    params: {
      ...(app === null ? {} : { app_id: app }),
      from: from.toISOString(),
      to: to.toISOString(),
      timezone: range.timezone,
      limit: CAMPAIGNS_MAX,
    },
  });
}

/** What links and letters bring: visits by the campaign that they came by. */
export function CampaignsPage() {
  const page = usePage();
  useLiveSubscription(page.app, false);
  const now = useCampaigns(page, page.range);
  const before = useCampaigns(page, page.range.previous);
  const query = { ...now, data: now.report, loading: now.report === null };
  return (
    <>
      <PageHead title="Campaigns" caption={page.caption} hasFilters={false} />
      <section class="panel panel-wide" aria-label="Figures and chart">
        <Figures now={now} before={before} />
        <SourcesChart page={page} />
      </section>
      <div class="lists lists-two">
        <PartList query={query} report={now.report} />
        <DimensionList
          fields={['referrer']}
          metric="sessions"
          filters={OF_CAMPAIGNS}
          total={null}
          filtersPage={false}
        />
      </div>
      <CampaignTable asked={now} query={query} />
    </>
  );
}

function CampaignTable({ asked: { report, stale }, query }: { asked: Asked; query: PartListProps['query'] }) {
  if (report !== null && report.rows.length > 0) {
    const isCut = report.rows.length >= CAMPAIGNS_MAX;
    const note = `The ${fullNumber(CAMPAIGNS_MAX)} largest campaigns; the figures above count these alone.`;
    return <ReportRows title="Campaigns" report={report} isStale={stale} note={isCut ? note : null} />;
  }
  return (
    <Panel title="Campaigns" class="panel-list">
      <States query={query} skeleton={<SkeletonRows count={8} />} isEmpty empty={<NoCampaign />}>
        {null}
      </States>
    </Panel>
  );
}

function NoCampaign() {
  return (
    <Empty>
      <p>
        <b>No visit came by a campaign in this range</b>
        <br />
        <span class="muted">
          Send context.utm_source, or links with utm_source, utm_medium and utm_campaign.
        </span>
      </p>
    </Empty>
  );
}

function Figures({ now, before }: { now: Asked; before: Asked }) {
  const sums = now.report === null ? null : sumCampaigns(now.report);
  const past = before.report === null || before.stale ? null : sumCampaigns(before.report);
  return (
    <fieldset class="figures" aria-label="Figures">
      {FIGURES.map((look) => (
        <Figure
          key={look.measure}
          label={look.label}
          help={look.help}
          value={sums?.[look.measure] ?? null}
          short={look.short}
          full={look.full}
          color={look.color}
          lessIsBetter={look.lessIsBetter ?? false}
          {...(past === null ? {} : { before: past[look.measure] })}
          isLoading={sums === null && now.error === null}
          isDimmed={now.stale}
        />
      ))}
    </fieldset>
  );
}

/** Sessions over time, a line for each of the largest sources. */
function SourcesChart({ page }: { page: PageState }) {
  const zoom = useZoom();
  const { range, app, asked } = page;
  const query = useQuery<MetricAnswer>(
    metricKey({
      metric: 'sessions',
      from: range.from,
      to: range.to,
      interval: range.interval,
      groupBy: 'utm_source',
      filters: OF_CAMPAIGNS,
      app,
      timezone: range.timezone,
      limit: SOURCES_MAX,
    }),
    asked,
  );
  const input = useMemo((): ChartInput => {
    const all = (query.data?.series ?? []).slice(0, SOURCES_MAX);
    return {
      title: 'Sessions by source',
      interval: range.interval,
      isOpen: range.open,
      kind: 'count',
      short: LOOKS.sessions.short,
      times: seriesTimes(all[0] ?? null),
      series: all.map((one, i) => ({
        label: one.group.utm_source ?? '',
        color: SERIES_COLORS[i % SERIES_COLORS.length]!,
        values: seriesValues(one),
      })),
    };
  }, [query.data, page]);
  return (
    <States
      query={query}
      skeleton={<div class="skeleton chart-skeleton" />}
      isEmpty={input.times.length === 0 || input.series.length === 0}
      empty={<NoCampaign />}
    >
      <ChartView
        input={input}
        height={CHART_HEIGHT}
        subtitle={page.caption}
        heading={<h2>{input.title}</h2>}
        onZoom={zoom}
        {...(query.data?.truncated === true
          ? { note: `The ${SOURCES_MAX} largest; the rest is left out.` }
          : {})}
      />
    </States>
  );
}

interface PartListProps {
  query: Parameters<typeof States>[0]['query'];
  report: Report | null;
}

function PartList({ query, report }: PartListProps) {
  const [tab, setTab] = useState(0);
  const part = PARTS[tab]!;
  const rows = (report === null ? [] : sessionsBy(report, part)).map(({ value, sessions }) => ({
    id: value,
    label: value || 'None',
    value: sessions,
  }));
  return (
    <Panel
      class="panel-list"
      label={PART_LABELS[part]}
      title={<Tabs labels={PARTS.map((one) => PART_LABELS[one])} picked={tab} onPick={setTab} />}
      tools={<span class="muted">Sessions</span>}
    >
      <States
        query={query}
        skeleton={<SkeletonRows count={8} />}
        isEmpty={rows.length === 0}
        empty={
          <Empty>
            <p>
              <b>Nothing in this range</b>
              <br />
              <span class="muted">Send context.utm_source, utm_medium and utm_campaign.</span>
            </p>
          </Empty>
        }
      >
        <RankedList
          label={PART_LABELS[part]}
          rows={rows}
          total={report === null ? null : sumCampaigns(report).sessions}
          short={shortNumber}
          full={fullNumber}
        />
      </States>
    </Panel>
  );
}
