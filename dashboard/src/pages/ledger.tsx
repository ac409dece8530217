import { useContext, useMemo } from 'preact/hooks';
import type { ChartInput } from '../chart/chart-data.ts';
import { requestKey } from '../data/api.ts';
import type { Ledger, LedgerCounts, LedgerMinute } from '../data/types.ts';
import { useQuery } from '../data/use-query.ts';
import { fullNumber, shortNumber } from '../format/number.ts';
import { usePage, useTick } from '../state/page.ts';
import type { Interval } from '../state/range.ts';
import { ServicesContext } from '../state/services.ts';
import { ChartView } from '../ui/chart-panel.tsx';
import { Icon } from '../ui/icon.tsx';
import { Panel, States } from '../ui/panel.tsx';

const WINDOWS = [
  { id: '1h', label: '1 hour', ms: 3_600_000, interval: '1m' as Interval, stepMs: 60_000 },
  { id: '24h', label: '24 hours', ms: 86_400_000, interval: '5m' as Interval, stepMs: 300_000 },
  { id: '7d', label: '7 days', ms: 7 * 86_400_000, interval: '1h' as Interval, stepMs: 3_600_000 },
];
const MINUTE_MS = 60_000;

/** Sums the minutes of all apps into buckets of a width that can be drawn. */
function bucketSums(rows: readonly LedgerMinute[], from: number, to: number, stepMs: number) {
  const first = Math.floor(from / stepMs) * stepMs;
  const count = Math.max(1, Math.ceil((to - first) / stepMs));
  const received = new Array<number>(count).fill(0);
  const stored = new Array<number>(count).fill(0);
  const quarantined = new Array<number>(count).fill(0);
  for (const row of rows) {
    const slot = Math.floor((Date.parse(row.minute) - first) / stepMs);
    if (slot < 0 || slot >= count) continue;
    received[slot]! += row.received;
    stored[slot]! += row.stored;
    quarantined[slot]! += row.quarantined;
  }
  const times = received.map((_, slot) => (first + slot * stepMs) / 1000);
  return { times, received, stored, quarantined };
}

/** Where every event that was taken has gone to. */
export function LedgerPanel() {
  const { location } = useContext(ServicesContext);
  const { app, query: place } = usePage();
  const now = useTick(MINUTE_MS) + MINUTE_MS;
  const chosen = WINDOWS.find((one) => one.id === place.get('window')) ?? WINDOWS[1]!;
  // On a whole bucket, so that the first is not half a one.
  const from = Math.ceil((now - chosen.ms) / chosen.stepMs) * chosen.stepMs;
  const query = useQuery<Ledger>(
    requestKey('/v1/ledger', {
      from: new Date(from).toISOString(),
      to: new Date(now).toISOString(),
      app_id: app,
    }),
    chosen.id,
  );
  const input = useMemo((): ChartInput => {
    const sums = bucketSums(query.data?.data ?? [], from, now, chosen.stepMs);
    return {
      title: 'Events through the pipeline',
      times: sums.times,
      series: [
        { label: 'Received', color: '--series-sky', values: sums.received },
        { label: 'Stored', color: '--series-green', values: sums.stored },
        { label: 'Quarantined', color: '--series-red', values: sums.quarantined },
      ],
      interval: chosen.interval,
      isOpen: true,
      kind: 'count',
      short: shortNumber,
    };
  }, [query.data, now, chosen.id]);
  return (
    <Panel
      title="Ledger"
      class="panel-wide"
      tools={
        <fieldset class="segments" aria-label="Time covered">
          {WINDOWS.map((one) => (
            <button
              key={one.id}
              type="button"
              class="segment"
              aria-pressed={one.id === chosen.id}
              onClick={() => location.change({ window: one.id }, 'replace')}
            >
              {one.label}
            </button>
          ))}
        </fieldset>
      }
    >
      <States query={query} skeleton={<div class="skeleton chart-skeleton" />}>
        {query.data !== null && <Sentence totals={query.data.totals} />}
        <ChartView input={input} height={180} subtitle={`Last ${chosen.label}`} heading={null} />
      </States>
    </Panel>
  );
}

const WORDS: readonly { field: keyof LedgerCounts; one: string; many: string; always: boolean }[] = [
  { field: 'received', one: 'received', many: 'received', always: true },
  { field: 'stored', one: 'stored', many: 'stored', always: true },
  { field: 'duplicate', one: 'duplicate', many: 'duplicates', always: true },
  { field: 'filtered', one: 'filtered', many: 'filtered', always: false },
  { field: 'quarantined', one: 'quarantined', many: 'quarantined', always: true },
  { field: 'erased', one: 'erased', many: 'erased', always: false },
  { field: 'in_flight', one: 'in flight', many: 'in flight', always: false },
  { field: 'unaccounted', one: 'unaccounted', many: 'unaccounted', always: true },
];

/** The ledger as one sentence, with the verdict before it. */
function Sentence({ totals }: { totals: LedgerCounts }) {
  const balanced = totals.unaccounted === 0;
  const parts = WORDS.filter((word) => word.always || totals[word.field] > 0);
  return (
    <p class="ledger-sentence">
      <span class={`part-state part-${balanced ? 'good' : 'bad'}`}>
        <Icon name={balanced ? 'check' : 'alert'} size={14} /> {balanced ? 'balanced' : 'not balanced'}
      </span>
      {parts.map((word, index) => {
        const count = totals[word.field];
        return (
          <span key={word.field} data-ledger={word.field}>
            <b>{fullNumber(count)}</b> {count === 1 ? word.one : word.many}
            {index < parts.length - 1 ? ', ' : ''}
          </span>
        );
      })}
    </p>
  );
}
