import type { Config } from './config.ts';
import { createClusterTables } from './store/cluster.ts';
import { agreeOnLayout, checkCluster } from './store/layout.ts';
import { type Cluster, checkMigrated, migrate } from './store/migrate.ts';
import type { Store } from './store/open.ts';
import { clusterDatabase } from './store/remote.ts';
import { applyRetention, type Retention } from './store/retention.ts';
import { createShapes, createShardedShapes } from './store/shapes.ts';
import type { Logger } from './telemetry/logger.ts';

/** The tables of ClickHouse as this version and these settings want them, on every server. */

/** Makes or updates them; harmless to repeat. Resolves with the names of the migrations of which something ran now. */
export async function migrateStore(config: Config, store: Store, logger: Logger): Promise<readonly string[]> {
  const cluster = readCluster(config);
  const done = new Set<string>();
  const changed = new Set<string>();
  const settings = {
    retention_events_days: config.retentionEventsDays,
    retention_sessions_days: config.retentionSessionsDays,
  };
  const retention = readRetention(config);
  const shapes = { ...config, retention };
  // One after the other: where each has a part in a cluster, what the first did is there for the next.
  for (const client of store.shards) {
    for (const name of await migrate({ client, cluster, log: logger, settings })) done.add(name);
    for (const table of await applyRetention(client, retention)) changed.add(table);
    await createShapes(client, shapes);
  }
  await agreeOnLayout(store.shards);
  if (cluster !== null && store.shards.length > 1) {
    for (const client of store.shards) {
      for (const table of await createClusterTables(client, cluster)) changed.add(`${table} of all shards`);
      await createShardedShapes(client, clusterDatabase(client.database), shapes);
    }
    await checkCluster(store.client, cluster.name, store.shards.length);
  }
  if (changed.size > 0) logger.info({ tables: [...changed] }, 'tables were changed');
  return [...done];
}

/** Makes sure that they are there, for a service that is not to change them. Says what to do when they are not. */
export async function checkStore(config: Config, store: Store): Promise<void> {
  for (const client of store.shards) await checkMigrated(client);
  await agreeOnLayout(store.shards);
  if (store.shards.length > 1) await checkCluster(store.client, config.chCluster, store.shards.length);
}

export function readRetention(config: Config): Retention {
  return {
    eventsDays: config.retentionEventsDays,
    sessionsDays: config.retentionSessionsDays,
    errorsDays: config.retentionErrorsDays,
    hourlyDays: config.retentionHourlyDays,
  };
}

function readCluster({ chCluster, chReplicated }: Config): Cluster | null {
  if (chCluster === '') return null;
  // Statement by statement on each shard, unless there are replicas, which only the cluster itself can reach.
  return { name: chCluster, onCluster: chReplicated, replicated: chReplicated };
}
