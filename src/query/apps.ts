import type { FastifyInstance } from 'fastify';
import { type Static, Type } from 'typebox';
import type { App } from '../catalog/apps.ts';
import { askApps } from '../store/questions/store-facts.ts';
import type { QueryOptions } from './query.ts';
import { nullable } from './schemas.ts';
import { ask } from './store-problem.ts';

const CACHED_MS = 10_000;

const Answer = Type.Object({
  data: Type.Array(Type.Object({ app_id: Type.String(), name: nullable(Type.String()) })),
});

export function addAppsRoute(app: FastifyInstance, options: QueryOptions): void {
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
