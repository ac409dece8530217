import type { House } from './house.ts';

/** What only this process knows of the road from ingest to ClickHouse, for `GET /v1/pipeline`. */
export async function readPipelineFacts(house: House) {
  const { config, log, facts, now } = house;
  const topic = log.topic(config.topic);
  const partitions = await topic.lag(config.groupId);
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
export async function estimateInFlight({ config, log, metrics }: House): Promise<number> {
  const lag = await log.topic(config.topic).lag(config.groupId);
  const records = lag.reduce((sum, partition) => sum + partition.records, 0);
  const perRecord = metrics.eventsProcessed.total / metrics.eventsConsumed.total;
  return Math.round(records * (Number.isFinite(perRecord) ? perRecord : 1));
}

/** Tells Prometheus, whenever it looks, how far behind the pipeline is. */
export function reportLag(house: House): void {
  const { config, log, metrics, facts } = house;
  metrics.watchLag(async () => {
    const lag = await log.topic(config.topic).lag(config.groupId);
    for (const { partition, records } of lag)
      metrics.consumerLag.set({ topic: config.topic, partition: String(partition) }, records);
    metrics.pipeline.ledgerInFlight.set(await estimateInFlight(house));
    if (lag.every(({ records }) => records === 0)) facts.caughtUp();
  });
}
