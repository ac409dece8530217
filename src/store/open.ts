import { join } from 'node:path';
import type { Tracing } from '../telemetry/tracing.ts';
import { createStoreClient, type StoreClient, type StoreEndpoint, type StoreLog } from './client.ts';
import { superviseClickHouse } from './embedded/supervisor.ts';
import { traceStoreClient } from './traced.ts';

/**
 * ClickHouse, wherever it is: by URL, or as our own child. Nothing after this line knows the difference, but for two
 * facts: how often it was started by us, and whether inserts of an earlier process can still be running there.
 */
export interface Store {
  readonly kind: 'embedded' | 'url';
  readonly client: StoreClient;
  /** Where it is now; waits while it is being restarted. */
  endpoint(): Promise<StoreEndpoint>;
  /** Counts starts of the server by this process; constant for a remote one. */
  generation(): number;
  version(): Promise<string>;
  state(): { readonly ok: boolean; readonly reason: string | null };
  /** Process id of the embedded server, now. */
  pid(): number | null;
  close(): Promise<void>;
}

export interface StoreOptions {
  /** '' for the embedded one. */
  readonly url: string;
  readonly username: string;
  readonly password: string;
  readonly database: string;
  readonly dataDir: string;
  readonly memoryBytesMax: number;
  readonly log: StoreLog & { info(facts: object, message: string): void };
  /** Statements become spans. Default null. */
  readonly tracing?: Tracing | null;
}

export async function openStore(options: StoreOptions): Promise<Store> {
  const store = options.url === '' ? await openEmbedded(options) : openByUrl(options);
  return options.tracing ? { ...store, client: traceStoreClient(store.client, options.tracing) } : store;
}

async function openEmbedded(options: StoreOptions): Promise<Store> {
  const { database, log, memoryBytesMax } = options;
  const server = await superviseClickHouse({
    dir: join(options.dataDir, 'clickhouse'),
    memoryBytesMax,
    database,
    log,
  });
  const endpoint = async () => {
    const { url, app } = await server.ready();
    return { url, ...app };
  };
  const client = createStoreClient({ endpoint, database, log });
  return {
    kind: 'embedded',
    client,
    endpoint,
    generation: () => server.state().generation,
    version: async () => (await server.ready()).version,
    state() {
      const { status, reason } = server.state();
      return { ok: status === 'running', reason };
    },
    pid: () => server.current()?.pid ?? null,
    async close() {
      // The server drains its connections before it ends: ours must not be among them.
      await client.close();
      await server.close();
    },
  };
}

function openByUrl(options: StoreOptions): Store {
  const { url, username, password, database, log } = options;
  const endpoint = async () => ({ url, username, password });
  const client = createStoreClient({ endpoint, database, log });
  let state: { ok: boolean; reason: string | null } = { ok: true, reason: null };
  const watching = setInterval(() => {
    client.ping(3_000).then(
      () => (state = { ok: true, reason: null }),
      (error: Error) => (state = { ok: false, reason: error.message }),
    );
  }, 5_000);
  watching.unref();
  return {
    kind: 'url',
    client,
    endpoint,
    generation: () => 0,
    async version() {
      const [row] = await client.select<{ version: string }>(
        'SELECT version() AS version',
        {},
        { database: 'default' },
      );
      return row!.version;
    },
    state: () => state,
    pid: () => null,
    async close() {
      clearInterval(watching);
      await client.close();
    },
  };
}
