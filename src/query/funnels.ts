import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import type { Funnel } from '../catalog/funnels.ts';
import { HttpProblem } from '../http/problem.ts';
import { isFilterField } from '../store/sql/filters.ts';
import { wantsAfresh } from './answer-routes.ts';
import { readApps } from './caller.ts';
import { leavingOf } from './crowd.ts';
import { checkName } from './definition.ts';
import { unknownField } from './filter.ts';
import { countFunnel, type FunnelFigures, type FunnelQuestion } from './funnels/count.ts';
import { GivenDefinition, readDefinition } from './funnels/definition.ts';
import type { QueryOptions } from './query.ts';
import { iso, isoTime, nullable } from './schemas.ts';
import { readScope, scopeParams } from './scope.ts';
import { ask } from './store-problem.ts';

/** `/v1/funnels`: definitions in the catalogue, and what they count. */

const FUNNELS_MAX = 1_000;
const GROUPS_DEFAULT = 100;
const FRESH_MS = 900_000;

const Params = Type.Object({ name: Type.String({ description: 'Of the funnel; at most 100 characters.' }) });
const said = nullable(Type.String());
const count = Type.Integer({ minimum: 0 });
const ratio = Type.Number({ minimum: 0, maximum: 1 });
const filters = Type.Array(Type.Object({ field: Type.String(), op: Type.String(), value: Type.Unknown() }));
const Item = Type.Object({
  name: Type.String(),
  title: said,
  app_id: said,
  steps: Type.Array(Type.Object({ name: said, event_name: Type.String(), filters })),
  window_seconds: count,
  step_window_seconds: nullable(count),
  order: Type.String(),
  count_by: Type.String(),
  exclusions: Type.Array(
    Type.Object({ event_name: Type.String(), filters, after_step: count, before_step: count }),
  ),
  created_at: isoTime,
  updated_at: isoTime,
});
const List = Type.Object({ data: Type.Array(Item) });

const Query = Type.Object({
  breakdown: Type.Optional(
    Type.String({
      description: 'A column, or `properties.x.y`: the counts by its value at the first event of each run.',
    }),
  ),
  ...scopeParams,
  limit: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 1000,
      description: `Values of the breakdown at most, those that most begin with first. Default: ${GROUPS_DEFAULT}.`,
    }),
  ),
});
const Steps = Type.Array(
  Type.Object({
    step: Type.Integer({ minimum: 1 }),
    name: said,
    event_name: Type.String(),
    count,
    conversion_from_start: ratio,
    conversion_from_previous: ratio,
    drop_off: count,
    median_seconds_from_previous: nullable(Type.Number()),
  }),
);
const Answer = Type.Object({
  name: Type.String(),
  from: isoTime,
  to: isoTime,
  count_by: Type.String(),
  steps: Steps,
  total_conversion: ratio,
  breakdown: Type.Array(Type.Object({ value: Type.String(), steps: Steps })),
  truncated: Type.Optional(Type.Literal(true, { description: 'There are more values than the limit.' })),
});

export function addFunnelRoutes(app: FastifyInstance, options: QueryOptions): void {
  addListRoute(app, options);
  addCountRoute(app, options);
  addPutRoute(app, options);
  addDeleteRoute(app, options);
}

function addListRoute(app: FastifyInstance, { catalog }: QueryOptions): void {
  app.get(
    '/v1/funnels',
    {
      config: { scopes: ['read', 'admin'] },
      schema: {
        summary: 'Funnels',
        description: 'The definitions, by name; of those for one app the ones that the caller may see.',
        tags: ['Funnels'],
        response: { 200: List },
      },
    },
    async (request): Promise<Static<typeof List>> => {
      const funnels = await ask(catalog.funnels.list());
      return { data: funnels.filter((funnel) => isVisible(request, funnel)).map(shapeFunnel) };
    },
  );
}

function addCountRoute(app: FastifyInstance, options: QueryOptions): void {
  const { catalog, answers, store, funnelFreshMs = FRESH_MS } = options;
  app.get<{ Params: Static<typeof Params>; Querystring: Static<typeof Query> }>(
    '/v1/funnels/:name',
    {
      config: { scopes: ['read'] },
      schema: {
        summary: 'Count a funnel',
        description: 'How many actors, or sessions, get how far. The answer may be 15 minutes old.',
        tags: ['Funnels'],
        params: Params,
        querystring: Query,
        response: { 200: Answer },
      },
    },
    async (request, reply): Promise<Static<typeof Answer>> => {
      const plain = request as FastifyRequest;
      const { query } = request;
      const funnel = await ask(catalog.funnels.get(request.params.name));
      if (funnel === null || !isVisible(plain, funnel)) throw notFound(request.params.name);
      const { range, bots } = readScope(plain, options.now());
      const question: FunnelQuestion = {
        range,
        apps: appsOf(plain, query.app_id, funnel),
        bots,
        breakdown: readField(query.breakdown),
        limit: query.limit ?? GROUPS_DEFAULT,
      };
      const { from, to } = question.range;
      const bytes = await answers.give(
        {
          name: `funnel:${funnel.name}`,
          date: `${iso(from)}..${iso(to)}`,
          parts: [funnel, question],
          afresh: wantsAfresh(plain),
          settled: null,
          keptMs: funnelFreshMs,
        },
        async () => {
          const figures = await ask(countFunnel(store, funnel, question));
          return Buffer.from(JSON.stringify(shapeAnswer(funnel, question, figures)));
        },
        leavingOf(reply.raw),
      );
      return JSON.parse(Buffer.from(bytes).toString()) as Static<typeof Answer>;
    },
  );
}

