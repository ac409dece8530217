import { join } from 'node:path';
import type { Tracing } from '../telemetry/tracing.ts';
import { createStoreClient, type StoreClient, type StoreEndpoint, type StoreLog } from './client.ts';
import { superviseClickHouse } from './embedded/supervisor.ts';
import { OF_APPS, READABLE, ROWS_OF_CALLER } from './readable.ts';
import { openRemote } from './remote.ts';
import { traceStoreClient } from './traced.ts';

/**
 * ClickHouse, wherever it is: by URL, or as our own child. Nothing after this line knows the difference, but for two
 * facts: how often it was started by us, and whether inserts of an earlier process can still be running there.
 */
export interface Store {
  readonly kind: 'embedded' | 'url';
  /** For what reads everything, whichever shard it lies on. */
  readonly client: StoreClient;
  /** Where rows are written: those of log partition p on `shards[p % shards.length]`. One unless there are several URLs. */
  readonly shards: readonly StoreClient[];
  /** The user who may only read, what is for everybody and within limits; null on servers given by URL. */
  readonly adhoc: StoreClient | null;
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
  /** One a shard; [] for the embedded one. */
  readonly urls: readonly string[];
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
  const store = options.urls.length === 0 ? await openEmbedded(options) : await openRemote(options);
  const { tracing } = options;
  if (!tracing) return store;
  const [client, ...shards] = [store.client, ...store.shards].map((one) => traceStoreClient(one, tracing));
  const adhoc = store.adhoc === null ? null : traceStoreClient(store.adhoc, tracing);
  return { ...store, client: client!, shards, adhoc };
}

async function openEmbedded(options: StoreOptions): Promise<Store> {
  const { database, log, memoryBytesMax } = options;
  const server = await superviseClickHouse({
    dir: join(options.dataDir, 'clickhouse'),
    memoryBytesMax,
    database,
    log,
    adhocGrants: READABLE.map((table) => `GRANT SELECT ON ${database}.${table}`),
    adhocFilters: Object.fromEntries(OF_APPS.map((table) => [table, ROWS_OF_CALLER])),
  });
  const endpoint = async () => {
    const { url, app } = await server.ready();
    return { url, ...app };
  };
  const client = createStoreClient({ endpoint, database, log });
  const adhoc = createStoreClient({
    endpoint: async () => {
      const { url, adhoc } = await server.ready();
      return { url, ...adhoc };
    },
    database,
    log,
    readOnly: true,
  });
  return {
    kind: 'embedded',
    client,
    shards: [client],
    adhoc,
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
      await Promise.all([client.close(), adhoc.close()]);
      await server.close();
    },
  };
}
