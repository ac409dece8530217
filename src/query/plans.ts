import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import type { CatalogPlan, PlanKey } from '../catalog/plans.ts';
import { HttpProblem } from '../http/problem.ts';
import { compilePlan, type PlanCheck, PlanSchemaError } from '../plans/schema.ts';
import { askEvents } from '../store/questions/events.ts';
import { askViolations, countViolations } from '../store/questions/violations.ts';
import { readApps } from './caller.ts';
import type { QueryOptions } from './query.ts';
import { iso, isoTime, nullable } from './schemas.ts';
import { ask } from './store-problem.ts';

/** `/v1/plans`: what the properties of an event have to be like, and what becomes of events that are not. */

const PLANS_MAX = 1_000;
const DAY_MS = 86_400_000;
const VIOLATION_DAYS = 7;
const KINDS_MAX = 50;
const CHECKED_MAX = 1_000;
const EXAMPLES_MAX = 10;

const Params = Type.Object({
  event_name: Type.String({ minLength: 1, maxLength: 200, pattern: '^[^\\u0000]*$' }),
});
const Query = Type.Object({
  app_id: Type.Optional(
    Type.String({ description: 'The app whose own plan is meant. Default: the plan for all apps.' }),
  ),
});
const ListQuery = Type.Object({
  violations: Type.Optional(
    Type.Boolean({
      default: false,
      description: `Counts, too, what events of the last ${VIOLATION_DAYS} days had against each plan.`,
    }),
  ),
});
const said = nullable(Type.String());
const count = Type.Integer({ minimum: 0 });
const AnySchema = Type.Object({}, { description: 'JSON Schema of `properties`; see below for its words.' });
const Given = Type.Object(
  {
    mode: Type.Enum(['warn', 'quarantine']),
    schema: AnySchema,
    description: Type.Optional(nullable(Type.String({ maxLength: 2000 }))),
    owner: Type.Optional(nullable(Type.String({ maxLength: 200 }))),
  },
  { additionalProperties: false },
);
const GivenCheck = Type.Object(
  {
    schema: Type.Optional(AnySchema),
    properties: Type.Optional(
      Type.Object({}, { description: 'Of one event: these are held against it, and no stored events.' }),
    ),
  },
  { additionalProperties: false },
);
const Item = Type.Object({
  event_name: Type.String(),
  app_id: said,
  mode: Type.Enum(['warn', 'quarantine']),
  schema: AnySchema,
  description: said,
  owner: said,
  updated_at: isoTime,
  effective_at: Type.String({
    format: 'date-time',
    description: 'Events that come into the log from here on are held against it.',
  }),
});
const List = Type.Object({
  data: Type.Array(
    Type.Object({
      ...Item.properties,
      violations: Type.Optional(
        Type.Integer({
          minimum: 0,
          description: `Of the last ${VIOLATION_DAYS} days; where it was asked for.`,
        }),
      ),
    }),
  ),
});
const One = Type.Object({
  ...Item.properties,
  violations: Type.Array(
    Type.Object({
      app_id: Type.String(),
      mode: Type.String(),
      path: Type.String(),
      expected: Type.String(),
      count,
      last_seen: isoTime,
      event_id: Type.String({ format: 'uuid', description: 'The last event that was like this.' }),
    }),
    { description: `Of the last ${VIOLATION_DAYS} days, the ${KINDS_MAX} most frequent kinds.` },
  ),
});
const Checked = Type.Object({
  checked: count,
  violations: count,
  examples: Type.Array(
    Type.Object({
      event_id: nullable(Type.String({ format: 'uuid' })),
      app_id: said,
      timestamp: nullable(isoTime),
      path: Type.String(),
      expected: Type.String(),
    }),
    { description: 'Without id, app and time for properties that were in the body.' },
  ),
});

interface Route {
  Params: Static<typeof Params>;
  Querystring: Static<typeof Query>;
}

export function addPlanRoutes(app: FastifyInstance, options: QueryOptions): void {
  addListRoute(app, options);
  addGetRoute(app, options);
  addPutRoute(app, options);
  addDeleteRoute(app, options);
  addCheckRoute(app, options);
}

