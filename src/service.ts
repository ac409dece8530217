import { mkdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Config } from './config.ts';
import { openKernel } from './event/kernel/wasm.ts';
import { createFirstKey, isOpen, openGuards } from './guards.ts';
import { Closers, type Foundation, type House } from './house.ts';
import { type Cors, createCors } from './http/cors.ts';
import { type HttpServer, openHttpServer } from './http/server.ts';
import { readTlsFiles, type TlsPair, watchTlsFiles } from './http/tls-files.ts';
import type { Live } from './live/live.ts';
import { openLog } from './open-log.ts';
import { PipelineFacts } from './pipeline/facts.ts';
import { watchPlans } from './plans-watch.ts';
import { isServedElsewhere, needsStore, openCommon, openIngest, openRoles } from './roles.ts';
import { forOperator } from './start-error.ts';
import { startTracing } from './start-tracing.ts';
import { openStore, type Store } from './store/open.ts';
import { checkStore, migrateStore } from './tables.ts';
import { createHealth } from './telemetry/health.ts';
import type { Logger } from './telemetry/logger.ts';
import { createMetrics, type Metrics } from './telemetry/metrics.ts';
import { startMetricsServer } from './telemetry/metrics-server.ts';
import { startRateMeter } from './telemetry/rate.ts';
import type { Tracing } from './telemetry/tracing.ts';
import { DEAD_LETTER_TOPIC, DERIVED_TOPIC } from './topics.ts';
import { readVersion } from './version.ts';

/**
 * The whole service, put together top-down.
 *
 * In: a configuration. Out: a process that serves its roles. The port answers 503 from the first moment; ingest opens as
 * soon as the log does, since what it takes is safe there whatever becomes of the rest.
 */

/** Of the time for a stop: the rest is for the parts behind the requests. */
const REQUESTS_SHARE = 0.75;

export interface Service {
  readonly url: string;
  readonly metricsUrl: string;
  readonly dataDir: string;
  readonly clickhouse: string;
  /** True when anyone who reaches the port may query. */
  readonly open: boolean;
  /** The key that was made because there was none; it is to be shown now, or never. Null: none was made. */
  readonly firstKey: string | null;
  /** null when no role of this process needs ClickHouse. */
  readonly store: Store | null;
  /** Nothing that was acknowledged is lost, and no process is left. */
  stop(): Promise<void>;
}

export async function startService(config: Config, logger: Logger): Promise<Service> {
  const closers = new Closers();
  try {
    return await open(config, logger, closers);
  } catch (error) {
    logger.debug({ err: error }, 'the start failed');
    await closers.closeAll(logger);
    throw error;
  }
}

async function open(config: Config, logger: Logger, closers: Closers): Promise<Service> {
  const now = Date.now;
  const dataDir = resolve(config.dataDir);
  await forOperator(mkdir(dataDir, { recursive: true, mode: 0o700 }));
  const metrics = createMetrics({ processDefaults: true });
  const health = createHealth();
  const guards = await forOperator(openGuards(config, dataDir, logger, now));
  closers.add('catalogue', () => guards.catalog.close());
  const cors = createCors({
    origins: config.corsOrigins.length > 0 ? config.corsOrigins : null,
    maxAgeSeconds: 600,
  });
  const tracing = await startTracing(config, readVersion(), logger);
  if (tracing) closers.add('traces', () => tracing.close());
  const http = await openOwnPort(config, logger, cors, metrics, tracing, closers);
  const exporter = await forOperator(
    startMetricsServer({ host: config.host, port: config.metricsPort, registry: metrics.registry }),
    { number: config.metricsPort, setting: 'ANALYTICS_METRICS_PORT' },
  );
  closers.add('metrics', () => exporter.stop());

  const kernel = await openKernel();
  const log = await forOperator(openLog(config, dataDir, logger));
  closers.add('log', () => log.close());
  const ingestRate = startRateMeter(() => metrics.ingest.accepted.total);
  closers.add('rates', async () => ingestRate.stop());
  const foundation: Foundation = {
    version: readVersion(),
    startedAt: now(),
    dataDir,
    deadLetterTopic: DEAD_LETTER_TOPIC,
    derivedTopic: DERIVED_TOPIC,
    config,
    logger,
    metrics,
    health,
    tracing,
    ...guards,
    cors,
    kernel,
    http,
    log,
    ingestRate,
    closers,
    now,
  };
  watchLog(foundation);
  warnOfLoneRoles(foundation);
  if (config.roleSet.has('ingest')) await openIngest(foundation);
  await openCommon(foundation);
  const store = needsStore(config.roleSet) ? await openDatabase(foundation) : null;
  const live = store === null ? null : await openWithStore(foundation, store);
  await http.serve();
  // Closed first: what is under way is answered while everything behind it still stands. Sockets would hold it up.
  closers.add('requests', async () => {
    await Promise.all([http.close(config.stopDeadlineMs * REQUESTS_SHARE), live?.close()]);
  });
  return {
    url: http.url,
    metricsUrl: `http://${config.host}:${exporter.port}/metrics`,
    dataDir,
    clickhouse: store === null ? 'not needed by these roles' : await describeStore(config, store),
    open: isOpen(config),
    // Last, so that nothing comes between its making and its printing.
    firstKey: await forOperator(createFirstKey(config, guards.catalog)),
    store,
    async stop() {
      health.closing();
      const force = setTimeout(() => endByForce(store, logger), config.stopDeadlineMs);
      await closers.closeAll(logger);
      clearTimeout(force);
    },
  };
}

