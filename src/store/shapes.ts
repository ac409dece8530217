import type { StoreClient } from './client.ts';
import { ensureFunnelEvents } from './funnel-events.ts';
import type { Retention } from './retention.ts';
import { sessionShapes } from './session-shapes.ts';
import { currentViewsSql, VIEW_HASH } from './sql/current.ts';
import { watchPercentageSql } from './sql/measures.ts';
import { quoted } from './sql/quoted.ts';

export interface ShapeOptions {
  /** Cap of one stretch of watch time. */
  readonly gapLimitMs: number;
  /** Names of events that are conversions. */
  readonly conversionEvents: readonly string[];
  readonly retention: Retention;
}

/**
 * Views for people who write SQL, made anew at each start from the same text as the API's questions, so that both say
 * the same at every moment.
 *
 * `current_views`: one row a view, exact now. `video_metrics`: seed 002's table, column for column, by the day in UTC;
 * without bots, and 0 where no view's duration is known, since its column takes no NULL. `store_parts`: how large our
 * tables are on this server. Seed 003's: store/session-shapes.ts.
 */
export async function createShapes(client: StoreClient, options: ShapeOptions): Promise<void> {
  await createViewShapes((sql) => client.command(sql), options, null);
  await ensureFunnelEvents(client);
  await client.command(
    `CREATE OR REPLACE VIEW store_parts AS SELECT table, rows, bytes_on_disk FROM system.parts
     WHERE active AND database = ${quoted(client.database)}`,
  );
}

/** The same over the tables of all shards, in a database of its own. */
export async function createShardedShapes(
  client: StoreClient,
  database: string,
  options: ShapeOptions,
): Promise<void> {
  const split = `SELECT ${VIEW_HASH} FROM split_views`;
  await createViewShapes((sql) => client.command(sql, {}, { database, settings: GLOBAL }), options, split);
  await ensureFunnelEvents(client, database);
}

const GLOBAL = { distributed_product_mode: 'global' };

async function createViewShapes(
  run: (sql: string) => Promise<void>,
  { gapLimitMs, conversionEvents, retention }: ShapeOptions,
  split: string | null,
): Promise<void> {
  const views = currentViewsSql({ apps: '1', views: '1', where: '1', gapLimitMs, split });
  await run(`CREATE OR REPLACE VIEW current_views AS ${views}`);
  await run(`
CREATE OR REPLACE VIEW video_metrics AS
SELECT
  video_id,
  toDate(started_at) AS date,
  toUInt32(count()) AS views,
  toUInt32(uniqCombined64If(viewer, viewer != '')) AS unique_viewers,
  sum(watch_ms) / 1000 AS watch_time_seconds,
  toFloat32(ifNull(avg(${watchPercentageSql('duration_ms')}), 0)) AS avg_watch_percentage,
  toFloat32(countIf(completed) / count()) AS completion_rate
FROM current_views
WHERE NOT is_bot AND video_id != ''
GROUP BY video_id, date`);
  for (const [name, sql] of Object.entries(sessionShapes(conversionEvents, retention)))
    await run(`CREATE OR REPLACE VIEW ${name} AS ${sql}`);
}