function addListRoute(app: FastifyInstance, { catalog, store, now }: QueryOptions): void {
  app.get<{ Querystring: Static<typeof ListQuery> }>(
    '/v1/plans',
    {
      config: { scopes: ['read', 'admin'] },
      schema: {
        summary: 'Tracking plans',
        description: 'By event name; of those for one app the ones that the caller may see.',
        tags: ['Plans'],
        querystring: ListQuery,
        response: { 200: List },
      },
    },
    async (request): Promise<Static<typeof List>> => {
      const allowed = request.caller?.apps ?? null;
      const plans = await ask(catalog.plans.list());
      const own = plans.filter(
        ({ app_id }) => app_id === null || allowed === null || allowed.includes(app_id),
      );
      if (!request.query.violations) return { data: own.map(shapePlan) };
      const counts = await ask(
        countViolations(store, {
          events: [...new Set(own.map(({ event_name }) => event_name))],
          apps: allowed,
          since: now() - VIOLATION_DAYS * DAY_MS,
        }),
      );
      return {
        data: own.map((plan) => {
          const its = counts.filter(
            ({ event_name, app_id }) =>
              event_name === plan.event_name && (plan.app_id === null || app_id === plan.app_id),
          );
          return { ...shapePlan(plan), violations: its.reduce((sum, { count }) => sum + count, 0) };
        }),
      };
    },
  );
}

function addGetRoute(app: FastifyInstance, { catalog, store, now }: QueryOptions): void {
  app.get<Route>(
    '/v1/plans/:event_name',
    {
      config: { scopes: ['read', 'admin'] },
      schema: {
        summary: 'One tracking plan',
        description: 'With what events had against it lately, those that were quarantined among them.',
        tags: ['Plans'],
        params: Params,
        querystring: Query,
        response: { 200: One },
      },
    },
    async (request): Promise<Static<typeof One>> => {
      const plain = request as FastifyRequest;
      const key = readKey(plain);
      const plan = await ask(catalog.plans.get(key));
      if (plan === null) throw notFound(key);
      const rows = await ask(
        askViolations(store, {
          event: key.event_name,
          apps: key.app_id === null ? (request.caller?.apps ?? null) : [key.app_id],
          since: now() - VIOLATION_DAYS * DAY_MS,
          limit: KINDS_MAX,
        }),
      );
      const violations = rows.map(({ last_ms, ...row }) => ({ ...row, last_seen: iso(last_ms) }));
      return { ...shapePlan(plan), violations };
    },
  );
}

function addPutRoute(app: FastifyInstance, { catalog }: QueryOptions): void {
  app.put<Route>(
    '/v1/plans/:event_name',
    {
      config: { scopes: ['admin'], body: Given },
      schema: {
        summary: 'Plan an event',
        description: 'Adds the plan, or replaces it as a whole. It is in force some seconds later.',
        tags: ['Plans'],
        params: Params,
        querystring: Query,
        response: { 200: Item },
      },
    },
    async (request): Promise<Static<typeof Item>> => {
      const key = readKey(request as FastifyRequest);
      const { mode, schema, description = null, owner = null } = readGiven(Given, request.body);
      compile(schema);
      checkMayChange(request as FastifyRequest, key);
      const plans = await ask(catalog.plans.list());
      const isNew = !plans.some(
        ({ event_name, app_id }) => event_name === key.event_name && app_id === key.app_id,
      );
      if (isNew && plans.length >= PLANS_MAX)
        throw new HttpProblem('conflict', `There are ${PLANS_MAX} plans already. Delete one first.`);
      return shapePlan(await ask(catalog.plans.put(key, { mode, schema, description, owner })));
    },
  );
}

function addDeleteRoute(app: FastifyInstance, { catalog }: QueryOptions): void {
  app.delete<Route>(
    '/v1/plans/:event_name',
    {
      config: { scopes: ['admin'] },
      schema: {
        summary: 'Delete a tracking plan',
        description: 'Some seconds later its event may be like anything. What was quarantined stays so.',
        tags: ['Plans'],
        params: Params,
        querystring: Query,
        response: { 200: Type.Object({ deleted: Type.Boolean() }) },
      },
    },
    async (request) => {
      const key = readKey(request as FastifyRequest);
      if ((await ask(catalog.plans.get(key))) === null) throw notFound(key);
      checkMayChange(request as FastifyRequest, key);
      if (!(await ask(catalog.plans.delete(key)))) throw notFound(key);
      return { deleted: true };
    },
  );
}

