import type { House } from './house.ts';
import { HttpProblem } from './http/problem.ts';
import { type Lag, LogUnavailableError } from './log/log.ts';
import type { Pipeline } from './pipeline/pipeline.ts';
import { sourceKey } from './store/events.ts';
import { askFlow } from './store/questions/flow.ts';
import { StoreError } from './store/store-error.ts';

/** The road from ingest to ClickHouse, for `GET /v1/pipeline`: steps of this process, the rest of the whole service. */
export async function readPipelineFacts(house: House) {
  const { config, log, facts, now } = house;
  const partitions = await readLag(house);
  const { steps, insert_eps, freshness_ms } = facts.snapshot();
  const rates = isWhole(house)
    ? { ingest_eps: house.ingestRate.perSecond(), insert_eps }
    : await readRates(house);
  return {
    version: house.version,
    started_at: new Date(house.startedAt).toISOString(),
    roles: [...config.roleSet],
    log: {
      kind: log.kind,
      partitions: partitions.map(({ topic, partition, end, committed, records, oldestTimestamp }) => ({
        topic,
        partition,
        end_offset: end,
        committed,
        lag_records: records,
        lag_ms: ageMs(oldestTimestamp, now()),
      })),
      bytes: partitions.reduce((sum, { bytes }) => sum + (bytes ?? 0), 0),
    },
    steps: steps.map((step) => ({ ...step, drops: { ...step.drops } })),
    rates,
    freshness_ms: { ...freshness_ms },
    store: { kind: house.store.kind === 'embedded' ? 'embedded' : 'remote' },
  };
}

/** Whether nothing happens outside of this process. */
function isWhole({ config, log }: House): boolean {
  return log.kind === 'local' && config.roleSet.has('ingest') && config.roleSet.has('pipeline');
}

/** What all pipelines wrote into the ledger; zeros while ClickHouse does not answer. */
async function readRates({ store }: House) {
  try {
    const { received_eps, stored_eps } = await askFlow(store.client);
    return { ingest_eps: received_eps, insert_eps: stored_eps };
  } catch (error) {
    if (error instanceof StoreError) return { ingest_eps: 0, insert_eps: 0 };
    throw error;
  }
}

/**
 * Events taken and not yet committed. The log counts records, so this is the mean of what records held so far, and exact
 * when it is 0.
 */
export async function estimateInFlight(house: House): Promise<number> {
  const lag = await readLag(house);
  const records = lag.reduce((sum, partition) => sum + partition.records, 0);
  return records === 0 ? 0 : Math.round(records * (await eventsPerRecord(house)));
}

async function eventsPerRecord({ metrics, store }: House): Promise<number> {
  const here = metrics.eventsProcessed.total / metrics.eventsConsumed.total;
  if (Number.isFinite(here)) return here;
  try {
    return (await askFlow(store.client)).events_per_record ?? 1;
  } catch (error) {
    if (error instanceof StoreError) return 1;
    throw error;
  }
}

/** Tells Prometheus, whenever it looks, how far behind the pipeline is with the partitions that this process has. */
export function reportLag(house: House, { partitions }: Pick<Pipeline, 'partitions'>): void {
  const { metrics, facts } = house;
  metrics.watchLag(async () => {
    let all: SourceLag[];
    try {
      all = await readLag(house);
    } catch {
      // The log cannot be asked now. The other metrics are wanted all the more; these stay as they were.
      return;
    }
    const lag = all.filter((one) => partitions.has(sourceKey(one)));
    // A partition that moved on is its new owner's to report.
    metrics.consumerLag.reset();
    metrics.processingLagSeconds.reset();
    for (const { topic, partition, records, oldestTimestamp } of lag) {
      const labels = { topic, partition: String(partition) };
      metrics.consumerLag.set(labels, records);
      metrics.processingLagSeconds.set(labels, ageMs(oldestTimestamp, house.now()) / 1000);
    }
    const records = lag.reduce((sum, partition) => sum + partition.records, 0);
    const inFlight = records === 0 ? 0 : Math.round(records * (await eventsPerRecord(house)));
    metrics.pipeline.ledgerInFlight.set(inFlight);
    if (lag.every(({ records }) => records === 0)) facts.caughtUp();
  });
}

/** How long the oldest event has been waiting in the log, over all partitions, in ms. */
export async function readLagMs(house: House): Promise<number> {
  const lag = await readLag(house);
  return Math.max(0, ...lag.map(({ oldestTimestamp }) => ageMs(oldestTimestamp, house.now())));
}

const ageMs = (at: number | null, now: number): number => (at === null ? 0 : Math.max(0, now - at));

type SourceLag = Lag & { readonly topic: string };

/** How far the pipeline is, in every topic that it reads. */
async function readLag({ config, log }: House): Promise<SourceLag[]> {
  try {
    const all = config.sources.map(async ({ topic }) => {
      const lag = await log.topic(topic).lag(config.groupId);
      return lag.map((one) => ({ ...one, topic }));
    });
    return (await Promise.all(all)).flat();
  } catch (error) {
    if (!(error instanceof LogUnavailableError)) throw error;
    const { retryAfterMs } = error;
    throw new HttpProblem('log_unavailable', `The log cannot be asked now. ${error.message}`, {
      cause: error,
      retryAfterMs,
    });
  }
}