function addPutRoute(app: FastifyInstance, { catalog }: QueryOptions): void {
  app.put<{ Params: Static<typeof Params> }>(
    '/v1/funnels/:name',
    {
      config: { scopes: ['admin'], body: GivenDefinition },
      schema: {
        summary: 'Define a funnel',
        description: 'Adds it, or replaces it as a whole.',
        tags: ['Funnels'],
        params: Params,
        response: { 200: Item },
      },
    },
    async (request): Promise<Static<typeof Item>> => {
      const name = checkName(request.params.name);
      const definition = readDefinition(name, request.body);
      const plain = request as FastifyRequest;
      checkMayChange(plain, definition.app_id);
      const before = await ask(catalog.funnels.get(name));
      if (before !== null) checkMayChange(plain, before.app_id);
      else if ((await ask(catalog.funnels.list())).length >= FUNNELS_MAX) {
        throw new HttpProblem('conflict', `There are ${FUNNELS_MAX} funnels already. Delete one first.`);
      }
      return shapeFunnel(await ask(catalog.funnels.put(name, definition)));
    },
  );
}

function addDeleteRoute(app: FastifyInstance, { catalog }: QueryOptions): void {
  app.delete<{ Params: Static<typeof Params> }>(
    '/v1/funnels/:name',
    {
      config: { scopes: ['admin'] },
      schema: {
        summary: 'Delete a funnel',
        description: 'The definition; events stay as they are.',
        tags: ['Funnels'],
        params: Params,
        response: { 200: Type.Object({ deleted: Type.Boolean() }) },
      },
    },
    async (request) => {
      const { name } = request.params;
      const plain = request as FastifyRequest;
      const funnel = await ask(catalog.funnels.get(name));
      if (funnel === null || !isVisible(plain, funnel)) throw notFound(name);
      checkMayChange(plain, funnel.app_id);
      if (!(await ask(catalog.funnels.delete(name)))) throw notFound(name);
      return { deleted: true };
    },
  );
}

const notFound = (name: string) =>
  new HttpProblem('not_found', `There is no funnel ${JSON.stringify(name)}. GET /v1/funnels lists them.`);

function isVisible(request: FastifyRequest, { app_id }: Funnel): boolean {
  const allowed = request.caller?.apps ?? null;
  return app_id === null || allowed === null || allowed.includes(app_id);
}

/** Whose apps are limited may not change what others count. */
function checkMayChange(request: FastifyRequest, app: string | null): void {
  const allowed = request.caller?.apps ?? null;
  if (allowed === null || (app !== null && allowed.includes(app))) return;
  throw new HttpProblem(
    'app_forbidden',
    app === null
      ? 'The funnel is of all apps, and the credential covers some. Give app_id, and a name that is not taken.'
      : 'The credential does not cover the app of the funnel.',
  );
}

/** Of a funnel for one app that one; else those asked for. */
function appsOf(
  request: FastifyRequest,
  named: readonly string[] | undefined,
  { app_id }: Funnel,
): readonly string[] | null {
  const apps = readApps(request, named);
  if (app_id === null) return apps;
  if (apps === null || apps.includes(app_id)) return [app_id];
  throw new HttpProblem(
    'invalid_request',
    `app_id: the funnel is of the app ${JSON.stringify(app_id)}. Leave app_id out.`,
  );
}

function readField(field: string | undefined): string | null {
  if (field === undefined || field === '') return null;
  if (!isFilterField(field)) throw unknownField('breakdown', field);
  return field;
}

function shapeAnswer(
  funnel: Funnel,
  { range }: FunnelQuestion,
  figures: FunnelFigures,
): Static<typeof Answer> {
  const shape = (steps: FunnelFigures['steps']) =>
    steps.map((step, i) => {
      const { name, event_name } = funnel.steps[i]!;
      return { step: i + 1, name, event_name, ...step };
    });
  return {
    name: funnel.name,
    from: iso(range.from),
    to: iso(range.to),
    count_by: funnel.count_by,
    steps: shape(figures.steps),
    total_conversion: figures.total,
    breakdown: figures.groups.map(({ value, steps }) => ({ value, steps: shape(steps) })),
    ...(figures.truncated ? { truncated: true as const } : {}),
  };
}

function shapeFunnel(funnel: Funnel): Static<typeof Item> {
  return structuredClone(funnel) as Static<typeof Item>;
}
