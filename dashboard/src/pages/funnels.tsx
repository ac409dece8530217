import { useContext, useState } from 'preact/hooks';
import { requestKey } from '../data/api.ts';
import { useEventNames } from '../data/event-names.ts';
import type { Funnel, FunnelAnswer } from '../data/types.ts';
import { useQuery } from '../data/use-query.ts';
import { percent } from '../format/number.ts';
import { PageHead } from '../shell/page-head.tsx';
import { useLiveSubscription } from '../shell/use-live.ts';
import { FIELD_LABELS } from '../state/filters.ts';
import { usePage } from '../state/page.ts';
import { ServicesContext } from '../state/services.ts';
import { DeleteButton } from '../ui/delete-button.tsx';
import { Empty, Panel, SkeletonRows, States } from '../ui/panel.tsx';
import { type Draft, draftOf, newDraft } from './funnels/draft.ts';
import { FunnelEditor } from './funnels/editor.tsx';
import { FunnelBreakdown, FunnelSteps } from './funnels/steps.tsx';

const BREAKDOWNS = ['country', 'device', 'browser', 'os', 'referrer', 'utm_source', 'utm_campaign', 'app_id'];

/** How far people get on ways that were defined. */
export function FunnelsPage() {
  const page = usePage();
  useLiveSubscription(page.app, false);
  const { location } = useContext(ServicesContext);
  const [turn, setTurn] = useState(0);
  const [draft, setDraft] = useState<Draft | null>(null);
  const list = useQuery<{ data: Funnel[] }>('/v1/funnels', '', turn);
  const funnels = list.data?.data ?? [];
  const asked = page.query.get('funnel');
  const funnel = funnels.find(({ name }) => name === asked) ?? funnels[0] ?? null;
  const show = (name: string | null) => location.change({ funnel: name, by: null });
  const renew = (name: string | null) => {
    setDraft(null);
    setTurn(turn + 1);
    show(name);
  };
  return (
    <>
      <PageHead
        title="Funnels"
        caption={page.caption}
        hasFilters={false}
        tools={
          <button type="button" class="button" onClick={() => setDraft(newDraft())}>
            New funnel
          </button>
        }
      />
      {draft !== null && (
        <Editing draft={draft} onChange={setDraft} onSaved={renew} onCancel={() => setDraft(null)} />
      )}
      <States
        query={list}
        skeleton={<SkeletonRows count={6} />}
        isEmpty={funnels.length === 0}
        empty={draft === null ? <NoFunnels /> : null}
      >
        <nav class="report-names" aria-label="Funnels">
          {funnels.map((one) => (
            <button
              key={one.name}
              type="button"
              class="segment"
              aria-pressed={one === funnel}
              onClick={() => show(one.name)}
            >
              {one.title ?? one.name}
            </button>
          ))}
        </nav>
        {funnel !== null && (
          <OneFunnel
            key={`${funnel.name} ${turn}`}
            funnel={funnel}
            onEdit={() => setDraft(draftOf(funnel))}
            onDeleted={() => renew(null)}
          />
        )}
      </States>
    </>
  );
}

function NoFunnels() {
  return (
    <Empty>
      <p>
        <b>No funnel is defined yet</b>
        <br />
        <span class="muted">Name the events that people should come by, and see where they are lost.</span>
      </p>
    </Empty>
  );
}

type EditingProps = Omit<Parameters<typeof FunnelEditor>[0], 'eventNames'>;

/** Event names of the range are offered. */
function Editing(props: EditingProps) {
  return <FunnelEditor {...props} eventNames={useEventNames()} />;
}

interface OneProps {
  funnel: Funnel;
  onEdit(): void;
  onDeleted(): void;
}

function OneFunnel({ funnel, onEdit, onDeleted }: OneProps) {
  const { location } = useContext(ServicesContext);
  const page = usePage();
  const { range } = page;
  const by = page.query.get('by');
  const answer = useQuery<FunnelAnswer>(
    requestKey(`/v1/funnels/${encodeURIComponent(funnel.name)}`, {
      app_id: page.app,
      from: range.from.toISOString(),
      to: range.to.toISOString(),
      timezone: range.timezone,
      breakdown: by,
    }),
    page.asked,
  );
  return (
    <Panel
      title={funnel.title ?? funnel.name}
      class="panel-funnel"
      tools={
        <>
          {answer.data !== null && (
            <span class="muted">{percent(answer.data.total_conversion)} to the end</span>
          )}
          <select
            class="input input-small"
            aria-label="Break down by"
            value={by ?? ''}
            onChange={(event) => location.change({ by: event.currentTarget.value || null }, 'replace')}
          >
            <option value="">Not broken down</option>
            {BREAKDOWNS.map((field) => (
              <option key={field} value={field}>
                By {(FIELD_LABELS[field] ?? field).toLowerCase()}
              </option>
            ))}
          </select>
          <button type="button" class="button button-small" onClick={onEdit}>
            Edit
          </button>
          <DeleteButton path={`/v1/funnels/${encodeURIComponent(funnel.name)}`} onDeleted={onDeleted} />
        </>
      }
    >
      <States query={answer} skeleton={<SkeletonRows count={8} />}>
        {answer.data !== null && <FunnelSteps answer={answer.data} />}
        {answer.data !== null && by !== null && (
          <FunnelBreakdown answer={answer.data} label={FIELD_LABELS[by] ?? by} />
        )}
      </States>
    </Panel>
  );
}
