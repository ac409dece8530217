import { useContext, useState } from 'preact/hooks';
import { ApiError } from '../../data/api.ts';
import type { App, Page } from '../../data/types.ts';
import type { Query } from '../../data/use-query.ts';
import { useNewReader } from '../../state/reader.ts';
import { ServicesContext } from '../../state/services.ts';
import { Empty, Panel, SkeletonRows, States } from '../../ui/panel.tsx';

interface Props {
  query: Query<Page<App>>;
  canChange: boolean;
  onChanged(): void;
}

/** The apps, and the names that people know them by. */
export function AppsPanel({ query, canChange, onChanged }: Props) {
  // With what was typed, so that it outlives a list that is read anew.
  const [editing, setEditing] = useState<{ id: string; name: string } | null>(null);
  const apps = query.data?.data ?? [];
  const done = (): void => {
    setEditing(null);
    onChanged();
  };
  return (
    <Panel title="Apps" class="panel-apps">
      <States
        query={query}
        skeleton={<SkeletonRows count={4} />}
        isEmpty={apps.length === 0}
        empty={
          <Empty>
            <p>
              <b>No app is known yet</b>
              <br />
              <span class="muted">One is there as soon as it sends an event, or when it is made here.</span>
            </p>
          </Empty>
        }
      >
        <div class="table-scroll">
          <table class="table table-apps">
            <thead>
              <tr>
                <th scope="col">App</th>
                <th scope="col">Name</th>
                <th scope="col">
                  <span class="sr-only">What can be done</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {apps.map((app) => (
                <tr key={app.app_id}>
                  <th scope="row">
                    <code>{app.app_id}</code>
                  </th>
                  <td>
                    {editing?.id === app.app_id ? (
                      <Rename
                        id={app.app_id}
                        name={editing.name}
                        onInput={(name) => setEditing({ id: app.app_id, name })}
                        onDone={done}
                        onCancel={() => setEditing(null)}
                      />
                    ) : (
                      (app.name ?? <span class="muted">–</span>)
                    )}
                  </td>
                  <td>
                    {canChange && editing?.id !== app.app_id && (
                      <button
                        type="button"
                        class="button button-small"
                        aria-label={`Rename ${app.app_id}`}
                        onClick={() => setEditing({ id: app.app_id, name: app.name ?? '' })}
                      >
                        Rename
                      </button>
                    )}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </States>
      {canChange && <NewApp onDone={done} />}
    </Panel>
  );
}

/** Sends once, and keeps what the service says against it. */
function useSend(onDone: () => void) {
  const { api } = useContext(ServicesContext);
  const [error, setError] = useState<string | null>(null);
  useNewReader(() => setError(null));
  async function send(path: string, body: unknown, method: 'POST' | 'PUT'): Promise<void> {
    try {
      await api.send(path, body, { method });
      setError(null);
      onDone();
    } catch (cause) {
      setError(cause instanceof ApiError ? cause.message : String(cause));
    }
  }
  return { error, send };
}

interface RenameProps {
  id: string;
  name: string;
  onInput(name: string): void;
  onDone(): void;
  onCancel(): void;
}

function Rename({ id, name, onInput, onDone, onCancel }: RenameProps) {
  const { error, send } = useSend(onDone);
  return (
    <form
      class="app-form"
      onSubmit={(event) => {
        event.preventDefault();
        void send(`/v1/apps/${encodeURIComponent(id)}`, { name: name.trim() || null }, 'PUT');
      }}
    >
      <input
        class="input input-small"
        aria-label={`Name of ${id}`}
        maxLength={200}
        value={name}
        ref={(element) => element?.focus()}
        onInput={(event) => onInput(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === 'Escape') onCancel();
        }}
      />
      <button type="submit" class="button button-small button-primary">
        Save
      </button>
      <button type="button" class="button button-small" onClick={onCancel}>
        Cancel
      </button>
      {error !== null && (
        <span class="verdict-bad small" role="alert">
          {error}
        </span>
      )}
    </form>
  );
}

function NewApp({ onDone }: { onDone(): void }) {
  const [id, setId] = useState('');
  const [name, setName] = useState('');
  const { error, send } = useSend(() => {
    setId('');
    setName('');
    onDone();
  });
  return (
    <form
      class="app-form app-new"
      onSubmit={(event) => {
        event.preventDefault();
        if (id.trim() !== '') void send('/v1/apps', { app_id: id.trim(), name: name.trim() || null }, 'POST');
      }}
    >
      <input
        class="input input-small"
        aria-label="Id of the new app"
        placeholder="app id, as events name it"
        maxLength={256}
        value={id}
        onInput={(event) => setId(event.currentTarget.value)}
      />
      <input
        class="input input-small"
        aria-label="Name of the new app"
        placeholder="name, for people"
        maxLength={200}
        value={name}
        onInput={(event) => setName(event.currentTarget.value)}
      />
      <button type="submit" class="button button-small" disabled={id.trim() === ''}>
        Make an app
      </button>
      {error !== null && (
        <span class="verdict-bad small" role="alert">
          {error}
        </span>
      )}
    </form>
  );
}
