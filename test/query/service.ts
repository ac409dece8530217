/** The query role for tests: a real ClickHouse with the real tables, a catalogue, and Fastify without a port. */
import type { TestContext } from 'node:test';
import Fastify, { type FastifyInstance } from 'fastify';
import type { Access, Principal, Scope } from '../../src/access/access.ts';
import type { Cache } from '../../src/cache/cache.ts';
import { createMemoryCache } from '../../src/cache/memory.ts';
import { type Catalog, openCatalog } from '../../src/catalog/catalog.ts';
import type { eventColumns } from '../../src/event/columns.ts';
import { createCors } from '../../src/http/cors.ts';
import { decorateFastify } from '../../src/http/fastify.ts';
import { type Answers, createAnswers } from '../../src/query/answers.ts';
import type { PipelineFacts } from '../../src/query/pipeline.ts';
import { type QueryOptions, queryRoutes } from '../../src/query/query.ts';
import { SqlDesk } from '../../src/query/sql/desk.ts';
import type { StoreClient } from '../../src/store/client.ts';
import { migrate } from '../../src/store/migrate.ts';
import { createRecompute, type Recompute } from '../../src/store/recompute.ts';
import type { Retention } from '../../src/store/retention.ts';
import { createShapes } from '../../src/store/shapes.ts';
import { openViewMoments, type ViewMoments } from '../../src/store/view-moments.ts';
import {
  makeTestFolder,
  silentLog,
  startTestClickHouse,
  type TestClickHouse,
} from '../support/clickhouse.ts';

export const GAP_LIMIT_MS = 30_000;
export const CONVERSION_EVENTS = ['purchase', 'signup'];
/** Histories lie in another year than the test, so nothing may expire. */
export const FOREVER: Retention = {
  eventsDays: 15_000,
  sessionsDays: 15_000,
  errorsDays: 15_000,
  hourlyDays: 15_000,
};

export const plainFacts: PipelineFacts = {
  version: '0.0.0',
  started_at: '2026-01-01T00:00:00.000Z',
  roles: ['query'],
  log: { kind: 'local', partitions: [], bytes: 0 },
  steps: [],
  rates: { ingest_eps: 0, insert_eps: 0 },
  freshness_ms: { p50: null, p95: null },
  store: { kind: 'embedded' },
};

/** A row of `events`; what is not said is empty. */
export type TestRow = Partial<Record<(typeof eventColumns)[number]['name'], unknown>> & { timestamp: number };

export interface QueryService {
  /** For another application over the same tables. */
  readonly options: QueryOptions;
  readonly app: FastifyInstance;
  readonly store: StoreClient;
  readonly moments: ViewMoments;
  readonly catalog: Catalog;
  /** Announces rows, and nothing more. */
  mark(rows: readonly TestRow[]): Promise<void>;
  /** Marks the buckets of the rows and inserts them. */
  insert(rows: readonly TestRow[]): Promise<void>;
  recompute(rowsMax: number): Recompute;
  /** The answer's JSON; fails on another status than 200. */
  get<T>(path: string, query?: Record<string, string | readonly string[]>): Promise<T>;
}

/** Everyone may do everything, unless `principal` is given. */
export function openAccess(principal?: Partial<Principal>): Pick<Access, 'authorize'> {
  const scopes: Scope[] = ['read', 'admin'];
  return {
    authorize(_request, scope) {
      const who: Principal = { id: 'test', app: 'default', apps: null, scopes, ...principal };
      if (who.scopes.includes(scope)) return { granted: true, principal: who };
      return { granted: false, code: 'wrong_scope', detail: `The credential lacks the scope ${scope}.` };
    },
  };
}

/** Every question is asked afresh: rows come from the tests themselves, so nobody knows when something was stored. */
export function freshAnswers(freshMs = 0, onKept: (key: string) => void = () => {}): Answers {
  const memory = createMemoryCache({ bytesMax: 1_000_000, observe() {} });
  const cache: Cache = {
    ...memory,
    async set(key, ...more) {
      onKept(key);
      await memory.set(key, ...more);
    },
  };
  return createAnswers({ cache, freshMs, settledMs: 60_000, observe() {} });
}

