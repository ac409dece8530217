import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { createRateLimiter } from './access/rate-limit.ts';
import { openCatalog } from './catalog/catalog.ts';
import type { Config } from './config.ts';
import { serveDashboard } from './dashboard.ts';
import { startDerived } from './derived/derived.ts';
import { startWebhooks } from './derived/webhooks.ts';
import type { Foundation, House } from './house.ts';
import { addHealthRoutes } from './http/health.ts';
import { nowhere, openGeoLookup } from './ingest/geo.ts';
import { createIngest, defaultIngestLimits } from './ingest/ingest.ts';
import { createResend } from './ingest/resend.ts';
import { createJudge } from './letters/judge.ts';
import { type Live, openLive } from './live/live.ts';
import { startFollower } from './pipeline/follow.ts';
import { startPipeline } from './pipeline/pipeline.ts';
import { estimateInFlight, readPipelineFacts, reportLag } from './pipeline-report.ts';
import { docsRoutes } from './query/docs.ts';
import { createRouteBook } from './query/openapi.ts';
import { queryRoutes } from './query/query.ts';
import type { LetterDesk } from './query/replay.ts';
import type { Role } from './settings/process.ts';
import { writeLetterStates } from './store/dead-letters.ts';
import { EventStore } from './store/events.ts';
import type { PlacesBefore } from './store/questions/realtime.ts';

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
  if (publishedFrom) followTails(house, live, publishedFrom);
  await followDerived(house, live);
  http.addUpgrade('/ws', (...upgrade) => live.handleUpgrade(...upgrade));
  await http.app.register(live.plugin);
  gate.serving();
  return live;
}

/** Every socket hears of derived events, whichever process derives them. */
async function followDerived({ log, logger, derivedTopic, closers }: House, live: Live): Promise<void> {
  const ending = new AbortController();
  const following = log
    .topic(derivedTopic)
    .tail((records) => live.publishDerived(records), ending.signal)
    .catch((error: unknown) => logger.error({ err: error }, 'sockets hear of derived events no more'));
  closers.add('derived events on sockets', async () => {
    ending.abort();
    await following;
  });
}

/** Whether the pipeline of this process stores every event of the installation: the local log has one process. */
function ownsEverything({ config, log }: House): boolean {
  return log.kind === 'local' && config.roleSet.has('pipeline');
}

/** Per source, the first offset that the pipeline has not committed, wherever it runs. */
async function readCommitted({ config, log, logger }: House): Promise<readonly PlacesBefore[]> {
  const deadline = performance.now() + COMMITTED_WITHIN_MS;
  for (;;) {
    try {
      const all = config.sources.map(async ({ topic }) => {
        const lag = await log.topic(topic).lag(config.groupId);
        return lag.map(({ partition, committed }) => ({ topic, partition, before: committed }));
      });
      return (await Promise.all(all)).flat();
    } catch (error) {
      // Brokers that have just started know no coordinator of groups for a moment.
      if (performance.now() >= deadline) throw error;
      logger.debug({ err: error }, 'the log does not tell yet how far the pipeline is');
      await delay(500);
    }
  }
}

