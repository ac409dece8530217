import assert from 'node:assert/strict';
import { test } from 'node:test';
import { migrate } from '../../src/store/migrate.ts';
import { applyRetention, RETAINED_TABLES } from '../../src/store/retention.ts';
import { silentLog, startTestClickHouse } from '../support/clickhouse.ts';

const settings = { retention_events_days: 90, retention_sessions_days: 365 };

test('tables follow the settings, and only those that have to change are changed', async (t) => {
  const { client } = await startTestClickHouse(t);
  await migrate({ client, settings, log: silentLog });
  assert.deepEqual(await applyRetention(client, { eventsDays: 90, sessionsDays: 365 }), []);
  const changed = await applyRetention(client, { eventsDays: 120, sessionsDays: 365 });
  assert.deepEqual(changed.sort(), [
    'actor_buckets',
    'dead_letter_states',
    'dead_letters',
    'event_counts_5m',
    'events',
    'funnel_counts',
    'ledger_blocks',
    'ledger_erased',
    'shard_layouts',
    'view_buckets',
  ]);
  const [row] = await client.select<{ engine_full: string }>(
    "SELECT engine_full FROM system.tables WHERE database = currentDatabase() AND name = 'events'",
  );
  assert.match(row!.engine_full, /toIntervalDay\(120\)/);
  assert.deepEqual(await applyRetention(client, { eventsDays: 120, sessionsDays: 365 }), []);
});

test('every table with a TTL is in the list', async (t) => {
  const { client } = await startTestClickHouse(t);
  await migrate({ client, settings, log: silentLog });
  const rows = await client.select<{ name: string }>(
    "SELECT name FROM system.tables WHERE database = currentDatabase() AND engine_full LIKE '%TTL%'",
  );
  assert.deepEqual(rows.map(({ name }) => name).sort(), [...RETAINED_TABLES].sort());
});
