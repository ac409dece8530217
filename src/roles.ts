import { join } from 'node:path';
import { createRateLimiter } from './access/rate-limit.ts';
import { openCatalog } from './catalog/catalog.ts';
import type { Config } from './config.ts';
import { serveDashboard } from './dashboard.ts';
import type { Foundation, House } from './house.ts';
import { addHealthRoutes } from './http/health.ts';
import { nowhere, openGeoLookup } from './ingest/geo.ts';
import { createIngest, defaultIngestLimits } from './ingest/ingest.ts';
import { type Live, openLive } from './live/live.ts';
import type { PipelineLimits } from './pipeline/consumer.ts';
import { startPipeline } from './pipeline/pipeline.ts';
import { estimateInFlight, readPipelineFacts, reportLag } from './pipeline-report.ts';
import { docsRoutes } from './query/docs.ts';
import { createRouteBook } from './query/openapi.ts';
import { queryRoutes } from './query/query.ts';
import { createReplayRoutes } from './replay-routes.ts';
import type { Role } from './settings/process.ts';

/**
 * The roles that need ClickHouse, in the order that loses nothing: the live state, rebuilt before new batches come; then
 * the pipeline that feeds it; then what is asked.
 */
export async function openRoles(house: House): Promise<Live | null> {
  const { config, health, http } = house;
  addHealthRoutes(http.app, health);
  const book = createRouteBook();
  book.collect(http.app);
  await http.app.register(docsRoutes, { book, version: house.version, url: http.url });
  const live = config.roleSet.has('live') ? await openLiveRole(house) : null;
  if (config.roleSet.has('pipeline')) await openPipeline(house, live);
  if (config.roleSet.has('query')) await openQuery(house);
  return live;
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
  ['/v1/replay', 'pipeline'],
  ['/v1/', 'query'],
];

/** Whether the path belongs to a role that this process does not have. */
export function isServedElsewhere(path: string, roles: ReadonlySet<Role>): boolean {
  const role = PATHS.find(([prefix]) => path.startsWith(prefix))?.[1];
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
  const live = await openLive({
    client: store.client,
    // Without the pipeline in this process nobody tells it what was stored.
    source: config.roleSet.has('pipeline') ? 'state' : 'store',
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
  });
  closers.add('live', () => live.close());
  http.addUpgrade('/ws', (...upgrade) => live.handleUpgrade(...upgrade));
  await http.app.register(live.plugin);
  gate.serving();
  return live;
}

async function openPipeline(house: House, live: Live | null): Promise<void> {
  const { config, health, log, store, kernel, facts, now, closers } = house;
  const gate = health.role('pipeline');
  const limits = {
    batchRowsMax: config.batchRows,
    batchBytesMax: config.batchBytes,
    flushAfterMs: config.flushMs,
    readBytesMax: 4 * 1024 * 1024,
    leaseMs: config.leaseMs,
    dedupeWindowMs: config.dedupeWindowMinutes * 60_000,
    dedupeEntriesMax: config.dedupeEntriesMax,
    sessionActorsMax: config.sessionActorsMax,
  };
  const pipeline = await startPipeline({
    log,
    kernel,
    shards: store.shards,
    topic: config.topic,
    deadLetterTopic: house.deadLetterTopic,
    group: config.groupId,
    defaultApp: config.defaultApp,
    observer: facts,
    generation: () => store.generation(),
    ownServer: store.kind === 'embedded',
    now,
    publish: (batch) => live?.publish(batch),
    limits,
    recompute: {
      everyMs: config.recomputeEveryMs,
      rowsMax: config.recomputeRowsMax,
      gapLimitMs: config.gapLimitMs,
      engagementEveryMs: config.engagementEveryMs,
    },
  });
  closers.add('pipeline', () => pipeline.stop());
  await openReplay(house, limits);
  reportLag(house);
  gate.serving();
}

async function openReplay(house: House, limits: PipelineLimits): Promise<void> {
  const { config, access, http, log, store, kernel, logger, now, closers } = house;
  const routes = createReplayRoutes({
    access,
    logger,
    now,
    deps: {
      topic: log.topic(config.topic),
      group: config.groupId,
      kernel,
      shards: store.shards,
      defaultApp: config.defaultApp,
      limits,
      retentionDays: config.retentionEventsDays,
    },
  });
  closers.add('replay', () => routes.stop());
  await http.app.register((app) => routes.plugin(app));
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
