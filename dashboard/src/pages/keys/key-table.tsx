import { useContext, useState } from 'preact/hooks';
import { ApiError } from '../../data/api.ts';
import type { Key, ShownKey } from '../../data/types-catalogue.ts';
import { eventTime, exactTime } from '../../format/time.ts';
import { Confirm } from '../../shell/confirm.tsx';
import { useNewReader } from '../../state/reader.ts';
import { ServicesContext } from '../../state/services.ts';
import { Icon } from '../../ui/icon.tsx';

interface Props {
  keys: readonly Key[];
  onRotated(key: ShownKey): void;
  onChanged(): void;
}

interface Asking {
  verb: 'rotate' | 'revoke';
  key: Key;
}

const APPS_SHOWN = 3;

const nameOf = (key: Key): string => key.name ?? key.key_id;

/** Prefixes of secrets are random enough to tell one's own key by. */
const isOwn = (key: Key, credential: string | null): boolean =>
  credential?.startsWith(key.prefix) === true && key.revoked_at === null;

export function KeyTable({ keys, onRotated, onChanged }: Props) {
  const { api } = useContext(ServicesContext);
  const [asking, setAsking] = useState<Asking | null>(null);
  const [error, setError] = useState<string | null>(null);
  useNewReader(() => setError(null));

  async function change({ verb, key }: Asking): Promise<void> {
    const path = `/v1/keys/${encodeURIComponent(key.key_id)}`;
    setError(null);
    try {
      if (verb === 'revoke') {
        await api.send<Key>(path, undefined, { method: 'DELETE' });
        onChanged();
        return;
      }
      const own = isOwn(key, api.credential);
      const shown = await api.send<ShownKey>(`${path}/rotate`, {});
      // Who rotates the key in use goes on with its new secret.
      if (own) api.setCredential(shown.key);
      onRotated(shown);
    } catch (cause) {
      setError(cause instanceof ApiError ? cause.message : String(cause));
    }
  }

  return (
    <>
      {error !== null && (
        <p class="stale-note" role="alert">
          <Icon name="alert" size={14} /> {error}
        </p>
      )}
      <div class="table-scroll">
        <table class="table table-keys">
          <thead>
            <tr>
              <th scope="col">Name</th>
              <th scope="col" class="column-secret">
                Begins with
              </th>
              <th scope="col">May</th>
              <th scope="col" class="column-wide">
                Apps
              </th>
              <th scope="col" class="column-wide">
                Made
              </th>
              <th scope="col">
                <span class="sr-only">What can be done</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {keys.map((key) => (
              <KeyRow
                key={key.key_id}
                item={key}
                own={isOwn(key, api.credential)}
                onAsk={(verb) => setAsking({ verb, key })}
              />
            ))}
          </tbody>
        </table>
      </div>
      {asking !== null && (
        <AskAgain
          asking={asking}
          own={isOwn(asking.key, api.credential)}
          onClose={() => setAsking(null)}
          onYes={() => void change(asking)}
        />
      )}
    </>
  );
}

interface RowProps {
  item: Key;
  own: boolean;
  onAsk(verb: Asking['verb']): void;
}

function KeyRow({ item, own, onAsk }: RowProps) {
  const { revoked_at, rotated_at, apps } = item;
  const now = new Date();
  return (
    <tr class={revoked_at === null ? '' : 'row-revoked'}>
      <th scope="row">
        <span class="key-name" title={`${nameOf(item)} (${item.key_id})`}>
          {nameOf(item)}
        </span>{' '}
        {own && <span class="tag">in use here</span>}
        {revoked_at !== null && (
          <span class="tag tag-bad" title={exactTime(revoked_at)}>
            revoked
          </span>
        )}
      </th>
      <td class="column-secret">
        <code>{item.prefix}…</code>
      </td>
      <td>{item.scopes.join(', ')}</td>
      <td class="column-wide key-apps">
        {apps === null ? <span class="muted">every app</span> : <Apps apps={apps} />}
      </td>
      <td class="column-wide muted">
        <span title={exactTime(item.created_at)}>{eventTime(item.created_at, now)}</span>
        {rotated_at !== null && (
          <span title={exactTime(rotated_at)}>, rotated {eventTime(rotated_at, now)}</span>
        )}
      </td>
      <td>
        {revoked_at === null && (
          <div class="key-actions">
            <button
              type="button"
              class="button button-small"
              aria-label={`Rotate ${nameOf(item)}`}
              onClick={() => onAsk('rotate')}
            >
              Rotate
            </button>
            <button
              type="button"
              class="button button-small"
              aria-label={`Revoke ${nameOf(item)}`}
              onClick={() => onAsk('revoke')}
            >
              Revoke
            </button>
          </div>
        )}
      </td>
    </tr>
  );
}

function Apps({ apps }: { apps: readonly string[] }) {
  if (apps.length === 0) return <>none</>;
  const more = apps.length - APPS_SHOWN;
  return (
    <span title={apps.join(', ')}>
      {apps.slice(0, APPS_SHOWN).join(', ')}
      {more > 0 && <span class="muted"> and {more} more</span>}
    </span>
  );
}

interface AskProps {
  asking: Asking;
  own: boolean;
  onClose(): void;
  onYes(): void;
}

function AskAgain({ asking: { verb, key }, own, onClose, onYes }: AskProps) {
  const isRotation = verb === 'rotate';
  const text = isRotation
    ? 'It gets another secret, shown once. Whoever uses the one before is shut out a few seconds later; to change without a gap, make a second key and revoke this one afterwards.'
    : 'It opens nothing a few seconds later, for good. Whoever uses it is shut out.';
  const mine = isRotation
    ? ' You are signed in with it, and stay so with its new secret.'
    : ' You are signed in with it: you will need another key.';
  return (
    <Confirm
      title={`${isRotation ? 'Rotate' : 'Revoke'} ${nameOf(key)}?`}
      text={text + (own ? mine : '')}
      verb={isRotation ? 'Rotate' : 'Revoke'}
      onClose={onClose}
      onYes={onYes}
    />
  );
}
