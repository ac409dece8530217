import { useContext } from 'preact/hooks';
import type { Health, LogPartition, Pipeline } from '../data/types.ts';
import { useQuery } from '../data/use-query.ts';
import { fullNumber, milliseconds, percent, shortNumber } from '../format/number.ts';
import { isWell } from '../format/state.ts';
import { age, exactTime } from '../format/time.ts';
import { PageHead } from '../shell/page-head.tsx';
import { useLiveSubscription } from '../shell/use-live.ts';
import { sharedQuery } from '../state/location.ts';
import { usePage, useTick } from '../state/page.ts';
import { ServicesContext } from '../state/services.ts';
import { useStore } from '../state/store.ts';
import { Icon } from '../ui/icon.tsx';
import { Link } from '../ui/link.tsx';
import { Empty, Panel, SkeletonRows, States } from '../ui/panel.tsx';
import { Scroller } from '../ui/scroller.tsx';
import { DeadLettersPanel } from './dead-letters-panel.tsx';
import { LedgerPanel } from './ledger.tsx';
import { Road } from './road.tsx';

const ASK_EVERY_MS = 5_000;
const LAG_ALERT_MS = 10_000;
const ERROR_ALERT_RATE = 0.01;

/** How the events travel, and whether any were lost on the way. */
export function PipelinePage() {
  const page = usePage();
  useLiveSubscription(page.app, false);
  const tick = useTick(ASK_EVERY_MS);
  const pipeline = useQuery<Pipeline>('/v1/pipeline', '', tick);
  const health = useQuery<Health>('/health', '', tick);
  const version =
    pipeline.data === null
      ? undefined
      : `Sluice ${pipeline.data.version} · ${pipeline.data.roles.join(', ')} · up since ${exactTime(pipeline.data.started_at)}`;
  return (
    <>
      <PageHead
        title="Pipeline"
        hasFilters={false}
        tools={
          <Link path="/alerts" query={sharedQuery(page.query)} class="button">
            Alerts
          </Link>
        }
        {...(version === undefined ? {} : { caption: version })}
      />
      <Alerts pipeline={pipeline.data} health={health.data} />
      <Panel title="The road" class="panel-wide">
        <States query={pipeline} skeleton={<div class="skeleton road-skeleton" />}>
          {pipeline.data !== null && <Road pipeline={pipeline.data} />}
        </States>
      </Panel>
      <LedgerPanel />
      <div class="pipeline-grid">
        <DeadLettersPanel />
        <Panel title="Steps" class="panel-list">
          <States
            query={pipeline}
            skeleton={<SkeletonRows count={6} />}
            isEmpty={pipeline.data?.steps.length === 0}
            empty={<Empty>This process runs no pipeline; ask one with the role “pipeline”.</Empty>}
          >
            {pipeline.data !== null && <Steps pipeline={pipeline.data} />}
          </States>
        </Panel>
        <Panel title="Partitions" class="panel-list">
          <States query={pipeline} skeleton={<SkeletonRows count={4} />}>
            {pipeline.data !== null && <Partitions pipeline={pipeline.data} />}
          </States>
        </Panel>
        <Panel title="Parts" class="panel-list">
          <States query={health} skeleton={<SkeletonRows count={4} />}>
            {health.data !== null && <Parts health={health.data} />}
          </States>
        </Panel>
      </div>
    </>
  );
}

/** What is out of bounds, said first. */
function Alerts({ pipeline, health }: { pipeline: Pipeline | null; health: Health | null }) {
  const { live } = useContext(ServicesContext);
  const errorRate = useStore(live.now).metrics?.error_rate ?? 0;
  const lagMs = Math.max(0, ...(pipeline?.log.partitions.map((one) => one.lag_ms) ?? []));
  const alerts: string[] = [];
  if (errorRate > ERROR_ALERT_RATE) {
    alerts.push(`${percent(errorRate)} of the events of the last minute are errors; the limit is 1 %.`);
  }
  if (lagMs > LAG_ALERT_MS) {
    alerts.push(`The pipeline is ${milliseconds(lagMs)} behind; the limit is ${milliseconds(LAG_ALERT_MS)}.`);
  }
  for (const part of health?.parts ?? []) {
    if (!isWell(part.state))
      alerts.push(`${part.name} is ${part.state}${part.reason ? `: ${part.reason}` : ''}.`);
  }
  if (alerts.length === 0) return null;
  return (
    <ul class="alerts" role="alert">
      {alerts.map((text) => (
        <li key={text}>
          <Icon name="alert" /> {text}
        </li>
      ))}
    </ul>
  );
}