function addCheckRoute(app: FastifyInstance, { catalog, store, now }: QueryOptions): void {
  app.post<Route>(
    '/v1/plans/:event_name/check',
    {
      config: { scopes: ['read'], body: GivenCheck },
      schema: {
        summary: 'Try a tracking plan',
        description: `Holds the last ${CHECKED_MAX} stored events of the name, of ${VIOLATION_DAYS} days, or the properties in the body, against the schema in the body, or the plan that there is. Nothing is changed.`,
        tags: ['Plans'],
        params: Params,
        querystring: Query,
        response: { 200: Checked },
      },
    },
    async (request): Promise<Static<typeof Checked>> => {
      const key = readKey(request as FastifyRequest);
      const { schema, properties } = readGiven(GivenCheck, request.body ?? {});
      const check = compile(schema ?? (await storedSchema(key)));
      if (properties !== undefined) return checkOne(check, properties);
      const to = now() + DAY_MS;
      const rows = await ask(
        askEvents(store, {
          range: { from: now() - VIOLATION_DAYS * DAY_MS, to },
          apps: key.app_id === null ? (request.caller?.apps ?? null) : [key.app_id],
          filters: [{ field: 'event_name', op: 'eq', values: [key.event_name] }],
          bots: true,
          order: 'desc',
          after: null,
          limit: CHECKED_MAX,
          now: now(),
        }),
      );
      const found = rows.flatMap((row) => {
        const fault = check(row.properties);
        const { event_id, app_id, at } = row;
        return fault === null ? [] : [{ event_id, app_id, timestamp: iso(at), ...fault }];
      });
      return { checked: rows.length, violations: found.length, examples: found.slice(0, EXAMPLES_MAX) };
    },
  );

  async function storedSchema(key: PlanKey): Promise<unknown> {
    const plan = await ask(catalog.plans.get(key));
    if (plan === null) throw notFound(key);
    return plan.schema;
  }
}

function checkOne(check: PlanCheck, properties: object): Static<typeof Checked> {
  const fault = check(JSON.stringify(properties));
  const examples = fault === null ? [] : [{ event_id: null, app_id: null, timestamp: null, ...fault }];
  return { checked: 1, violations: examples.length, examples };
}

/** Answers 403 `app_forbidden` for an app that the caller may not see. */
function readKey(request: FastifyRequest): PlanKey {
  const { event_name } = request.params as Static<typeof Params>;
  const { app_id } = request.query as Static<typeof Query>;
  if (app_id === undefined) return { event_name, app_id: null };
  const apps = readApps(request, [app_id]) ?? [];
  if (apps.length !== 1 || apps[0]!.length > 256 || /\p{Cc}/u.test(apps[0]!))
    throw new HttpProblem(
      'invalid_request',
      'app_id: name one app, or leave it out for the plan of all apps.',
    );
  return { event_name, app_id: apps[0]! };
}

/** Whose apps are limited may not change what happens to events of others. */
function checkMayChange(request: FastifyRequest, { app_id }: PlanKey): void {
  if (app_id !== null || (request.caller?.apps ?? null) === null) return;
  throw new HttpProblem(
    'app_forbidden',
    'The plan is of all apps, and the credential covers some. Give app_id for a plan of one app.',
  );
}

/** As it is: the forgiving reading of bodies would change what a schema says. */
function readGiven<T extends typeof Given | typeof GivenCheck>(schema: T, body: unknown): Static<T> {
  if (Value.Check(schema, body)) return body as Static<T>;
  const [fault] = Value.Errors(schema, body);
  const where = fault?.instancePath.slice(1) || 'the body';
  throw new HttpProblem('invalid_request', `${where}: ${fault?.message ?? 'is not valid'}.`);
}

function compile(schema: unknown): PlanCheck {
  try {
    return compilePlan(schema);
  } catch (error) {
    if (error instanceof PlanSchemaError)
      throw new HttpProblem('invalid_request', error.message, { cause: error });
    throw error;
  }
}

function notFound({ event_name, app_id }: PlanKey): HttpProblem {
  const of = app_id === null ? 'for all apps' : `of the app ${JSON.stringify(app_id)}`;
  return new HttpProblem(
    'not_found',
    `There is no plan ${of} for ${JSON.stringify(event_name)}. GET /v1/plans lists them.`,
  );
}

function shapePlan(plan: CatalogPlan): Static<typeof Item> {
  return structuredClone(plan) as Static<typeof Item>;
}
