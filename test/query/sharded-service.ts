/**
 * The query role over several shards, each recomputed by itself. Rows lie where their actor's hash says, but for some that
 * lie elsewhere, as after a change of the number of partitions.
 */
import type { TestContext } from 'node:test';
import { openCatalog } from '../../src/catalog/catalog.ts';
import { readConfig } from '../../src/config.ts';
import type { QueryOptions } from '../../src/query/query.ts';
import { SqlDesk } from '../../src/query/sql/desk.ts';
import type { StoreClient } from '../../src/store/client.ts';
import { openStore } from '../../src/store/open.ts';
import { createRecompute } from '../../src/store/recompute.ts';
import { openViewMoments } from '../../src/store/view-moments.ts';
import { migrateStore } from '../../src/tables.ts';
import { createLogger } from '../../src/telemetry/logger.ts';
import { makeTestFolder, silentLog } from '../support/clickhouse.ts';
import { startTestCluster, type TestCluster } from '../support/shards.ts';
import {
  CONVERSION_EVENTS,
  freshAnswers,
  GAP_LIMIT_MS,
  insertRows,
  markRows,
  openAccess,
  plainFacts,
  type QueryService,
  startQueryApp,
  type TestRow,
} from './service.ts';

/** Histories lie in another year than the test, so nothing may expire. */
const FOREVER = {
  ANALYTICS_RETENTION_EVENTS_DAYS: '15000',
  ANALYTICS_RETENTION_SESSIONS_DAYS: '15000',
  ANALYTICS_RETENTION_ERRORS_DAYS: '15000',
  ANALYTICS_RETENTION_HOURLY_DAYS: '15000',
};

export async function openMigrated(t: Pick<TestContext, 'after'>, cluster: TestCluster) {
  const config = readConfig({
    ...cluster.env,
    ...FOREVER,
    ANALYTICS_CONVERSION_EVENTS: CONVERSION_EVENTS.join(','),
  });
  const store = await openStore({
    urls: config.chUrls,
    username: config.chUser,
    password: config.chPassword,
    database: config.chDatabase,
    dataDir: '',
    memoryBytesMax: 0,
    log: silentLog,
  });
  t.after(() => store.close());
  await migrateStore(config, store, createLogger({ level: 'silent' }));
  return { config, store };
}

export async function startShardedQueryService(
  t: TestContext,
  count: number,
  more: Partial<QueryOptions> = {},
): Promise<QueryService & { readonly shards: readonly StoreClient[] }> {
  const cluster = await startTestCluster(count, t);
  const { config, store } = await openMigrated(t, cluster);
  const catalog = await openCatalog({ dir: makeTestFolder() });
  t.after(() => catalog.close());
  // Never asked for: each question folds for itself, on the shards.
  const moments = openViewMoments({ store: store.client, gapLimitMs: GAP_LIMIT_MS, log: silentLog });
  t.after(() => moments.close());
  const options = {
    store: store.client,
    moments,
    answers: freshAnswers(),
    catalog,
    access: openAccess(),
    gapLimitMs: GAP_LIMIT_MS,
    conversionEvents: CONVERSION_EVENTS,
    inFlight: async () => 0,
    pipelineFacts: () => plainFacts,
    letters: null,
    erasure: null,
    sql: new SqlDesk({ store: store.client, adhoc: null }),
    now: Date.now,
    ...more,
  };
  const app = await startQueryApp(t, options);
  const { chDatabase: database } = config;
  const byShard = (rows: readonly TestRow[]) =>
    store.shards.map((client, i) => ({
      client,
      database,
      endpoint: { url: cluster.shards[i]!.url, username: config.chUser, password: config.chPassword },
      rows: rows.filter((row) => shardOf(row, count) === i),
    }));
  return {
    app,
    store: store.client,
    shards: store.shards,
    moments,
    options,
    catalog,
    async mark(rows) {
      for (const { client, rows: own } of byShard(rows)) await markRows(client, own);
    },
    async insert(rows) {
      for (const { rows: own, ...shard } of byShard(rows)) await insertRows(shard, own);
    },
    recompute(rowsMax) {
      const recomputes = store.shards.map((client, index) =>
        createRecompute({
          store: client,
          place: { index, shards: store.shards, database },
          gapLimitMs: GAP_LIMIT_MS,
          rowsMax,
          engagementEveryMs: 0,
        }),
      );
      let turn = 0;
      return { round: () => recomputes[turn++ % count]!.round() };
    },
    async get(path, query = {}) {
      const response = await app.inject({ url: path, query: query as Record<string, string> });
      if (response.statusCode !== 200) throw new Error(`${path} ${JSON.stringify(query)}: ${response.body}`);
      return response.json();
    },
  };
}

function shardOf(row: TestRow, count: number): number {
  const key = String(row.user_id || row.anonymous_id || row.session_id || row.log_offset);
  let hash = 0;
  for (const character of key) hash = (hash * 31 + character.charCodeAt(0)) % 1_000_003;
  return (hash + (Number(row.log_offset) % 5 === 0 ? 1 : 0)) % count;
}
