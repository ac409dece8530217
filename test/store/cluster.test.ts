import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StoreClient } from '../../src/store/client.ts';
import { createClusterTables } from '../../src/store/cluster.ts';
import { EventStore } from '../../src/store/events.ts';
import { hasOtherLayouts } from '../../src/store/layout.ts';
import { migrate } from '../../src/store/migrate.ts';
import { openMigrated } from '../query/sharded-service.ts';
import { silentLog } from '../support/clickhouse.ts';
import { CLUSTER, startTestCluster } from '../support/shards.ts';

/** A client that keeps what it is told. */
function createRecorder(): { client: StoreClient; said: string[] } {
  const said: string[] = [];
  const client = {
    database: 'analytics',
    sharded: false,
    command: async (sql: string) => void said.push(sql),
    select: async () => [],
  } as unknown as StoreClient;
  return { client, said };
}

test('with replicas every table is replicated, and every statement says ON CLUSTER', async () => {
  const { client, said } = createRecorder();
  const cluster = { name: CLUSTER, onCluster: true, replicated: true };
  const settings = { retention_events_days: 90, retention_sessions_days: 365 };
  await migrate({ client, cluster, settings, log: silentLog });
  const made = said.filter((sql) => /^CREATE/.test(sql));
  assert.ok(made.length > 15);
  for (const sql of made) assert.match(sql, /ON CLUSTER `tubes`/);
  for (const sql of made.filter((text) => /^CREATE TABLE/.test(text)))
    assert.match(sql, /ENGINE = Replicated(Replacing|Aggregating)?MergeTree/);
});

test('tables of all shards follow ours when these get a column, and are left alone otherwise', async (t) => {
  const cluster = await startTestCluster(2, t);
  const { store } = await openMigrated(t, cluster);
  const named = { name: CLUSTER, onCluster: false, replicated: false };
  const [first] = store.shards;
  assert.deepEqual(await createClusterTables(first!, named), []);
  for (const shard of store.shards)
    await shard.command('ALTER TABLE events ADD COLUMN IF NOT EXISTS mood String');
  for (const shard of store.shards) assert.deepEqual(await createClusterTables(shard, named), ['events']);
  assert.deepEqual(await store.client.select('SELECT mood FROM events'), []);
  // Whatever is written through them lies on the first shard.
  await store.client.command(
    'INSERT INTO dead_letters (id, received_at) VALUES (generateUUIDv4(), now()), (generateUUIDv4(), now())',
  );
  const counts = await Promise.all(
    store.shards.map((shard) => shard.select<{ n: number }>('SELECT count() AS n FROM dead_letters')),
  );
  assert.deepEqual(counts.flat(), [{ n: 2 }, { n: 0 }]);
});

test('more shards than before: what was stored under fewer is found', async (t) => {
  const cluster = await startTestCluster(2, t);
  const { store } = await openMigrated(t, cluster);
  const [first, second] = store.shards;
  await first!.command(
    `INSERT INTO events (app_id, event_id, timestamp, received_at, log_topic, log_partition, log_offset, lease_until)
     VALUES ('tube', '00000000-0000-7000-8000-000000000001', now64(3), now64(3), 'analytics.v1', 1, 5, now64(3) + INTERVAL 1 MINUTE)`,
  );
  let partitions = 2;
  const own = new EventStore(second!, {
    topic: 'analytics.v1',
    index: 1,
    shards: store.shards,
    partitions: () => partitions,
  });
  const places = { topic: 'analytics.v1', partition: 1, from: 0, until: 10 };
  assert.equal((await own.present(places)).size, 0, 'one layout: the own shard alone is asked');
  assert.equal(await hasOtherLayouts(store.shards, 'analytics.v1', 2), false);
  assert.equal(await hasOtherLayouts(store.shards, 'analytics.v1', 3), true);
  assert.equal(await hasOtherLayouts(store.shards, 'octane.events', 3), false, 'nobody wrote it');
  assert.equal(await hasOtherLayouts([first!], 'analytics.v1', 3), false, 'all is on the one server');
  partitions = 4;
  assert.equal((await own.present(places)).size, 1, 'two layouts: all are');
  assert.equal((await own.findIdsAnywhere('tube', ['00000000-0000-7000-8000-000000000001'])).length, 1);
});
