import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';
import { makeSecret } from '../access/keys.ts';
import type { CatalogKey, KeyCatalog, KeyPlace } from '../catalog/keys.ts';
import { HttpProblem } from '../http/problem.ts';
import { AppId, Name } from './apps.ts';
import { coversApps } from './caller.ts';
import { listKey, readCursor, writeCursor } from './cursor.ts';
import type { QueryOptions } from './query.ts';
import { cursorParam, isoTime, LIMIT_DEFAULT, limitParam, nullable, pageOf } from './schemas.ts';

/**
 * Keys of the catalogue: made, listed, given another secret, revoked. Who is limited to some apps has to do with the keys
 * of these apps alone.
 */

const APPS_MAX = 1_000;
const scopeNames = ['ingest', 'read', 'admin'];

const Given = Type.Object(
  {
    name: Type.Optional(nullable(Name)),
    scopes: Type.Array(Type.Enum(scopeNames), { minItems: 1, uniqueItems: true }),
    apps: Type.Optional(
      nullable(
        Type.Array(AppId, {
          maxItems: APPS_MAX,
          uniqueItems: true,
          description:
            'The apps it is limited to; events that name none get the first. Default: those of the caller; null, or left out by a caller of all apps: every app.',
        }),
      ),
    ),
  },
  { additionalProperties: false },
);

const Item = Type.Object({
  key_id: Type.String(),
  name: nullable(Type.String()),
  prefix: Type.String({ description: 'The first characters of the secret.' }),
  scopes: Type.Array(Type.String()),
  apps: nullable(Type.Array(Type.String(), { description: 'Null: every app.' })),
  created_at: isoTime,
  rotated_at: nullable(isoTime),
  revoked_at: nullable(isoTime),
});
const Shown = Type.Object({
  ...Item.properties,
  key: Type.String({ description: 'The secret. It is shown this once, and only its hash is kept.' }),
});
const List = pageOf(Item);
const ListQuery = Type.Object({
  revoked: Type.Optional(Type.Boolean({ description: 'List revoked keys too. Default: false.' })),
  limit: limitParam,
  cursor: cursorParam,
});
const Params = Type.Object({ id: Type.String({ minLength: 1, maxLength: 64 }) });

export function addKeysRoutes(app: FastifyInstance, options: QueryOptions): void {
  addListRoute(app, options);
  addCreateRoute(app, options);
  addRotateRoute(app, options);
  addRevokeRoute(app, options);
}

function addListRoute(app: FastifyInstance, { catalog }: QueryOptions): void {
  app.get<{ Querystring: Static<typeof ListQuery> }>(
    '/v1/keys',
    {
      config: { scopes: ['admin'] },
      schema: {
        summary: 'Keys',
        description: 'Those that came last first, never with their secrets.',
        tags: ['Catalogue'],
        querystring: ListQuery,
        response: { 200: List },
      },
    },
    async (request): Promise<Static<typeof List>> => {
      const { cursor, limit = LIMIT_DEFAULT, revoked = false } = request.query;
      const key = listKey(['keys', revoked]);
      const place = readCursor(cursor, key, ['string', 'string']) as [string, string] | null;
      const after = place === null ? null : { created_at: place[0], key_id: place[1] };
      const rows = await listOwn(catalog.keys, request as FastifyRequest, {
        revoked,
        after,
        limit: limit + 1,
      });
      const page = rows.slice(0, limit);
      const last = page.at(-1);
      const more = rows.length > limit && last !== undefined;
      return {
        data: page.map(shapeKey),
        next_cursor: more ? writeCursor(key, [last.created_at, last.key_id]) : null,
      };
    },
  );
}

interface Page {
  readonly revoked: boolean;
  readonly after: KeyPlace | null;
  readonly limit: number;
}

/** Page after page, until there are enough that the caller may see. */
async function listOwn(keys: KeyCatalog, request: FastifyRequest, page: Page): Promise<CatalogKey[]> {
  const own: CatalogKey[] = [];
  let { after } = page;
  for (;;) {
    const rows = await keys.list({ ...page, after });
    own.push(...rows.filter(({ apps }) => coversApps(request, apps)));
    if (rows.length < page.limit || own.length >= page.limit) return own.slice(0, page.limit);
    after = rows.at(-1)!;
  }
}

