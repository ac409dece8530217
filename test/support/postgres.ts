/** A real PostgreSQL for tests: a cluster in a temporary folder on a free port, a database for each caller. */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { makeTestFolder } from './clickhouse.ts';
import { freePort } from './ports.ts';
import { type ServerProcess, sayMissing, startServerProcess, succeeds } from './server-process.ts';

export interface TestPostgres {
  readonly port: number;
  /** Of a database that is new and empty. */
  createDatabase(): Promise<string>;
  /** Runs SQL in the database that is always there, as the user who may do everything. */
  command(sql: string): Promise<void>;
  stop(): Promise<void>;
  kill(): Promise<void>;
  pause(): void;
  resume(): void;
  /** Again, on the same port and data. */
  restart(): Promise<void>;
}

/** Debian keeps the server's programs out of the PATH. */
function findPrograms(): string | null {
  const root = '/usr/lib/postgresql';
  let versions: string[] = [];
  try {
    versions = readdirSync(root).sort((a, b) => Number(b) - Number(a));
  } catch {
    // Another system, or none installed.
  }
  const folders = [...versions.map((version) => join(root, version, 'bin')), ''];
  return folders.find((folder) => succeeds([join(folder, 'initdb'), '--version'])) ?? null;
}

const programs = findPrograms();
/** PostgreSQL refuses root. In a user namespace root is shown as another user and keeps its rights on files. */
const disguise =
  process.getuid?.() === 0 ? ['unshare', '--user', '--map-user=postgres', '--map-group=postgres'] : [];

function findReason(): string | false {
  if (programs === null)
    return 'There is no PostgreSQL server; `apt-get install postgresql` brings one (no system service is used).';
  if (disguise.length > 0 && !succeeds([...disguise, 'true']))
    return 'PostgreSQL refuses root, and user namespaces are not allowed here; run the tests as another user.';
  return false;
}

/** Why there is none, for `skip`; false when there is one. */
export const postgresMissing: string | false = findReason();

if (postgresMissing) sayMissing('PostgreSQL', postgresMissing);

/** Ended with the test. @param settings of postgresql.conf, such as `ssl=on` */
export async function startPostgres(
  t: { after(fn: () => Promise<void>): void },
  settings: readonly string[] = [],
): Promise<TestPostgres> {
  const data = join(makeTestFolder(), 'db');
  const port = await freePort();
  const [first, ...words] = [
    ...disguise,
    join(programs!, 'initdb'),
    ...['-D', data, '-U', 'test', '-A', 'trust', '--no-sync', '-E', 'UTF8', '--locale=C.UTF-8'],
  ];
  execFileSync(first!, words, { stdio: 'ignore' });
  const plain = ['fsync=off', 'shared_buffers=32MB', 'max_connections=50', ...settings];
  const admin = `postgres://test@127.0.0.1:${port}/postgres`;
  const start = () =>
    startServerProcess(
      {
        command: [
          join(programs!, 'postgres'),
          ...['-D', data, '-p', String(port), '-h', '127.0.0.1', '-k', ''],
          ...plain.flatMap((setting) => ['-c', setting]),
        ],
        // Fast: without a wait for the connections that are open.
        stopSignal: 'SIGINT',
        ready: () =>
          query(admin, 'SELECT 1').then(
            () => true,
            () => false,
          ),
      },
      disguise,
    );
  let server: ServerProcess = await start();
  t.after(() => server.kill());
  return {
    port,
    async createDatabase() {
      const name = `test_${randomBytes(6).toString('hex')}`;
      await query(admin, `CREATE DATABASE ${name}`);
      return `postgres://test@127.0.0.1:${port}/${name}`;
    },
    command: (sql) => query(admin, sql),
    stop: () => server.stop(),
    kill: () => server.kill(),
    pause: () => server.pause(),
    resume: () => server.resume(),
    async restart() {
      await server.kill();
      server = await start();
    },
  };
}

async function query(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 2_000 });
  client.on('error', () => {});
  try {
    await client.connect();
    await client.query(sql);
  } finally {
    await client.end().catch(() => {});
  }
}