export async function startQueryService(
  t: TestContext,
  more: Partial<QueryOptions> = {},
): Promise<QueryService> {
  const clickhouse = await startTestClickHouse(t);
  const store = clickhouse.client;
  const settings = {
    retention_events_days: FOREVER.eventsDays,
    retention_sessions_days: FOREVER.sessionsDays,
  };
  await migrate({ client: store, settings, log: silentLog });
  await createShapes(store, {
    gapLimitMs: GAP_LIMIT_MS,
    conversionEvents: CONVERSION_EVENTS,
    retention: FOREVER,
  });
  const catalog = await openCatalog({ dir: makeTestFolder() });
  t.after(() => catalog.close());
  const moments = openViewMoments({ store, gapLimitMs: GAP_LIMIT_MS, log: silentLog });
  const options = {
    store,
    moments,
    catalog,
    access: openAccess(),
    answers: freshAnswers(),
    gapLimitMs: GAP_LIMIT_MS,
    conversionEvents: CONVERSION_EVENTS,
    inFlight: async () => 0,
    pipelineFacts: () => plainFacts,
    letters: null,
    erasure: null,
    sql: new SqlDesk({ store, adhoc: null }),
    now: Date.now,
    ...more,
  };
  const app = await startQueryApp(t, options);
  t.after(() => moments.close());
  return {
    options,
    app,
    store,
    moments,
    catalog,
    mark: (rows) => markRows(store, rows),
    insert: (rows) => insertRows(clickhouse, rows),
    recompute: (rowsMax) =>
      createRecompute({ store, gapLimitMs: GAP_LIMIT_MS, rowsMax, engagementEveryMs: 3_600_000 }),
    async get(path, query = {}) {
      const response = await app.inject({ url: path, query: query as Record<string, string> });
      if (response.statusCode !== 200) throw new Error(`${path} ${JSON.stringify(query)}: ${response.body}`);
      return response.json();
    },
  };
}

export async function startQueryApp(t: TestContext, options: QueryOptions): Promise<FastifyInstance> {
  const app = Fastify({ routerOptions: { ignoreTrailingSlash: true, maxParamLength: 1024 } });
  const cors = createCors({ origins: null, maxAgeSeconds: 60 });
  decorateFastify(app, { cors, closing: () => false, servedElsewhere: () => false, onAnswered() {} });
  await app.register(queryRoutes, options);
  t.after(() => app.close());
  return app;
}

const EMPTY: Record<string, unknown> = {
  event_id: '00000000-0000-7000-8000-000000000000',
  lease_until: '2100-01-01 00:00:00',
};

export async function markRows(store: StoreClient, rows: readonly TestRow[]): Promise<void> {
  const buckets = new Set(
    rows.map((row) => JSON.stringify([row.app_id ?? '', Math.floor(row.timestamp / 300_000) * 300])),
  );
  const marks = [...buckets].map((text) => JSON.parse(text) as [string, number]);
  // The lease ends at once: nothing else will be inserted under it, and the buckets can be recomputed without a wait.
  await store.command(
    `INSERT INTO bucket_state (app_id, bucket, lease_until)
     SELECT mark.1, toDateTime(mark.2, 'UTC'), now64(3)
     FROM (SELECT arrayJoin(arrayZip({apps:Array(String)}, {buckets:Array(UInt32)})) AS mark)`,
    { apps: marks.map((mark) => mark[0]), buckets: marks.map((mark) => mark[1]) },
  );
}

export async function insertRows(
  { client, endpoint, database }: Pick<TestClickHouse, 'client' | 'endpoint' | 'database'>,
  rows: readonly TestRow[],
): Promise<void> {
  if (rows.length === 0) return;
  await markRows(client, rows);
  const lines = rows.map((row) => JSON.stringify({ ...EMPTY, ...row, ...times(row) })).join('\n');
  const url = `${endpoint.url}/?database=${database}&async_insert=0&query=${encodeURIComponent('INSERT INTO events FORMAT JSONEachRow')}`;
  const authorization = `Basic ${Buffer.from(`${endpoint.username}:${endpoint.password}`).toString('base64')}`;
  const response = await fetch(url, { method: 'POST', body: lines, headers: { authorization } });
  if (!response.ok) throw new Error(await response.text());
  await response.arrayBuffer();
}

function times(row: TestRow) {
  const text = (ms: number) => new Date(ms).toISOString().slice(0, -1).replace('T', ' ');
  return {
    timestamp: text(row.timestamp),
    received_at: text((row.received_at as number | undefined) ?? row.timestamp),
  };
}