function addCreateRoute(app: FastifyInstance, options: QueryOptions): void {
  app.post(
    '/v1/keys',
    {
      config: { scopes: ['admin'], body: Given },
      schema: {
        summary: 'Make a key',
        description: 'The answer holds the secret, this once.',
        tags: ['Catalogue'],
        response: { 201: Shown },
      },
    },
    async (request, reply) => {
      const { name = null, scopes, apps = request.caller?.apps ?? null } = readGiven(request.body);
      if (!coversApps(request as FastifyRequest, apps)) throw foreignApps(apps);
      const { secret, ...mark } = makeSecret();
      const key = await options.catalog.keys.create({ name, scopes, apps }, mark);
      options.keysChanged?.();
      request.auditTarget = key.key_id;
      return await reply.code(201).send({ ...shapeKey(key), key: secret } satisfies Static<typeof Shown>);
    },
  );
}

/** As it is: the forgiving reading of bodies would take `""` for null, which is a key of every app. */
function readGiven(body: unknown): Static<typeof Given> {
  if (Value.Check(Given, body)) return body;
  const [fault] = Value.Errors(Given, body);
  const where = fault?.instancePath.slice(1) || 'the body';
  throw new HttpProblem('invalid_request', `${where}: ${fault?.message ?? 'is not valid'}.`);
}

function addRotateRoute(app: FastifyInstance, options: QueryOptions): void {
  app.post<{ Params: Static<typeof Params> }>(
    '/v1/keys/:id/rotate',
    {
      config: { scopes: ['admin'] },
      schema: {
        summary: 'Give a key another secret',
        description: 'The one before opens nothing a few seconds later.',
        tags: ['Catalogue'],
        params: Params,
        response: { 200: Shown },
      },
    },
    async (request): Promise<Static<typeof Shown>> => {
      const { key_id } = await findOwn(options.catalog.keys, request as FastifyRequest, request.params.id);
      const { secret, ...mark } = makeSecret();
      const key = await options.catalog.keys.rotate(key_id, mark);
      if (key === null) throw noKey(key_id);
      options.keysChanged?.();
      return { ...shapeKey(key), key: secret };
    },
  );
}

function addRevokeRoute(app: FastifyInstance, options: QueryOptions): void {
  app.delete<{ Params: Static<typeof Params> }>(
    '/v1/keys/:id',
    {
      config: { scopes: ['admin'] },
      schema: {
        summary: 'Revoke a key',
        description: 'It opens nothing a few seconds later, for good.',
        tags: ['Catalogue'],
        params: Params,
        response: { 200: Item },
      },
    },
    async (request): Promise<Static<typeof Item>> => {
      const { keys } = options.catalog;
      const { key_id } = await findOwn(keys, request as FastifyRequest, request.params.id);
      if (!(await keys.revoke(key_id))) throw noKey(key_id);
      options.keysChanged?.();
      return shapeKey((await keys.get(key_id))!);
    },
  );
}

async function findOwn(keys: KeyCatalog, request: FastifyRequest, id: string): Promise<CatalogKey> {
  const key = await keys.get(id);
  // Of keys of other apps one does not even learn that they are there.
  if (key === null || key.revoked_at !== null || !coversApps(request, key.apps)) throw noKey(id);
  return key;
}

const noKey = (id: string) => new HttpProblem('not_found', `There is no key ${JSON.stringify(id)}.`);

function foreignApps(apps: readonly string[] | null): HttpProblem {
  const named = apps === null ? 'every app' : apps.map((app) => JSON.stringify(app)).join(', ');
  return new HttpProblem('app_forbidden', `The credential does not cover ${named}.`);
}

function shapeKey({ scopes, apps, ...rest }: CatalogKey): Static<typeof Item> {
  return { ...rest, scopes: [...scopes], apps: apps === null ? null : [...apps] };
}
