/**
 * ClickHouse by URL: one server, or several that are a shard each.
 *
 * The rows of log partition p lie on shard p mod n, in tables of their own (`shards[p % n]`). What reads all of them
 * reads the database `<name>_all`, whose tables are `Distributed` ones of the same names (store/cluster.ts), so that a
 * question is the same SQL on one server and on many.
 */
import { createStoreClient, type Settings, type StoreClient } from './client.ts';
import type { Store, StoreOptions } from './open.ts';
import { createSpreadClient, nameShard } from './spread.ts';
import { StoreError } from './store-error.ts';

/** With everything that is asked of all shards. */
const CLUSTER_SETTINGS: Settings = {
  // `x IN (SELECT …)` means the rows of all shards, not those of the one that happens to look.
  distributed_product_mode: 'global',
  // What is written through these tables is stored when the answer comes.
  distributed_foreground_insert: 1,
  skip_unavailable_shards: 0,
  // Of replicas always the same: one that lags would show another moment.
  load_balancing: 'in_order',
};
const WATCH_EVERY_MS = 5_000;
const WATCH_TIMEOUT_MS = 3_000;

/** Rejects with StoreError when a server does not answer, and says which. */
export async function openRemote(options: StoreOptions): Promise<Store> {
  const { urls, username, password, database, log } = options;
  const endpoints = urls.map((url) => ({ url, username, password }));
  const clientsOf = (name: string, settings: Settings, sharded: boolean) =>
    endpoints.map((endpoint) =>
      createStoreClient({ endpoint: async () => endpoint, database: name, log, settings, sharded }),
    );
  const shards = clientsOf(database, {}, false);
  const client =
    shards.length === 1
      ? shards[0]!
      : createSpreadClient(clientsOf(clusterDatabase(database), CLUSTER_SETTINGS, true), shards);
  const close = async () => {
    await Promise.all([client, ...shards].map((one) => one.close()));
  };
  try {
    await checkAll(shards, urls);
  } catch (error) {
    await close();
    throw error;
  }
  const watch = watchShards(shards);
  return {
    kind: 'url',
    client,
    shards,
    adhoc: null,
    endpoint: async () => endpoints[0]!,
    generation: () => 0,
    async version() {
      const versions = await Promise.all(shards.map(askVersion));
      return [...new Set(versions)].join(', ');
    },
    state: watch.state,
    pid: () => null,
    async close() {
      watch.stop();
      await close();
    },
  };
}

/** Where the tables lie that read all shards. */
export function clusterDatabase(database: string): string {
  return `${database}_all`;
}

async function askVersion(client: StoreClient): Promise<string> {
  const [row] = await client.select<{ version: string }>(
    'SELECT version() AS version',
    {},
    { database: 'system' },
  );
  return row!.version;
}

async function checkAll(shards: readonly StoreClient[], urls: readonly string[]): Promise<void> {
  const answers = await Promise.allSettled(shards.map(askVersion));
  const down = answers.flatMap((answer, i) => (answer.status === 'rejected' ? [{ i, ...answer }] : []));
  if (down.length === 0) return;
  const { i, reason } = down[0]!;
  const name = shards.length === 1 ? 'ClickHouse' : nameShard(i, shards.length);
  const others =
    down.length > 1 ? `, nor ${down.length === 2 ? 'does one' : `do ${down.length - 1}`} more` : '';
  const { kind, code, message } = reason as StoreError;
  throw new StoreError(
    kind,
    code,
    `${name} at ${urls[i]} does not answer as it should${others}: ${message}. Start it, or correct ANALYTICS_CH_URL, _USER and _PASSWORD.`,
    { cause: reason },
  );
}

/** Asks each of them now and then, for `/health`. */
function watchShards(shards: readonly StoreClient[]) {
  const reasons: (string | null)[] = shards.map(() => null);
  const timer = setInterval(() => {
    for (const [i, shard] of shards.entries())
      shard.ping(WATCH_TIMEOUT_MS).then(
        () => {
          reasons[i] = null;
        },
        (error: Error) => {
          reasons[i] =
            shards.length === 1 ? error.message : `${nameShard(i, shards.length)}: ${error.message}`;
        },
      );
  }, WATCH_EVERY_MS);
  timer.unref();
  return {
    state() {
      const said = reasons.filter((reason) => reason !== null);
      return { ok: said.length === 0, reason: said.length === 0 ? null : said.join('; ') };
    },
    stop: () => clearInterval(timer),
  };
}
