import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import { askEvents, type EventPlace, type StoredEventRow } from '../store/questions/events.ts';
import type { Filter } from '../store/sql/filters.ts';
import { listKey, readCursor, writeCursor } from './cursor.ts';
import { readFilters } from './filter.ts';
import type { QueryOptions } from './query.ts';
import {
  cursorParam,
  filterParam,
  iso,
  isoTime,
  LIMIT_DEFAULT,
  limitParam,
  nullable,
  pageOf,
} from './schemas.ts';
import { readScope, scopeParams } from './scope.ts';
import { ask } from './store-problem.ts';

/** Parameters that filter by one field's value; several values with commas are not split, as ids may hold them. */
const FIELDS = ['event_name', 'user_id', 'anonymous_id', 'session_id', 'video_id', 'view_id'] as const;

const field = Type.Optional(Type.String({ description: 'Only events with this value.' }));
const Query = Type.Object({
  event_name: field,
  user_id: field,
  anonymous_id: field,
  session_id: field,
  video_id: field,
  view_id: field,
  filter: filterParam,
  ...scopeParams,
  order: Type.Optional(
    Type.Enum(['desc', 'asc'], { description: 'By timestamp. Default: desc, the newest first.' }),
  ),
  limit: limitParam,
  cursor: cursorParam,
});

const text = nullable(Type.String());
const object = Type.Record(Type.String(), Type.Unknown());
const Item = Type.Object({
  event_id: Type.String({ format: 'uuid' }),
  event_name: Type.String(),
  app_id: Type.String(),
  timestamp: isoTime,
  received_at: isoTime,
  user_id: text,
  anonymous_id: text,
  session_id: text,
  session_assigned: Type.Boolean({ description: 'The session was found by the service, not sent.' }),
  video_id: text,
  view_id: text,
  stream_id: text,
  page: text,
  referrer: text,
  utm_source: text,
  utm_medium: text,
  utm_campaign: text,
  utm_term: text,
  utm_content: text,
  device: text,
  os: text,
  browser: text,
  country: text,
  is_bot: Type.Boolean(),
  properties: object,
  context: object,
});
const Answer = pageOf(Item);

export function addEventsRoute(app: FastifyInstance, options: QueryOptions): void {
  app.get<{ Querystring: Static<typeof Query> }>(
    '/v1/events',
    {
      config: {
        scopes: ['read'],
        cached: { name: 'events', scope: (request) => readScope(request, options.now()) },
      },
      schema: {
        summary: 'Events as stored',
        description:
          'Newest first. Pages stay apart while events arrive: the cursor is a place in time, not a number of rows.',
        tags: ['Events'],
        querystring: Query,
        response: { 200: Answer },
      },
    },
    async (request): Promise<Static<typeof Answer>> => {
      const { query } = request;
      const { limit = LIMIT_DEFAULT, order = 'desc' } = query;
      const { cursor, limit: _, ...list } = query;
      const key = listKey(['events', list]);
      const rows = await ask(
        askEvents(options.store, {
          ...readScope(request as FastifyRequest, options.now()),
          filters: [...fieldFilters(query), ...readFilters(query.filter)],
          order,
          after: readPlace(cursor, key),
          // One more tells whether there is another page.
          limit: limit + 1,
          now: options.now(),
        }),
      );
      const page = rows.slice(0, limit);
      const last = page.at(-1);
      return {
        data: page.map(shapeEvent),
        next_cursor:
          rows.length > limit && last !== undefined
            ? writeCursor(key, [last.at, last.log_topic, last.log_partition, last.log_offset, last.log_index])
            : null,
      };
    },
  );
}

function fieldFilters(query: Static<typeof Query>): Filter[] {
  return FIELDS.flatMap((name) => {
    const value = query[name];
    return value === undefined ? [] : [{ field: name, op: 'eq' as const, values: [value] }];
  });
}

function readPlace(cursor: string | undefined, key: string): EventPlace | null {
  const place = readCursor(cursor, key, ['number', 'string', 'number', 'number', 'number']);
  if (place === null) return null;
  const [at, topic, partition, offset, index] = place as [number, string, number, number, number];
  return { at, topic, partition, offset, index };
}

function shapeEvent(row: StoredEventRow): Static<typeof Item> {
  const said = (value: string) => (value === '' ? null : value);
  return {
    event_id: row.event_id,
    event_name: row.event_name,
    app_id: row.app_id,
    timestamp: iso(row.at),
    received_at: iso(row.received_ms),
    user_id: said(row.user_id),
    anonymous_id: said(row.anonymous_id),
    session_id: said(row.session_id),
    session_assigned: row.session_assigned,
    video_id: said(row.video_id),
    view_id: said(row.view_id),
    stream_id: said(row.stream_id),
    page: said(row.page),
    referrer: said(row.referrer),
    utm_source: said(row.utm_source),
    utm_medium: said(row.utm_medium),
    utm_campaign: said(row.utm_campaign),
    utm_term: said(row.utm_term),
    utm_content: said(row.utm_content),
    device: said(row.device),
    os: said(row.os),
    browser: said(row.browser),
    country: said(row.country),
    is_bot: row.is_bot,
    properties: readObject(row.properties),
    context: readObject(row.context),
  };
}

/** What is stored was checked before; a row that somebody wrote by hand must not break the page. */
function readObject(json: string): Record<string, unknown> {
  if (json === '') return {};
  try {
    const value: unknown = JSON.parse(json);
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : {};
  } catch {
    return {};
  }
}
