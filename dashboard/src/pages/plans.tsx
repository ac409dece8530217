import { useContext, useState } from 'preact/hooks';
import type { ApiError } from '../data/api.ts';
import type { Plan } from '../data/types-plans.ts';
import { useMayChange } from '../data/use-may-change.ts';
import { useQuery } from '../data/use-query.ts';
import { PageHead } from '../shell/page-head.tsx';
import { useLiveSubscription } from '../shell/use-live.ts';
import { usePage } from '../state/page.ts';
import { ServicesContext } from '../state/services.ts';
import { Icon } from '../ui/icon.tsx';
import { Empty, Panel, SkeletonRows, States } from '../ui/panel.tsx';
import { type Draft, draftOf, newDraft } from './plans/draft.ts';
import { PlanEditor } from './plans/editor.tsx';
import { PlanList, planId } from './plans/list.tsx';
import { OnePlan } from './plans/one.tsx';

const SHOWN_MAX = 100;
/** From so many on a field to find one is worth its place. */
const FIND_FROM = 12;

/** What the properties of events have to be like, and what they are like. */
export function PlansPage() {
  const page = usePage();
  useLiveSubscription(page.app, false);
  const { location, refresh } = useContext(ServicesContext);
  const [draft, setDraft] = useState<Draft | null>(null);
  const { mayChange, refusal } = useMayChange();
  const list = useQuery<{ data: Plan[] }>('/v1/plans');
  const all = list.data?.data ?? [];
  const plans = all.filter(({ app_id }) => page.app === null || app_id === null || app_id === page.app);
  const event = page.query.get('plan');
  const app = page.query.get('of') ?? '';
  const picked = plans.find((plan) => plan.event_name === event && (plan.app_id ?? '') === app) ?? null;
  const show = (plan: Pick<Plan, 'event_name' | 'app_id'> | null): void =>
    location.change({ plan: plan?.event_name ?? null, of: plan?.app_id ?? null });
  const renew = (plan: Plan | null): void => {
    setDraft(null);
    show(plan);
    refresh.set(refresh.get() + 1);
  };
  return (
    <>
      <PageHead
        title="Plans"
        caption="What the properties of events have to be like"
        hasFilters={false}
        tools={
          mayChange === true && (
            <button type="button" class="button" onClick={() => setDraft(newDraft(page.app))}>
              New plan
            </button>
          )
        }
      />
      {refusal !== null && <ReadOnly refusal={refusal} />}
      {draft !== null && (
        <PlanEditor
          key={draft.isNew ? '' : JSON.stringify([draft.event, draft.app])}
          draft={draft}
          plans={all}
          onChange={setDraft}
          onSaved={renew}
          onCancel={() => setDraft(null)}
        />
      )}
      <Panel title="All plans" class="panel-wide">
        <States
          query={list}
          skeleton={<SkeletonRows count={6} />}
          isEmpty={plans.length === 0}
          empty={<NoPlans />}
        >
          <Plans plans={plans} picked={picked} onPick={(plan) => show(picked === plan ? null : plan)} />
        </States>
      </Panel>
      {event !== null && (picked !== null || list.data === null) && (
        <OnePlan
          key={JSON.stringify([event, app])}
          event={event}
          app={app}
          canChange={mayChange === true}
          onEdit={(plan) => {
            setDraft(draftOf(plan));
            window.scrollTo(0, 0);
          }}
          onDeleted={() => renew(null)}
        />
      )}
    </>
  );
}

/** Why there is nothing to press. */
function ReadOnly({ refusal }: { refusal: ApiError }) {
  const { api } = useContext(ServicesContext);
  return (
    <p class="plan-read-only small">
      <Icon name="key" size={14} />
      <span>
        You may read plans and try events against them. To change them the key in use here would need the
        scope “admin”.
      </span>
      <button type="button" class="link" onClick={() => api.locked.set(refusal)}>
        Use another key
      </button>
    </p>
  );
}

interface PlansProps {
  plans: readonly Plan[];
  picked: Plan | null;
  onPick(plan: Plan): void;
}

function Plans({ plans, picked, onPick }: PlansProps) {
  // Apart from the list, which the catalogue has: what is counted comes from the store.
  const counted = useQuery<{ data: Plan[] }>('/v1/plans?violations=true');
  const [words, setWords] = useState('');
  const wanted = words.trim().toLowerCase();
  const found = plans.filter(({ event_name }) => event_name.toLowerCase().includes(wanted));
  const counts =
    counted.data && new Map(counted.data.data.map((plan) => [planId(plan), plan.violations ?? 0] as const));
  return (
    <>
      {plans.length >= FIND_FROM && (
        <div class="plan-find">
          <input
            class="input input-small"
            type="search"
            aria-label="Find a plan by its event"
            placeholder="Find by event"
            spellcheck={false}
            autocapitalize="off"
            value={words}
            onInput={(event) => setWords(event.currentTarget.value)}
          />
        </div>
      )}
      {found.length === 0 ? (
        <p class="panel-note">No plan is of an event with “{words.trim()}” in its name.</p>
      ) : (
        <PlanList
          plans={found.slice(0, SHOWN_MAX)}
          counts={counts}
          picked={picked === null ? null : planId(picked)}
          onPick={onPick}
        />
      )}
      {counted.error !== null && (
        <p class="panel-note">Violations cannot be counted now: {counted.error.message}</p>
      )}
      {found.length > SHOWN_MAX && (
        <p class="panel-note">
          The first {SHOWN_MAX} of {found.length} are shown. Type part of an event’s name to see others.
        </p>
      )}
    </>
  );
}

function NoPlans() {
  return (
    <Empty>
      <p>
        <b>No event is planned yet</b>
        <br />
        <span class="muted">
          A plan says what the properties of an event have to be like. Events that differ are counted, or kept
          out of every figure until they are mended.
        </span>
      </p>
    </Empty>
  );
}
