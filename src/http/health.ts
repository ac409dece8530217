/** The routes that say how this process is: `/health`, its alias of seed 002, and `/ready`. */
import type { FastifyInstance } from 'fastify';

/** What the routes ask; the health registry of telemetry is one. */
export interface HealthSource {
  /** `down` exactly when events cannot be taken. */
  report(): { status: 'ok' | 'degraded' | 'down'; parts: readonly unknown[] };
  ready(): { ready: boolean; waiting: readonly string[] };
}

export function addHealthRoutes(app: FastifyInstance, health: HealthSource): void {
  for (const url of ['/health', '/api/metrics/health']) {
    app.get(url, async (_request, reply) => {
      const report = health.report();
      reply.code(report.status === 'down' ? 503 : 200).header('cache-control', 'no-store');
      if (report.status === 'down') reply.header('retry-after', 2);
      return report;
    });
  }
  app.get('/ready', async (_request, reply) => {
    const { ready, waiting } = health.ready();
    reply.code(ready ? 200 : 503).header('cache-control', 'no-store');
    if (!ready) reply.header('retry-after', 2);
    return { status: ready ? 'ready' : 'not_ready', waiting };
  });
}
