import { useContext, useState } from 'preact/hooks';
import { type ApiError, requestKey } from '../data/api.ts';
import type { App, Page } from '../data/types.ts';
import type { Key, ShownKey } from '../data/types-catalogue.ts';
import { type Pages, usePages } from '../data/use-pages.ts';
import { useQuery } from '../data/use-query.ts';
import { PageHead } from '../shell/page-head.tsx';
import { useLiveSubscription } from '../shell/use-live.ts';
import { usePage } from '../state/page.ts';
import { useNewReader } from '../state/reader.ts';
import { ServicesContext } from '../state/services.ts';
import { ListFoot } from '../ui/list-foot.tsx';
import { Empty, Panel, SkeletonRows, States } from '../ui/panel.tsx';
import { AppsPanel } from './keys/apps-panel.tsx';
import { KeyForm } from './keys/key-form.tsx';
import { KeyTable } from './keys/key-table.tsx';
import { SecretDialog } from './keys/secret-dialog.tsx';

const PAGE_KEYS = 50;

/** Who may send, read and administer, and for which apps. */
export function KeysPage() {
  const page = usePage();
  const { refresh } = useContext(ServicesContext);
  useLiveSubscription(page.app, false);
  const [isMaking, setMaking] = useState(false);
  const [shown, setShown] = useState<ShownKey | null>(null);
  useNewReader(() => setShown(null));
  const apps = useQuery<Page<App>>('/v1/apps');
  const revoked = page.query.get('revoked') === '1';
  const list = usePages<Key>(
    (cursor) => requestKey('/v1/keys', { revoked: revoked ? 'true' : null, limit: PAGE_KEYS, cursor }),
    String(revoked),
    (key) => key.key_id,
  );
  const refusal = list.first.error?.status === 403 ? list.first.error : null;
  const isAdmin = refusal === null;
  // The switch of apps in the bar is asked again as well.
  const renew = (): void => refresh.set(refresh.get() + 1);
  const show = (key: ShownKey): void => {
    setMaking(false);
    setShown(key);
    renew();
  };
  return (
    <>
      <PageHead
        title="Keys and apps"
        hasFilters={false}
        tools={
          isAdmin && (
            <button type="button" class="button button-primary" onClick={() => setMaking(true)}>
              New key
            </button>
          )
        }
      />
      {isMaking && isAdmin && (
        <KeyForm apps={apps.data?.data ?? []} onMade={show} onCancel={() => setMaking(false)} />
      )}
      {isAdmin ? (
        <KeyList list={list} hasRevoked={revoked} onRotated={show} onChanged={renew} />
      ) : (
        <NotAdmin refusal={refusal} />
      )}
      <AppsPanel query={apps} canChange={isAdmin} onChanged={renew} />
      {shown !== null && <SecretDialog shown={shown} onClose={() => setShown(null)} />}
    </>
  );
}

interface KeyListProps {
  list: Pages<Key>;
  hasRevoked: boolean;
  onRotated(key: ShownKey): void;
  onChanged(): void;
}

function KeyList({ list, hasRevoked, onRotated, onChanged }: KeyListProps) {
  const { api, location } = useContext(ServicesContext);
  return (
    <Panel
      title="Keys"
      class="panel-keys"
      tools={
        <label class="check">
          <input
            type="checkbox"
            checked={hasRevoked}
            onChange={() => location.change({ revoked: hasRevoked ? null : '1' }, 'replace')}
          />
          Revoked ones too
        </label>
      }
    >
      <States
        query={list.first}
        skeleton={<SkeletonRows count={6} />}
        isEmpty={list.items.length === 0}
        empty={<NoKeys />}
      >
        <KeyTable keys={list.items} onRotated={onRotated} onChanged={onChanged} />
        <ListFoot list={list} rest="more" />
      </States>
      {api.credential === null && (
        <p class="panel-note">
          You are here without a key: this service is open to all who reach it. Keys open doors and close
          none; <code>ANALYTICS_ADMIN_KEY</code>, or listening on more than this machine, closes them.
        </p>
      )}
    </Panel>
  );
}

function NoKeys() {
  return (
    <Empty>
      <p>
        <b>There is no key in the catalogue</b>
        <br />
        <span class="muted">
          Make one for each that sends or reads, so that one can be revoked without the others.
        </span>
      </p>
    </Empty>
  );
}

/** Says what is missing, and by whom it is had. */
function NotAdmin({ refusal }: { refusal: ApiError }) {
  const { api } = useContext(ServicesContext);
  return (
    <Panel title="Keys">
      <Empty>
        <p>
          <b>Keys are for administrators</b>
          <br />
          <span class="muted">
            {refusal.code === 'wrong_scope'
              ? 'The key in use here lacks the scope “admin”. Ask an administrator for what you need, or use a key that has it.'
              : refusal.message}
          </span>
        </p>
        <button type="button" class="button" onClick={() => api.locked.set(refusal)}>
          Use another key
        </button>
      </Empty>
    </Panel>
  );
}
