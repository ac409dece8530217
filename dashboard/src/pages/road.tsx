import type { ComponentChildren } from 'preact';
import type { Pipeline } from '../data/types.ts';
import { bytes, fullNumber, milliseconds, shortNumber } from '../format/number.ts';
import { isWell } from '../format/state.ts';
import { shortAge } from '../format/time.ts';

interface StationProps {
  name: string;
  kind: string;
  state: 'good' | 'slow' | 'bad';
  word: string;
  children: ComponentChildren;
}

function Station({ name, kind, state, word, children }: StationProps) {
  return (
    <li class="station">
      <div class="station-head">
        <b>{name}</b>
        <span class="muted">{kind}</span>
        <span class={`station-state part-${state}`}>
          <i class="live-dot" />
          {word}
        </span>
      </div>
      <dl>{children}</dl>
    </li>
  );
}

function Fact({ label, value, title }: { label: string; value: string; title?: string }) {
  return (
    <div>
      <dt>{label}</dt>
      <dd title={title}>{value}</dd>
    </div>
  );
}

/** What flows from one station to the next; still water is said, not only drawn. */
function Flow({ rate }: { rate: number }) {
  return (
    <li class={rate > 0 ? 'flow flow-moving' : 'flow'}>
      <span title={`${fullNumber(rate)} events a second`}>{shortNumber(rate)}/s</span>
      <i />
    </li>
  );
}

/** Null when one of them is not told. */
function sumOrNull(counts: readonly (number | null)[]): number | null {
  return counts.reduce<number | null>((sum, one) => (sum === null || one === null ? null : sum + one), 0);
}

const SLOW_LAG_MS = 2_000;
const BAD_LAG_MS = 10_000;

/**
 * The road as a picture: ingest, log, pipeline, store, with rate, lag and age at each. What is not told, to somebody who
 * is limited to some apps, is left out.
 */
export function Road({ pipeline }: { pipeline: Pipeline }) {
  const { log, rates, freshness_ms: fresh, store } = pipeline;
  const lagRecords = sumOrNull(log.partitions.map((one) => one.lag_records));
  const lagMs = Math.max(0, ...log.partitions.map((one) => one.lag_ms));
  const lagState = lagMs > BAD_LAG_MS ? 'bad' : lagMs > SLOW_LAG_MS ? 'slow' : 'good';
  const lagWord = { good: 'keeps up', slow: 'a little behind', bad: 'far behind' }[lagState];
  const storeOk = isWell(store.state);
  return (
    <ol class="road">
      <Station name="Ingest" kind="HTTP" state="good" word={rates.ingest_eps > 0 ? 'receiving' : 'waiting'}>
        <Fact
          label="Coming in"
          value={`${shortNumber(rates.ingest_eps)}/s`}
          title={`${fullNumber(rates.ingest_eps)} events a second`}
        />
        <Fact
          label="Up for"
          value={shortAge(Date.now() - Date.parse(pipeline.started_at))}
          title={`Roles here: ${pipeline.roles.join(', ')}`}
        />
      </Station>
      <Flow rate={rates.ingest_eps} />
      <Station name="Log" kind={log.kind} state="good" word="durable">
        <Fact label="Partitions" value={fullNumber(log.partitions.length)} />
        {log.bytes !== null && (
          <Fact label="Size" value={bytes(log.bytes)} title={`${fullNumber(log.bytes)} bytes`} />
        )}
      </Station>
      <Flow rate={rates.insert_eps} />
      <Station name="Pipeline" kind={`${pipeline.steps.length} steps`} state={lagState} word={lagWord}>
        {lagRecords !== null && (
          <Fact
            label="Behind"
            value={lagRecords === 0 ? 'nothing' : `${shortNumber(lagRecords)} records`}
            title={`${fullNumber(lagRecords)} records`}
          />
        )}
        <Fact label="Lag" value={milliseconds(lagMs)} />
      </Station>
      <Flow rate={rates.insert_eps} />
      <Station
        name="ClickHouse"
        kind={`${store.kind} ${store.version ?? ''}`}
        state={storeOk ? 'good' : 'bad'}
        word={store.state}
      >
        {store.rows !== null && store.bytes !== null && (
          <Fact
            label="Events"
            value={shortNumber(store.rows)}
            title={`${fullNumber(store.rows)} rows, ${bytes(store.bytes)}`}
          />
        )}
        <Fact
          label="Received to readable"
          value={fresh.p50 === null ? 'not known' : milliseconds(fresh.p50)}
          title={fresh.p95 === null ? '' : `95 of 100 within ${milliseconds(fresh.p95)}`}
        />
      </Station>
    </ol>
  );
}
