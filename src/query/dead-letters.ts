import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import { HttpProblem } from '../http/problem.ts';
import {
  askDeadLetterGroups,
  askDeadLetters,
  askLetterChanges,
  askLettersById,
  type DeadLetterRow,
  type LetterChange,
} from '../store/questions/dead-letters.ts';
import { readApps } from './caller.ts';
import { listKey, readCursor, writeCursor } from './cursor.ts';
import type { QueryOptions } from './query.ts';
import {
  appIdParam,
  cursorParam,
  iso,
  isoTime,
  LIMIT_DEFAULT,
  limitParam,
  nullable,
  pageOf,
} from './schemas.ts';
import { ask } from './store-problem.ts';

const reasonParam = Type.Optional(Type.String({ description: 'Only letters with this reason.' }));
const stateParam = Type.Optional(
  Type.Enum(['open', 'replayed', 'discarded'], { description: 'What became of the letter.' }),
);

const Query = Type.Object({
  reason: reasonParam,
  state: stateParam,
  app_id: appIdParam,
  limit: limitParam,
  cursor: cursorParam,
});
const GroupsQuery = Type.Object({ reason: reasonParam, state: stateParam, app_id: appIdParam });

const text = nullable(Type.String());
const Item = Type.Object({
  id: Type.String({ format: 'uuid' }),
  reason: Type.String(),
  detail: text,
  source: Type.Union([
    Type.Object({
      topic: Type.String(),
      partition: Type.Integer(),
      offset: Type.Integer(),
      index: Type.Integer(),
    }),
    Type.Object({ path: Type.String() }),
  ]),
  received_at: isoTime,
  app_id: text,
  event_id: text,
  payload: Type.String({ description: 'The bytes of the event, or of its record, as text.' }),
  truncated: Type.Boolean({ description: 'The payload was too large and is cut off.' }),
  state: Type.Enum(['open', 'replayed', 'discarded']),
});
const Answer = pageOf(Item);

const Params = Type.Object({ id: Type.String({ format: 'uuid' }) });
const History = Type.Array(
  Type.Object({
    state: Type.Enum(['open', 'replayed', 'discarded']),
    at: isoTime,
    by: text,
    event_id: text,
    fix: Type.Array(Type.Unknown()),
  }),
  {
    description:
      'The oldest first. `event_id` and `fix`: under which id, and how changed, the event went on.',
  },
);
const OneAnswer = Type.Object({ ...Item.properties, history: History });

const count = Type.Integer({ minimum: 0 });
const GroupsAnswer = Type.Object({
  data: Type.Array(
    Type.Object({
      reason: Type.String(),
      count,
      open: count,
      replayed: count,
      discarded: count,
      first_seen: isoTime,
      last_seen: isoTime,
    }),
  ),
});

export function addDeadLetterRoutes(app: FastifyInstance, options: QueryOptions): void {
  app.get<{ Querystring: Static<typeof Query> }>(
    '/v1/dead-letters',
    {
      config: { scopes: ['admin'] },
      schema: {
        summary: 'Dead letters',
        description:
          'Events that could not be stored, with the reason, the newest first. All that are kept, without a default range.',
        tags: ['Operation'],
        querystring: Query,
        response: { 200: Answer },
      },
    },
    async (request): Promise<Static<typeof Answer>> => {
      const { cursor, limit = LIMIT_DEFAULT, ...list } = request.query;
      const key = listKey(['dead-letters', list]);
      const place = readCursor(cursor, key, ['number', 'uuid']) as [number, string] | null;
      const apps = readApps(request as FastifyRequest, list.app_id);
      const rows = await ask(
        askDeadLetters(options.store, {
          apps,
          reason: list.reason ?? null,
          state: list.state ?? null,
          after: place === null ? null : { receivedMs: place[0], id: place[1] },
          limit: limit + 1,
        }),
      );
      const page = rows.slice(0, limit);
      const last = page.at(-1);
      const more = rows.length > limit && last !== undefined;
      return {
        data: page.map(shapeLetter),
        next_cursor: more ? writeCursor(key, [last.received_ms, last.id]) : null,
      };
    },
  );
  addGroupsRoute(app, options);
  addOneRoute(app, options);
}

function addOneRoute(app: FastifyInstance, options: QueryOptions): void {
  app.get<{ Params: Static<typeof Params> }>(
    '/v1/dead-letters/:id',
    {
      config: { scopes: ['admin'] },
      schema: {
        summary: 'One dead letter',
        description: 'With what became of it.',
        tags: ['Operation'],
        params: Params,
        response: { 200: OneAnswer },
      },
    },
    async (request): Promise<Static<typeof OneAnswer>> => {
      const { id } = request.params;
      const apps = readApps(request as FastifyRequest, undefined);
      const [row] = await ask(askLettersById(options.store, { apps, ids: [id] }));
      if (row === undefined) throw new HttpProblem('not_found', `There is no dead letter ${id}.`);
      const changes = await ask(askLetterChanges(options.store, [row.id]));
      const opened = { state: 'open' as const, at: iso(row.received_ms), by: null, event_id: null, fix: [] };
      return { ...shapeLetter(row), history: [opened, ...changes.map(shapeChange)] };
    },
  );
}

function shapeChange({ state, event_id, fix, changed_by, changed_ms }: LetterChange) {
  return {
    state,
    at: iso(changed_ms),
    by: changed_by === '' ? null : changed_by,
    event_id: event_id === '' ? null : event_id,
    fix: fix === '' ? [] : (JSON.parse(fix) as unknown[]),
  };
}

function addGroupsRoute(app: FastifyInstance, options: QueryOptions): void {
  app.get<{ Querystring: Static<typeof GroupsQuery> }>(
    '/v1/dead-letters/groups',
    {
      config: { scopes: ['admin'] },
      schema: {
        summary: 'Dead letters by reason',
        description: 'The most frequent reason first.',
        tags: ['Operation'],
        querystring: GroupsQuery,
        response: { 200: GroupsAnswer },
      },
    },
    async (request): Promise<Static<typeof GroupsAnswer>> => {
      const apps = readApps(request as FastifyRequest, request.query.app_id);
      const rows = await ask(
        askDeadLetterGroups(options.store, {
          apps,
          reason: request.query.reason ?? null,
          state: request.query.state ?? null,
        }),
      );
      return {
        data: rows.map(({ reason, count, replayed, discarded, first_ms, last_ms }) => ({
          reason,
          count,
          open: count - replayed - discarded,
          replayed,
          discarded,
          first_seen: iso(first_ms),
          last_seen: iso(last_ms),
        })),
      };
    },
  );
}

/** As the API shows it. */
function shapeLetter(row: DeadLetterRow): Static<typeof Item> {
  const said = (value: string) => (value === '' ? null : value);
  const {
    source_topic: topic,
    source_partition: partition,
    source_offset: offset,
    source_index: index,
  } = row;
  return {
    id: row.id,
    reason: row.reason,
    detail: said(row.detail),
    source: row.source_path === '' ? { topic, partition, offset, index } : { path: row.source_path },
    received_at: iso(row.received_ms),
    app_id: said(row.app_id),
    event_id: said(row.event_id),
    payload: row.payload,
    truncated: row.truncated,
    state: row.state,
  };
}
