import { useState } from 'preact/hooks';
import { metricKey } from '../data/metric.ts';
import { useTitles } from '../data/titles.ts';
import type { Metric, MetricAnswer } from '../data/types.ts';
import { useQuery } from '../data/use-query.ts';
import { countryName } from '../format/country.ts';
import { LOOKS } from '../format/metric.ts';
import { type Filter, toggleFilter } from '../state/filters.ts';
import { sharedQuery } from '../state/location.ts';
import { useFilters, usePage } from '../state/page.ts';
import { Icon } from '../ui/icon.tsx';
import { Link } from '../ui/link.tsx';
import { Empty, Panel, SkeletonRows, States } from '../ui/panel.tsx';
import { RankedList, type RankedRow } from '../ui/ranked-list.tsx';
import { Tabs } from '../ui/tabs.tsx';
import { videoPath } from './routes.ts';

export interface Dimension {
  field: string;
  label: string;
  /** What an empty value is called. */
  none: string;
  /** What to send so that this list fills. */
  hint: string;
}

export const DIMENSIONS: Record<string, Dimension> = {
  video_id: {
    field: 'video_id',
    label: 'Titles',
    none: 'No title',
    hint: 'Send video_id with each playback event.',
  },
  event_name: {
    field: 'event_name',
    label: 'Events',
    none: 'No name',
    hint: 'Send events, and they are counted here.',
  },
  country: {
    field: 'country',
    label: 'Countries',
    none: 'Not known',
    hint: 'Send context.country, or let your proxy set it.',
  },
  device: {
    field: 'device',
    label: 'Devices',
    none: 'Not known',
    hint: 'The device is read from the user agent.',
  },
  browser: {
    field: 'browser',
    label: 'Browsers',
    none: 'Not known',
    hint: 'The browser is read from the user agent.',
  },
  os: { field: 'os', label: 'Systems', none: 'Not known', hint: 'The system is read from the user agent.' },
  referrer: {
    field: 'referrer',
    label: 'Referrers',
    none: 'Direct',
    hint: 'Send context.referrer with page views.',
  },
  utm_source: {
    field: 'utm_source',
    label: 'Sources',
    none: 'None',
    hint: 'Send context.utm_source, or links with utm_source.',
  },
  utm_campaign: {
    field: 'utm_campaign',
    label: 'Campaigns',
    none: 'None',
    hint: 'Send context.utm_campaign, or links with utm_campaign.',
  },
};

const ROWS_MAX = 50;

interface Props {
  /** One tab each. */
  fields: readonly string[];
  metric: Metric;
  filters: readonly Filter[];
  /** The whole of which rows are shares; null shows none. */
  total: number | null;
  /** The list that matters most; it may be wider. */
  isLead?: boolean;
  /** The page has filters, and a click on a row is one of them. */
  filtersPage?: boolean;
}

/** A ranked list over one of several dimensions. */
export function DimensionList(props: Props) {
  const { fields, metric, filters, total, isLead = false, filtersPage = true } = props;
  const [tab, setTab] = useState(0);
  const dimension = DIMENSIONS[fields[tab] ?? fields[0]!]!;
  const labels = fields.map((field) => DIMENSIONS[field]!.label);
  return (
    <Panel
      class={isLead ? 'panel-list panel-lead' : 'panel-list'}
      label={dimension.label}
      title={fields.length > 1 ? <Tabs labels={labels} picked={tab} onPick={setTab} /> : dimension.label}
      tools={<span class="muted">{LOOKS[metric].label}</span>}
    >
      <DimensionRows
        dimension={dimension}
        metric={metric}
        filters={filters}
        total={total}
        filtersPage={filtersPage}
      />
    </Panel>
  );
}

interface RowsProps {
  dimension: Dimension;
  metric: Metric;
  filters: readonly Filter[];
  total: number | null;
  filtersPage: boolean;
}

export function rowLabel(dimension: Dimension, id: string, titleOf: (id: string) => string): string {
  if (id === '') return dimension.none;
  if (dimension.field === 'video_id') return titleOf(id);
  return dimension.field === 'country' ? countryName(id) : id;
}

function OpenVideo({ row, place }: { row: RankedRow; place: URLSearchParams }) {
  const query = sharedQuery(place, false);
  return (
    <Link path={videoPath(row.id)} query={query} class="row-link" label={`Open ${row.label}`}>
      <Icon name="arrow" size={14} />
    </Link>
  );
}

function DimensionRows({ dimension, metric, filters, total, filtersPage }: RowsProps) {
  const { range, app, asked, query: place } = usePage();
  const page = useFilters();
  const { field } = dimension;
  // The list shows the alternatives to its own filter, so that another can be picked.
  const others = filters.filter((filter) => filter.field !== field || filter.op !== 'eq');
  const picked = page.filters.find((filter) => filter.field === field && filter.op === 'eq')?.value;
  const query = useQuery<MetricAnswer>(
    metricKey({
      metric,
      from: range.from,
      to: range.to,
      groupBy: field,
      filters: others,
      app,
      timezone: range.timezone,
      limit: ROWS_MAX,
    }),
    `${asked}${field}`,
  );
  const answered = (query.data?.series ?? []).filter(
    (series) => (series.total ?? 0) > 0 && field in series.group,
  );
  const titleOf = useTitles(field === 'video_id' ? answered.map((series) => series.group[field] ?? '') : []);
  const look = LOOKS[metric];
  const rows = answered.map((series) => {
    const id = series.group[field] ?? '';
    return { id, label: rowLabel(dimension, id, titleOf), value: series.total ?? 0 };
  });
  return (
    <States
      query={query}
      skeleton={<SkeletonRows count={8} />}
      isEmpty={rows.length === 0}
      empty={
        <Empty>
          <p>
            <b>Nothing in this range</b>
            <br />
            <span class="muted">{dimension.hint}</span>
          </p>
        </Empty>
      }
    >
      <RankedList
        label={dimension.label}
        rows={rows}
        total={picked === undefined ? total : null}
        short={look.short}
        full={look.full}
        color={look.color}
        isCut={query.data?.truncated === true}
        picked={picked}
        {...(filtersPage
          ? {
              onPick: (row: RankedRow) =>
                page.setFilters(toggleFilter(page.filters, { field, op: 'eq', value: row.id })),
            }
          : {})}
        {...(field === 'video_id'
          ? { linkOf: (row: RankedRow) => <OpenVideo row={row} place={place} /> }
          : {})}
      />
    </States>
  );
}
