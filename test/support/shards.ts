/**
 * A real sharded cluster on one machine: several embedded servers that speak the native protocol to each other. Each
 * can be killed, and comes back on the same ports with the same data.
 */
import { randomBytes } from 'node:crypto';
import { createStoreClient, type StoreClient } from '../../src/store/client.ts';
import { type EmbeddedClickHouse, openEmbeddedClickHouse } from '../../src/store/embedded/embedded.ts';
import { makeTestFolder, silentLog } from './clickhouse.ts';
import { freePort } from './ports.ts';

export const CLUSTER = 'tubes';
export const USER = 'app';

export interface TestShard {
  readonly url: string;
  /** SIGKILL, as the machine would. */
  kill(): Promise<void>;
  /** The same server again. */
  start(): Promise<void>;
  signal(signal: NodeJS.Signals): void;
}

export interface TestCluster {
  readonly shards: readonly TestShard[];
  /** For ANALYTICS_CH_URL. */
  readonly urls: string;
  readonly password: string;
  /** Settings of a service that uses it. */
  readonly env: Readonly<Record<string, string>>;
  client(shard: number, database: string): StoreClient;
  close(): Promise<void>;
}

export async function startTestCluster(
  count: number,
  test?: { after(fn: () => Promise<void>): void },
): Promise<TestCluster> {
  const password = randomBytes(12).toString('base64url');
  const tcpPorts = await freePorts(count);
  const httpPorts = await freePorts(count);
  const members = tcpPorts
    .map(
      (port) => `<shard><replica><host>127.0.0.1</host><port>${port}</port>
        <user>${USER}</user><password>${password}</password></replica></shard>`,
    )
    .join('');
  const serverXml = `<remote_servers><${CLUSTER}>${members}</${CLUSTER}></remote_servers>`;
  const shards = await Promise.all(
    tcpPorts.map((tcp, i) => openShard({ tcp, http: httpPorts[i]!, password, serverXml })),
  );
  const urls = shards.map(({ url }) => url).join(',');
  const clients: StoreClient[] = [];
  const cluster = {
    shards,
    urls,
    password,
    env: {
      ANALYTICS_CH_URL: urls,
      ANALYTICS_CH_USER: USER,
      ANALYTICS_CH_PASSWORD: password,
      ...(count > 1 && { ANALYTICS_CH_CLUSTER: CLUSTER, ANALYTICS_LOG_PARTITIONS: String(count) }),
    },
    client(shard: number, database: string) {
      const endpoint = { url: shards[shard]!.url, username: USER, password };
      const client = createStoreClient({ endpoint: async () => endpoint, database, log: silentLog });
      clients.push(client);
      return client;
    },
    async close() {
      for (const client of clients) await client.close();
      await Promise.all(shards.map((shard) => shard.close()));
    },
  };
  test?.after(cluster.close);
  return cluster;
}

interface ShardOptions {
  readonly tcp: number;
  readonly http: number;
  readonly password: string;
  readonly serverXml: string;
}

async function openShard({ tcp, http, password, serverXml }: ShardOptions) {
  const dir = makeTestFolder();
  let gone = Promise.withResolvers<void>();
  let server: EmbeddedClickHouse | null = null;
  const start = async () => {
    gone = Promise.withResolvers<void>();
    server = await openEmbeddedClickHouse({
      dir,
      memoryBytesMax: 2 ** 30,
      database: 'analytics',
      log: silentLog,
      httpPort: http,
      tcp: { port: tcp },
      passwords: { app: password, adhoc: password },
      // The shards read each other, and the launcher's confinement does not know of that.
      serverXml,
      onExit: () => gone.resolve(),
    });
  };
  await start();
  return {
    url: server!.url,
    start,
    async kill() {
      process.kill(server!.pid, 'SIGKILL');
      await gone.promise;
    },
    signal: (signal: NodeJS.Signals) => void process.kill(server!.pid, signal),
    close: async () => await server!.close(),
  };
}

async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  while (ports.size < count) ports.add(await freePort());
  return [...ports];
}
