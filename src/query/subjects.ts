import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import type { Erasure } from '../catalog/erasures.ts';
import { eventLimits } from '../event/event.ts';
import { HttpProblem } from '../http/problem.ts';
import { coversApps, readApps } from './caller.ts';
import { readProgress } from './erase.ts';
import type { ErasureRunner } from './erasure-runner.ts';
import type { QueryOptions } from './query.ts';
import { appIdParam, isoTime, LIMIT_DEFAULT, limitParam, nullable } from './schemas.ts';

/** `DELETE /v1/subjects/:id` erases a person; `/v1/subjects/erasures` says how far that is. */

export interface ErasureDesk {
  readonly runner: ErasureRunner;
  /** How long records of the log are kept, in ms; null: as its owner has it (Kafka). */
  readonly logKeptMs: number | null;
}

/** After this long the caller is told where to ask. */
const ANSWER_WITHIN_MS = 30_000;
const WAITING_MAX = 1_000;
/** Of a name that nobody may read, so much is enough to find it again in the audit. */
const HASH_CHARS = 16;

const count = Type.Integer({ minimum: 0 });
const Counts = Type.Object({
  events: count,
  sessions: count,
  views: count,
  dead_letters: count,
  derived_events: count,
});
export const ErasureItem = Type.Object({
  erasure_id: Type.String(),
  state: Type.Union([Type.Literal('running'), Type.Literal('done')]),
  step: Type.String({ description: 'What it does now, for people.' }),
  subject_hash: Type.String({ description: 'Keyed hash of the name, shortened, as in the audit.' }),
  app_ids: nullable(Type.Array(Type.String(), { description: 'Null: every app.' })),
  requested_at: isoTime,
  finished_at: nullable(isoTime),
  before: nullable(Counts),
  after: nullable(Counts),
  removed_events: count,
  recomputed: Type.Object({
    days: Type.Array(
      Type.Object({ app_id: Type.String(), day: Type.String({ description: '`YYYY-MM-DD`, UTC.' }) }),
    ),
    pending_buckets: Type.Integer({
      minimum: 0,
      description: 'Buckets of five minutes not recomputed yet; answers about them come from raw meanwhile.',
    }),
  }),
  log_erased_by: nullable(
    Type.String({
      format: 'date-time',
      description:
        "When the log's retention has removed the bytes; null where the log is Kafka and its topics say.",
    }),
  ),
});
const List = Type.Object({ data: Type.Array(ErasureItem) });
const Params = Type.Object({
  id: Type.String({
    minLength: 1,
    maxLength: eventLimits.idBytesMax,
    description: 'A `user_id` or an `anonymous_id`, percent-encoded.',
  }),
});
const JobParams = Type.Object({ erasureId: Type.String({ minLength: 1, maxLength: 64 }) });
const Query = Type.Object({ app_id: appIdParam });
const ListQuery = Type.Object({ limit: limitParam });

export function addSubjectRoutes(app: FastifyInstance, options: QueryOptions): void {
  const { catalog, erasure: desk } = options;
  if (desk === null) return;
  addEraseRoute(app, desk, options);
  app.get<{ Querystring: Static<typeof ListQuery> }>(
    '/v1/subjects/erasures',
    {
      config: { scopes: ['admin'] },
      schema: {
        summary: 'Erasures',
        description: 'The latest first, as far as the caller may see their apps. Without names.',
        tags: ['Privacy'],
        querystring: ListQuery,
        response: { 200: List },
      },
    },
    async (request): Promise<Static<typeof List>> => {
      const found = await catalog.erasures.list(request.query.limit ?? LIMIT_DEFAULT);
      const own = found.filter(({ apps }) => coversApps(request as FastifyRequest, apps));
      return { data: own.map((one) => shape(one, desk)) };
    },
  );
  app.get<{ Params: Static<typeof JobParams> }>(
    '/v1/subjects/erasures/:erasureId',
    {
      config: { scopes: ['admin'] },
      schema: {
        summary: 'An erasure',
        description: 'How far it is.',
        tags: ['Privacy'],
        params: JobParams,
        response: { 200: ErasureItem },
      },
    },
    async (request): Promise<Static<typeof ErasureItem>> => {
      const found = await catalog.erasures.get(request.params.erasureId.replaceAll('\0', ''));
      if (found === null || !coversApps(request as FastifyRequest, found.apps))
        throw new HttpProblem('not_found', 'There is no such erasure.');
      return shape(found, desk);
    },
  );
}

function addEraseRoute(app: FastifyInstance, desk: ErasureDesk, { catalog }: QueryOptions): void {
  app.delete<{ Params: Static<typeof Params>; Querystring: Static<typeof Query> }>(
    '/v1/subjects/:id',
    {
      config: { scopes: ['admin'], namesPerson: true },
      schema: {
        summary: 'Erase a person',
        description:
          'Removes every event with this `user_id` or `anonymous_id` that was received before, with its sessions, views, derived events and dead letters, and recomputes what counted them. Answers when that is done, or after 30 s with 202 and where to ask; with `Prefer: respond-async` at once.',
        tags: ['Privacy'],
        params: Params,
        querystring: Query,
        response: { 200: ErasureItem, 202: ErasureItem },
      },
    },
    async (request, reply) => {
      // Its name is in no answer, no audit and no log.
      request.auditTarget = 'subject';
      const apps = readApps(request as FastifyRequest, request.query.app_id);
      const { id } = request.params;
      if (id.includes('\0'))
        throw new HttpProblem('invalid_request', 'No event has an id with U+0000; send it as it is stored.');
      if ((await catalog.erasures.waiting()) >= WAITING_MAX)
        throw new HttpProblem('rate_limited', `${WAITING_MAX} erasures are waiting; ask again later.`, {
          retryAfterMs: ANSWER_WITHIN_MS,
        });
      const begun = await desk.runner.request(id, apps);
      request.auditTarget = `subject ${begun.digest.slice(0, HASH_CHARS)}, erasure ${begun.erasure_id}`;
      const waits = request.headers.prefer !== 'respond-async';
      const known = (await desk.runner.wait(begun.erasure_id, waits ? ANSWER_WITHIN_MS : 0)) ?? begun;
      if (known.finished_at !== null) return shape(known, desk);
      reply.header('location', `/v1/subjects/erasures/${known.erasure_id}`);
      return await reply.code(202).send(shape(known, desk));
    },
  );
}

function shape(erasure: Erasure, { logKeptMs }: ErasureDesk): Static<typeof ErasureItem> {
  const { step, before, after, removed, days, pending } = readProgress(erasure.progress);
  const { erasure_id, digest, apps, requested_at, finished_at } = erasure;
  return {
    erasure_id,
    state: finished_at === null ? 'running' : 'done',
    step,
    subject_hash: digest.slice(0, HASH_CHARS),
    app_ids: apps === null ? null : [...apps],
    requested_at,
    finished_at,
    before,
    after,
    removed_events: removed,
    recomputed: { days: [...days], pending_buckets: pending },
    log_erased_by: logKeptMs === null ? null : new Date(Date.parse(requested_at) + logKeptMs).toISOString(),
  };
}
