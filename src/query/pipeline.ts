import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import { askAppFlow } from '../store/questions/flow.ts';
import { askStoreFacts } from '../store/questions/store-facts.ts';
import { StoreError } from '../store/store-error.ts';
import { readApps } from './caller.ts';
import type { QueryOptions } from './query.ts';
import { iso, isoTime, nullable } from './schemas.ts';

const count = Type.Integer({ minimum: 0 });
const milliseconds = nullable(Type.Number({ description: 'ms' }));

const OF_ALL_APPS = 'Of all apps together: null for a caller who is limited to some.';
const countOfAll = nullable(Type.Integer({ minimum: 0, description: OF_ALL_APPS }));

/** What only the process itself knows. */
const ProcessFacts = {
  version: Type.String(),
  started_at: isoTime,
  roles: Type.Array(Type.String()),
  log: Type.Object({
    kind: Type.String(),
    partitions: Type.Array(
      Type.Object({
        topic: Type.String(),
        partition: count,
        end_offset: countOfAll,
        committed: countOfAll,
        lag_records: countOfAll,
        lag_ms: Type.Number(),
      }),
    ),
    bytes: nullable(Type.Number({ description: OF_ALL_APPS })),
  }),
  steps: Type.Array(
    Type.Object({
      name: Type.String(),
      events: countOfAll,
      seconds_per_million: Type.Number(),
      drops: nullable(Type.Record(Type.String(), count, { description: OF_ALL_APPS })),
    }),
  ),
  rates: Type.Object(
    { ingest_eps: Type.Number(), insert_eps: Type.Number() },
    { description: 'Events a second over the last ten, of the apps that the caller may see.' },
  ),
  freshness_ms: Type.Object({ p50: milliseconds, p95: milliseconds }),
};

const Answer = Type.Object({
  ...ProcessFacts,
  store: Type.Object({
    kind: Type.String(),
    version: nullable(Type.String()),
    state: Type.String({ description: 'ok, or down' }),
    rows: countOfAll,
    bytes: countOfAll,
  }),
  buckets: Type.Object(
    { dirty: nullable(count), refreshed_at: nullable(isoTime) },
    { description: 'Of the apps that the caller may see.' },
  ),
});

const Facts = Type.Object({ ...ProcessFacts, store: Type.Object({ kind: Type.String() }) });

/** The process's part of `GET /v1/pipeline`; of the store only its kind, `embedded` or `remote`. */
export type PipelineFacts = Static<typeof Facts>;

export function addPipelineRoute(app: FastifyInstance, options: QueryOptions): void {
  app.get(
    '/v1/pipeline',
    {
      config: { scopes: ['read', 'admin'] },
      schema: {
        summary: 'How the pipeline is',
        description:
          'Log, steps, rates, freshness, the database and the buckets that wait for their recompute. A caller who is ' +
          'limited to apps gets the rates and buckets of these, and null for counts that are of all apps together.',
        tags: ['Operation'],
        response: { 200: Answer },
      },
    },
    async (request): Promise<Static<typeof Answer>> => {
      const apps = readApps(request as FastifyRequest, undefined);
      const [process, store] = await Promise.all([
        readProcessFacts(options, apps),
        orNull(askStoreFacts(options.store, apps)),
      ]);
      return {
        ...process,
        store: {
          kind: process.store.kind,
          version: store?.version ?? null,
          state: store === null ? 'down' : 'ok',
          rows: store?.rows ?? null,
          bytes: store?.bytes ?? null,
        },
        buckets: {
          dirty: store?.dirty ?? null,
          refreshed_at: store?.refreshed_ms == null ? null : iso(store.refreshed_ms),
        },
      };
    },
  );
}

/** A record of the log and a step are of many apps: who is limited to some learns how long they take, not how much they hold. */
async function readProcessFacts(
  { pipelineFacts, store }: QueryOptions,
  apps: readonly string[] | null,
): Promise<PipelineFacts> {
  if (apps === null) return await pipelineFacts();
  const [facts, flow] = await Promise.all([pipelineFacts(), orNull(askAppFlow(store, apps))]);
  const { log, steps } = facts;
  return {
    ...facts,
    log: {
      ...log,
      partitions: log.partitions.map((one) => ({
        ...one,
        end_offset: null,
        committed: null,
        lag_records: null,
      })),
      bytes: null,
    },
    steps: steps.map((step) => ({ ...step, events: null, drops: null })),
    rates: { ingest_eps: flow?.received_eps ?? 0, insert_eps: flow?.stored_eps ?? 0 },
  };
}

/** Null while the database does not answer: the page is wanted most of all then. */
async function orNull<T>(asked: Promise<T>): Promise<T | null> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof StoreError) return null;
    throw error;
  }
}
