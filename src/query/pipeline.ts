import type { FastifyInstance } from 'fastify';
import { type Static, Type } from 'typebox';
import { askStoreFacts, type StoreFacts } from '../store/questions/store-facts.ts';
import { StoreError } from '../store/store-error.ts';
import type { QueryOptions } from './query.ts';
import { iso, isoTime, nullable } from './schemas.ts';

const count = Type.Integer({ minimum: 0 });
const milliseconds = nullable(Type.Number({ description: 'ms' }));

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
        end_offset: count,
        committed: count,
        lag_records: count,
        lag_ms: Type.Number(),
      }),
    ),
    bytes: Type.Number(),
  }),
  steps: Type.Array(
    Type.Object({
      name: Type.String(),
      events: count,
      seconds_per_million: Type.Number(),
      drops: Type.Record(Type.String(), count),
    }),
  ),
  rates: Type.Object({ ingest_eps: Type.Number(), insert_eps: Type.Number() }),
  freshness_ms: Type.Object({ p50: milliseconds, p95: milliseconds }),
};

const Answer = Type.Object({
  ...ProcessFacts,
  store: Type.Object({
    kind: Type.String(),
    version: nullable(Type.String()),
    state: Type.String({ description: 'ok, or down' }),
    rows: nullable(count),
    bytes: nullable(count),
  }),
  buckets: Type.Object({ dirty: nullable(count), refreshed_at: nullable(isoTime) }),
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
          'Log, steps, rates, freshness, the database and the buckets that wait for their recompute.',
        tags: ['Operation'],
        response: { 200: Answer },
      },
    },
    async (): Promise<Static<typeof Answer>> => {
      const [process, store] = await Promise.all([options.pipelineFacts(), readStoreFacts(options)]);
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

/** Null while the database does not answer: the page is wanted most of all then. */
async function readStoreFacts({ store }: QueryOptions): Promise<StoreFacts | null> {
  try {
    return await askStoreFacts(store);
  } catch (error) {
    if (error instanceof StoreError) return null;
    throw error;
  }
}
