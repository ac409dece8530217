import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import { askMetrics } from '../store/questions/metrics.ts';
import type { ReportRow } from '../store/questions/report.ts';
import type { Filter } from '../store/sql/filters.ts';
import type { Dimension, Metric } from '../store/sql/metric-measures.ts';
import { dateOf } from './answer-routes.ts';
import { localDate } from './calendar.ts';
import type { QueryOptions } from './query.ts';
import type { ReportDesk, ReportScope } from './report-desk.ts';
import { exactParam, iso, isoTime, LIMIT_DEFAULT, nullable } from './schemas.ts';
import { readScope, scopeParams } from './scope.ts';
import { ask } from './store-problem.ts';

/** Seed 003: answers are kept five minutes. */
const KEPT_MS = 5 * 60_000;
/** Characters. */
const APPS_IN_KEY_MAX = 100;
const VITALS = ['LCP', 'INP', 'CLS', 'FCP', 'TTFB'] as const;

const Query = Type.Object({
  ...scopeParams,
  exact: exactParam,
  limit: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 1000,
      description: `Items of each list at most. Default: ${LIMIT_DEFAULT}.`,
    }),
  ),
});

const count = Type.Integer({ minimum: 0 });
const Vital = Type.Object({
  p75: nullable(Type.Number({ description: 'ms; CLS without unit. Null without any.' })),
  rating: nullable(Type.Enum(['good', 'needs-improvement', 'poor'], { description: 'Of p75.' })),
  good: count,
  needs_improvement: count,
  poor: count,
  count,
});
const Answer = Type.Object({
  from: isoTime,
  to: isoTime,
  page_views: count,
  users: count,
  sessions: count,
  events: count,
  pages: Type.Array(
    Type.Object({
      page: Type.String({ description: 'The path; empty where the events do not say.' }),
      views: count,
      users: count,
      entries: count,
      exits: count,
      avg_seconds: nullable(Type.Number()),
    }),
  ),
  events_top: Type.Array(Type.Object({ event_name: Type.String(), count, users: count })),
  web_vitals: Type.Object(Object.fromEntries(VITALS.map((name) => [name, Vital]))),
  errors: Type.Array(
    Type.Object({
      fingerprint: Type.String(),
      message: Type.String({ description: 'The latest of the group.' }),
      pattern: Type.String({ description: 'What the messages share.' }),
      count,
      users: count,
      first_seen: isoTime,
      last_seen: isoTime,
    }),
  ),
});

type Asked = FastifyRequest<{ Querystring: Static<typeof Query> }>;

export function addBehaviorRoute(app: FastifyInstance, options: QueryOptions, desk: ReportDesk): void {
  app.get<{ Querystring: Static<typeof Query> }>(
    '/v1/behavior/summary',
    {
      config: {
        scopes: ['read'],
        cached: {
          // The place of {serviceId} in seed 003's key.
          name: (request) => `behavior:${nameApps((request as Asked).query.app_id)}`,
          date: (request) => readDays(request, options.now()),
          keptMs: KEPT_MS,
        },
      },
      schema: {
        summary: 'Behaviour summary',
        description:
          'What people did: pages, events, web vitals and errors. Kept for five minutes; `Cache-Control: no-cache` asks afresh.',
        tags: ['Questions'],
        querystring: Query,
        response: { 200: Answer },
      },
    },
    async (request): Promise<Static<typeof Answer>> => {
      const { query } = request;
      const scope: ReportScope = {
        ...readScope(request as FastifyRequest, options.now()),
        exact: query.exact ?? false,
      };
      const { limit = LIMIT_DEFAULT } = query;
      const report = async (name: string, params = {}) =>
        await desk.run(desk.templates.get(name)!, scope, params);
      const total = async (metric: Metric) =>
        (await group(options, scope, { metric, groupBy: [], filters: [], limit: 1 })).get('') ?? 0;
      const [page_views, users, sessions, events, events_top, pages, vitals, errors] = await Promise.all([
        total('page_views'),
        total('users'),
        total('sessions'),
        total('events'),
        topEvents(options, scope, limit),
        report('pages', { limit }),
        report('web_vitals'),
        report('errors', { limit }),
      ]);
      return {
        from: iso(scope.range.from),
        to: iso(scope.range.to),
        page_views,
        users,
        sessions,
        events,
        pages,
        events_top,
        web_vitals: shapeVitals(vitals),
        errors,
      } as Static<typeof Answer>;
    },
  );
}

function nameApps(apps: readonly string[] = []): string {
  const names = apps.join(',') || 'all';
  return names.length > APPS_IN_KEY_MAX ? 'several' : names;
}

/** The day or the days that are meant, since those that are meant by default move. */
function readDays(request: FastifyRequest, now: number): string {
  const { from, to } = (request as Asked).query;
  if (from !== undefined || to !== undefined) return dateOf([from, to]);
  const { zone, range } = readScope(request, now);
  return `${localDate(zone, range.from)}..${localDate(zone, range.to - 1)}`;
}

interface Grouped {
  readonly metric: Metric;
  readonly groupBy: readonly Dimension[];
  readonly filters: readonly Filter[];
  readonly limit: number;
}

/** Totals of a metric by the value of its one group, or by ''. */
async function group(
  { store, moments, gapLimitMs }: QueryOptions,
  scope: ReportScope,
  asked: Grouped,
): Promise<Map<string, number>> {
  const { series } = await ask(askMetrics(store, moments, { ...scope, ...asked, starts: null, gapLimitMs }));
  return new Map(series.map(({ group: [value = ''], total }) => [value, total]));
}

async function topEvents(
  options: QueryOptions,
  scope: ReportScope,
  limit: number,
): Promise<Static<typeof Answer>['events_top']> {
  const groupBy = ['event_name'] as const;
  const counts = await group(options, scope, { metric: 'events', groupBy, filters: [], limit });
  const names = { field: 'event_name', op: 'in', values: [...counts.keys()] } as const;
  const users = await group(options, scope, { metric: 'users', groupBy, filters: [names], limit });
  return [...counts].map(([event_name, count]) => ({
    event_name,
    count,
    users: users.get(event_name) ?? 0,
  }));
}

function shapeVitals(rows: readonly ReportRow[]): Record<string, Static<typeof Vital>> {
  const none = { p75: null, rating: null, good: 0, needs_improvement: 0, poor: 0, count: 0 };
  const found = new Map(rows.map(({ name, page: _, ...vital }) => [name, vital as Static<typeof Vital>]));
  return Object.fromEntries(VITALS.map((name) => [name, found.get(name) ?? none]));
}
