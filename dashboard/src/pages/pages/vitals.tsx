import type { SqlCell } from '../../data/types.ts';
import type { Behavior, Rating, Vital } from '../../data/types-behavior.ts';
import type { Query } from '../../data/use-query.ts';
import { fullNumber, milliseconds, percent } from '../../format/number.ts';
import { usePage } from '../../state/page.ts';
import { Icon } from '../../ui/icon.tsx';
import { Empty, Panel, SkeletonRows, States } from '../../ui/panel.tsx';
import { useReport } from '../reports/use-report.ts';

interface Known {
  name: string;
  label: string;
  /** Up to here it is good, above the second poor. */
  limits: readonly [number, number];
}

/** In the order of a page's life; limits of web.dev. */
const VITALS: readonly Known[] = [
  { name: 'TTFB', label: 'Time to first byte', limits: [800, 1800] },
  { name: 'FCP', label: 'First contentful paint', limits: [1800, 3000] },
  { name: 'LCP', label: 'Largest contentful paint', limits: [2500, 4000] },
  { name: 'INP', label: 'Interaction to next paint', limits: [200, 500] },
  { name: 'CLS', label: 'Cumulative layout shift', limits: [0.1, 0.25] },
];

const RATINGS: Record<Rating, string> = {
  good: 'Good',
  'needs-improvement': 'Needs improvement',
  poor: 'Poor',
};

function spell(name: string, value: number): string {
  return name === 'CLS' ? value.toFixed(2) : milliseconds(value);
}

interface Props {
  query: Query<Behavior>;
  /** The page that they are of; null: all. */
  picked: string | null;
  onClear(): void;
}

/** How fast pages are for people, by the five measures that browsers give. */
export function VitalsPanel({ query, picked, onClear }: Props) {
  const { range, app } = usePage();
  const one = useReport(
    picked === null
      ? null
      : {
          template: 'web_vitals',
          params: {
            ...(app === null ? {} : { app_id: app }),
            from: range.from.toISOString(),
            to: range.to.toISOString(),
            timezone: range.timezone,
            page: picked,
          },
        },
  );
  const asked = picked === null ? query : { ...one, data: one.report, loading: one.report === null };
  const vitals = picked === null ? (query.data?.web_vitals ?? {}) : vitalsOf(one.report?.rows ?? []);
  const none = VITALS.every(({ name }) => (vitals[name]?.count ?? 0) === 0);
  return (
    <Panel
      title="Web vitals"
      class="panel-vitals"
      tools={
        picked === null ? (
          <span class="muted">All pages, 75th percentile</span>
        ) : (
          <>
            <span class="muted cut">of {picked}</span>
            <button type="button" class="button button-small" onClick={onClear}>
              <Icon name="close" size={14} /> All pages
            </button>
          </>
        )
      }
    >
      <States
        query={asked}
        skeleton={<SkeletonRows count={3} />}
        isEmpty={none}
        empty={
          <Empty>
            <p>
              <b>No web vitals in this range</b>
              <br />
              <span class="muted">
                Send web_vital events with properties.name (LCP, INP, CLS, FCP, TTFB) and properties.value.
              </span>
            </p>
          </Empty>
        }
      >
        <ul class="vitals">
          {VITALS.map((known) => (
            <VitalCard key={known.name} known={known} vital={vitals[known.name] ?? NONE} />
          ))}
        </ul>
      </States>
    </Panel>
  );
}

const NONE: Vital = { p75: null, rating: null, good: 0, needs_improvement: 0, poor: 0, count: 0 };

function vitalsOf(rows: readonly Record<string, SqlCell>[]): Record<string, Vital> {
  return Object.fromEntries(rows.map((row) => [String(row.name), row as unknown as Vital]));
}

function VitalCard({ known, vital }: { known: Known; vital: Vital }) {
  const { name, label, limits } = known;
  const parts = [
    { rating: 'good', count: vital.good },
    { rating: 'needs-improvement', count: vital.needs_improvement },
    { rating: 'poor', count: vital.poor },
  ] as const;
  const shares = parts.map(
    ({ rating, count }) => `${RATINGS[rating]} ${percent(count / (vital.count || 1))}`,
  );
  return (
    <li class="vital" title={`Good up to ${spell(name, limits[0])}, poor above ${spell(name, limits[1])}`}>
      <h3>
        <abbr title={label}>{name}</abbr> <span class="muted">{label}</span>
      </h3>
      <p class="vital-line">
        <span class="vital-value" data-figure={name}>
          {vital.p75 === null ? '–' : spell(name, vital.p75)}
        </span>
        {vital.rating !== null && (
          <span class={`vital-rating vital-${vital.rating}`}>{RATINGS[vital.rating]}</span>
        )}
      </p>
      <div class="vital-bar" role="img" aria-label={vital.count === 0 ? 'No samples' : shares.join(', ')}>
        {parts.map(({ rating, count }) =>
          count === 0 ? null : <i key={rating} class={`vital-${rating}`} style={{ flexGrow: count }} />,
        )}
      </div>
      <p class="muted small">
        {vital.count === 0 ? 'No samples' : `${shares[0]} of ${fullNumber(vital.count)}`}
      </p>
    </li>
  );
}