/** With how many events each had, where that is told; else how long they take. */
function Steps({ pipeline }: { pipeline: Pipeline }) {
  const slowest = Math.max(0, ...pipeline.steps.map((step) => step.seconds_per_million));
  const counted = pipeline.steps.some((step) => step.events !== null);
  return (
    <div class="table-scroll">
      <table class="table">
        <thead>
          <tr>
            <th scope="col">Step</th>
            {counted && (
              <th scope="col" class="num">
                Events
              </th>
            )}
            <th scope="col" class="num" title="Microseconds of work for one event">
              µs each
            </th>
            {counted && <th scope="col">Left out</th>}
          </tr>
        </thead>
        <tbody>
          {pipeline.steps.map((step) => {
            const share = slowest === 0 ? 0 : (step.seconds_per_million / slowest) * 100;
            return (
              <tr key={step.name}>
                <th scope="row">{step.name}</th>
                {step.events !== null && (
                  <td class="num" title={fullNumber(step.events)}>
                    {shortNumber(step.events)}
                  </td>
                )}
                <td class="num bar-cell" style={{ '--share': `${share}%` }}>
                  {step.seconds_per_million.toFixed(2)}
                </td>
                {step.drops !== null && <Drops drops={step.drops} />}
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

function Drops({ drops }: { drops: Record<string, number> }) {
  const some = Object.entries(drops).filter(([, count]) => count > 0);
  return (
    <td>
      {some.length === 0 ? (
        <span class="muted">none</span>
      ) : (
        some.map(([reason, count]) => (
          <span class="tag" key={reason} title={`${fullNumber(count)} left out: ${reason}`}>
            {reason} {shortNumber(count)}
          </span>
        ))
      )}
    </td>
  );
}

const PARTITIONS_MAX = 64;

function Partitions({ pipeline }: { pipeline: Pipeline }) {
  const many = new Set(pipeline.log.partitions.map((one) => one.topic)).size > 1;
  const counted = pipeline.log.partitions.some((one) => one.end_offset !== null);
  const all = [...pipeline.log.partitions].sort((a, b) => b.lag_ms - a.lag_ms || a.partition - b.partition);
  return (
    <Scroller class="table-scroll table-tall" label="Partitions, the furthest behind first">
      <table class="table">
        <thead>
          <tr>
            <th scope="col" class="num">
              Partition
            </th>
            {counted && (
              <>
                <th scope="col" class="num">
                  Written
                </th>
                <th scope="col" class="num">
                  Stored
                </th>
              </>
            )}
            <th scope="col" class="num">
              Behind
            </th>
          </tr>
        </thead>
        <tbody>
          {all.slice(0, PARTITIONS_MAX).map((one) => (
            <tr key={`${one.topic}/${one.partition}`}>
              <th scope="row" class="num">
                {many ? `${one.topic} · ${one.partition}` : one.partition}
              </th>
              {one.end_offset !== null && <td class="num">{fullNumber(one.end_offset)}</td>}
              {one.committed !== null && <td class="num">{fullNumber(one.committed)}</td>}
              <Behind partition={one} />
            </tr>
          ))}
        </tbody>
      </table>
      {all.length > PARTITIONS_MAX && (
        <p class="panel-note">
          The {PARTITIONS_MAX} furthest behind of {all.length}.
        </p>
      )}
      {pipeline.buckets.refreshed_at !== null && (
        <p class="panel-note">
          {pipeline.buckets.dirty === 0
            ? 'All 5-minute sums are up to date'
            : `${fullNumber(pipeline.buckets.dirty ?? 0)} 5-minute sums wait to be made anew`}
          ; last refresh {age(Date.now() - Date.parse(pipeline.buckets.refreshed_at))}.
        </p>
      )}
    </Scroller>
  );
}

function Behind({ partition: { lag_records: records, lag_ms: ms } }: { partition: LogPartition }) {
  const none = records === null ? ms === 0 : records === 0;
  return (
    <td class="num" {...(records === null ? {} : { title: `${fullNumber(records)} records` })}>
      {none ? (
        <span class="muted">0</span>
      ) : (
        `${records === null ? '' : `${shortNumber(records)} · `}${milliseconds(ms)}`
      )}
    </td>
  );
}

function Parts({ health }: { health: Health }) {
  return (
    <ul class="parts">
      {health.parts.map((part) => (
        <li key={part.name}>
          <span class={`part-state part-${isWell(part.state) ? 'good' : 'bad'}`}>
            <Icon name={isWell(part.state) ? 'check' : 'alert'} size={14} /> {part.state}
          </span>
          <b>{part.name}</b>
          {part.reason ? <span class="muted">{part.reason}</span> : null}
        </li>
      ))}
    </ul>
  );
}
