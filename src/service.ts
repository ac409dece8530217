import { mkdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type Access, createAccess } from './access/access.ts';
import { readAddressList } from './access/addresses.ts';
import { readApiKeys } from './access/keys.ts';
import { createRateLimiter } from './access/rate-limit.ts';
import { type Config, isLoopback } from './config.ts';
import { openKernel } from './event/kernel/wasm.ts';
import type { Kernel } from './event/kernel.ts';
import { createCors } from './http/cors.ts';
import { addHealthRoutes } from './http/health.ts';
import { type HttpServer, openHttpServer } from './http/server.ts';
import { createIngest, defaultIngestLimits } from './ingest/ingest.ts';
import { openLocalLog } from './log/local/local.ts';
import type { Log } from './log/log.ts';
import { PipelineFacts } from './pipeline/facts.ts';
import { type Pipeline, startPipeline } from './pipeline/pipeline.ts';
import { migrate } from './store/migrate.ts';
import { openStore, type Store } from './store/open.ts';
import { createHealth, type Health } from './telemetry/health.ts';
import type { Logger } from './telemetry/logger.ts';
import { createMetrics, type Metrics } from './telemetry/metrics.ts';
import { startMetricsServer } from './telemetry/metrics-server.ts';

/**
 * The whole service, put together top-down.
 *
 * In: a configuration. Out: a process that serves its roles. The port answers 503 from the first moment; ingest opens as
 * soon as the log does, since what it takes is safe there whatever becomes of the rest.
 */

export const DEAD_LETTER_TOPIC = 'analytics.dlq.v1';

export interface Service {
  readonly url: string;
  readonly metricsUrl: string;
  readonly dataDir: string;
  readonly clickhouse: string;
  /** True when anyone who reaches the port may query. */
  readonly open: boolean;
  readonly store: Store;
  /** Nothing that was acknowledged is lost, and no process is left. */
  stop(): Promise<void>;
}

/** What the parts below share. */
export interface House {
  readonly config: Config;
  readonly logger: Logger;
  readonly metrics: Metrics;
  readonly health: Health;
  readonly access: Access;
  readonly kernel: Kernel;
  readonly http: HttpServer;
  readonly log: Log;
  readonly store: Store;
  readonly facts: PipelineFacts;
  readonly now: () => number;
}

/** Closes what was opened, last first, even if one of them fails. */
class Closers {
  readonly #closers: { name: string; close: () => Promise<void> }[] = [];

  add(name: string, close: () => Promise<void>): void {
    this.#closers.push({ name, close });
  }

  async closeAll(logger: Logger): Promise<void> {
    for (const { name, close } of this.#closers.splice(0).reverse()) {
      try {
        await close();
      } catch (error) {
        logger.error({ err: error, part: name }, 'a part did not close');
      }
    }
  }
}

export async function startService(config: Config, logger: Logger): Promise<Service> {
  const closers = new Closers();
  try {
    return await open(config, logger, closers);
  } catch (error) {
    await closers.closeAll(logger);
    throw error;
  }
}

async function open(config: Config, logger: Logger, closers: Closers): Promise<Service> {
  const now = Date.now;
  const dataDir = resolve(config.dataDir);
  await mkdir(dataDir, { recursive: true, mode: 0o700 });
  const metrics = createMetrics({ processDefaults: true });
  const health = createHealth();
  const access = createGuards(config);
  const cors = createCors({
    origins: config.corsOrigins.length > 0 ? config.corsOrigins : null,
    maxAgeSeconds: 600,
  });
  const http = await openHttpServer({
    host: config.host,
    port: config.port,
    logger,
    cors,
    ...(await readTls(config)),
    onAnswered: ({ method, route, status, seconds }) =>
      metrics.http.seconds.observe({ method, route, status: String(status) }, seconds),
  });
  closers.add('http', () => http.close(config.stopDeadlineMs));
  const exporter = await startMetricsServer({
    host: config.host,
    port: config.metricsPort,
    registry: metrics.registry,
  });
  closers.add('metrics', () => exporter.stop());

  const kernel = await openKernel();
  const log = await openLog(config, dataDir, logger);
  closers.add('log', () => log.close());
  const store = await openStore({
    url: config.chUrl,
    username: config.chUser,
    password: config.chPassword,
    database: config.chDatabase,
    dataDir,
    memoryBytesMax: config.chMemoryBytes,
    log: logger,
  });
  closers.add('clickhouse', () => store.close());
  if (config.chAutoCreate === '1' || (config.chAutoCreate === '' && store.kind === 'embedded'))
    await migrateStore(config, store, logger);
  const facts = new PipelineFacts(metrics, logger, now);
  const house: House = { config, logger, metrics, health, access, kernel, http, log, store, facts, now };
  watchParts(house);
  await openRoles(house, closers);
  await http.serve();
  return {
    url: http.url,
    metricsUrl: `http://${config.host}:${exporter.port}/metrics`,
    dataDir,
    clickhouse: `${store.kind === 'embedded' ? 'embedded' : config.chUrl}, ${await store.version()}`,
    open: config.adminKey === '' && isLoopback(config.host),
    store,
    async stop() {
      health.closing();
      await closers.closeAll(logger);
    },
  };
}

