import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import pg from 'pg';
import { type Catalog, openCatalog } from '../../src/catalog/catalog.ts';
import { CatalogUnavailable } from '../../src/catalog/catalog-unavailable.ts';
import type { PostgresOptions } from '../../src/catalog/postgres.ts';
import { testAlertCatalog } from '../contract/alerts.ts';
import { type OpenCatalogUnderTest, plainVideo, testCatalog } from '../contract/catalog.ts';
import { makeTestFolder } from '../support/clickhouse.ts';
import { freePort } from '../support/ports.ts';
import { postgresMissing, startPostgres, type TestPostgres } from '../support/postgres.ts';

const quick: Omit<PostgresOptions, 'url'> = {
  connectionsMax: 4,
  connectTimeoutMs: 2_000,
  statementTimeoutMs: 2_000,
};

function open(url: string, now: () => number = Date.now): Promise<Catalog> {
  return openCatalog({ dir: 'not used', postgres: { ...quick, url }, now });
}

/** Asks until the catalogue answers again; the test's own timeout ends a wait for ever. */
async function untilAnswered(catalog: Catalog): Promise<void> {
  for (;;) {
    try {
      await catalog.apps.list();
      return;
    } catch (error) {
      assert.ok(error instanceof CatalogUnavailable, String(error));
      await delay(20);
    }
  }
}

describe('PostgreSQL', { skip: postgresMissing, timeout: 120_000 }, async () => {
  if (postgresMissing) return;
  const server: TestPostgres = await startPostgres({ after });

  const openPostgres: OpenCatalogUnderTest = async (t, now) => {
    const url = await server.createDatabase();
    let catalog = await open(url, now);
    t.after(() => catalog.close());
    return {
      catalog,
      async reopen() {
        await catalog.close();
        catalog = await open(url, now);
        return catalog;
      },
      async openAgain() {
        const another = await open(url, now);
        t.after(() => another.close());
        return another;
      },
    };
  };
  testCatalog('PostgreSQL', openPostgres);
  testAlertCatalog('PostgreSQL', openPostgres);

  test('processes that start at once on an empty database take turns with its tables', async (t) => {
    const url = await server.createDatabase();
    const catalogs = await Promise.all(Array.from({ length: 8 }, () => open(url)));
    t.after(() => Promise.all(catalogs.map((catalog) => catalog.close())));
    await catalogs[7]!.apps.upsert({ app_id: 'a', name: null });
    for (const catalog of catalogs) assert.equal((await catalog.apps.list()).length, 1);
  });

  test('a server that is away at the start is named, with advice and without its password', async () => {
    const port = await freePort();
    const opening = open(`postgres://me:hush@127.0.0.1:${port}/catalogue`);
    await assert.rejects(opening, (error: Error) => {
      assert.ok(error instanceof CatalogUnavailable);
      assert.match(
        error.message,
        new RegExp(`127\\.0\\.0\\.1:${port}/catalogue.*ECONNREFUSED.*ANALYTICS_PG_URL`),
      );
      assert.doesNotMatch(error.message, /hush/);
      return true;
    });
  });

  test('a database that does not exist is said to be missing', async () => {
    const url = (await server.createDatabase()).replace(/\/[^/]+$/, '/nowhere');
    await assert.rejects(open(url), /database "nowhere" does not exist.*create the database/);
  });

  test('an outage is told as such, and over when the server is back', async (t) => {
    const catalog = await open(await server.createDatabase());
    t.after(() => catalog.close());
    await catalog.apps.upsert({ app_id: 'a', name: null });
    assert.deepEqual(catalog.state(), { ok: true, reason: null });
    await server.kill();
    await assert.rejects(catalog.apps.list(), CatalogUnavailable);
    assert.equal(catalog.state().ok, false);
    assert.match(catalog.state().reason!, /127\.0\.0\.1/);
    await server.restart();
    await untilAnswered(catalog);
    assert.deepEqual(catalog.state(), { ok: true, reason: null });
    assert.equal((await catalog.apps.list()).length, 1);
  });

  test('a server that stands still holds nobody up for longer than the timeouts', async (t) => {
    const catalog = await open(await server.createDatabase());
    t.after(() => catalog.close());
    server.pause();
    try {
      const asked = Array.from({ length: 10 }, () => catalog.apps.list());
      for (const outcome of await Promise.allSettled(asked)) {
        assert.equal(outcome.status, 'rejected');
        assert.ok(outcome.reason instanceof CatalogUnavailable, String(outcome.reason));
      }
    } finally {
      server.resume();
    }
    await untilAnswered(catalog);
  });

  test('connections are bounded, and those too many wait', async (t) => {
    const url = await server.createDatabase();
    const catalog = await open(url);
    t.after(() => catalog.close());
    const watcher = new pg.Client({ connectionString: url });
    await watcher.connect();
    t.after(() => watcher.end());
    await Promise.all(Array.from({ length: 100 }, () => catalog.videos.upsert([plainVideo])));
    const sql = `SELECT count(*)::int AS n FROM pg_stat_activity WHERE application_name = 'sluice' AND datname = current_database()`;
    const { rows } = await watcher.query<{ n: number }>(sql);
    assert.equal(rows[0]!.n, quick.connectionsMax);
  });
});

describe('PostgreSQL over TLS', { skip: postgresMissing, timeout: 120_000 }, async () => {
  if (postgresMissing) return;
  const folder = makeTestFolder();
  const [key, certificate] = [join(folder, 'server.key'), join(folder, 'server.pem')];
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
  const made = ['-newkey', 'rsa:2048', '-nodes', '-keyout', key, '-out', certificate, '-days', '2'];
  execFileSync('openssl', ['req', '-x509', ...made, ...names], { stdio: 'ignore' });
  chmodSync(key, 0o600);
  const server = await startPostgres({ after }, [
    'ssl=on',
    `ssl_cert_file=${certificate}`,
    `ssl_key_file=${key}`,
  ]);

  async function isEncrypted(url: string): Promise<boolean> {
    const catalog = await open(url);
    const database = new URL(url).pathname.slice(1);
    const watcher = new pg.Client({
      connectionString: `postgres://test@127.0.0.1:${server.port}/${database}`,
    });
    try {
      await watcher.connect();
      const sql = `SELECT bool_and(ssl) AS ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
        WHERE application_name = 'sluice' AND datname = current_database()`;
      return (await watcher.query<{ ssl: boolean }>(sql)).rows[0]!.ssl;
    } finally {
      await watcher.end();
      await catalog.close();
    }
  }

  test('sslmode in the URL decides', async () => {
    const plain = await server.createDatabase();
    assert.equal(await isEncrypted(plain), false);
    assert.equal(await isEncrypted(`${plain}?sslmode=require`), true);
    const named = plain.replace('127.0.0.1', 'localhost');
    assert.equal(await isEncrypted(`${named}?sslmode=verify-full&sslrootcert=${certificate}`), true);
  });

  test('a certificate that nobody vouches for, or of another name, is refused', async () => {
    const plain = await server.createDatabase();
    await assert.rejects(open(`${plain}?sslmode=verify-full`), /self-signed/);
    const elsewhere = join(folder, 'other.pem');
    writeFileSync(elsewhere, '');
    await assert.rejects(
      open(`${plain}?sslmode=verify-full&sslrootcert=${certificate}`),
      /IP: 127\.0\.0\.1 is not in the cert/,
    );
  });
});
