import { type Cache, openCache } from '../cache/cache.ts';
import { serveDashboard } from '../dashboard.ts';
import type { House } from '../house.ts';
import { createResend } from '../ingest/resend.ts';
import { createJudge } from '../letters/judge.ts';
import { estimateInFlight, readPipelineFacts } from '../pipeline-report.ts';
import { createAnswers } from '../query/answers.ts';
import { boundStore } from '../query/bounded-store.ts';
import { queryRoutes } from '../query/query.ts';
import type { LetterDesk } from '../query/replay.ts';
import { SqlDesk } from '../query/sql/desk.ts';
import { forOperator } from '../start-error.ts';
import { writeLetterStates } from '../store/dead-letters.ts';
import { openViewMoments } from '../store/view-moments.ts';
import { alertOptions, openAlerts } from './alerts.ts';
import { ingestLimits } from './limits.ts';

/** Composes the query role: what is asked, and what answers are made of. */

export async function openQuery(house: House): Promise<void> {
  const { config, health, http, store, access, metrics, now, closers } = house;
  const gate = health.role('query');
  const catalog = await forOperator(house.catalog.open());
  watchPart(house, 'catalogue', catalog);
  const cache = openAnswerCache(house);
  const moments = openViewMoments({ store: store.client, gapLimitMs: config.gapLimitMs, log: house.logger });
  closers.add('moments', () => moments.close());
  const answers = createAnswers({
    cache,
    freshMs: config.answerFreshMs,
    settledMs: config.answerSettledSeconds * 1000,
    version: () => metrics.eventsInserted.total,
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
    funnelFreshMs: config.funnelFreshSeconds * 1000,
    inFlight: () => estimateInFlight(house),
    pipelineFacts: () => readPipelineFacts(house),
    letters: createLetterDesk(house),
    sql: new SqlDesk({ store: store.client, adhoc: store.adhoc }),
    alerts: alertOptions(config),
    now,
  });
  openAlerts(house, catalog, { store: bounded, moments, gapLimitMs: config.gapLimitMs });
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
