import type { StoreClient } from './client.ts';
import { StoreError } from './store-error.ts';

/** Of a server that had to ask another one and could not: nothing is wrong with the question. */
const UNREACHABLE = new Set([
  32, // ATTEMPT_TO_READ_AFTER_EOF
  198, // DNS_ERROR
  209, // SOCKET_TIMEOUT
  210, // NETWORK_ERROR
  279, // ALL_CONNECTION_TRIES_FAILED
]);
const LOOK_MS = 1_000;

/** As people count: `Shard 2 of 3`. */
export function nameShard(index: number, count: number): string {
  return `Shard ${index + 1} of ${count}`;
}

/**
 * A client for tables that are spread over shards. Whichever server is asked puts the answer together, so they take
 * turns. When one of them is away no question can be answered: the error then says which it is.
 *
 * `clients[i]` asks the server of `shards[i]`. Closing it closes `clients` alone.
 */
export function createSpreadClient(
  clients: readonly StoreClient[],
  shards: readonly StoreClient[],
): StoreClient {
  let turn = 0;
  const next = () => clients[turn++ % clients.length]!;

  async function explain(error: unknown): Promise<unknown> {
    if (!(error instanceof StoreError) || (error.code !== null && !UNREACHABLE.has(error.code))) return error;
    const looks = await Promise.allSettled(shards.map((shard) => shard.ping(LOOK_MS)));
    const down = looks.findIndex((look) => look.status === 'rejected');
    const place = down < 0 ? 'A shard' : nameShard(down, shards.length);
    return new StoreError(error.kind, null, `${place} does not answer: ${error.message}`, {
      cause: error,
      place,
    });
  }

  async function ask<T>(work: (client: StoreClient) => Promise<T>): Promise<T> {
    try {
      return await work(next());
    } catch (error) {
      throw await explain(error);
    }
  }

  async function* follow<T>(work: (client: StoreClient) => AsyncGenerator<T, void>): AsyncGenerator<T, void> {
    try {
      yield* work(next());
    } catch (error) {
      throw await explain(error);
    }
  }

  const { database } = clients[0]!;
  return {
    database,
    sharded: true,
    select: (...question) => ask((client) => client.select(...question)),
    command: (...question) => ask((client) => client.command(...question)),
    stream: (...question) => follow((client) => client.stream(...question)),
    streamBytes: (...question) => follow((client) => client.streamBytes(...question)),
    insertNative: (...block) => ask((client) => client.insertNative(...block)),
    async ping(timeoutMs) {
      await Promise.all(clients.map((client) => client.ping(timeoutMs)));
    },
    async killQueries(prefix, timeoutMs) {
      await Promise.all(clients.map((client) => client.killQueries(prefix, timeoutMs)));
    },
    async close() {
      await Promise.all(clients.map((client) => client.close()));
    },
  };
}
