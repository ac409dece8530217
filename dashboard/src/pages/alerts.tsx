import { useContext, useState } from 'preact/hooks';
import type { Alert } from '../data/alert-types.ts';
import { useQuery } from '../data/use-query.ts';
import { PageHead } from '../shell/page-head.tsx';
import { useLiveSubscription } from '../shell/use-live.ts';
import { usePage, useTick } from '../state/page.ts';
import { ServicesContext } from '../state/services.ts';
import { Panel, SkeletonRows, States } from '../ui/panel.tsx';
import { type Draft, draftOf, newDraft } from './alerts/draft.ts';
import { AlertEditor } from './alerts/editor.tsx';
import { AlertHistory } from './alerts/history.tsx';
import { AlertList } from './alerts/list.tsx';

const ASK_EVERY_MS = 10_000;

/** Numbers that are watched, and what became of them. */
export function AlertsPage() {
  const page = usePage();
  useLiveSubscription(page.app, false);
  const { refresh } = useContext(ServicesContext);
  const tick = useTick(ASK_EVERY_MS);
  const [draft, setDraft] = useState<Draft | null>(null);
  const list = useQuery<{ data: Alert[] }>('/v1/alerts', '', tick);
  const all = list.data?.data ?? [];
  const alerts = all.filter(({ app_id }) => page.app === null || app_id === null || app_id === page.app);
  // The badge of the shell is asked for again, too.
  const renew = () => refresh.set(refresh.get() + 1);
  const hasRules = alerts.some(({ kind }) => kind === 'rule');
  return (
    <>
      <PageHead
        title="Alerts"
        caption="Looked at all the time; told by webhook when one begins and when it is over"
        hasFilters={false}
        tools={
          <button type="button" class="button" onClick={() => setDraft(newDraft(page.app))}>
            New alert
          </button>
        }
      />
      {draft !== null && (
        <AlertEditor
          key={draft.isNew ? '' : draft.name}
          draft={draft}
          onChange={setDraft}
          onSaved={() => {
            setDraft(null);
            renew();
          }}
          onCancel={() => setDraft(null)}
        />
      )}
      <Panel title="Now" class="panel-wide">
        <States query={list} skeleton={<SkeletonRows count={4} />}>
          <AlertList alerts={alerts} onEdit={(alert) => setDraft(draftOf(alert))} onDeleted={renew} />
          {!hasRules && (
            <p class="panel-note">
              No rule of your own yet. Watch any metric: errors, viewers, completion, what you send.
            </p>
          )}
        </States>
      </Panel>
      <AlertHistory alerts={all} />
    </>
  );
}
