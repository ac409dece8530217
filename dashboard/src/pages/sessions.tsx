import { useContext, useState } from 'preact/hooks';
import type { ChartInput, ChartSeries } from '../chart/chart-data.ts';
import type { SessionStats } from '../data/types.ts';
import { type Query, useQueries } from '../data/use-query.ts';
import { fullNumber, shortNumber } from '../format/number.ts';
import { PageHead } from '../shell/page-head.tsx';
import { useLiveSubscription } from '../shell/use-live.ts';
import { FIELD_LABELS, toggleFilter } from '../state/filters.ts';
import { type PageState, useFilters, usePage } from '../state/page.ts';
import { ServicesContext } from '../state/services.ts';
import { ChartView, useZoom } from '../ui/chart-panel.tsx';
import { Figure } from '../ui/figure.tsx';
import { Empty, Panel, SkeletonRows, States } from '../ui/panel.tsx';
import { RankedList } from '../ui/ranked-list.tsx';
import { Tabs } from '../ui/tabs.tsx';
import { DIMENSIONS, rowLabel } from './dimension-list.tsx';
import {
  chartInterval,
  SESSION_LOOKS,
  type SessionLook,
  sessionFilters,
  statsKey,
} from './sessions/measures.ts';
import { SessionList } from './sessions/session-list.tsx';

const LISTS = [['referrer', 'utm_source', 'utm_campaign'], ['country'], ['device', 'browser', 'os']] as const;
const CHART_HEIGHT = 304;

/** One measure over time, with the period before behind it where that is given. */
function chartOf(
  look: SessionLook,
  page: PageState,
  now: SessionStats | null,
  past: SessionStats | null,
): ChartInput {
  const values = (found: SessionStats) => found.series.map((point) => point[look.measure]);
  const times = (found: SessionStats) => found.series.map((point) => Date.parse(point.time) / 1000);
  const series: ChartSeries[] =
    now === null ? [] : [{ label: look.label, color: look.color, values: values(now) }];
  if (now !== null && past !== null) {
    const shown = values(past).slice(0, now.series.length);
    series.unshift({ label: 'Before', color: '--past', isPast: true, values: shown, times: times(past) });
  }
  return {
    title: look.label,
    interval: chartInterval(page),
    isOpen: page.range.open,
    kind: look.kind,
    short: look.short,
    times: now === null ? [] : times(now),
    series,
  };
}

/** Visits over a range: how many, how long, from where, and one by one. */
export function SessionsPage() {
  const page = usePage();
  useLiveSubscription(page.app, false);
  const { range, compare } = page;
  const [now, before] = useQueries<SessionStats>(
    [statsKey(page), statsKey(page, range.previous)],
    page.asked,
  );
  const zoom = useZoom();
  const look =
    SESSION_LOOKS.find(({ measure }) => measure === page.query.get('measure')) ?? SESSION_LOOKS[0]!;
  const { left } = sessionFilters(page);
  const stats = now!.data;
  return (
    <>
      <PageHead title="Sessions" caption={page.caption} />
      {left.length > 0 && (
        <p class="panel-note" role="status">
          Sessions are not filtered by {left.map((field) => FIELD_LABELS[field] ?? field).join(', ')}.
        </p>
      )}
      <section class="panel panel-wide" aria-label="Figures and chart">
        <Figures now={now!} before={before!} picked={look} />
        <States query={now!} skeleton={<div class="skeleton chart-skeleton" />}>
          <ChartView
            input={chartOf(look, page, stats, compare ? before!.data : null)}
            height={CHART_HEIGHT}
            subtitle={page.caption}
            heading={<h2>{look.label}</h2>}
            onZoom={zoom}
          />
        </States>
      </section>
      <div class="lists lists-three">
        {LISTS.map((fields) => (
          <Sources key={fields[0]} fields={fields} query={now!} />
        ))}
      </div>
      <SessionList />
    </>
  );
}

interface FiguresProps {
  now: Query<SessionStats>;
  before: Query<SessionStats>;
  picked: SessionLook;
}

function Figures({ now, before, picked }: FiguresProps) {
  const { location } = useContext(ServicesContext);
  const { range } = usePage();
  const stats = now.data;
  return (
    <fieldset class="figures" aria-label="Figures">
      {SESSION_LOOKS.map((one) => (
        <Figure
          key={one.measure}
          label={one.label}
          help={one.help}
          value={stats?.[one.measure] ?? null}
          short={one.short}
          full={one.full}
          color={one.color}
          lessIsBetter={one.lessIsBetter ?? false}
          {...(before.data === null ? {} : { before: before.data[one.measure] })}
          spark={stats?.series.map((point) => point[one.measure]) ?? []}
          isOpen={range.open}
          isLoading={now.loading}
          isDimmed={now.stale}
          isPicked={one === picked}
          onPick={() =>
            location.change({ measure: one === SESSION_LOOKS[0] ? null : one.measure }, 'replace')
          }
        />
      ))}
    </fieldset>
  );
}

interface SourcesProps {
  fields: readonly string[];
  query: Query<SessionStats>;
}

/** Where sessions come from, or what they are made with; a click filters the page. */
function Sources({ fields, query }: SourcesProps) {
  const [tab, setTab] = useState(0);
  const { filters, setFilters } = useFilters();
  const field = fields[tab]!;
  const dimension = DIMENSIONS[field]!;
  const rows = (query.data?.by[field] ?? []).map(({ value, sessions }) => ({
    id: value,
    label: rowLabel(dimension, value, (id) => id),
    value: sessions,
  }));
  const picked = filters.find((filter) => filter.field === field && filter.op === 'eq')?.value;
  const labels = fields.map((one) => DIMENSIONS[one]!.label);
  return (
    <Panel
      class="panel-list"
      label={dimension.label}
      title={fields.length > 1 ? <Tabs labels={labels} picked={tab} onPick={setTab} /> : dimension.label}
      tools={<span class="muted">Sessions</span>}
    >
      <States
        query={query}
        skeleton={<SkeletonRows count={8} />}
        isEmpty={rows.length === 0}
        empty={
          <Empty>
            <p>
              <b>No session begins in this range</b>
              <br />
              <span class="muted">{dimension.hint}</span>
            </p>
          </Empty>
        }
      >
        <RankedList
          label={dimension.label}
          rows={rows}
          total={picked === undefined ? (query.data?.sessions ?? null) : null}
          short={shortNumber}
          full={fullNumber}
          isCut={query.data?.truncated === true}
          picked={picked}
          onPick={(row) => setFilters(toggleFilter(filters, { field, op: 'eq', value: row.id }))}
        />
      </States>
    </Panel>
  );
}
