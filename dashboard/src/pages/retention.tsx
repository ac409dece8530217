import { useContext } from 'preact/hooks';
import { requestKey } from '../data/api.ts';
import { useEventNames } from '../data/event-names.ts';
import { RETENTION_UNITS, type Retention, type RetentionUnit } from '../data/types-retention.ts';
import { useQuery } from '../data/use-query.ts';
import { PageHead } from '../shell/page-head.tsx';
import { useLiveSubscription } from '../shell/use-live.ts';
import { type PageState, usePage } from '../state/page.ts';
import { type Preset, type Range, spellDay } from '../state/range.ts';
import { ServicesContext } from '../state/services.ts';
import { NamedInput } from '../ui/named-input.tsx';
import { Empty, Panel, SkeletonRows, States } from '../ui/panel.tsx';
import { CohortLegend, CohortTable, type Reading } from './retention/cohort-table.tsx';

const UNIT_LABELS: Record<RetentionUnit, string> = { day: 'Days', week: 'Weeks', month: 'Months' };
const PERIODS = [3, 7, 11, 14, 30];
const PERIODS_DEFAULT = 7;
const DAY_MS = 86_400_000;

interface Asked {
  unit: RetentionUnit;
  periods: number;
  event: string;
  back: string;
  reading: Reading;
}

function readAsked({ query }: PageState): Asked {
  const periods = Number(query.get('periods') ?? PERIODS_DEFAULT);
  return {
    unit: RETENTION_UNITS.find((unit) => unit === query.get('unit')) ?? 'day',
    periods: PERIODS.includes(periods) ? periods : PERIODS_DEFAULT,
    event: query.get('event') ?? '',
    back: query.get('back') ?? '',
    reading: query.get('as') === 'counts' ? 'counts' : 'shares',
  };
}

/** A range that holds some cohorts of a unit; null where the present one does. */
function fittingRange(unit: RetentionUnit, { from, to }: Range): Preset | null {
  const days = (to.getTime() - from.getTime()) / DAY_MS;
  if (unit === 'week' && days < 21) return '90d';
  if (unit === 'month' && days < 80) return '12mo';
  return unit === 'day' && days > 100 ? '30d' : null;
}

/** Of those who began in a day, week or month: how many came back, and when. */
export function RetentionPage() {
  const page = usePage();
  useLiveSubscription(page.app, false);
  const asked = readAsked(page);
  const { range } = page;
  const answer = useQuery<Retention>(
    requestKey('/v1/retention', {
      app_id: page.app,
      from: range.from.toISOString(),
      to: range.to.toISOString(),
      timezone: range.timezone,
      unit: asked.unit,
      periods: asked.periods,
      event_name: asked.event,
      return_event_name: asked.back,
    }),
    page.asked,
  );
  const nobody = answer.data?.cohorts.every(({ size }) => size === 0) ?? false;
  return (
    <>
      <PageHead title="Retention" caption={page.caption} hasFilters={false} />
      <Panel title="Who came back" class="panel-cohorts" tools={<ReadingSwitch reading={asked.reading} />}>
        <Question asked={asked} range={range} />
        <States
          query={answer}
          skeleton={<SkeletonRows count={9} />}
          isEmpty={nobody}
          empty={
            <Empty>
              <p>
                <b>Nobody begins in this range</b>
                <br />
                <span class="muted">
                  {asked.event === ''
                    ? 'Pick a longer range.'
                    : `No “${asked.event}” came in. Pick another event, or a longer range.`}
                </span>
              </p>
            </Empty>
          }
        >
          {answer.data !== null && (
            <>
              <CohortTable answer={answer.data} reading={asked.reading} today={spellDay(new Date())} />
              <CohortLegend unit={answer.data.unit} />
            </>
          )}
        </States>
      </Panel>
    </>
  );
}

function ReadingSwitch({ reading }: { reading: Reading }) {
  const { location } = useContext(ServicesContext);
  return (
    <div class="segments">
      {(['shares', 'counts'] as const).map((one) => (
        <button
          key={one}
          type="button"
          class="segment"
          aria-pressed={reading === one}
          onClick={() => location.change({ as: one === 'shares' ? null : one }, 'replace')}
        >
          {one === 'shares' ? 'Shares' : 'People'}
        </button>
      ))}
    </div>
  );
}

/** What makes a beginning, what a return, and how they are counted. */
function Question({ asked, range }: { asked: Asked; range: Range }) {
  const { location } = useContext(ServicesContext);
  const names = useEventNames();
  return (
    <div class="report-params question">
      <NamedInput
        label="Begin with"
        value={asked.event}
        placeholder="any event"
        options={names}
        onPick={(event) => location.change({ event: event || null })}
      />
      <NamedInput
        label="Come back with"
        value={asked.back}
        placeholder="any event"
        options={names}
        onPick={(back) => location.change({ back: back || null })}
      />
      <label class="report-param">
        <span class="muted">By</span>
        <select
          class="input input-small"
          value={asked.unit}
          onChange={(event) => {
            const unit = event.currentTarget.value as RetentionUnit;
            const preset = fittingRange(unit, range);
            const chosen = { unit: unit === 'day' ? null : unit };
            location.change(preset === null ? chosen : { ...chosen, range: preset, from: null, to: null });
          }}
        >
          {RETENTION_UNITS.map((unit) => (
            <option key={unit} value={unit}>
              {UNIT_LABELS[unit]}
            </option>
          ))}
        </select>
      </label>
      <label class="report-param">
        <span class="muted">Followed for</span>
        <select
          class="input input-small"
          value={asked.periods}
          onChange={(event) => location.change({ periods: event.currentTarget.value })}
        >
          {PERIODS.map((periods) => (
            <option key={periods} value={periods}>
              {periods} {UNIT_LABELS[asked.unit].toLowerCase()}
            </option>
          ))}
        </select>
      </label>
    </div>
  );
}
