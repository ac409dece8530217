/**
 * A real ClickHouse for tests: one engine for each test process (0.4 s, 250 MB), a database for each caller.
 * With ANALYTICS_CH_URL set, the tests run against that server instead.
 */
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { createStoreClient, type StoreClient, type StoreEndpoint } from '../../src/store/client.ts';
import { type EmbeddedClickHouse, openEmbeddedClickHouse } from '../../src/store/embedded/embedded.ts';

export interface TestClickHouse {
  /** Exists, is empty, and is dropped when the test ends. */
  readonly database: string;
  /** As the user who may do everything. */
  readonly client: StoreClient;
  /** As the user who may only read, within limits; null on a server given by URL. */
  readonly adhoc: StoreClient | null;
  readonly endpoint: StoreEndpoint;
  close(): Promise<void>;
}

export const silentLog = { debug() {}, info() {}, warn() {}, error() {} };

let engine: Promise<EmbeddedClickHouse> | null = null;
const folders: string[] = [];
const open = new Set<TestClickHouse>();

export function makeTestFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-test-'));
  folders.push(folder);
  return folder;
}

/** Closed at the end of the given test, else of the process. */
export async function startTestClickHouse(test?: {
  after(fn: () => Promise<void>): void;
}): Promise<TestClickHouse> {
  const { endpoint, adhocEndpoint } = await findEndpoints();
  const database = `test_${randomBytes(6).toString('hex')}`;
  const client = createStoreClient({ endpoint: async () => endpoint, database, log: silentLog });
  const adhoc =
    adhocEndpoint === null
      ? null
      : createStoreClient({ endpoint: async () => adhocEndpoint, database, log: silentLog, readOnly: true });
  await client.command(`CREATE DATABASE ${database}`, {}, { database: 'system' });
  let closing: Promise<void> | null = null;
  const store: TestClickHouse = {
    database,
    client,
    adhoc,
    endpoint,
    close() {
      closing ??= (async () => {
        open.delete(store);
        await client.command(`DROP DATABASE IF EXISTS ${database} SYNC`, {}, { database: 'system' });
        await client.close();
        await adhoc?.close();
      })();
      return closing;
    },
  };
  open.add(store);
  test?.after(store.close);
  return store;
}

async function findEndpoints(): Promise<{ endpoint: StoreEndpoint; adhocEndpoint: StoreEndpoint | null }> {
  if (process.env.ANALYTICS_CH_URL) {
    const url = new URL(process.env.ANALYTICS_CH_URL);
    const username = decodeURIComponent(url.username) || 'default';
    return {
      endpoint: { url: url.origin, username, password: decodeURIComponent(url.password) },
      adhocEndpoint: null,
    };
  }
  engine ??= openEmbeddedClickHouse({
    dir: makeTestFolder(),
    memoryBytesMax: 2 ** 30,
    database: 'test',
    adhocGrants: ['GRANT SELECT ON test_*.*'],
    log: silentLog,
  });
  const { url, app, adhoc } = await engine;
  return { endpoint: { url, ...app }, adhocEndpoint: { url, ...adhoc } };
}

after(async () => {
  for (const store of open) await store.close();
  await (await engine)?.close();
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});
