import type { Alert, AlertChange } from '../../data/alert-types.ts';
import { requestKey } from '../../data/api.ts';
import { usePages } from '../../data/use-pages.ts';
import { eventTime, exactTime } from '../../format/time.ts';
import { ListFoot } from '../../ui/list-foot.tsx';
import { Empty, Panel, SkeletonRows, States } from '../../ui/panel.tsx';
import { valueWords } from './words.ts';

const ROWS = 20;

const BECAME: Readonly<Record<AlertChange['became'], string>> = {
  firing: 'began to fire',
  pending: 'is pending',
  ok: 'is over',
};

/** What became of alerts, the latest first. */
export function AlertHistory({ alerts }: { alerts: readonly Alert[] }) {
  const list = usePages<AlertChange>(
    (cursor) => requestKey('/v1/alert-history', { limit: ROWS, cursor }),
    'alert-history',
    (change) => `${change.at} ${change.name} ${change.became}`,
  );
  const known = new Map(alerts.map((alert) => [alert.name, alert]));
  return (
    <Panel title="History" class="panel-wide" tools={<span class="muted">newest first</span>}>
      <States
        query={list.first}
        skeleton={<SkeletonRows count={4} />}
        isEmpty={list.items.length === 0}
        empty={
          <Empty>
            <p>
              <b>Nothing happened yet</b>
              <br />
              <span class="muted">Each change of an alert is listed here for 90 days.</span>
            </p>
          </Empty>
        }
      >
        <ul class="alert-changes" aria-label="History of alerts">
          {list.items.map((change) => (
            <Change key={`${change.at} ${change.name}`} change={change} alert={known.get(change.name)} />
          ))}
        </ul>
        <ListFoot list={list} rest="older ones" />
      </States>
    </Panel>
  );
}

function Change({ change, alert }: { change: AlertChange; alert: Alert | undefined }) {
  const { at, name, was, became, value, webhooks } = change;
  // A pending one that never fired is not over: it did not begin.
  const words = became === 'ok' && was === 'pending' ? 'did not last' : BECAME[became];
  return (
    <li>
      <time class="muted" dateTime={at} title={exactTime(at)}>
        {eventTime(at, new Date())}
      </time>
      <span class="alert-change">
        <b>{alert?.title ?? name}</b>{' '}
        <span class={became === 'firing' ? 'verdict-bad' : became === 'pending' ? 'verdict-part' : ''}>
          {words}
        </span>
        {value !== null && alert !== undefined && (
          <span class="muted"> at {valueWords(alert.metric, value)}</span>
        )}
      </span>
      <span class="muted small">{toldWords(webhooks)}</span>
    </li>
  );
}

function toldWords({ delivered, waiting, given_up }: AlertChange['webhooks']): string {
  const words = [
    ...(delivered > 0 ? [delivered === 1 ? 'told' : `told ${delivered} receivers`] : []),
    ...(waiting > 0 ? ['waits for its receiver'] : []),
    ...(given_up > 0 ? ['could not be delivered'] : []),
  ];
  return words.join(', ');
}
