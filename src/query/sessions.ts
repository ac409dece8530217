import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import {
  askSessions,
  SESSION_FIELDS,
  SESSION_SORTS,
  type SessionFilters,
  type SessionPlace,
  type SessionRow,
} from '../store/questions/sessions.ts';
import { listKey, readCursor, writeCursor } from './cursor.ts';
import type { QueryOptions } from './query.ts';
import { cursorParam, iso, isoTime, LIMIT_DEFAULT, limitParam, nullable, pageOf } from './schemas.ts';
import { readScope, scopeParams } from './scope.ts';
import { ask } from './store-problem.ts';

const of = (what: string) => Type.Optional(Type.String({ description: `Only sessions with this ${what}.` }));

/** What sessions are filtered by, wherever they are asked for. */
export const sessionFilterParams = {
  user_id: Type.Optional(Type.String({ description: 'Only sessions whose first event is of this user.' })),
  anonymous_id: Type.Optional(
    Type.String({ description: 'Only sessions whose first event carries this anonymous id.' }),
  ),
  device: of('device'),
  browser: of('browser'),
  os: of('operating system'),
  country: of('country'),
  referrer: of('host as referrer'),
  utm_source: of('source'),
  utm_campaign: of('campaign'),
  entry_page: of('path as their first page'),
  bounced: Type.Optional(
    Type.Boolean({ description: 'Only sessions of one page view and under 10 s, or only the others.' }),
  ),
  min_duration: Type.Optional(
    Type.Number({ minimum: 0, maximum: 1e9, description: 'Only sessions that lasted so many seconds.' }),
  ),
};
const Filters = Type.Object(sessionFilterParams);

const Query = Type.Object({
  ...sessionFilterParams,
  ...scopeParams,
  sort: Type.Optional(Type.Enum([...SESSION_SORTS], { description: 'Default: started_at.' })),
  order: Type.Optional(Type.Enum(['desc', 'asc'], { description: 'Default: desc.' })),
  limit: limitParam,
  cursor: cursorParam,
});

const text = nullable(Type.String());
const Item = Type.Object({
  session_id: Type.String(),
  app_id: Type.String(),
  user_id: text,
  anonymous_id: text,
  started_at: isoTime,
  ended_at: isoTime,
  duration_seconds: Type.Number(),
  events: Type.Integer(),
  page_views: Type.Integer(),
  entry_page: text,
  exit_page: text,
  bounced: Type.Boolean(),
  is_new: Type.Boolean({ description: "The actor's first session in that app." }),
  device: text,
  browser: text,
  os: text,
  country: text,
  referrer: text,
  utm_source: text,
  utm_medium: text,
  utm_campaign: text,
  utm_term: text,
  utm_content: text,
  errors: Type.Integer(),
  conversions: Type.Integer({ description: 'Events that are conversions.' }),
});
const Answer = pageOf(Item);

export function addSessionsRoute(app: FastifyInstance, options: QueryOptions): void {
  app.get<{ Querystring: Static<typeof Query> }>(
    '/v1/sessions',
    {
      // No scope: an event of any time may move the beginning of a session, or make another one the actor's first.
      config: { scopes: ['read'], cached: { name: 'sessions' } },
      schema: {
        summary: 'Sessions',
        description: 'The sessions that begin in the range, each with all of its events. Newest first.',
        tags: ['Sessions'],
        querystring: Query,
        response: { 200: Answer },
      },
    },
    async (request): Promise<Static<typeof Answer>> => {
      const { query } = request;
      const { limit = LIMIT_DEFAULT, order = 'desc', sort = 'started_at' } = query;
      const { cursor, limit: _, ...list } = query;
      const key = listKey(['sessions', list]);
      const { sessions, end } = await ask(
        askSessions(options.store, {
          ...readScope(request as FastifyRequest, options.now()),
          kept: options.kept?.() ?? null,
          filters: readSessionFilters(query),
          sort,
          order,
          after: readPlace(cursor, key),
          limit,
          conversionEvents: options.conversionEvents,
          now: options.now(),
        }),
      );
      return {
        data: sessions.map(shapeSession),
        next_cursor: end === null ? null : writeCursor(key, [end.value, end.app, end.session]),
      };
    },
  );
}

export function readSessionFilters(query: Static<typeof Filters>): SessionFilters {
  const fields = SESSION_FIELDS.flatMap((field) =>
    query[field] === undefined ? [] : [[field, query[field]] as const],
  );
  return { fields: Object.fromEntries(fields), bounced: query.bounced, minDuration: query.min_duration };
}

function readPlace(cursor: string | undefined, key: string): SessionPlace | null {
  const place = readCursor(cursor, key, ['number', 'string', 'string']);
  if (place === null) return null;
  const [value, app, session] = place as [number, string, string];
  return { value, app, session };
}

function shapeSession(row: SessionRow): Static<typeof Item> {
  const said = (value: string) => (value === '' ? null : value);
  return {
    session_id: row.session_id,
    app_id: row.app_id,
    user_id: said(row.user_id),
    anonymous_id: said(row.anonymous_id),
    started_at: iso(row.started_ms),
    ended_at: iso(row.ended_ms),
    duration_seconds: row.duration_ms / 1000,
    events: row.events,
    page_views: row.page_views,
    entry_page: said(row.entry_page),
    exit_page: said(row.exit_page),
    bounced: row.bounced,
    is_new: row.is_new,
    device: said(row.device),
    browser: said(row.browser),
    os: said(row.os),
    country: said(row.country),
    referrer: said(row.referrer),
    utm_source: said(row.utm_source),
    utm_medium: said(row.utm_medium),
    utm_campaign: said(row.utm_campaign),
    utm_term: said(row.utm_term),
    utm_content: said(row.utm_content),
    errors: row.errors,
    conversions: row.conversions,
  };
}
