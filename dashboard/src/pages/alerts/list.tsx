import type { Alert } from '../../data/alert-types.ts';
import { age, exactTime } from '../../format/time.ts';
import { useTick } from '../../state/page.ts';
import { DeleteButton } from '../../ui/delete-button.tsx';
import { Icon } from '../../ui/icon.tsx';
import { conditionWords, sortAlerts, stateWords, valueWords } from './words.ts';

interface Props {
  alerts: readonly Alert[];
  onEdit(alert: Alert): void;
  onDeleted(): void;
}

/** Every alert: what it is, its value against its threshold, since when. */
export function AlertList({ alerts, onEdit, onDeleted }: Props) {
  const now = useTick(5_000);
  return (
    <ul class="alert-rows" aria-label="Alerts">
      {sortAlerts(alerts).map((alert) => (
        <li key={alert.name} data-state={alert.state}>
          <AlertState alert={alert} />
          <div class="alert-what">
            <b>{alert.title ?? alert.name}</b>
            {alert.kind === 'built_in' && <span class="tag">built in</span>}
            {alert.webhook_url !== null && <span class="tag">webhook</span>}
            <span class="muted small">{conditionWords(alert)}</span>
            <Evaluation alert={alert} />
          </div>
          <AlertValue alert={alert} />
          <span class="alert-since muted small">
            {alert.since === null ? '' : <time title={exactTime(alert.since)}>{sinceWords(alert, now)}</time>}
          </span>
          <span class="alert-tools">
            {alert.kind === 'rule' && (
              <>
                <button
                  type="button"
                  class="button button-small"
                  aria-label={`Edit: ${alert.name}`}
                  onClick={() => onEdit(alert)}
                >
                  Edit
                </button>
                <DeleteButton
                  path={`/v1/alerts/${encodeURIComponent(alert.name)}`}
                  label={alert.name}
                  onDeleted={onDeleted}
                />
              </>
            )}
          </span>
        </li>
      ))}
    </ul>
  );
}

function sinceWords({ since }: Alert, now: number): string {
  return `since ${age(now - Date.parse(since ?? '')).replace(/ ago$/, '')}`.replace('since just', 'just');
}

export function AlertState({ alert }: { alert: Alert }) {
  const { word, look } = stateWords(alert);
  return (
    <span class={`alert-state alert-state-${look}`}>
      <Icon name={look === 'ok' ? 'check' : look === 'quiet' ? 'pause' : 'bell'} size={14} />
      {word}
    </span>
  );
}

/** With the threshold, so that both can be compared at a glance. */
function AlertValue({ alert }: { alert: Alert }) {
  const { metric, value, comparison, threshold } = alert;
  return (
    <span class="alert-value">
      <b>{value === null ? '–' : valueWords(metric, value)}</b>
      <span class="muted small">
        {comparison} {valueWords(metric, threshold)}
      </span>
    </span>
  );
}

function Evaluation({ alert }: { alert: Alert }) {
  if (alert.evaluation === 'failed') {
    return (
      <span class="small verdict-bad">
        Could not be looked at: {alert.failure} The state is the last one known.
      </span>
    );
  }
  if (alert.evaluation !== 'no_data') return null;
  return <span class="small muted">There is nothing to measure at the moment.</span>;
}
