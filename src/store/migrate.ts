/**
 * Brings the database to the shape that this version needs: numbered files of SQL, each run once, in order.
 *
 * In: `migrations/0001_name.sql` … Out: the tables, and a row in `schema_migrations` for each statement done.
 * What can be lost: nothing; a crash between a statement and its row means that the statement runs again, which is why
 * each must be harmless to repeat (`IF NOT EXISTS`), and this is checked before the first one runs.
 *
 * Placeholders in the SQL: `{database}`, `{cluster}`, `{on_cluster}` (nothing without a cluster),
 * `{engine:MergeTree}` (becomes `ReplicatedMergeTree` where tables are replicated), and `{setting:default}` or
 * `{setting}` for values that the caller gives. Any other is an error.
 */
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { StoreClient } from './client.ts';

export interface Cluster {
  readonly name: string;
  /** False where the servers have no Keeper: then `migrate` is called for each of them. */
  readonly onCluster: boolean;
  readonly replicated: boolean;
}

export interface MigrateOptions {
  /** The database it names need not exist yet. */
  readonly client: StoreClient;
  readonly cluster?: Cluster | null;
  /** Values for the settings in the SQL, put there as they are. */
  readonly settings?: Readonly<Record<string, string | number>>;
  readonly log: { info(facts: object, message: string): void };
  /** Default: the folder beside this file. */
  readonly folder?: string;
  /** For one statement, default 10 minutes. */
  readonly statementTimeoutMs?: number;
}

/** The files and the database do not belong together; the message says which file, and why. */
export class MigrationError extends Error {
  override readonly name = 'MigrationError';
}

interface Migration {
  readonly version: number;
  readonly name: string;
  readonly checksum: string;
  readonly statements: readonly string[];
}

interface AppliedRow {
  readonly version: number;
  readonly name: string;
  readonly checksum: string;
  readonly done: number;
}

const FOLDER = fileURLToPath(new URL('./migrations', import.meta.url));
const FILE_NAME = /^(\d{4})_([a-z0-9_]+)\.sql$/;
const PLACEHOLDER = /\{([a-z_]+)(?::([^{}]*))?\}/g;
const STATEMENT_TIMEOUT_MS = 600_000;

/** Answers the names of the files of which something ran now. Throws MigrationError or StoreError. */
export async function migrate(options: MigrateOptions): Promise<string[]> {
  const { client, log } = options;
  const migrations = readMigrations(options.folder ?? FOLDER);
  const plans = migrations.map((migration) => ({
    ...migration,
    statements: migration.statements.map((sql) => fillPlaceholders(sql, options, migration.name)),
  }));
  await createLedger(options);
  const applied = await readLedger(client);
  checkLedger(migrations, applied);
  const ran: string[] = [];
  for (const plan of plans) {
    const done = applied.get(plan.version)?.done ?? 0;
    if (done >= plan.statements.length) continue;
    for (const [index, sql] of plan.statements.entries()) {
      if (index >= done) await runStatement(options, plan, index + 1, sql);
    }
    log.info({ migration: plan.name, statements: plan.statements.length - done }, 'migration applied');
    ran.push(plan.name);
  }
  return ran;
}

/**
 * Makes sure that the database is what this version needs, for a service that is not to change it. Rejects with
 * MigrationError when it is older or newer, with StoreError when it cannot be asked.
 */
export async function checkMigrated(client: StoreClient, folder = FOLDER): Promise<void> {
  const migrations = readMigrations(folder);
  const [ledger] = await client.select<{ there: number }>(
    `SELECT count() AS there FROM system.tables WHERE database = {database:String} AND name = 'schema_migrations'`,
    { database: client.database },
    { database: 'system' },
  );
  const applied: ReadonlyMap<number, AppliedRow> = ledger!.there === 0 ? new Map() : await readLedger(client);
  checkLedger(migrations, applied);
  const missing = migrations.filter(
    ({ version, statements }) => (applied.get(version)?.done ?? 0) < statements.length,
  );
  if (missing.length > 0)
    throw new MigrationError(
      `The database ${client.database} lacks ${missing.map(({ name }) => name).join(', ')}. Run \`sluice migrate\`, or set ANALYTICS_CH_AUTO_CREATE=1.`,
    );
}

/** The views of the migrations, as statements for another database that has tables of the same names. */
export function renderViews(database: string, cluster: Cluster): string[] {
  const options = { client: { database }, cluster };
  return readMigrations(FOLDER).flatMap(({ name, statements }) =>
    statements
      .filter((sql) => /^create\s+or\s+replace\s+view\b/i.test(sql))
      .map((sql) => fillPlaceholders(sql, options, name)),
  );
}

/** Reads and checks the files of a folder, sorted by number. Throws MigrationError. */
export function readMigrations(folder: string): Migration[] {
  const migrations: Migration[] = [];
  for (const file of readdirSync(folder).sort()) {
    if (!file.endsWith('.sql')) continue;
    const version = Number(FILE_NAME.exec(file)?.[1] ?? 0);
    if (version === 0) throw new MigrationError(`${file}: a migration is named like 0001_create_events.sql`);
    const previous = migrations.at(-1);
    if (previous?.version === version)
      throw new MigrationError(`${file}: ${previous.name} has the same number`);
    const text = readFileSync(join(folder, file), 'utf8').replaceAll('\r\n', '\n');
    const statements = splitStatements(text);
    if (statements.length === 0) throw new MigrationError(`${file}: there is no statement in it`);
    for (const sql of statements) checkRepeatable(sql, file);
    migrations.push({
      version,
      name: file,
      checksum: createHash('sha256').update(text).digest('hex'),
      statements,
    });
  }
  return migrations;
}

