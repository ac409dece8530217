import type { StoreClient } from './client.ts';
import { type Cluster, renderViews } from './migrate.ts';
import { clusterDatabase } from './remote.ts';
import { quoted } from './sql/quoted.ts';

/** Each server's own business. */
const OWN_TABLES = [
  'schema_migrations',
  'replay_events',
  'replay_plan',
  'replay_marks',
  'replay_views',
  'erased_subjects',
  'erasure_plan',
];
/** A view of each server that is read like a table. */
const VIEWS_READ = ['store_parts'];

/**
 * Makes the tables that read all shards: a database beside ours with a `Distributed` table of the same name for each of
 * ours, and the same views. Every server has them, so that each can be asked. A table whose columns are not those of ours
 * any more is replaced. Resolves with the names of what was made; rejects with StoreError.
 *
 * `client`: of one shard, with its tables migrated.
 */
export async function createClusterTables(client: StoreClient, cluster: Cluster): Promise<string[]> {
  const { database } = client;
  const all = clusterDatabase(database);
  const on = cluster.onCluster ? `ON CLUSTER \`${cluster.name}\`` : '';
  await client.command(`CREATE DATABASE IF NOT EXISTS ${all} ${on}`, {}, { database: 'system' });
  const stale = await findStale(client, all);
  for (const name of stale) {
    await client.command(
      // Whatever is written through one of these, which are dead letters, lies on the first shard.
      `CREATE OR REPLACE TABLE ${all}.${name} ${on} AS ${database}.${name}
       ENGINE = Distributed(${quoted(cluster.name)}, ${quoted(database)}, ${quoted(name)}, 0)`,
    );
  }
  for (const sql of renderViews(all, cluster)) await client.command(sql);
  return stale;
}

/** Tables of ours that are missing in the other database, or have other columns there. */
async function findStale(client: StoreClient, all: string): Promise<string[]> {
  const columns = (database: string, as: string) => `
    SELECT table, groupArray((name, type, default_kind, default_expression)) AS ${as}
    FROM (SELECT * FROM system.columns WHERE database = ${quoted(database)} ORDER BY table, position) GROUP BY table`;
  const rows = await client.select<{ name: string }>(
    `SELECT t.name AS name
     FROM system.tables AS t
     INNER JOIN (${columns(client.database, 'ours')}) AS o ON o.table = t.name
     LEFT JOIN (${columns(all, 'theirs')}) AS a ON a.table = t.name
     WHERE t.database = ${quoted(client.database)} AND ours != theirs AND t.name NOT IN {own:Array(String)}
       AND (endsWith(t.engine, 'MergeTree') OR t.name IN {views:Array(String)})
     ORDER BY name`,
    { own: OWN_TABLES, views: VIEWS_READ },
  );
  return rows.map(({ name }) => name);
}
