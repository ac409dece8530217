import type { Plan } from '../../data/types-plans.ts';
import { fullNumber, shortNumber } from '../../format/number.ts';
import { eventTime, exactTime } from '../../format/time.ts';

interface Props {
  plans: readonly Plan[];
  /** By `planId`; null while they are not known. */
  counts: ReadonlyMap<string, number> | null;
  picked: string | null;
  onPick(plan: Plan): void;
}

/** Tells a plan from others of its event. */
export function planId({ event_name, app_id }: Pick<Plan, 'event_name' | 'app_id'>): string {
  return JSON.stringify([event_name, app_id]);
}

/** Every plan in a line; pressing one shows it. */
export function PlanList({ plans, counts, picked, onPick }: Props) {
  const now = new Date();
  return (
    <div class="table-scroll plan-list">
      <table class="table table-plans">
        <thead>
          <tr>
            <th scope="col">Event</th>
            <th scope="col">App</th>
            <th scope="col">Mode</th>
            <th scope="col" class="num" title="Of seven days">
              Violations
            </th>
            <th scope="col" class="column-wide">
              Changed
            </th>
            <th scope="col" class="column-wide">
              Owner
            </th>
          </tr>
        </thead>
        <tbody>
          {plans.map((plan) => (
            <tr key={planId(plan)} class={planId(plan) === picked ? 'row-picked' : ''}>
              <th scope="row">
                <button
                  type="button"
                  class="link plan-name cut"
                  title={plan.event_name}
                  aria-pressed={planId(plan) === picked}
                  onClick={() => onPick(plan)}
                >
                  {plan.event_name}
                </button>
              </th>
              <td class="plan-app cut" title={plan.app_id ?? undefined}>
                {plan.app_id ?? <span class="muted">all</span>}
              </td>
              <td>
                <PlanModeTag plan={plan} />
              </td>
              <td class="num">
                <Count value={counts?.get(planId(plan)) ?? null} />
              </td>
              <td class="column-wide muted plan-time">
                <time dateTime={plan.updated_at} title={exactTime(plan.updated_at)}>
                  {eventTime(plan.updated_at, now)}
                </time>
              </td>
              <td class="column-wide muted plan-owner cut" title={plan.owner ?? undefined}>
                {plan.owner ?? ''}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function PlanModeTag({ plan }: { plan: Pick<Plan, 'mode'> }) {
  return plan.mode === 'warn' ? <span class="tag">warn</span> : <span class="tag tag-bad">quarantine</span>;
}

function Count({ value }: { value: number | null }) {
  if (value === null) return <span class="muted">–</span>;
  if (value === 0) return <span class="muted">none</span>;
  return (
    <b class="verdict-bad" title={fullNumber(value)}>
      {shortNumber(value)}
    </b>
  );
}
