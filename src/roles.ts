import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createRateLimiter } from './access/rate-limit.ts';
import { openCatalog } from './catalog/catalog.ts';
import type { Config } from './config.ts';
import { serveDashboard } from './dashboard.ts';
import type { Foundation, House } from './house.ts';
import { addHealthRoutes } from './http/health.ts';
import { nowhere, openGeoLookup } from './ingest/geo.ts';
import { createIngest, defaultIngestLimits } from './ingest/ingest.ts';
import { type Live, openLive } from './live/live.ts';
import { startFollower } from './pipeline/follow.ts';
import { startPipeline } from './pipeline/pipeline.ts';
import { estimateInFlight, readPipelineFacts, reportLag } from './pipeline-report.ts';
import { docsRoutes } from './query/docs.ts';
import { createRouteBook } from './query/openapi.ts';
import { queryRoutes } from './query/query.ts';
import type { Role } from './settings/process.ts';
import { EventStore } from './store/events.ts';

/**
 * The roles that need ClickHouse, in the order that loses nothing: the live state, rebuilt before new batches come; then
 * the pipeline that feeds it; then what is asked.
 */
export async function openRoles(house: House): Promise<Live | null> {
  const { config } = house;
  const live = config.roleSet.has('live') ? await openLiveRole(house) : null;
  if (config.roleSet.has('pipeline')) await openPipeline(house, live);
  if (config.roleSet.has('query')) await openQuery(house);
  return live;
}

/** What every process serves, whatever its roles. Routes that come later are in the book too. */
export async function openCommon({ health, http, version }: Foundation): Promise<void> {
  addHealthRoutes(http.app, health);
  const book = createRouteBook();
  book.collect(http.app);
  await http.app.register(docsRoutes, { book, version, url: http.url });
}

/** Whether one of the roles asks or fills ClickHouse. */
export function needsStore(roles: ReadonlySet<Role>): boolean {
  return roles.has('pipeline') || roles.has('query') || roles.has('live');
}

/** Needs the log alone: what it takes is safe there, whatever becomes of the rest. */
export async function openIngest(house: Foundation): Promise<void> {
  const { config, health, http, log, kernel } = house;
  const gate = health.role('ingest');
  const rate = config.ingestRateLimit;
  const ingest = createIngest({
    ...house,
    scanner: kernel.scanner,
    topic: log.topic(config.topic),
    deadLetters: log.topic(house.deadLetterTopic),
    rateLimiter:
      rate > 0
        ? createRateLimiter({ tokensPerSecond: rate, burst: rate * 2, bucketsMax: 100_000, now: house.now })
        : null,
    limits: ingestLimits(config),
    geo: config.geoDatabase === '' ? nowhere : await openGeoLookup(config.geoDatabase),
    ready: () => true,
    pressure: () => null,
  });
  http.addHot(ingest.routes);
  gate.serving();
}

/** A live process waits for the brokers this long before it gives up its start. */
const COMMITTED_WITHIN_MS = 30_000;

/** Paths of the roles, the longest match first. */
const PATHS: readonly (readonly [prefix: string, role: Role])[] = [
  ['/v1/ingest/', 'ingest'],
  ['/api/events', 'ingest'],
  ['/events', 'ingest'],
  ['/api/metrics/realtime', 'live'],
  ['/v1/realtime/', 'live'],
  ['/ws', 'live'],
  ['/api/metrics/video/', 'query'],
  ['/metrics', 'query'],
  ['/v1/', 'query'],
  ['/assets/', 'query'],
];

/** Whether the path belongs to a role that this process does not have. */
export function isServedElsewhere(path: string, roles: ReadonlySet<Role>): boolean {
  const role = path === '/' ? 'query' : PATHS.find(([prefix]) => path.startsWith(prefix))?.[1];
  return role !== undefined && !roles.has(role);
}

function ingestLimits(config: Config) {
  return {
    ...defaultIngestLimits,
    bodyBytesMax: config.ingestBodyBytesMax,
    eventsMax: config.ingestEventsMax,
    bodyBytesInFlightMax: config.ingestBytesInFlightMax,
    requestsInFlightMax: config.ingestRequestsInFlightMax,
    ackTimeoutMs: config.ingestAckTimeoutMs,
    ageMaxMs: config.timestampAgeMaxDays * 86_400_000,
  };
}

