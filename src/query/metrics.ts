import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import { HttpProblem } from '../http/problem.ts';
import { askMetrics, type MetricsAnswer } from '../store/questions/metrics.ts';
import { DIMENSIONS, type Dimension, METRICS, measureOf } from '../store/sql/metric-measures.ts';
import type { TimeRange } from '../store/sql/range.ts';
import type { AnswerScope } from './answer-routes.ts';
import { INTERVAL_MS, INTERVALS, type Interval, intervalStarts } from './calendar.ts';
import { readFilters } from './filter.ts';
import type { QueryOptions } from './query.ts';
import { exactParam, filterParam, iso, isoTime, nullable } from './schemas.ts';
import { readScope, scopeParams } from './scope.ts';
import { ask } from './store-problem.ts';

const GROUPS_DEFAULT = 100;
const POINTS_MAX = 20_000;
/** Groups times points of one answer. */
const CELLS_MAX = 500_000;
const GROUP_BY_MAX = 2;

const Query = Type.Object({
  metric: Type.Enum([...METRICS], { description: METRICS.join(', ') }),
  ...scopeParams,
  interval: Type.Optional(
    Type.Enum([...INTERVALS], {
      description: `${INTERVALS.join(', ')}; without it totals only. Weeks begin on Monday.`,
    }),
  ),
  group_by: Type.Optional(
    Type.Array(Type.String(), { description: `Up to two, with a comma, of ${DIMENSIONS.join(', ')}.` }),
  ),
  filter: filterParam,
  limit: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 1000,
      description: `Groups at most, by total. Default: ${GROUPS_DEFAULT}.`,
    }),
  ),
  exact: exactParam,
});

const Answer = Type.Object({
  metric: Type.String(),
  from: isoTime,
  to: isoTime,
  interval: nullable(Type.String()),
  timezone: Type.String(),
  series: Type.Array(
    Type.Object({
      group: Type.Record(Type.String(), Type.String()),
      total: Type.Number(),
      points: Type.Array(Type.Object({ time: isoTime, value: Type.Number() })),
    }),
  ),
  truncated: Type.Optional(Type.Literal(true, { description: 'There are more groups than the limit.' })),
});

type Asked = FastifyRequest<{ Querystring: Static<typeof Query> }>;

/** A view may begin earlier, or go on, by an event of any time; all else is counted where it lies. */
function readAnswerScope(request: Asked, { now }: QueryOptions): AnswerScope | null {
  if (measureOf(request.query.metric, false).of === 'views') return null;
  return readScope(request as FastifyRequest, now());
}

export function addMetricsRoute(app: FastifyInstance, options: QueryOptions): void {
  app.get<{ Querystring: Static<typeof Query> }>(
    '/metrics',
    {
      config: {
        scopes: ['read'],
        cached: { name: 'metrics', scope: (request) => readAnswerScope(request as Asked, options) },
      },
      schema: {
        summary: 'Aggregated metrics',
        description:
          'One metric over a range: totals, or a series by interval, by up to two dimensions. Gaps are filled with 0.',
        tags: ['Metrics'],
        querystring: Query,
        response: { 200: Answer },
      },
    },
    async (request): Promise<Static<typeof Answer>> => {
      const { query } = request;
      const { zone, ...scope } = readScope(request as FastifyRequest, options.now());
      const { range } = scope;
      const { interval = null, limit = GROUPS_DEFAULT } = query;
      const groupBy = readGroupBy(query.group_by);
      if (interval !== null) checkSize(range, interval, groupBy.length === 0 ? 1 : limit);
      const starts = interval === null ? null : intervalStarts(zone, range.from, range.to, interval);
      const answer = await ask(
        askMetrics(options.store, options.moments, {
          metric: query.metric,
          ...scope,
          starts: starts?.map((at) => at / 1000) ?? null,
          groupBy,
          filters: readFilters(query.filter),
          exact: query.exact ?? false,
          limit: groupBy.length === 0 ? 1 : limit,
          gapLimitMs: options.gapLimitMs,
        }),
      );
      return {
        metric: query.metric,
        from: iso(range.from),
        to: iso(range.to),
        interval,
        timezone: zone.name,
        series: shapeSeries(answer, groupBy, starts ?? []),
        ...(answer.truncated ? { truncated: true } : {}),
      };
    },
  );
}

function readGroupBy(texts: readonly string[] | undefined): Dimension[] {
  const names = [...new Set((texts ?? []).flatMap((text) => text.split(',')).filter((name) => name !== ''))];
  if (names.length > GROUP_BY_MAX) {
    throw new HttpProblem('invalid_request', `group_by takes up to ${GROUP_BY_MAX} dimensions.`);
  }
  for (const name of names) {
    if ((DIMENSIONS as readonly string[]).includes(name)) continue;
    const list = DIMENSIONS.join(', ');
    throw new HttpProblem(
      'invalid_request',
      `group_by: there is no dimension ${JSON.stringify(name)}. Dimensions: ${list}.`,
    );
  }
  return names as Dimension[];
}

/** How many points the range has, about. Answers 400 `invalid_request` when they are too many. */
export function checkPoints({ from, to }: TimeRange, interval: Interval): number {
  const points = Math.ceil((to - from) / INTERVAL_MS[interval]);
  if (points > POINTS_MAX) {
    throw new HttpProblem(
      'invalid_request',
      `interval: ${points} points are too many (at most ${POINTS_MAX}). Choose a longer interval or a shorter range.`,
    );
  }
  return points;
}

function checkSize(range: TimeRange, interval: Interval, groups: number): void {
  const points = checkPoints(range, interval);
  if (points * groups > CELLS_MAX) {
    throw new HttpProblem(
      'invalid_request',
      `limit: ${groups} groups of ${points} points are too many. Lower limit, choose a longer interval or a shorter range.`,
    );
  }
}

function shapeSeries(answer: MetricsAnswer, groupBy: readonly Dimension[], starts: readonly number[]) {
  const series = answer.series.map(({ group, total, points }) => ({
    group: Object.fromEntries(groupBy.map((dimension, i) => [dimension, group[i] ?? ''])),
    total,
    points: starts.map((at) => ({ time: iso(at), value: points.get(at / 1000) ?? 0 })),
  }));
  if (groupBy.length > 0 || series.length > 0) return series;
  return [{ group: {}, total: 0, points: starts.map((at) => ({ time: iso(at), value: 0 })) }];
}