/** Live views of the whole service, whichever processes store it. */
function followTails(house: House, live: Live, from: readonly PlacesBefore[]): void {
  const { config, log, kernel, store, logger, health, now, closers } = house;
  let failure: string | null = null;
  health.probe('live tail', { vital: false }, () => ({
    state: failure === null ? 'ok' : 'degraded',
    reason: failure,
  }));
  for (const source of config.sources) {
    const places = from.filter(({ topic }) => topic === source.topic);
    const follower = startFollower({
      topic: log.topic(source.topic),
      from: new Map(places.map(({ partition, before }) => [partition, before])),
      kernel,
      store: new EventStore(store.client),
      limits: decisionLimits(config),
      defaultApp: source.app ?? config.defaultApp,
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
}

/** What decides about an event, wherever it is read. */
function decisionLimits(config: Config) {
  return {
    dedupeWindowMs: config.dedupeWindowMinutes * 60_000,
    dedupeEntriesMax: config.dedupeEntriesMax,
    sessionActorsMax: config.sessionActorsMax,
    timestampAgeMaxMs: ingestLimits(config).ageMaxMs,
    timestampAheadMaxMs: defaultIngestLimits.aheadMaxMs,
  };
}

async function openPipeline(house: House, live: Live | null): Promise<void> {
  const { config, health, log, store, kernel, facts, now, closers } = house;
  const gate = health.role('pipeline');
  const feed = ownsEverything(house) ? live : null;
  const pipeline = await startPipeline({
    log,
    kernel,
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
    tracing: house.tracing,
    limits: {
      batchRowsMax: config.batchRows,
      batchBytesMax: config.batchBytes,
      flushAfterMs: config.flushMs,
      readBytesMax: 4 * 1024 * 1024,
      leaseMs: config.leaseMs,
      ...decisionLimits(config),
    },
    recompute: {
      everyMs: config.recomputeEveryMs,
      rowsMax: config.recomputeRowsMax,
      gapLimitMs: config.gapLimitMs,
      engagementEveryMs: config.engagementEveryMs,
    },
  });
  closers.add('pipeline', () => pipeline.stop());
  await openDerived(house);
  reportLag(house, pipeline);
  gate.serving();
}

/** What is derived from stored events, and those who are told of it. */
async function openDerived(house: House): Promise<void> {
  const { config, log, store, facts, metrics, now, closers } = house;
  if (config.derivedAgeMaxHours === 0) return;
  const failed = (stage: string, error: unknown) => facts.failed(stage, error);
  // First, so that none of what is published is before their time.
  const webhooks = await startWebhooks({
    log,
    topic: house.derivedTopic,
    deadLetterTopic: house.deadLetterTopic,
    group: config.groupId,
    urls: config.webhookUrls,
    secret: config.webhookSecret,
    timeoutMs: config.webhookTimeoutMs,
    inFlightMax: config.webhookInFlight,
    giveUpAfterMs: config.webhookGiveUpHours * 3_600_000,
    allowPrivate: config.webhookAllowPrivate,
    version: house.version,
    observer: {
      failed,
      attempted(webhook, outcome, seconds) {
        metrics.derived.deliveries.inc({ webhook, outcome });
        if (outcome !== 'given_up') metrics.derived.deliverySeconds.observe({ webhook }, seconds);
      },
      lag: (webhook, records) => metrics.derived.webhookLag.set({ webhook }, records),
    },
    now,
  });
  closers.add('webhooks', () => webhooks.stop());
  const derived = await startDerived({
    log,
    client: store.client,
    topic: house.derivedTopic,
    sources: config.sources.map(({ topic }) => topic),
    group: config.groupId,
    gapLimitMs: config.gapLimitMs,
    limits: {
      everyMs: config.derivedEveryMs,
      silenceMs: config.derivedSilenceMs,
      ageMaxMs: config.derivedAgeMaxHours * 3_600_000,
    },
    observer: {
      failed,
      published: (name, count) => metrics.derived.published.add(name, count),
    },
    now,
  });
  closers.add('derived events', () => derived.stop());
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
    letters: createLetterDesk(house),
    now,
  });
  await serveDashboard(http.app);
  gate.serving();
}

const LETTER_STATES_TIMEOUT_MS = 10_000;

/** Dead letters go back where ingest puts events, judged as ingest judges them. */
function createLetterDesk({ config, kernel, log, store, now }: House): LetterDesk {
  const { ageMaxMs, aheadMaxMs, ackTimeoutMs } = ingestLimits(config);
  return {
    judge: createJudge({ kernel, defaultApp: config.defaultApp, ageMaxMs, aheadMaxMs }),
    resend: createResend({ topic: log.topic(config.topic), ackTimeoutMs, now }),
    settle: (rows, queryId) => writeLetterStates(store.client, rows, queryId, LETTER_STATES_TIMEOUT_MS),
  };
}
