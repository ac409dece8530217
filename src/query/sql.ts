import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type Static, Type } from 'typebox';
import { HttpProblem } from '../http/problem.ts';
import { nullable } from './schemas.ts';
import { collect, type Prepared, type SqlDesk, serverQueryId } from './sql/desk.ts';

/** SQL of one's own: one SELECT, as its reader may see it, in several formats; and the end of one that runs. */

const ROWS_MAX = 10_000;
const TIMEOUT_SECONDS_MAX = 20;
const QUERY_ID = /^[\w.-]{1,64}$/;
const ID_HEADER = 'query-id';

const FORMATS = {
  ndjson: { format: 'JSONEachRow', type: 'application/x-ndjson' },
  csv: { format: 'CSVWithNames', type: 'text/csv; charset=utf-8; header=present' },
  parquet: { format: 'Parquet', type: 'application/vnd.apache.parquet' },
} as const;

const Body = Type.Object({
  query: Type.String({ minLength: 1, maxLength: 100_000, description: 'One SELECT, or EXPLAIN of one.' }),
  params: Type.Optional(
    Type.Record(Type.String({ pattern: '^\\w{1,64}$' }), Type.Unknown(), {
      description: 'Values of `{name:Type}` in the query.',
    }),
  ),
  format: Type.Optional(Type.Enum(['json', 'ndjson', 'csv', 'parquet'], { description: 'Default: json.' })),
  timeout_seconds: Type.Optional(
    Type.Number({
      minimum: 0.1,
      maximum: TIMEOUT_SECONDS_MAX,
      description: `Default: ${TIMEOUT_SECONDS_MAX}.`,
    }),
  ),
});
const Answer = Type.Object({
  columns: Type.Array(Type.Object({ name: Type.String(), type: Type.String() })),
  rows: Type.Array(Type.Array(Type.Unknown()), {
    description: 'Integers that JSON cannot hold exactly are strings.',
  }),
  row_count: Type.Integer({ minimum: 0 }),
  truncated: Type.Boolean({ description: `There are more than ${ROWS_MAX} rows: ask for another format.` }),
  elapsed_ms: Type.Number(),
  read_rows: nullable(
    Type.Integer({ minimum: 0, description: 'Null for a caller who may not see all apps.' }),
  ),
});
const Params = Type.Object({ id: Type.String() });

export interface SqlOptions {
  readonly sql: SqlDesk;
}

export function addSqlRoutes(app: FastifyInstance, options: SqlOptions): void {
  app.post<{ Body: Static<typeof Body> }>(
    '/query',
    {
      config: { scopes: ['read'], asks: true },
      schema: {
        summary: 'SQL',
        description:
          'One SELECT over the tables of the documentation, whose rows are those of the apps that the caller may see.',
        tags: ['Questions'],
        body: Body,
        response: { 200: Answer },
      },
    },
    async (request, reply) => await answerStatement(request, reply, options.sql),
  );
  app.delete<{ Params: Static<typeof Params> }>(
    '/query/:id',
    {
      config: { scopes: ['read'] },
      schema: {
        summary: 'Cancel a query',
        description: 'Ends a query that the same caller sent with this id.',
        tags: ['Questions'],
        params: Params,
        response: { 200: Type.Object({ cancelled: Type.Boolean() }) },
      },
    },
    async (request) => {
      const { id } = request.params;
      if (await options.sql.cancel(serverQueryId(request.caller!.id, id))) return { cancelled: true };
      throw new HttpProblem('not_found', `No query ${JSON.stringify(id)} of yours is running.`);
    },
  );
}

async function answerStatement(
  request: FastifyRequest<{ Body: Static<typeof Body> }>,
  reply: FastifyReply,
  desk: SqlDesk,
) {
  const { query, params = {}, format = 'json', timeout_seconds = TIMEOUT_SECONDS_MAX } = request.body;
  const caller = request.caller!;
  const id = readQueryId(request);
  const gone = new AbortController();
  // Nobody waits for the answer any more.
  reply.raw.once('close', () => gone.abort(new Error('The caller is gone.')));
  reply.header(ID_HEADER, id);
  const prepared = await desk.prepare({
    query,
    params,
    apps: caller.apps,
    queryId: serverQueryId(caller.id, id),
    timeoutMs: timeout_seconds * 1_000,
    signal: gone.signal,
  });
  if (format === 'json') return await answerJson(prepared, caller.apps === null);
  const { format: wanted, type } = FORMATS[format];
  const body = Readable.from(prepared.run(wanted), { objectMode: false });
  // A failure comes before the first byte, while it can be said with a status.
  await once(body, 'readable');
  return await reply.type(type).send(body);
}

/** As ClickHouse writes JSONCompact. */
interface Written {
  readonly meta: readonly { name: string; type: string }[];
  readonly data: readonly unknown[][];
  readonly statistics: { readonly rows_read: number };
}

async function answerJson({ run, isPlan }: Prepared, seesAll: boolean): Promise<Static<typeof Answer>> {
  const began = performance.now();
  const settings = { output_format_json_quote_64bit_integers: 0 };
  const text = await collect(run('JSONCompact', isPlan ? settings : { ...settings, limit: ROWS_MAX + 1 }));
  const { meta, data, statistics } = JSON.parse(text, keepExact) as Written;
  const rows = data.slice(0, ROWS_MAX);
  return {
    columns: meta.map(({ name, type }) => ({ name, type })),
    rows,
    row_count: rows.length,
    truncated: data.length > ROWS_MAX,
    elapsed_ms: Math.round(performance.now() - began),
    // It counts rows before any filter, and so tells of those of other apps.
    read_rows: seesAll ? statistics.rows_read : null,
  };
}

function keepExact(_key: string, value: unknown, context?: { readonly source: string }): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value) || context === undefined) return value;
  return /^-?\d+$/.test(context.source) ? context.source : value;
}

function readQueryId(request: FastifyRequest): string {
  const given = request.headers[ID_HEADER];
  if (given === undefined) return randomUUID();
  if (typeof given === 'string' && QUERY_ID.test(given)) return given;
  throw new HttpProblem('invalid_request', `${ID_HEADER} takes 1 to 64 letters, digits, '.', '_' and '-'.`);
}
