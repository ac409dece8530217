import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import { askSessionStats, NO_SESSIONS, type SessionCounts } from '../store/questions/session-stats.ts';
import { SESSION_DIMENSIONS, type SessionDimension } from '../store/questions/sessions.ts';
import { intervalStarts } from './calendar.ts';
import { checkPoints } from './metrics.ts';
import type { QueryOptions } from './query.ts';
import { exactParam, iso, isoTime, nullable } from './schemas.ts';
import { readScope, scopeParams } from './scope.ts';
import { readSessionFilters, sessionFilterParams } from './sessions.ts';
import { ask } from './store-problem.ts';

const VALUES_DEFAULT = 100;

const Query = Type.Object({
  interval: Type.Optional(
    Type.Enum(['1h', '1d', '1w'], {
      description: '1h, 1d, 1w; without it `series` is empty. Weeks begin on Monday.',
    }),
  ),
  ...sessionFilterParams,
  ...scopeParams,
  exact: exactParam,
  limit: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 1000,
      description: `Values of each part of \`by\` at most, by sessions. Default: ${VALUES_DEFAULT}.`,
    }),
  ),
});

const counts = {
  sessions: Type.Integer(),
  users: Type.Integer({ description: 'Distinct actors.' }),
  new_users: Type.Integer({ description: 'Those whose first session in an app is among these.' }),
  returning_users: Type.Integer({ description: 'The other users.' }),
  page_views: Type.Integer(),
  avg_duration_seconds: Type.Number(),
  median_duration_seconds: Type.Number(),
  pages_per_session: Type.Number(),
  bounce_rate: Type.Number({ description: '0 to 1.' }),
};
const Values = Type.Array(
  Type.Object({
    value: Type.String({ description: 'Empty where it is not known.' }),
    sessions: Type.Integer(),
    users: Type.Integer(),
    bounce_rate: Type.Number(),
  }),
);
const Answer = Type.Object({
  from: isoTime,
  to: isoTime,
  interval: nullable(Type.String()),
  timezone: Type.String(),
  ...counts,
  series: Type.Array(Type.Object({ time: isoTime, ...counts })),
  by: Type.Object(
    Object.fromEntries(SESSION_DIMENSIONS.map((name) => [name, Values])) as Record<
      SessionDimension,
      typeof Values
    >,
  ),
  truncated: Type.Optional(
    Type.Literal(true, { description: 'A part of `by` has more values than the limit.' }),
  ),
});

export function addSessionStatsRoute(app: FastifyInstance, options: QueryOptions): void {
  app.get<{ Querystring: Static<typeof Query> }>(
    '/v1/sessions/stats',
    {
      config: { scopes: ['read'], cached: { name: 'session-stats' } },
      schema: {
        summary: 'Session statistics',
        description:
          'Over the sessions that begin in the range: as a whole, by interval, and by where they come from.',
        tags: ['Sessions'],
        querystring: Query,
        response: { 200: Answer },
      },
    },
    async (request): Promise<Static<typeof Answer>> => {
      const { query } = request;
      const { zone, ...scope } = readScope(request as FastifyRequest, options.now());
      const { range } = scope;
      const { interval = null } = query;
      if (interval !== null) checkPoints(range, interval);
      const starts = interval === null ? [] : intervalStarts(zone, range.from, range.to, interval);
      const { total, points, by, truncated } = await ask(
        askSessionStats(options.store, {
          ...scope,
          kept: options.kept?.() ?? null,
          filters: readSessionFilters(query),
          exact: query.exact ?? false,
          starts: interval === null ? null : starts.map((at) => at / 1000),
          limit: query.limit ?? VALUES_DEFAULT,
        }),
      );
      return {
        from: iso(range.from),
        to: iso(range.to),
        interval,
        timezone: zone.name,
        ...shapeCounts(total),
        series: starts.map((at) => ({ time: iso(at), ...shapeCounts(points.get(at / 1000) ?? NO_SESSIONS) })),
        by: shapeBy(by),
        ...(truncated ? { truncated: true } : {}),
      };
    },
  );
}

const per = (amount: number, sessions: number) => (sessions === 0 ? 0 : amount / sessions);

function shapeCounts(found: SessionCounts) {
  const { sessions, users, new_users, page_views } = found;
  return {
    sessions,
    users,
    new_users,
    // Both are estimates beyond some thousands.
    returning_users: Math.max(0, users - new_users),
    page_views,
    avg_duration_seconds: per(found.duration_ms, sessions) / 1000,
    median_duration_seconds: (found.median_ms ?? 0) / 1000,
    pages_per_session: per(page_views, sessions),
    bounce_rate: per(found.bounces, sessions),
  };
}

function shapeBy(by: Awaited<ReturnType<typeof askSessionStats>>['by']): Static<typeof Answer>['by'] {
  const shaped = SESSION_DIMENSIONS.map((name) => [
    name,
    by[name].map(({ value, sessions, users, bounces }) => ({
      value,
      sessions,
      users,
      bounce_rate: per(bounces, sessions),
    })),
  ]);
  return Object.fromEntries(shaped) as Static<typeof Answer>['by'];
}
