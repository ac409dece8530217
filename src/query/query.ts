/**
 * HTTP out: one file a question, registered here. In: requests of the scopes `read` and `admin`. Out: JSON in the shapes
 * of the product, or problems. Nothing can be lost: what is asked is read from ClickHouse and the catalogue, or is an
 * answer that was read a moment ago.
 */
import type { FastifyInstance } from 'fastify';
import type { Access } from '../access/access.ts';
import type { Catalog } from '../catalog/catalog.ts';
import type { StoreClient } from '../store/client.ts';
import type { Kept } from '../store/sql/kept-sessions.ts';
import type { ViewMoments } from '../store/view-moments.ts';
import { type AlertOptions, addAlertRoutes } from './alerts.ts';
import { answerRoutes } from './answer-routes.ts';
import type { Answers } from './answers.ts';
import { addAppsRoutes } from './apps.ts';
import { addAuditRoute, auditRoutes } from './audit.ts';
import { addBehaviorRoute } from './behavior.ts';
import { guardRoutes } from './caller.ts';
import { addDeadLetterRoutes } from './dead-letters.ts';
import { addLetterActions } from './dead-letters-replay.ts';
import { addEventsRoute } from './events.ts';
import { addFunnelRoutes } from './funnels.ts';
import { addKeysRoutes } from './keys.ts';
import { addLedgerRoute } from './ledger.ts';
import { addMetricsRoute } from './metrics.ts';
import { addPathsRoute } from './paths.ts';
import { addPipelineRoute, type PipelineFacts } from './pipeline.ts';
import { addPlanRoutes } from './plans.ts';
import type { LetterDesk } from './replay.ts';
import { ReportDesk } from './report-desk.ts';
import { addReportRoutes } from './reports.ts';
import { addRetentionRoute } from './retention.ts';
import { addSessionStatsRoute } from './session-stats.ts';
import { addSessionsRoute } from './sessions.ts';
import type { SqlDesk } from './sql/desk.ts';
import { addSqlRoutes } from './sql.ts';
import { asProblem } from './store-problem.ts';
import { addSubjectRoutes, type ErasureDesk } from './subjects.ts';
import { addVideoRoute } from './video.ts';
import { addVideosRoutes } from './videos.ts';

export interface QueryOptions {
  readonly store: Pick<StoreClient, 'select' | 'stream'>;
  /** What questions about views share. */
  readonly moments: ViewMoments;
  readonly catalog: Catalog;
  readonly access: Pick<Access, 'authorize'>;
  /** Called after a key of the catalogue was changed here. Default: nobody is told. */
  readonly keysChanged?: () => void;
  readonly answers: Answers;
  /** Cap of one stretch of watch time; the same that the recompute is given. */
  readonly gapLimitMs: number;
  /** Names of events that are conversions. */
  readonly conversionEvents: readonly string[];
  /** What sessions outlive raw. Default: none do. */
  readonly kept?: () => Kept | null;
  /** How long the answer of a funnel may be given again. Default: 15 minutes. */
  readonly funnelFreshMs?: number;
  /** Events taken and not yet committed. */
  readonly inFlight: () => Promise<number>;
  readonly pipelineFacts: () => PipelineFacts | Promise<PipelineFacts>;
  /** What sends dead letters again; null in a process that has no log. */
  readonly letters: LetterDesk | null;
  /** What erases people. Null: the routes are not there. */
  readonly erasure: ErasureDesk | null;
  readonly sql: SqlDesk;
  /** Default: no alert is built in, and every URL may be told. */
  readonly alerts?: AlertOptions;
  /** Epoch ms. */
  readonly now: () => number;
}

/** `app.register(queryRoutes, options)`. */
export async function queryRoutes(app: FastifyInstance, options: QueryOptions): Promise<void> {
  guardRoutes(app, options.access);
  auditRoutes(app, (entry) => options.catalog.audit.add(entry));
  // The shapes of answers are tested, so they are written as they are.
  app.setSerializerCompiler(() => (answer) => JSON.stringify(answer));
  app.addHook('onRequest', async (_request, reply) => {
    reply.header('cache-control', 'no-store');
  });
  // Also for what the catalogue says of itself; the outer handler answers.
  app.setErrorHandler((error) => {
    throw asProblem(error);
  });
  answerRoutes(app, options);
  addVideoRoute(app, options);
  addMetricsRoute(app, options);
  addEventsRoute(app, options);
  addSessionsRoute(app, options);
  addSessionStatsRoute(app, options);
  addFunnelRoutes(app, options);
  addPlanRoutes(app, options);
  addRetentionRoute(app, options);
  addPathsRoute(app, options);
  addLedgerRoute(app, options);
  addDeadLetterRoutes(app, options);
  addLetterActions(app, options);
  addAppsRoutes(app, options);
  addKeysRoutes(app, options);
  addAuditRoute(app, options);
  addAlertRoutes(app, options);
  addVideosRoutes(app, options);
  addSubjectRoutes(app, options);
  addPipelineRoute(app, options);
  addSqlRoutes(app, options);
  const reports = new ReportDesk(options);
  addBehaviorRoute(app, options, reports);
  addReportRoutes(app, options, reports);
}
