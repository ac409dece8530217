import { type Cache, openCache } from '../cache/cache.ts';
import type { Catalog } from '../catalog/catalog.ts';
import { serveDashboard } from '../dashboard.ts';
import type { House } from '../house.ts';
import { createResend } from '../ingest/resend.ts';
import { createJudge } from '../letters/judge.ts';
import { ERASED_REFRESH_MS } from '../pipeline/erased.ts';
import { estimateInFlight, readPipelineFacts } from '../pipeline-report.ts';
import { type Answers, createAnswers } from '../query/answers.ts';
import { boundStore } from '../query/bounded-store.ts';
import { startErasureRunner } from '../query/erasure-runner.ts';
import { queryRoutes } from '../query/query.ts';
import type { LetterDesk } from '../query/replay.ts';
import { SqlDesk } from '../query/sql/desk.ts';
import type { ErasureDesk } from '../query/subjects.ts';
import { startUpkeep } from '../query/upkeep.ts';
import { forOperator } from '../start-error.ts';
import { writeLetterStates } from '../store/dead-letters.ts';
import type { Uncommitted } from '../store/erasure.ts';
import { keptBefore } from '../store/kept-sessions.ts';
import { clusterDatabase } from '../store/remote.ts';
import { openViewMoments } from '../store/view-moments.ts';
import { readRetention } from '../tables.ts';
import { alertOptions, openAlerts } from './alerts.ts';
import { ingestLimits } from './limits.ts';

/** Composes the query role: what is asked, and what answers are made of. */

export async function openQuery(house: House): Promise<void> {
  const { config, health, http, store, access, metrics, now, closers } = house;
  const gate = health.role('query');
  const catalog = await forOperator(house.catalog.open());
  watchPart(house, 'catalogue', catalog);
  const cache = openAnswerCache(house);
  const moments = openViewMoments({
    store: store.client,
    gapLimitMs: config.gapLimitMs,
    freshMs: config.answerFreshMs,
    log: house.logger,
  });
  closers.add('moments', () => moments.close());
  const answers = createAnswers({
    cache,
    freshMs: config.answerFreshMs,
    afresh: () => moments.expire(),
    settledMs: config.answerSettledSeconds * 1000,
    observe: (outcome) => metrics.http.answers.add(outcome, 1),
  });
  const bounded = boundStore(store.client, config.questionsAtOnceMax);
  closers.add('questions', async () => bounded.close());
  await http.app.register(queryRoutes, {
    store: bounded,
    moments,
    catalog,
    access,
    keysChanged: () => house.storedKeys.forget(),
    answers,
    gapLimitMs: config.gapLimitMs,
    conversionEvents: config.conversionEvents,
    kept: () => keptBefore(now(), readRetention(config)),
    funnelFreshMs: config.funnelFreshSeconds * 1000,
    inFlight: () => estimateInFlight(house),
    pipelineFacts: () => readPipelineFacts(house),
    letters: createLetterDesk(house),
    erasure: openErasures(house, catalog, answers),
    sql: new SqlDesk({ store: store.client, adhoc: store.adhoc }),
    alerts: alertOptions(config),
    now,
  });
  openUpkeep(house, catalog);
  openAlerts(house, catalog, { store: bounded, moments, gapLimitMs: config.gapLimitMs });
  await serveDashboard(http.app);
  gate.serving();
}

function openUpkeep({ config, store, logger, now, closers }: House, catalog: Catalog): void {
  const retention = readRetention(config);
  const own = store.shards.map((client) => ({ client, database: client.database }));
  const spread = own.map(({ client, database }) => ({ client, database: clusterDatabase(database) }));
  const upkeep = startUpkeep({
    catalog,
    client: store.client,
    places: own.length > 1 ? [...own, ...spread] : own,
    days: retention.eventsDays,
    funnelsEveryMs: config.funnelStatsSeconds * 1000,
    kept: () => keptBefore(now(), retention),
    conversionEvents: config.conversionEvents,
    failed: (stage, error) => logger.warn({ err: error, stage }, `${stage}: failed; it is tried again`),
    leftOut: (names) => logger.warn({ funnels: names }, 'funnel_events has no room for all funnels'),
  });
  closers.add('upkeep', () => upkeep.stop());
}

/** The clocks of servers differ, and ours from theirs. */
const FENCE_MARGIN_MS = 1_000;
const DAY_MS = 86_400_000;

function openErasures(house: House, catalog: Catalog, answers: Answers): ErasureDesk {
  const { config, store, log, logger, now, closers } = house;
  const runner = startErasureRunner({
    catalog,
    client: store.client,
    shards: store.shards,
    uncommitted: () => readUncommitted(house),
    fenceMs: ERASED_REFRESH_MS + config.leaseMs + FENCE_MARGIN_MS,
    keptMs: config.erasuresKeptDays * DAY_MS,
    changed: () => answers.forget(),
    failed: (error) => logger.warn({ err: error }, 'an erasure waits; it is tried again'),
    now,
  });
  closers.add('erasures', () => runner.stop());
  return { runner, logKeptMs: log.kind === 'local' ? config.logRetentionDays * DAY_MS : null };
}

async function readUncommitted({ config, log }: House): Promise<Uncommitted[]> {
  const all = config.sources.map(async (source) => {
    const topic = log.topic(source.topic);
    const lag = await topic.lag(config.groupId);
    return lag.map(({ partition, committed }) => ({ topic: topic.origin, partition, from: committed }));
  });
  return (await Promise.all(all)).flat();
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

function openAnswerCache(house: House): Cache {
  const { config, logger, metrics, closers } = house;
  const { redisUrl: url, cacheTimeoutMs: timeoutMs, cachePauseMs: pauseMs } = config;
  const cache = openCache({
    redis: url === '' ? null : { url, timeoutMs, pauseMs },
    bytesMax: config.cacheBytes,
    observe: (operation, outcome) => metrics.http.cache.inc({ operation, outcome }),
    log: logger,
  });
  closers.add('cache', () => cache.close());
  if (cache.kind === 'redis') watchPart(house, 'cache', cache);
  return cache;
}

/** A part that can be away without harm to what is taken. */
function watchPart(
  { health }: House,
  name: string,
  part: { state(): { ok: boolean; reason: string | null } },
): void {
  health.probe(name, { vital: false }, () => {
    const { ok, reason } = part.state();
    return { state: ok ? 'ok' : 'degraded', reason };
  });
}
