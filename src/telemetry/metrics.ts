/**
 * Every number that Prometheus can read here, declared once. The first group has the names and types of the seeds;
 * the rest is ours. Counters that a hot path adds to are tallies.
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import { createLabelledTally, createTally } from './tally.ts';

export type Metrics = ReturnType<typeof createMetrics>;
export type IngestMetrics = Metrics['ingest'];

const fastSeconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const batchSeconds = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const stepSeconds = [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5];
const apiSeconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** `processDefaults` adds CPU, memory, event loop and GC of this process. */
export function createMetrics(options: { processDefaults: boolean }) {
  const registry = new Registry();
  if (options.processDefaults) collectDefaultMetrics({ register: registry });
  return {
    registry,
    ...createSeedMetrics(registry),
    ingest: createIngestMetrics(registry),
    log: createLogMetrics(registry),
    pipeline: createPipelineMetrics(registry),
    derived: createDerivedMetrics(registry),
    alerts: createAlertMetrics(registry),
    http: createHttpMetrics(registry),
  };
}

/** The names of seeds 001 and 002, kept to the letter. */
function createSeedMetrics(registry: Registry) {
  const registers = [registry];
  let lookAtLag = async () => {};
  let looking: Promise<void> | null = null;
  /** Once for all the metrics of one look. */
  const shareLook = () => {
    looking ??= lookAtLag().finally(() => {
      looking = null;
    });
    return looking;
  };
  return {
    /** Sets `consumerLag` and `processingLagSeconds`, whenever somebody looks. */
    watchLag(look: () => Promise<void>) {
      lookAtLag = look;
    },
    /** Records read from the log, not events (seed 001: messages). */
    eventsConsumed: createTally(registry, 'analytics_events_consumed_total', 'Records read from the log'),
    batchFlushSeconds: new Histogram({
      name: 'analytics_batch_flush_seconds',
      help: 'Time taken to write a batch to ClickHouse',
      buckets: batchSeconds,
      registers,
    }),
    /** Distinct client events; nothing derived, no duplicates. */
    eventsInserted: createTally(
      registry,
      'analytics_events_inserted_total',
      'Distinct events written to ClickHouse',
    ),
    pipelineErrors: new Counter({
      name: 'analytics_pipeline_errors_total',
      help: 'Exceptions encountered in the pipeline',
      registers,
    }),
    eventsProcessed: createTally(
      registry,
      'analytics_service_events_processed_total',
      'Events that went through the pipeline, whatever became of them',
    ),
    eventProcessingSeconds: new Histogram({
      name: 'analytics_service_event_processing_duration_seconds',
      help: 'Time from reading a batch to having it stored and committed',
      buckets: batchSeconds,
      registers,
    }),
    websocketConnections: new Gauge({
      name: 'analytics_service_websocket_connections',
      help: 'Active WebSocket connections',
      registers,
    }),
    processingLagSeconds: new Gauge({
      name: 'analytics_processing_lag_seconds',
      help: 'Age of the oldest record of the log not yet committed, by partition; its owner reports it',
      labelNames: ['topic', 'partition'],
      registers,
      collect: shareLook,
    }),
    consumerLag: new Gauge({
      name: 'analytics_service_kafka_consumer_lag',
      help: 'Records of the log not yet committed, by partition; its owner reports it',
      labelNames: ['topic', 'partition'],
      registers,
      collect: shareLook,
    }),
  };
}

function createIngestMetrics(registry: Registry) {
  const registers = [registry];
  const name = (suffix: string) => `analytics_ingest_${suffix}`;
  let look = () => ({ requests: 0, bytes: 0 });
  new Gauge({
    name: name('requests_in_flight'),
    help: 'Ingest requests under way',
    registers,
    collect() {
      this.set(look().requests);
    },
  });
  new Gauge({
    name: name('bytes_in_flight'),
    help: 'Bytes of bodies and records held until they are durable',
    registers,
    collect() {
      this.set(look().bytes);
    },
  });
  return {
    /** Tells what is under way, when somebody looks; requests pay nothing for it. */
    watch(inFlight: () => { requests: number; bytes: number }) {
      look = inFlight;
    },
    accepted: createTally(registry, name('events_accepted_total'), 'Events acknowledged as durable'),
    rejected: createLabelledTally(
      registry,
      name('events_rejected_total'),
      'Events refused, by reason',
      'code',
    ),
    answers: createLabelledTally(registry, name('requests_total'), 'Ingest requests answered', 'status'),
    refusals: createLabelledTally(
      registry,
      name('requests_refused_total'),
      'Ingest requests refused as a whole, by problem',
      'code',
    ),
    shed: createLabelledTally(
      registry,
      name('requests_shed_total'),
      'Ingest requests refused to stay within a bound, by bound',
      'bound',
    ),
    aborted: createTally(registry, name('requests_aborted_total'), 'Uploads that broke off'),
    bytes: createTally(registry, name('body_bytes_total'), 'Bytes of request bodies as received'),
    inflatedBytes: createTally(
      registry,
      name('inflated_bytes_total'),
      'Bytes of bodies that came compressed, inflated',
    ),
    seconds: new Histogram({
      name: name('request_duration_seconds'),
      help: 'From the headers of an ingest request to its answer',
      buckets: fastSeconds,
      registers,
    }),
  };
}

