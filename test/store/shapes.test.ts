import assert from 'node:assert/strict';
import { test } from 'node:test';
import { migrate } from '../../src/store/migrate.ts';
import { createShapes } from '../../src/store/shapes.ts';
import { silentLog, startTestClickHouse } from '../support/clickhouse.ts';

const settings = { retention_events_days: 3650, retention_sessions_days: 3650 };

/** Seed 002 and seed 001, as printed; seed 002's `events` is `analytics_events` here. */
const SHAPES: Readonly<Record<string, readonly [string, string][]>> = {
  video_metrics: [
    ['video_id', 'String'],
    ['date', 'Date'],
    ['views', 'UInt32'],
    ['unique_viewers', 'UInt32'],
    ['watch_time_seconds', 'Float64'],
    ['avg_watch_percentage', 'Float32'],
    ['completion_rate', 'Float32'],
  ],
  analytics_events: [
    ['event_id', 'UUID'],
    ['event_type', 'String'],
    ['user_id', 'Nullable(String)'],
    ['session_id', 'Nullable(String)'],
    ['video_id', 'Nullable(String)'],
    ['timestamp', 'DateTime'],
    ['properties', 'String'],
    ['metadata', 'Nullable(String)'],
  ],
  ai_analytics_events: [
    ['timestamp', 'DateTime'],
    ['app_id', 'String'],
    ['event_name', 'String'],
    ['user_id', 'String'],
    ['properties', 'String'],
  ],
};

async function openTables(t: Parameters<typeof startTestClickHouse>[0]) {
  const { client } = await startTestClickHouse(t);
  await migrate({ client, settings, log: silentLog });
  const retention = { eventsDays: 90, sessionsDays: 365, errorsDays: 30, hourlyDays: 30 };
  const options = { gapLimitMs: 30_000, conversionEvents: ['purchase', "it's"], retention };
  await createShapes(client, options);
  await createShapes(client, options);
  return client;
}

test('the seeds’ tables are there, column for column', async (t) => {
  const client = await openTables(t);
  for (const [table, columns] of Object.entries(SHAPES)) {
    const rows = await client.select<{ name: string; type: string }>(
      'SELECT name, type FROM system.columns WHERE database = currentDatabase() AND table = {table:String} ORDER BY position',
      { table },
    );
    const found = rows.map(({ name, type }) => [name, type.replace("('UTC')", '').replace("('UTC'", '')]);
    assert.deepEqual(found, columns, table);
  }
});

test('video_metrics counts raw rows at once, by the day', async (t) => {
  const client = await openTables(t);
  const insert = (at: string, name: string, view: string, watchMs: number | null, completed: boolean) =>
    client.command(
      `INSERT INTO events (app_id, event_name, timestamp, event_id, user_id, session_id, video_id, view_id, watch_ms, duration_ms, completed, received_at, lease_until)
       VALUES ('a', '${name}', '${at}', generateUUIDv4(), '${view}', 's', 'v', '${view}', ${watchMs ?? 'NULL'}, 10000, ${completed}, '${at}', now64(3) + 60)`,
    );
  await client.command(
    "INSERT INTO bucket_state (app_id, bucket, lease_until) VALUES ('a', '2026-11-20 10:00:00', now64(3) + 60), ('a', '2026-11-21 10:00:00', now64(3) + 60)",
  );
  await insert('2026-11-20 10:00:00.000', 'video_start', 'w1', null, false);
  await insert('2026-11-20 10:00:05.000', 'view_end', 'w1', 5000, false);
  await insert('2026-11-20 10:01:00.000', 'view_end', 'w2', 20_000, true);
  await insert('2026-11-21 10:00:00.000', 'video_start', 'w3', null, false);
  assert.deepEqual(await client.select('SELECT * FROM video_metrics ORDER BY date'), [
    {
      video_id: 'v',
      date: '2026-11-20',
      views: 2,
      unique_viewers: 2,
      watch_time_seconds: 25,
      avg_watch_percentage: 75,
      completion_rate: 0.5,
    },
    {
      video_id: 'v',
      date: '2026-11-21',
      views: 1,
      unique_viewers: 1,
      watch_time_seconds: 0,
      avg_watch_percentage: 0,
      completion_rate: 0,
    },
  ]);
});
