/**
 * HTTP out: one file a question, registered here. In: requests of the scopes `read` and `admin`. Out: JSON in the shapes
 * of the product, or problems. Nothing can be lost: what is asked is read from ClickHouse and the catalogue each time.
 */
import type { FastifyInstance } from 'fastify';
import type { Access } from '../access/access.ts';
import type { Catalog } from '../catalog/catalog.ts';
import type { StoreClient } from '../store/client.ts';
import { guardRoutes } from './caller.ts';
import { addEventsRoute } from './events.ts';
import { addMetricsRoute } from './metrics.ts';
import { addVideoRoute } from './video.ts';

export interface QueryOptions {
  readonly store: Pick<StoreClient, 'select'>;
  readonly catalog: Catalog;
  readonly access: Pick<Access, 'authorize'>;
  /** Cap of one stretch of watch time; the same that the recompute is given. */
  readonly gapLimitMs: number;
  /** Epoch ms. */
  readonly now: () => number;
}

/** `app.register(queryRoutes, options)`. */
export async function queryRoutes(app: FastifyInstance, options: QueryOptions): Promise<void> {
  guardRoutes(app, options.access);
  // The shapes of answers are tested, so they are written as they are.
  app.setSerializerCompiler(() => (answer) => JSON.stringify(answer));
  addVideoRoute(app, options);
  addMetricsRoute(app, options);
  addEventsRoute(app, options);
}