function createLogMetrics(registry: Registry) {
  return {
    appendSeconds: new Histogram({
      name: 'analytics_log_append_seconds',
      help: 'Time until an append was durable',
      buckets: fastSeconds,
      registers: [registry],
    }),
  };
}

function createPipelineMetrics(registry: Registry) {
  const registers = [registry];
  return {
    stepSeconds: new Histogram({
      name: 'analytics_pipeline_step_seconds',
      help: 'Time of a pipeline step for a batch',
      labelNames: ['step'],
      buckets: stepSeconds,
      registers,
    }),
    dropped: new Counter({
      name: 'analytics_pipeline_dropped_total',
      help: 'Events that a step took out, by step and reason',
      labelNames: ['step', 'reason'],
      registers,
    }),
    duplicates: createLabelledTally(
      registry,
      'analytics_dedupe_duplicates_total',
      'Events found to be there already, by where they were found',
      'found_in',
    ),
    dedupeLookups: createTally(
      registry,
      'analytics_dedupe_lookups_total',
      'Event ids looked up in ClickHouse because they are older than the window',
    ),
    deadLetters: createLabelledTally(
      registry,
      'analytics_dead_letters_total',
      'Events written to the dead letters, by reason',
      'reason',
    ),
    violations: createLabelledTally(
      registry,
      'analytics_plan_violations_total',
      'Events that break their tracking plan, stored or not, by the name of the event; of 200 names, others together',
      'event_name',
      200,
    ),
    ledger: createLabelledTally(
      registry,
      'analytics_ledger_events_total',
      'Events by what became of them: received, stored, duplicate, filtered, quarantined',
      'state',
    ),
    ledgerInFlight: new Gauge({
      name: 'analytics_ledger_in_flight',
      help: 'Events received and not yet accounted for',
      registers,
    }),
    recomputeSeconds: new Histogram({
      name: 'analytics_recompute_seconds',
      help: 'Time of a refresh of a recomputed table',
      labelNames: ['table'],
      buckets: batchSeconds,
      registers,
    }),
    freshnessSeconds: new Gauge({
      name: 'analytics_freshness_seconds',
      help: 'Age of the newest stored event by time of receipt, while there is lag; 0 when caught up',
      registers,
    }),
  };
}

function createDerivedMetrics(registry: Registry) {
  return {
    published: createLabelledTally(
      registry,
      'analytics_derived_events_total',
      'Derived events published, by name',
      'event_name',
    ),
    lag: new Gauge({
      name: 'analytics_derived_lag',
      help: 'Stored records that were not looked at for derived events yet',
      registers: [registry],
    }),
    deliveries: new Counter({
      name: 'analytics_webhook_deliveries_total',
      help: 'Requests to webhooks, by receiver and outcome: delivered, failed, given_up',
      labelNames: ['webhook', 'outcome'],
      registers: [registry],
    }),
    deliverySeconds: new Histogram({
      name: 'analytics_webhook_delivery_seconds',
      help: 'Time of a request to a webhook, whatever its outcome',
      labelNames: ['webhook'],
      buckets: apiSeconds,
      registers: [registry],
    }),
    webhookLag: new Gauge({
      name: 'analytics_webhook_lag',
      help: 'Derived events that a webhook has not taken yet',
      labelNames: ['webhook'],
      registers: [registry],
    }),
  };
}

function createAlertMetrics(registry: Registry) {
  let count = async (): Promise<number | null> => null;
  new Gauge({
    name: 'analytics_alerts_firing',
    help: 'Alerts that fire, of the whole service; every process of the role query reports it',
    registers: [registry],
    async collect() {
      const firing = await count().catch(() => null);
      if (firing !== null) this.set(firing);
    },
  });
  return {
    /** Tells how many fire, when somebody looks; what was told last stands while that fails. */
    watchFiring(look: () => Promise<number>) {
      count = look;
    },
    evaluations: createLabelledTally(
      registry,
      'analytics_alert_evaluations_total',
      'Looks at alerts, by outcome: ok, failed',
      'outcome',
    ),
    deliveries: createLabelledTally(
      registry,
      'analytics_alert_deliveries_total',
      'Requests to webhooks of alerts, by outcome: delivered, failed, given_up',
      'outcome',
    ),
  };
}

function createHttpMetrics(registry: Registry) {
  return {
    answers: createLabelledTally(
      registry,
      'analytics_query_answers_total',
      'Questions by how they were answered: hit (cache), shared (with an equal one under way), settled (cache, nothing landed since), miss, afresh (the caller wanted that)',
      'outcome',
    ),
    cache: new Counter({
      name: 'analytics_cache_operations_total',
      help: 'Operations of the cache, by what became of them; skipped while it is left alone after a failure',
      labelNames: ['operation', 'outcome'],
      registers: [registry],
    }),
    seconds: new Histogram({
      name: 'analytics_http_request_duration_seconds',
      help: 'Time of requests that are not ingest',
      labelNames: ['method', 'route', 'status'],
      buckets: apiSeconds,
      registers: [registry],
    }),
  };
}
