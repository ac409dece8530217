import { createRateLimiter } from './access/rate-limit.ts';
import type { DntMode } from './event/do-not-track.ts';
import type { Foundation, House } from './house.ts';
import { addHealthRoutes } from './http/health.ts';
import { nowhere, openGeoLookup } from './ingest/geo.ts';
import { createIngest } from './ingest/ingest.ts';
import { createSendOn } from './ingest/send-on.ts';
import type { Live } from './live/live.ts';
import { startPipeline } from './pipeline/pipeline.ts';
import { reportLag } from './pipeline-report.ts';
import { docsRoutes } from './query/docs.ts';
import { createRouteBook } from './query/openapi.ts';
import { tellIngestCounts } from './roles/alerts.ts';
import { openDerived } from './roles/derived.ts';
import { ingestLimits, pipelineLimits } from './roles/limits.ts';
import { openLiveRole, ownsEverything } from './roles/live.ts';
import { openQuery } from './roles/query.ts';
import { openReplay } from './roles/replay.ts';
import type { Role } from './settings/process.ts';

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
  const { config, health, http, log } = house;
  const gate = health.role('ingest');
  const rate = config.ingestRateLimit;
  const ingest = createIngest({
    ...house,
    topic: log.topic(config.topic),
    deadLetters: log.topic(house.deadLetterTopic),
    rateLimiter:
      rate > 0
        ? createRateLimiter({ tokensPerSecond: rate, burst: rate * 2, bucketsMax: 100_000, now: house.now })
        : null,
    limits: ingestLimits(config),
    dnt: config.honorDnt as DntMode,
    geo: config.geoDatabase === '' ? nowhere : await openGeoLookup(config.geoDatabase),
    ready: () => true,
    pressure: () => null,
  });
  http.addHot(ingest.routes);
  tellIngestCounts(house);
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
  ['/assets/', 'query'],
];

/** Whether the path belongs to a role that this process does not have. */
export function isServedElsewhere(path: string, roles: ReadonlySet<Role>): boolean {
  const role = path === '/' ? 'query' : PATHS.find(([prefix]) => path.startsWith(prefix))?.[1];
  return role !== undefined && !roles.has(role);
}

async function openPipeline(house: House, live: Live | null): Promise<void> {
  const { config, health, log, store, kernel, plans, facts, now, closers } = house;
  const gate = health.role('pipeline');
  const feed = ownsEverything(house) ? live : null;
  const pipeline = await startPipeline({
    log,
    kernel,
    plans,
    shards: store.shards,
    sources: config.sources,
    deadLetterTopic: house.deadLetterTopic,
    group: config.groupId,
    defaultApp: config.defaultApp,
    observer: facts,
    generation: () => store.generation(),
    ownServer: store.kind === 'embedded',
    now,
    publish: (batch) => feed?.publish(batch),
    sendOn: createSendOn(kernel, now),
    erasureKey: async () => await (await house.catalog.open()).erasures.key(),
    tracing: house.tracing,
    limits: pipelineLimits(config),
    recompute: {
      everyMs: config.recomputeEveryMs,
      rowsMax: config.recomputeRowsMax,
      gapLimitMs: config.gapLimitMs,
      engagementEveryMs: config.engagementEveryMs,
    },
  });
  closers.add('pipeline', () => pipeline.stop());
  await openReplay(house);
  await openDerived(house);
  reportLag(house, pipeline);
  gate.serving();
}
