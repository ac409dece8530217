import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import { HttpProblem } from '../http/problem.ts';
import { askRetention } from '../store/questions/retention.ts';
import type { AnswerScope } from './answer-routes.ts';
import { INTERVAL_MS, intervalStarts, localDate } from './calendar.ts';
import type { QueryOptions } from './query.ts';
import { iso, isoTime, nullable } from './schemas.ts';
import { type QuestionScope, readScope, scopeParams } from './scope.ts';
import { ask } from './store-problem.ts';

const UNITS = { day: '1d', week: '1w', month: '1mo' } as const;
type Unit = keyof typeof UNITS;

const PERIODS_DEFAULT = 7;
const PERIODS_MAX = 100;
const COHORTS_MAX = 400;
const DAY_MS = 86_400_000;
/** The last moment that a bucket can hold; nothing is kept for later. */
const LATEST_MS = Date.UTC(2106, 0, 1);

const name = Type.String({ minLength: 1, maxLength: 200 });
const Query = Type.Object({
  event_name: Type.Optional({
    ...name,
    description: 'What makes an actor part of a cohort. Default: any event.',
  }),
  return_event_name: Type.Optional({
    ...name,
    description: 'What counts as coming back. Default: any event.',
  }),
  unit: Type.Optional(
    Type.Enum(['day', 'week', 'month'], { description: 'Default: day. Weeks begin on Monday.' }),
  ),
  periods: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: PERIODS_MAX,
      description: `Periods after the first one. Default: ${PERIODS_DEFAULT}.`,
    }),
  ),
  ...scopeParams,
});
const count = Type.Integer({ minimum: 0 });
const Answer = Type.Object({
  unit: Type.String(),
  from: isoTime,
  to: isoTime,
  timezone: Type.String(),
  cohorts: Type.Array(
    Type.Object({
      date: Type.String({ format: 'date', description: 'The first date of the period.' }),
      size: count,
      returned: Type.Array(nullable(count), { description: '`null`: the period has not begun.' }),
    }),
  ),
});

type Asked = FastifyRequest<{ Querystring: Static<typeof Query> }>;

interface Plan {
  readonly scope: QuestionScope;
  readonly unit: Unit;
  readonly periods: number;
  readonly cohorts: number;
  /** Starts of the cohorts' periods, of those after them, and the end of the last one; epoch ms. */
  readonly starts: readonly number[];
}

function readPlan(request: Asked, now: number): Plan {
  const scope = readScope(request as FastifyRequest, now);
  const { zone, range } = scope;
  const { unit = 'day', periods = PERIODS_DEFAULT } = request.query;
  const interval = UNITS[unit];
  const about = Math.ceil((range.to - range.from) / INTERVAL_MS[interval]);
  if (about > COHORTS_MAX) {
    throw new HttpProblem(
      'invalid_request',
      `unit: ${about} cohorts are too many (at most ${COHORTS_MAX}). Choose a longer unit or a shorter range.`,
    );
  }
  const cohorts = intervalStarts(zone, range.from, range.to, interval).length;
  // Longer than any so many periods are; what is too much is cut off.
  const beyond = (periods + 2) * (INTERVAL_MS[interval] * 1.1 + DAY_MS);
  const starts = intervalStarts(zone, range.from, Math.min(range.to + beyond, LATEST_MS + DAY_MS), interval);
  return { scope, unit, periods, cohorts, starts: starts.slice(0, cohorts + periods + 1) };
}

/** Whoever comes back after the range counts too. */
function readAnswerScope(request: Asked, { now }: QueryOptions): AnswerScope {
  const { scope, starts } = readPlan(request, now());
  const { apps, range } = scope;
  return { apps, range: { from: range.from, to: Math.max(range.to, starts.at(-1) ?? 0) } };
}

export function addRetentionRoute(app: FastifyInstance, options: QueryOptions): void {
  app.get<{ Querystring: Static<typeof Query> }>(
    '/v1/retention',
    {
      config: {
        scopes: ['read'],
        cached: { name: 'retention', scope: (request) => readAnswerScope(request as Asked, options) },
      },
      schema: {
        summary: 'Retention by cohort',
        description:
          'Of the actors who began in a day, week or month: how many came back in each that follows.',
        tags: ['Retention'],
        querystring: Query,
        response: { 200: Answer },
      },
    },
    async (request): Promise<Static<typeof Answer>> => {
      const { query } = request;
      const now = options.now();
      const plan = readPlan(request, now);
      const found = await ask(
        askRetention(options.store, {
          ...plan.scope,
          starts: plan.starts.map((at) => at / 1000),
          periods: plan.periods,
          eventName: query.event_name ?? null,
          returnEventName: query.return_event_name ?? null,
        }),
      );
      const known = new Map(found.map((cohort) => [cohort.period, cohort]));
      const begun = (period: number) => (plan.starts[period] ?? Number.POSITIVE_INFINITY) <= now;
      return {
        unit: plan.unit,
        from: iso(plan.scope.range.from),
        to: iso(plan.scope.range.to),
        timezone: plan.scope.zone.name,
        cohorts: Array.from({ length: plan.cohorts }, (_, i) => ({
          date: localDate(plan.scope.zone, plan.starts[i]!),
          size: known.get(i)?.size ?? 0,
          returned: Array.from({ length: plan.periods + 1 }, (_, k) =>
            begun(i + k) ? (known.get(i)?.returned[k] ?? 0) : null,
          ),
        })),
      };
    },
  );
}