async function openLiveRole(house: House): Promise<Live> {
  const { config, access, cors, http, health, logger, metrics, store, closers } = house;
  const gate = health.role('live');
  const publishedFrom = ownsEverything(house) ? null : await readCommitted(house);
  const live = await openLive({
    client: store.client,
    authorize: async (request, from) => {
      const decision = await access.authorize(request, 'read', from === 'socket');
      return decision.granted ? { granted: true, apps: decision.principal.apps } : decision;
    },
    allowsOrigin: (request) => cors.allows(request.headers, 'api'),
    connections: metrics.websocketConnections,
    log: logger,
    limits: { socketsMax: config.wsSocketsMax, eventsPerSecondMax: config.wsEventsPerSecondMax },
    viewsMax: config.viewsMax,
    now: house.now,
    ...(publishedFrom ? { publishedFrom } : {}),
  });
  closers.add('live', () => live.close());
  if (publishedFrom) followTail(house, live, publishedFrom);
  http.addUpgrade('/ws', (...upgrade) => live.handleUpgrade(...upgrade));
  await http.app.register(live.plugin);
  gate.serving();
  return live;
}

/** Whether the pipeline of this process stores every event of the installation: the local log has one process. */
function ownsEverything({ config, log }: House): boolean {
  return log.kind === 'local' && config.roleSet.has('pipeline');
}

/** Per partition, the first offset that the pipeline has not committed, wherever it runs. */
async function readCommitted({ config, log, logger }: House): Promise<ReadonlyMap<number, number>> {
  const deadline = performance.now() + COMMITTED_WITHIN_MS;
  for (;;) {
    try {
      const lag = await log.topic(config.topic).lag(config.groupId);
      return new Map(lag.map(({ partition, committed }) => [partition, committed]));
    } catch (error) {
      // Brokers that have just started know no coordinator of groups for a moment.
      if (performance.now() >= deadline) throw error;
      logger.debug({ err: error }, 'the log does not tell yet how far the pipeline is');
      await delay(500);
    }
  }
}

/** Live views of the whole service, whichever processes store it. */
function followTail(house: House, live: Live, from: ReadonlyMap<number, number>): void {
  const { config, log, kernel, store, logger, health, now, closers } = house;
  let failure: string | null = null;
  health.probe('live tail', { vital: false }, () => ({
    state: failure === null ? 'ok' : 'degraded',
    reason: failure,
  }));
  const follower = startFollower({
    topic: log.topic(config.topic),
    from,
    kernel,
    store: new EventStore(store.client),
    limits: dedupeLimits(config),
    defaultApp: config.defaultApp,
    failed(stage, error) {
      failure = `${stage}: ${error instanceof Error ? error.message : String(error)}`;
      logger.warn({ stage, err: error }, 'live views go on without it');
    },
    read() {
      failure = null;
    },
    now,
    publish: (batch) => live.publish(batch),
  });
  closers.add('live tail', () => follower.stop());
}

function dedupeLimits(config: Config) {
  return {
    dedupeWindowMs: config.dedupeWindowMinutes * 60_000,
    dedupeEntriesMax: config.dedupeEntriesMax,
    sessionActorsMax: config.sessionActorsMax,
  };
}

async function openPipeline(house: House, live: Live | null): Promise<void> {
  const { config, health, log, store, kernel, facts, now, closers } = house;
  const gate = health.role('pipeline');
  const feed = ownsEverything(house) ? live : null;
  const pipeline = await startPipeline({
    log,
    kernel,
    client: store.client,
    topic: config.topic,
    deadLetterTopic: house.deadLetterTopic,
    group: config.groupId,
    defaultApp: config.defaultApp,
    observer: facts,
    generation: () => store.generation(),
    ownServer: store.kind === 'embedded',
    now,
    publish: (batch) => feed?.publish(batch),
    tracing: house.tracing,
    limits: {
      batchRowsMax: config.batchRows,
      batchBytesMax: config.batchBytes,
      flushAfterMs: config.flushMs,
      readBytesMax: 4 * 1024 * 1024,
      leaseMs: config.leaseMs,
      ...dedupeLimits(config),
    },
    recompute: {
      everyMs: config.recomputeEveryMs,
      rowsMax: config.recomputeRowsMax,
      gapLimitMs: config.gapLimitMs,
      engagementEveryMs: config.engagementEveryMs,
    },
  });
  closers.add('pipeline', () => pipeline.stop());
  reportLag(house, pipeline);
  gate.serving();
}

async function openQuery(house: House): Promise<void> {
  const { config, health, http, store, access, now, closers } = house;
  const gate = health.role('query');
  const catalog = await openCatalog({ dir: join(house.dataDir, 'catalog'), now });
  closers.add('catalogue', () => catalog.close());
  await http.app.register(queryRoutes, {
    store: store.client,
    catalog,
    access,
    gapLimitMs: config.gapLimitMs,
    inFlight: () => estimateInFlight(house),
    pipelineFacts: () => readPipelineFacts(house),
    now,
  });
  await serveDashboard(http.app);
  gate.serving();
}
