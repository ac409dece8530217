import type { House } from './house.ts';
import { HttpProblem } from './http/problem.ts';
import { type Lag, LogUnavailableError } from './log/log.ts';

/** What only this process knows of the road from ingest to ClickHouse, for `GET /v1/pipeline`. */
export async function readPipelineFacts(house: House) {
  const { config, log, facts, now } = house;
  const partitions = await readLag(house);
  const { steps, insert_eps, freshness_ms } = facts.snapshot();
  return {
    version: house.version,
    started_at: new Date(house.startedAt).toISOString(),
    roles: [...config.roleSet],
    log: {
      kind: log.kind,
      partitions: partitions.map(({ partition, end, committed, records, oldestTimestamp }) => ({
        partition,
        end_offset: end,
        committed,
        lag_records: records,
        lag_ms: oldestTimestamp === null ? 0 : Math.max(0, now() - oldestTimestamp),
      })),
      bytes: partitions.reduce((sum, { bytes }) => sum + (bytes ?? 0), 0),
    },
    steps: steps.map((step) => ({ ...step, drops: { ...step.drops } })),
    rates: { ingest_eps: house.ingestRate.perSecond(), insert_eps },
    freshness_ms: { ...freshness_ms },
    store: { kind: house.store.kind === 'embedded' ? 'embedded' : 'remote' },
  };
}

/**
 * Events taken and not yet committed. The log counts records, so this is the mean of what records held so far, and exact
 * when it is 0.
 */
export async function estimateInFlight(house: House): Promise<number> {
  const { metrics } = house;
  const lag = await readLag(house);
  const records = lag.reduce((sum, partition) => sum + partition.records, 0);
  const perRecord = metrics.eventsProcessed.total / metrics.eventsConsumed.total;
  return Math.round(records * (Number.isFinite(perRecord) ? perRecord : 1));
}

/** Tells Prometheus, whenever it looks, how far behind the pipeline is. */
export function reportLag(house: House): void {
  const { config, metrics, facts } = house;
  metrics.watchLag(async () => {
    let lag: Lag[];
    try {
      lag = await readLag(house);
    } catch {
      // The log cannot be asked now. The other metrics are wanted all the more; these stay as they were.
      return;
    }
    for (const { partition, records } of lag)
      metrics.consumerLag.set({ topic: config.topic, partition: String(partition) }, records);
    metrics.pipeline.ledgerInFlight.set(await estimateInFlight(house));
    if (lag.every(({ records }) => records === 0)) facts.caughtUp();
  });
}

async function readLag({ config, log }: House): Promise<Lag[]> {
  try {
    return await log.topic(config.topic).lag(config.groupId);
  } catch (error) {
    if (!(error instanceof LogUnavailableError)) throw error;
    const { retryAfterMs } = error;
    throw new HttpProblem('log_unavailable', `The log cannot be asked now. ${error.message}`, {
      cause: error,
      retryAfterMs,
    });
  }
}
