import type { Span, Tracing } from '../telemetry/tracing.ts';
import type { StoreClient } from './client.ts';

/** A client whose statements are spans of the request, batch or round that makes them; others are not traced. */
export function traceStoreClient(client: StoreClient, tracing: Tracing): StoreClient {
  const begin = (sql: string): Span => {
    const operation = /^\s*(\w+)/.exec(sql)?.[1]?.toUpperCase() ?? 'SQL';
    return tracing.start({
      name: `${operation} ${client.database}`,
      kind: 'client',
      attributes: {
        'db.system.name': 'clickhouse',
        'db.namespace': client.database,
        'db.operation.name': operation,
        'db.query.text': sql.trim().slice(0, QUERY_CHARS_MAX),
      },
    });
  };
  async function wait<T>(sql: string, work: () => Promise<T>): Promise<T> {
    if (!tracing.active()) return await work();
    const span = begin(sql);
    try {
      return await work();
    } catch (error) {
      span.failed(error);
      throw error;
    } finally {
      span.end();
    }
  }
  async function* follow<T>(sql: string, rows: AsyncGenerator<T, void>): AsyncGenerator<T, void> {
    const span = tracing.active() ? begin(sql) : null;
    try {
      yield* rows;
    } catch (error) {
      span?.failed(error);
      throw error;
    } finally {
      span?.end();
    }
  }
  return {
    database: client.database,
    sharded: client.sharded,
    select: (sql, ...more) => wait(sql, () => client.select(sql, ...more)),
    command: (sql, ...more) => wait(sql, () => client.command(sql, ...more)),
    stream: (sql, ...more) => follow(sql, client.stream(sql, ...more)),
    streamBytes: (sql, ...more) => follow(sql, client.streamBytes(sql, ...more)),
    insertNative: (table, ...more) => wait(`INSERT INTO ${table}`, () => client.insertNative(table, ...more)),
    ping: (...more) => client.ping(...more),
    killQueries: (...more) => client.killQueries(...more),
    close: () => client.close(),
  };
}

const QUERY_CHARS_MAX = 2_000;