function createGuards(config: Config): Access {
  return createAccess({
    ingestKeys: readApiKeys(config.ingestApiKey, config.defaultApp),
    adminKeys: readApiKeys(config.adminKey, config.defaultApp),
    openWithoutAdminKey: isLoopback(config.host),
    guardedByVerifiers: false,
    verifiers: [],
    defaultApp: config.defaultApp,
    ingestAddresses: readAddressList(config.ingestAllowIps.join(',')),
    adminAddresses: readAddressList(config.adminAllowIps.join(',')),
    trustedProxies: readAddressList(config.trustedProxies.join(',')),
  });
}

async function readTls(config: Config): Promise<{ tls?: { cert: Buffer; key: Buffer } }> {
  if (config.tlsCertFile === '') return {};
  return { tls: { cert: await readFile(config.tlsCertFile), key: await readFile(config.tlsKeyFile) } };
}

async function openLog(config: Config, dataDir: string, logger: Logger): Promise<Log> {
  return await openLocalLog({
    dir: join(dataDir, 'log'),
    topics: [
      { name: config.topic, partitions: config.logPartitions },
      { name: DEAD_LETTER_TOPIC, partitions: 1 },
    ],
    segmentBytes: config.logSegmentBytes,
    retentionMs: config.logRetentionDays * 86_400_000,
    retentionBytes: config.logRetentionBytes,
    minFreeBytes: config.minFreeBytes,
    onError: (error) => logger.error({ err: error }, 'the log failed behind the scenes'),
    onTornTail: (torn) => logger.warn({ torn }, 'a crash had torn the last write to the log; it was cut off'),
  });
}

export async function migrateStore(config: Config, store: Store, logger: Logger): Promise<readonly string[]> {
  return await migrate({
    client: store.client,
    log: logger,
    settings: {
      retention_events_days: config.retentionEventsDays,
      retention_sessions_days: config.retentionSessionsDays,
      retention_hourly_days: config.retentionHourlyDays,
    },
  });
}

/** What `/health` says. Only a log that takes nothing makes the whole down. */
function watchParts({ health, log, store, facts }: House): void {
  health.probe('log', { vital: true }, () => {
    const { ok, reason } = log.health();
    return { state: ok ? 'ok' : 'down', reason };
  });
  health.probe('clickhouse', { vital: false }, () => {
    const { ok, reason } = store.state();
    return { state: ok ? 'ok' : 'degraded', reason };
  });
  health.probe('pipeline', { vital: false }, () => {
    const { failure } = facts;
    return { state: failure === null ? 'ok' : 'degraded', reason: failure };
  });
}

async function openRoles(house: House, closers: Closers): Promise<void> {
  const { config, health, http, log } = house;
  addHealthRoutes(http.app, health);
  if (config.roleSet.has('pipeline')) {
    const gate = health.role('pipeline');
    const pipeline = await openPipeline(house);
    closers.add('pipeline', () => pipeline.stop());
    gate.serving();
  }
  if (config.roleSet.has('ingest')) {
    const gate = health.role('ingest');
    const limits = {
      tokensPerSecond: config.ingestRateLimit,
      burst: config.ingestRateLimit * 2,
      bucketsMax: 100_000,
    };
    const ingest = createIngest({
      ...house,
      scanner: house.kernel.scanner,
      topic: log.topic(config.topic),
      deadLetters: log.topic(DEAD_LETTER_TOPIC),
      cors: createCors({
        origins: config.corsOrigins.length > 0 ? config.corsOrigins : null,
        maxAgeSeconds: 600,
      }),
      rateLimiter: config.ingestRateLimit > 0 ? createRateLimiter({ ...limits, now: house.now }) : null,
      limits: {
        ...defaultIngestLimits,
        bodyBytesMax: config.ingestBodyBytesMax,
        eventsMax: config.ingestEventsMax,
        bodyBytesInFlightMax: config.ingestBytesInFlightMax,
        requestsInFlightMax: config.ingestRequestsInFlightMax,
        ackTimeoutMs: config.ingestAckTimeoutMs,
        ageMaxMs: config.timestampAgeMaxDays * 86_400_000,
      },
      ready: () => true,
      pressure: () => null,
    });
    http.addHot(ingest.routes);
    gate.serving();
  }
}

async function openPipeline(house: House): Promise<Pipeline> {
  const { config, log, store, kernel, facts, now } = house;
  return await startPipeline({
    log,
    kernel,
    client: store.client,
    topic: config.topic,
    deadLetterTopic: DEAD_LETTER_TOPIC,
    group: config.groupId,
    defaultApp: config.defaultApp,
    observer: facts,
    generation: () => store.generation(),
    ownServer: store.kind === 'embedded',
    now,
    publish: () => {},
    limits: {
      batchRowsMax: config.batchRows,
      batchBytesMax: config.batchBytes,
      flushAfterMs: config.flushMs,
      readBytesMax: 4 * 1024 * 1024,
      leaseMs: config.leaseMs,
      dedupeWindowMs: config.dedupeWindowMinutes * 60_000,
      dedupeEntriesMax: config.dedupeEntriesMax,
      sessionActorsMax: config.sessionActorsMax,
    },
    recompute: {
      everyMs: config.recomputeEveryMs,
      rowsMax: config.recomputeRowsMax,
      gapLimitMs: config.gapLimitMs,
      engagementEveryMs: config.engagementEveryMs,
    },
  });
}