/** Cuts SQL at its semicolons, and leaves comments out; neither is looked for inside quotes. */
export function splitStatements(text: string): string[] {
  const tokens =
    /'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`(?:[^`\\]|\\.)*`|--[^\n]*|\/\*[\s\S]*?\*\/|;|[^'"`;/-]+|[\s\S]/g;
  const statements: string[] = [];
  let current = '';
  for (const [token] of text.matchAll(tokens)) {
    if (token === ';') {
      statements.push(current);
      current = '';
    } else if (token.startsWith('--') || token.startsWith('/*')) current += ' ';
    else current += token;
  }
  return [...statements, current].map((sql) => sql.trim()).filter((sql) => sql !== '');
}

const NEEDS_CONDITION: readonly [starts: RegExp, condition: RegExp][] = [
  [/^create\b/i, /^create\s+(or\s+replace\b|.*?\bif\s+not\s+exists\b)/is],
  [/^drop\b/i, /^drop\s+.*?\bif\s+exists\b/is],
  [/\badd\s+(column|index|projection|constraint)\b/i, /\bif\s+not\s+exists\b/i],
  [/\bdrop\s+(column|index|projection|constraint)\b/i, /\bif\s+exists\b/i],
  [/^rename\b/i, /\bif\s+exists\b/i],
  [/^insert\b/i, /$^/],
];

function checkRepeatable(sql: string, file: string): void {
  for (const [starts, condition] of NEEDS_CONDITION) {
    if (starts.test(sql) && !condition.test(sql)) {
      throw new MigrationError(
        `${file}: a crash may make it run twice, so it must say IF [NOT] EXISTS and cannot be an INSERT: ${firstLine(sql)}`,
      );
    }
  }
}

type Filling = Pick<MigrateOptions, 'cluster' | 'settings'> & {
  readonly client: Pick<StoreClient, 'database'>;
};

function fillPlaceholders(sql: string, options: Filling, file: string): string {
  const { cluster = null, settings = {} } = options;
  return sql.replaceAll(PLACEHOLDER, (placeholder: string, name: string, argument: string | undefined) => {
    if (name === 'database') return quoteName(options.client.database);
    if (name === 'on_cluster') return onCluster(options);
    if (name === 'cluster' && cluster !== null) return quoteName(cluster.name);
    if (name === 'engine' && argument !== undefined)
      return (cluster?.replicated ? 'Replicated' : '') + argument;
    const value = Object.hasOwn(settings, name) ? settings[name] : argument;
    if (value === undefined || name === 'engine' || name === 'cluster') {
      throw new MigrationError(`${file}: there is no value for ${placeholder} in: ${firstLine(sql)}`);
    }
    return String(value);
  });
}

function onCluster({ cluster }: Filling): string {
  return cluster?.onCluster ? `ON CLUSTER ${quoteName(cluster.name)}` : '';
}

async function createLedger(options: MigrateOptions): Promise<void> {
  const { client, cluster } = options;
  const database = quoteName(client.database);
  // From outside the database, which may not exist yet.
  const outside = { database: 'system', timeoutMs: options.statementTimeoutMs ?? STATEMENT_TIMEOUT_MS };
  await client.command(`CREATE DATABASE IF NOT EXISTS ${database} ${onCluster(options)}`, {}, outside);
  await client.command(
    `CREATE TABLE IF NOT EXISTS ${database}.schema_migrations ${onCluster(options)} (
      version UInt32, name String, checksum String, statement UInt32,
      applied_at DateTime64(3, 'UTC') DEFAULT now64(3)
    ) ENGINE = ${cluster?.replicated ? 'Replicated' : ''}MergeTree ORDER BY (version, statement)`,
    {},
    outside,
  );
}

async function readLedger(client: StoreClient): Promise<Map<number, AppliedRow>> {
  const rows = await client.select<AppliedRow>(
    `SELECT version, any(name) AS name, argMax(checksum, applied_at) AS checksum, max(statement) AS done
     FROM ${quoteName(client.database)}.schema_migrations GROUP BY version ORDER BY version`,
    {},
    { settings: { select_sequential_consistency: 1 } },
  );
  return new Map(rows.map((row) => [row.version, row]));
}

function checkLedger(migrations: readonly Migration[], applied: ReadonlyMap<number, AppliedRow>): void {
  const files = new Map(migrations.map((migration) => [migration.version, migration]));
  for (const [version, row] of applied) {
    const file = files.get(version);
    if (file === undefined) {
      throw new MigrationError(
        `The database was migrated by a newer version: ${row.name} was applied to it, and is unknown here.`,
      );
    }
    if (file.checksum !== row.checksum) {
      throw new MigrationError(
        `${file.name} was changed after it had been applied. Put it back, and add a new file.`,
      );
    }
  }
}

async function runStatement(
  options: MigrateOptions,
  plan: Migration,
  statement: number,
  sql: string,
): Promise<void> {
  const { client } = options;
  const { version, name, checksum } = plan;
  await client.command(sql, {}, { timeoutMs: options.statementTimeoutMs ?? STATEMENT_TIMEOUT_MS });
  await client.command(
    `INSERT INTO ${quoteName(client.database)}.schema_migrations (version, name, checksum, statement)
     SELECT {version:UInt32}, {name:String}, {checksum:String}, {statement:UInt32}`,
    { version, name, checksum, statement },
  );
}

function firstLine(sql: string): string {
  return sql.split('\n', 1)[0]!;
}

function quoteName(name: string): string {
  return `\`${name.replaceAll('\\', '\\\\').replaceAll('`', '\\`')}\``;
}
