import { mkdir, readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { type Access, createAccess } from './access/access.ts';
import { readAddressList } from './access/addresses.ts';
import { readApiKeys } from './access/keys.ts';
import { type Config, isLoopback } from './config.ts';
import { openKernel } from './event/kernel/wasm.ts';
import { Closers, type Foundation, type House } from './house.ts';
import { type Cors, createCors } from './http/cors.ts';
import { type HttpServer, openHttpServer } from './http/server.ts';
import { openLog } from './open-log.ts';
import { PipelineFacts } from './pipeline/facts.ts';
import { isServedElsewhere, openIngest, openRoles } from './roles.ts';
import { forOperator } from './start-error.ts';
import { openStore, type Store } from './store/open.ts';
import { checkStore, migrateStore } from './tables.ts';
import { createHealth } from './telemetry/health.ts';
import type { Logger } from './telemetry/logger.ts';
import { createMetrics, type Metrics } from './telemetry/metrics.ts';
import { startMetricsServer } from './telemetry/metrics-server.ts';
import { startRateMeter } from './telemetry/rate.ts';
import { DEAD_LETTER_TOPIC } from './topics.ts';
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
  readonly store: Store;
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
  const access = createGuards(config);
  const cors = createCors({
    origins: config.corsOrigins.length > 0 ? config.corsOrigins : null,
    maxAgeSeconds: 600,
  });
  const http = await openPort(config, logger, cors, metrics);
  closers.add('http', () => http.close(config.stopDeadlineMs));
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
    config,
    logger,
    metrics,
    health,
    access,
    cors,
    kernel,
    http,
    log,
    ingestRate,
    closers,
    now,
  };
  if (config.roleSet.has('ingest')) await openIngest(foundation);
  const store = await openDatabase(foundation);
  const house: House = { ...foundation, store, facts: new PipelineFacts(metrics, logger, now) };
  watchParts(house);
  const live = await openRoles(house);
  await http.serve();
  // Closed first: what is under way is answered while everything behind it still stands. Sockets would hold it up.
  closers.add('requests', async () => {
    await Promise.all([http.close(config.stopDeadlineMs * REQUESTS_SHARE), live?.close()]);
  });
  return {
    url: http.url,
    metricsUrl: `http://${config.host}:${exporter.port}/metrics`,
    dataDir,
    clickhouse: `${store.kind === 'embedded' ? 'embedded' : config.chUrls.join(', ')}, ${await store.version()}`,
    open: config.adminKey === '' && isLoopback(config.host),
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
function endByForce(store: Store, logger: Logger): void {
  const pid = store.pid();
  logger.warn({ pid }, 'the service does not end in order; its ClickHouse is ended by force');
  try {
    if (pid !== null) process.kill(pid, 'SIGKILL');
  } catch {
    // It ended meanwhile.
  }
}

async function openPort(config: Config, logger: Logger, cors: Cors, metrics: Metrics): Promise<HttpServer> {
  const tls = await forOperator(readTls(config));
  const opening = openHttpServer({
    host: config.host,
    port: config.port,
    logger,
    cors,
    ...tls,
    servedElsewhere: (path) => isServedElsewhere(path, config.roleSet),
    onAnswered: ({ method, route, status, seconds }) =>
      metrics.http.seconds.observe({ method, route, status: String(status) }, seconds),
  });
  return await forOperator(opening, { number: config.port, setting: 'PORT' });
}

async function openDatabase({ config, dataDir, logger, closers }: Foundation): Promise<Store> {
  const store = await forOperator(
    openStore({
      urls: config.chUrls,
      username: config.chUser,
      password: config.chPassword,
      database: config.chDatabase,
      dataDir,
      memoryBytesMax: config.chMemoryBytes,
      log: logger,
    }),
  );
  closers.add('clickhouse', () => store.close());
  const automatic = config.chAutoCreate === '' && store.kind === 'embedded';
  if (config.chAutoCreate === '1' || automatic) await forOperator(migrateStore(config, store, logger));
  else await forOperator(checkStore(config, store));
  return store;
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
