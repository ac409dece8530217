import { useContext, useState } from 'preact/hooks';
import { ApiError } from '../../data/api.ts';
import type { App } from '../../data/types.ts';
import type { KeyScope, ShownKey } from '../../data/types-catalogue.ts';
import { useNewReader } from '../../state/reader.ts';
import { ServicesContext } from '../../state/services.ts';
import { Panel } from '../../ui/panel.tsx';

const SCOPES: readonly { scope: KeyScope; does: string }[] = [
  { scope: 'ingest', does: 'Send events. Enough for players, apps and sites.' },
  { scope: 'read', does: 'See figures: this dashboard, the API, SQL.' },
  { scope: 'admin', does: 'Keys, apps, catalogue, funnels, dead letters, replays.' },
];

interface Props {
  apps: readonly App[];
  onMade(key: ShownKey): void;
  onCancel(): void;
}

/** A new key: for whom, for what, for which apps. */
export function KeyForm({ apps, onMade, onCancel }: Props) {
  const { api } = useContext(ServicesContext);
  const [name, setName] = useState('');
  const [scopes, setScopes] = useState<KeyScope[]>(['read']);
  const [some, setSome] = useState(false);
  const [picked, setPicked] = useState<string[]>([]);
  const [error, setError] = useState<string | null>(null);
  useNewReader(() => setError(null));
  const [busy, setBusy] = useState(false);
  const missing =
    scopes.length === 0 ? 'Pick what it may do.' : some && picked.length === 0 ? 'Pick its apps.' : null;
  const toggle = <T,>(list: readonly T[], item: T): T[] =>
    list.includes(item) ? list.filter((one) => one !== item) : [...list, item];

  async function make(): Promise<void> {
    setBusy(true);
    setError(null);
    try {
      const body = { name: name.trim() || null, scopes, ...(some ? { apps: picked } : {}) };
      onMade(await api.send<ShownKey>('/v1/keys', body));
    } catch (cause) {
      setError(cause instanceof ApiError ? cause.message : String(cause));
      setBusy(false);
    }
  }

  return (
    <Panel title="New key" class="key-editor">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (missing === null && !busy) void make();
        }}
      >
        <label class="field">
          <span class="muted">Name, for people</span>
          <input
            class="input"
            maxLength={200}
            placeholder="web player"
            value={name}
            onInput={(event) => setName(event.currentTarget.value)}
          />
        </label>
        <fieldset class="field">
          <legend class="muted">What it may do</legend>
          {SCOPES.map(({ scope, does }) => (
            <label key={scope} class="check">
              <input
                type="checkbox"
                checked={scopes.includes(scope)}
                onChange={() => setScopes(toggle(scopes, scope))}
              />
              <span>
                <b>{scope}</b> <span class="muted">{does}</span>
              </span>
            </label>
          ))}
        </fieldset>
        <AppChoice apps={apps} some={some} picked={picked} onSome={setSome} onPick={setPicked} />
        <div class="funnel-actions">
          <span class={error === null ? 'muted' : 'verdict-bad'} role={error === null ? undefined : 'alert'}>
            {error ?? missing ?? ''}
          </span>
          <button type="button" class="button" onClick={onCancel}>
            Cancel
          </button>
          <button type="submit" class="button button-primary" disabled={missing !== null || busy}>
            {busy ? 'Making…' : 'Make the key'}
          </button>
        </div>
      </form>
    </Panel>
  );
}

interface AppChoiceProps {
  apps: readonly App[];
  some: boolean;
  picked: readonly string[];
  onSome(some: boolean): void;
  onPick(apps: string[]): void;
}

/** Every app, or some of those that are known. The first of them gets events that name none, so their order shows. */
function AppChoice({ apps, some, picked, onSome, onPick }: AppChoiceProps) {
  return (
    <fieldset class="field">
      <legend class="muted">For which apps</legend>
      <label class="check">
        <input type="radio" name="key-apps" checked={!some} onChange={() => onSome(false)} />
        <span>All that you may see, those to come too</span>
      </label>
      <label class="check">
        <input type="radio" name="key-apps" checked={some} onChange={() => onSome(true)} />
        <span>Only these; events that name no app get the first one picked</span>
      </label>
      {some && (
        <div class="app-choice">
          {apps.map(({ app_id, name }) => (
            <button
              key={app_id}
              type="button"
              class="button button-small"
              aria-pressed={picked.includes(app_id)}
              onClick={() =>
                onPick(picked.includes(app_id) ? picked.filter((id) => id !== app_id) : [...picked, app_id])
              }
            >
              {picked.includes(app_id) && <b>{picked.indexOf(app_id) + 1}</b>}
              <span class="cut">{name ?? app_id}</span>
            </button>
          ))}
          {apps.length === 0 && <p class="muted small">No app is known yet. Make one below first.</p>}
        </div>
      )}
    </fieldset>
  );
}
