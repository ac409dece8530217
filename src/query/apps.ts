import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import type { App } from '../catalog/apps.ts';
import { HttpProblem } from '../http/problem.ts';
import { askApps } from '../store/questions/store-facts.ts';
import { readApps } from './caller.ts';
import type { QueryOptions } from './query.ts';
import { nullable } from './schemas.ts';
import { ask } from './store-problem.ts';

const CACHED_MS = 10_000;

/** No comma, by which lists of apps are split; the bound is that of events (eventLimits.idBytesMax). */
export const AppId = Type.String({
  minLength: 1,
  maxLength: 256,
  pattern: '^[^\\s,\\u0000-\\u001f]([^,\\u0000-\\u001f]*[^\\s,\\u0000-\\u001f])?$',
});
/** For people. */
export const Name = Type.String({ minLength: 1, maxLength: 200, pattern: '^[^\\u0000]*$' });

const Item = Type.Object({ app_id: Type.String(), name: nullable(Type.String()) });
const Answer = Type.Object({ data: Type.Array(Item) });
const NewApp = Type.Object(
  { app_id: AppId, name: Type.Optional(nullable(Name)) },
  { additionalProperties: false },
);
const NamedApp = Type.Object({ name: nullable(Name) }, { additionalProperties: false });
const Params = Type.Object({ appId: AppId });

export function addAppsRoutes(app: FastifyInstance, options: QueryOptions): void {
  addListRoute(app, options);
  addCreateRoute(app, options);
  addNameRoute(app, options);
}

function addCreateRoute(app: FastifyInstance, { catalog }: QueryOptions): void {
  app.post<{ Body: Static<typeof NewApp> }>(
    '/v1/apps',
    {
      config: { scopes: ['admin'] },
      schema: {
        summary: 'Make an app',
        description: 'An app needs none of this to send events; here it gets its name.',
        tags: ['Catalogue'],
        body: NewApp,
        response: { 201: Item },
      },
    },
    async (request, reply) => {
      const { app_id, name = null } = request.body;
      readApps(request as FastifyRequest, [app_id]);
      if (!(await catalog.apps.create({ app_id, name })))
        throw new HttpProblem(
          'conflict',
          `The app ${JSON.stringify(app_id)} is there already; PUT names it anew.`,
        );
      request.auditTarget = app_id;
      return await reply.code(201).send({ app_id, name } satisfies Static<typeof Item>);
    },
  );
}

function addNameRoute(app: FastifyInstance, { catalog }: QueryOptions): void {
  app.put<{ Params: Static<typeof Params>; Body: Static<typeof NamedApp> }>(
    '/v1/apps/:appId',
    {
      config: { scopes: ['admin'] },
      schema: {
        summary: 'Name an app',
        description: 'Makes it when it is not there.',
        tags: ['Catalogue'],
        params: Params,
        body: NamedApp,
        response: { 200: Item },
      },
    },
    async (request): Promise<Static<typeof Item>> => {
      const { appId: app_id } = request.params;
      const { name } = request.body;
      readApps(request as FastifyRequest, [app_id]);
      await catalog.apps.upsert({ app_id, name });
      return { app_id, name };
    },
  );
}

function addListRoute(app: FastifyInstance, options: QueryOptions): void {
  const findSeen = cacheApps(options);
  app.get(
    '/v1/apps',
    {
      config: { scopes: ['read', 'admin'] },
      schema: {
        summary: 'Apps',
        description:
          'The apps of the catalogue and those that sent events, by id, as far as the caller may see them.',
        tags: ['Catalogue'],
        response: { 200: Answer },
      },
    },
    async (request): Promise<Static<typeof Answer>> => {
      const known = await options.catalog.apps.list();
      const seen = await findSeen();
      const apps = new Map<string, App>(seen.map((app_id) => [app_id, { app_id, name: null }]));
      for (const named of known) apps.set(named.app_id, named);
      const allowed = request.caller?.apps ?? null;
      const data = [...apps.values()].filter(({ app_id }) => allowed === null || allowed.includes(app_id));
      return { data: data.sort((a, b) => (a.app_id < b.app_id ? -1 : 1)) };
    },
  );
}

/** Many pages ask for the list, and it hardly changes. A failure is not kept. */
function cacheApps({ store, now }: QueryOptions): () => Promise<string[]> {
  let apps: string[] = [];
  let until = Number.NEGATIVE_INFINITY;
  return async () => {
    if (now() >= until) {
      apps = await ask(askApps(store));
      until = now() + CACHED_MS;
    }
    return apps;
  };
}
