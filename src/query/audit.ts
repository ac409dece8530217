import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import type { AuditEntry, AuditPlace, KnownAuditEntry } from '../catalog/audit.ts';
import { coversApps } from './caller.ts';
import { listKey, readCursor, writeCursor } from './cursor.ts';
import type { QueryOptions } from './query.ts';
import { cursorParam, isoTime, LIMIT_DEFAULT, limitParam, nullable, pageOf } from './schemas.ts';

/** What was administered: written down for every route that takes the scope `admin` alone and changes something. */

declare module 'fastify' {
  interface FastifyRequest {
    /** What it was done to, where the path does not name it, or names it by what is not to be written down. */
    auditTarget: string | null;
  }
}

/**
 * Writes down what the routes of this instance do, from now on, before it is answered. What was done cannot be taken back
 * when that fails: then it is in the process's log.
 */
export function auditRoutes(app: FastifyInstance, add: (entry: AuditEntry) => Promise<void>): void {
  app.decorateRequest('auditTarget', null);
  app.addHook('onSend', async (request, reply) => {
    const { config, url = '' } = request.routeOptions;
    const reads = request.method === 'GET' || request.method === 'HEAD';
    const { caller } = request;
    if (reads || caller === null || reply.statusCode >= 400 || !config.scopes?.includes('admin')) return;
    const named = Object.values(request.params as Record<string, string>).join('/');
    const target = request.auditTarget ?? (named || null);
    const entry = { by: caller.id, apps: caller.apps, action: `${request.method} ${url}`, target };
    try {
      await add(entry);
    } catch (error) {
      request.log.error({ err: error, entry }, 'what was administered could not be written down');
    }
  });
}

const Item = Type.Object({
  at: isoTime,
  by: Type.String({ description: 'Who: `key:`, `jwt:` or `cli:` and an id; `local` on an open service.' }),
  action: Type.String({ description: 'Method and route, or the words of a command.' }),
  target: nullable(Type.String({ description: 'What it was done to, where that has an id.' })),
});
const List = pageOf(Item);
const Query = Type.Object({ limit: limitParam, cursor: cursorParam });

export function addAuditRoute(app: FastifyInstance, { catalog }: QueryOptions): void {
  app.get<{ Querystring: Static<typeof Query> }>(
    '/v1/audit',
    {
      config: { scopes: ['admin'] },
      schema: {
        summary: 'What was administered',
        description:
          'Who did what and when, the latest first, for 400 days. Without bodies, and so without secrets.',
        tags: ['Operation'],
        querystring: Query,
        response: { 200: List },
      },
    },
    async (request): Promise<Static<typeof List>> => {
      const { cursor, limit = LIMIT_DEFAULT } = request.query;
      const key = listKey(['audit']);
      const place = readCursor(cursor, key, ['string', 'string']) as [string, string] | null;
      const rows: KnownAuditEntry[] = [];
      // Page after page, until there are enough that the caller may see.
      let after: AuditPlace | null = place === null ? null : { at: place[0], audit_id: place[1] };
      for (;;) {
        const page = await catalog.audit.list({ limit: limit + 1, after });
        rows.push(...page.filter(({ apps }) => coversApps(request as FastifyRequest, apps)));
        if (page.length <= limit || rows.length > limit) break;
        after = page.at(-1)!;
      }
      const last = rows[limit - 1];
      return {
        data: rows.slice(0, limit).map(({ at, by, action, target }) => ({ at, by, action, target })),
        next_cursor: rows.length > limit && last ? writeCursor(key, [last.at, last.audit_id]) : null,
      };
    },
  );
}
