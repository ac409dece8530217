/** The numbers by HTTP: `GET /api/metrics/realtime` (seed 002) and the last half hour of them. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { HttpProblem } from '../http/problem.ts';
import type { RealtimeHistory } from './history.ts';
import { hashApp } from './snapshot.ts';
import type { RealtimeSource } from './source.ts';
import { type Authorize, readApps } from './subscription.ts';

const realtimePoint = Type.Object({
  time: Type.String({ format: 'date-time', description: 'End of the 60 seconds' }),
  concurrent_viewers: Type.Integer({ description: 'Distinct actors of active views' }),
  active_streams: Type.Integer({ description: 'Distinct streams of active views' }),
  bandwidth_gbps: Type.Number({ description: 'Sum of the last known bitrates of active views' }),
  events_per_second: Type.Number({ description: 'Events received in the last 60 seconds, by 60' }),
  error_rate: Type.Number({ description: 'Share of error events, 0 to 1' }),
});
const realtimeQuery = Type.Object({
  app_id: Type.Optional(
    Type.String({ description: 'One or several, comma-separated; default all you may see' }),
  ),
});
const realtimeHistory = Type.Object({ points: Type.Array(realtimePoint) });

interface RouteOptions {
  readonly source: RealtimeSource;
  readonly history: RealtimeHistory;
  readonly authorize: Authorize;
}

export function addRealtimeRoutes(app: FastifyInstance, { source, history, authorize }: RouteOptions): void {
  async function readHashes(request: FastifyRequest): Promise<readonly number[] | null> {
    const admission = await authorize(request.raw, 'route');
    if (!admission.granted) throw new HttpProblem(admission.code, admission.detail);
    const { app_id } = request.query as { app_id?: string };
    return readApps(app_id, admission.apps)?.map(hashApp) ?? null;
  }

  app.get(
    '/api/metrics/realtime',
    {
      config: { scopes: ['read'] },
      schema: {
        summary: 'Who is watching now',
        tags: ['Live'],
        querystring: realtimeQuery,
        response: { 200: realtimePoint },
      },
    },
    async (request, reply) => {
      const hashes = await readHashes(request);
      reply.header('cache-control', 'no-store');
      return source.snapshot().of(hashes);
    },
  );

  app.get(
    '/v1/realtime/history',
    {
      config: { scopes: ['read'] },
      schema: {
        summary: 'The last 30 minutes of it, a point each 10 seconds',
        tags: ['Live'],
        querystring: realtimeQuery,
        response: { 200: realtimeHistory },
      },
    },
    async (request, reply) => {
      const hashes = await readHashes(request);
      reply.header('cache-control', 'no-store');
      return { points: history.points(hashes) };
    },
  );
}