/** A ClickHouse that hangs would hold up everybody who waits for it. What is in the log is inserted after the next start. */
function endByForce(store: Store | null, logger: Logger): void {
  const pid = store?.pid() ?? null;
  logger.warn({ pid }, 'the service does not end in order; its ClickHouse is ended by force');
  try {
    if (pid !== null) process.kill(pid, 'SIGKILL');
  } catch {
    // It ended meanwhile.
  }
}

/** The port, with the certificate that its files hold at any time, where there are such. */
async function openOwnPort(
  config: Config,
  logger: Logger,
  cors: Cors,
  metrics: Metrics,
  tracing: Tracing | null,
  closers: Closers,
): Promise<HttpServer> {
  const files = { certFile: config.tlsCertFile, keyFile: config.tlsKeyFile };
  const tls = files.certFile === '' ? null : await forOperator(readTlsFiles(files));
  const http = await openPort(config, logger, cors, metrics, tracing, tls);
  closers.add('http', () => http.close(config.stopDeadlineMs));
  if (tls !== null) {
    const watch = watchTlsFiles(files, tls, (pair) => http.setTls(pair), logger);
    closers.add('certificate', () => watch.stop());
  }
  return http;
}

async function openPort(
  config: Config,
  logger: Logger,
  cors: Cors,
  metrics: Metrics,
  tracing: Tracing | null,
  tls: TlsPair | null,
): Promise<HttpServer> {
  const opening = openHttpServer({
    host: config.host,
    port: config.port,
    logger,
    cors,
    tracing,
    ...(tls !== null && { tls }),
    servedElsewhere: (path) => isServedElsewhere(path, config.roleSet),
    onAnswered: ({ method, route, status, seconds }) =>
      metrics.http.seconds.observe({ method, route, status: String(status) }, seconds),
  });
  return await forOperator(opening, { number: config.port, setting: 'PORT' });
}

async function openDatabase({ config, dataDir, logger, closers, tracing }: Foundation): Promise<Store> {
  const store = await forOperator(
    openStore({
      urls: config.chUrls,
      username: config.chUser,
      password: config.chPassword,
      database: config.chDatabase,
      dataDir,
      memoryBytesMax: config.chMemoryBytes,
      log: logger,
      tracing,
    }),
  );
  closers.add('clickhouse', () => store.close());
  const automatic = config.chAutoCreate === '' && store.kind === 'embedded';
  if (config.chAutoCreate === '1' || automatic) await forOperator(migrateStore(config, store, logger));
  else await forOperator(checkStore(config, store));
  return store;
}

/** What `/health` says. Only a log that takes nothing makes the whole down, and only where events are taken. */
function watchLog({ config, health, log }: Foundation): void {
  const vital = config.roleSet.has('ingest');
  health.probe('log', { vital }, () => {
    const { ok, reason } = log.health();
    return { state: ok ? 'ok' : vital ? 'down' : 'degraded', reason };
  });
}

/** The local log belongs to one process: what a role of this one leaves to others, no other can do. */
function warnOfLoneRoles({ config, log, logger }: Foundation): void {
  const missing = (['ingest', 'pipeline'] as const).filter((role) => !config.roleSet.has(role));
  if (log.kind !== 'local' || missing.length === 0) return;
  logger.warn(
    { roles: [...config.roleSet], missing },
    'the local log is open to this process alone, so nobody else can be its ' +
      `${missing.join(' or ')}; roles in processes of their own need Kafka (ANALYTICS_KAFKA_BROKERS)`,
  );
}

async function openWithStore(foundation: Foundation, store: Store): Promise<Live | null> {
  const { metrics, logger, now } = foundation;
  const plans = watchPlans(foundation.catalog, logger, now);
  foundation.closers.add('plans', () => plans.stop());
  const house: House = { ...foundation, store, plans, facts: new PipelineFacts(metrics, logger, now) };
  watchParts(house);
  return await openRoles(house);
}

async function describeStore(config: Config, store: Store): Promise<string> {
  return `${store.kind === 'embedded' ? 'embedded' : config.chUrls.join(', ')}, ${await store.version()}`;
}

function watchParts({ config, health, store, facts }: House): void {
  health.probe('clickhouse', { vital: false }, () => {
    const { ok, reason } = store.state();
    return { state: ok ? 'ok' : 'degraded', reason };
  });
  if (!config.roleSet.has('pipeline')) return;
  health.probe('pipeline', { vital: false }, () => {
    const { failure } = facts;
    return { state: failure === null ? 'ok' : 'degraded', reason: failure };
  });
}
