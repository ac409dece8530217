import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { StoreClient } from '../../src/store/client.ts';
import { type Cluster, migrate, readMigrations, splitStatements } from '../../src/store/migrate.ts';
import { makeTestFolder, silentLog, startTestClickHouse } from '../support/clickhouse.ts';

const FIRST = `-- Two tables; a comment with a ; in it.
CREATE TABLE IF NOT EXISTS {database}.one {on_cluster} (a String DEFAULT ';--', t DateTime) -- as wide as needed
ENGINE = {engine:MergeTree} ORDER BY a TTL t + INTERVAL {retention_days:90} DAY;

CREATE TABLE IF NOT EXISTS {database}.two {on_cluster} (a UInt64, version UInt64)
ENGINE = {engine:ReplacingMergeTree(version)} ORDER BY a;
`;
const SECOND = 'ALTER TABLE {database}.one {on_cluster} ADD COLUMN IF NOT EXISTS b UInt8;\n';

function makeFolder(files: Record<string, string>): string {
  const folder = makeTestFolder();
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}

function tablesOf(client: StoreClient): Promise<{ name: string; engine: string }[]> {
  return client.select(`SELECT name, engine FROM system.tables
    WHERE database = currentDatabase() AND name != 'schema_migrations' ORDER BY name`);
}

test('files run once each, in order, and new ones later', async (t) => {
  const { client } = await startTestClickHouse(t);
  const folder = makeFolder({ '0001_first.sql': FIRST });
  const options = { client, folder, log: silentLog, settings: { retention_days: 7 } };
  assert.deepEqual(await migrate(options), ['0001_first.sql']);
  assert.deepEqual(await migrate(options), []);
  assert.deepEqual(await tablesOf(client), [
    { name: 'one', engine: 'MergeTree' },
    { name: 'two', engine: 'ReplacingMergeTree' },
  ]);
  const [table] = await client.select<{ sql: string }>(
    "SELECT create_table_query AS sql FROM system.tables WHERE database = currentDatabase() AND name = 'one'",
  );
  assert.match(table!.sql, /toIntervalDay\(7\)/);

  writeFileSync(join(folder, '0002_second.sql'), SECOND);
  assert.deepEqual(await migrate(options), ['0002_second.sql']);
});

test('the database itself is made', async (t) => {
  const { client, database } = await startTestClickHouse(t);
  await client.command(`DROP DATABASE ${database}`, {}, { database: 'system' });
  await migrate({ client, folder: makeFolder({ '0001_first.sql': FIRST }), log: silentLog });
  assert.equal((await tablesOf(client)).length, 2);
});

test('an applied file that was changed, or is unknown, is an error that says so', async (t) => {
  const { client } = await startTestClickHouse(t);
  const folder = makeFolder({ '0001_first.sql': FIRST, '0002_second.sql': SECOND });
  await migrate({ client, folder, log: silentLog });
  writeFileSync(join(folder, '0002_second.sql'), SECOND.replace('UInt8', 'UInt16'));
  await assert.rejects(migrate({ client, folder, log: silentLog }), /0002_second\.sql was changed after/);
  const older = makeFolder({ '0001_first.sql': FIRST });
  await assert.rejects(migrate({ client, folder: older, log: silentLog }), /newer version: 0002_second\.sql/);
});

test('a crash at any moment is repaired by the next run', async (t) => {
  const folder = makeFolder({ '0001_first.sql': FIRST, '0002_second.sql': SECOND });
  // Two commands make the ledger; then each of three statements is run, and recorded.
  for (let survived = 0; survived < 8; survived += 1) {
    const { client } = await startTestClickHouse(t);
    let commands = 0;
    const dying: StoreClient = Object.create(client, {
      database: { value: client.database },
      select: { value: client.select.bind(client) },
      command: {
        value: async (...args: Parameters<StoreClient['command']>) => {
          if (commands === survived) throw new Error('crash');
          commands += 1;
          await client.command(...args);
        },
      },
    });
    await assert.rejects(migrate({ client: dying, folder, log: silentLog }), /crash/);
    await migrate({ client, folder, log: silentLog });
    assert.deepEqual(await migrate({ client, folder, log: silentLog }), []);
    assert.equal((await tablesOf(client)).length, 2);
    await client.select('SELECT b FROM one');
  }
});

function createRecorder(): { client: StoreClient; commands: string[] } {
  const commands: string[] = [];
  const client = {
    database: 'sluice',
    command: async (sql: string) => void commands.push(sql),
    select: async () => [],
  } as unknown as StoreClient;
  return { client, commands };
}

test('in a cluster, tables are replicated and statements reach every node', async () => {
  const folder = makeFolder({ '0001_first.sql': FIRST });
  const statementsFor = async (cluster: Cluster): Promise<string> => {
    const { client, commands } = createRecorder();
    await migrate({ client, folder, log: silentLog, cluster });
    return commands.join('\n');
  };
  const whole = await statementsFor({ name: 'prod', onCluster: true, replicated: true });
  assert.match(whole, /CREATE DATABASE IF NOT EXISTS `sluice` ON CLUSTER `prod`/);
  assert.match(whole, /schema_migrations ON CLUSTER `prod`[^;]*ENGINE = ReplicatedMergeTree/);
  assert.match(whole, /`sluice`\.two ON CLUSTER `prod` .*\nENGINE = ReplicatedReplacingMergeTree\(version\)/);
  const node = await statementsFor({ name: 'prod', onCluster: false, replicated: false });
  assert.doesNotMatch(node, /ON CLUSTER|Replicated/);
});

test('files that could not be repeated, filled in or ordered are refused before anything runs', async () => {
  const refused: [files: Record<string, string>, message: RegExp][] = [
    [{ '0001_a.sql': 'CREATE TABLE {database}.a (x UInt8) ENGINE = Memory;' }, /IF \[NOT\] EXISTS/],
    [{ '0001_a.sql': 'ALTER TABLE {database}.a ADD COLUMN b UInt8;' }, /IF \[NOT\] EXISTS/],
    [{ '0001_a.sql': 'INSERT INTO {database}.a VALUES (1);' }, /cannot be an INSERT/],
    [{ '0001_a.sql': 'OPTIMIZE TABLE {database}.a {unknown};' }, /no value for \{unknown\}/],
    [{ '0001_a.sql': 'OPTIMIZE TABLE {cluster}.a;' }, /no value for \{cluster\}/],
    [{ '0001_a.sql': '-- nothing\n' }, /no statement/],
    [{ 'a.sql': 'SELECT 1;' }, /named like/],
    [{ '0001_a.sql': 'SELECT 1;', '0001_b.sql': 'SELECT 1;' }, /same number/],
  ];
  for (const [files, message] of refused) {
    const { client, commands } = createRecorder();
    await assert.rejects(migrate({ client, folder: makeFolder(files), log: silentLog }), {
      name: 'MigrationError',
      message,
    });
    assert.deepEqual(commands, []);
  }
});

test('our own files pass these checks', () => {
  const folder = new URL('../../src/store/migrations', import.meta.url).pathname;
  assert.ok(readMigrations(folder).length > 0);
});

test('statements are cut at semicolons, and only there', () => {
  const sql = "SELECT ';', `;`, \"a;\", 'it\\'s;' /* ; */ - 1;\n-- ;\nSELECT 2 -- 'open\n;\n;SELECT 4 / 2";
  assert.deepEqual(splitStatements(sql), [
    "SELECT ';', `;`, \"a;\", 'it\\'s;'   - 1",
    'SELECT 2',
    'SELECT 4 / 2',
  ]);
});
