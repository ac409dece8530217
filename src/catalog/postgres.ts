/**
 * Kysely on PostgreSQL: a bounded pool, a deadline for every wait, and failures in words that say what to do. A server
 * that went away is met again by the next question: the pool makes new connections, and keeps none that failed.
 */
import {
  CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  type QueryResult,
  type TransactionSettings,
} from 'kysely';
import pg from 'pg';
import { CatalogUnavailable } from './catalog-unavailable.ts';

export interface PostgresOptions {
  /** `postgres://user:password@host:port/database`, with libpq's `sslmode`, `sslrootcert`, `sslcert`, `sslkey`. */
  readonly url: string;
  /** Connections of this process at most. */
  readonly connectionsMax: number;
  /** Of a wait for a connection, be it a new one or one that others use. */
  readonly connectTimeoutMs: number;
  readonly statementTimeoutMs: number;
}

export interface PostgresState {
  ok: boolean;
  /** Why not, for the operator; null when it is. */
  reason: string | null;
}

/** The client gives up a little after the server should have. */
const CLIENT_GRACE_MS = 1_000;
const IDLE_TIMEOUT_MS = 60_000;

/** `state` is kept up to date: it tells how the last attempt went. */
export function createPostgresDialect(options: PostgresOptions, state: PostgresState): Dialect {
  return {
    createAdapter: () => new PostgresAdapter(),
    createDriver: () => new PostgresDriver(options, state),
    createIntrospector: (db) => new PostgresIntrospector(db),
    createQueryCompiler: () => new PostgresQueryCompiler(),
  };
}

/** Where the server is, without user and password. */
export function placeOf(url: string): string {
  const { hostname, port, pathname } = new URL(url);
  return `PostgreSQL at ${hostname || 'localhost'}:${port || 5432}${pathname === '/' ? '' : pathname}`;
}

class PostgresDriver implements Driver {
  readonly #options: PostgresOptions;
  readonly #state: PostgresState;
  #pool: pg.Pool | null = null;

  constructor(options: PostgresOptions, state: PostgresState) {
    this.#options = options;
    this.#state = state;
  }

  async init(): Promise<void> {
    const { connectionsMax, connectTimeoutMs, statementTimeoutMs } = this.#options;
    this.#pool = new pg.Pool({
      connectionString: libpqUrl(this.#options.url),
      application_name: 'sluice',
      max: connectionsMax,
      connectionTimeoutMillis: connectTimeoutMs,
      idleTimeoutMillis: IDLE_TIMEOUT_MS,
      statement_timeout: statementTimeoutMs,
      idle_in_transaction_session_timeout: 2 * statementTimeoutMs,
      query_timeout: statementTimeoutMs + CLIENT_GRACE_MS,
      keepAlive: true,
    });
    // A connection that breaks while nobody uses it; without a listener it would end the process.
    this.#pool.on('error', (error) => this.#noteFailure(error));
  }

  async acquireConnection(): Promise<DatabaseConnection> {
    try {
      return new PostgresConnection(await this.#pool!.connect(), this.#note);
    } catch (error) {
      throw this.#noteFailure(error as Error);
    }
  }

  async releaseConnection(connection: DatabaseConnection): Promise<void> {
    (connection as PostgresConnection).release();
  }

  async beginTransaction(connection: DatabaseConnection, settings: TransactionSettings): Promise<void> {
    const level = settings.isolationLevel === undefined ? '' : ` isolation level ${settings.isolationLevel}`;
    await connection.executeQuery(CompiledQuery.raw(`begin${level}`));
  }

  async commitTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('commit'));
  }

  async rollbackTransaction(connection: DatabaseConnection): Promise<void> {
    await connection.executeQuery(CompiledQuery.raw('rollback'));
  }

  async destroy(): Promise<void> {
    await this.#pool?.end();
    this.#pool = null;
  }

  readonly #note: Note = {
    success: () => {
      this.#state.ok = true;
      this.#state.reason = null;
    },
    failure: (error) => this.#noteFailure(error),
  };

  /** What callers are told: PostgreSQL's own refusals of a statement as they are, everything else as unavailable. */
  #noteFailure(error: Error): Error {
    if (!isAway(error)) return error;
    const reason = `${placeOf(this.#options.url)} does not serve the catalogue: ${error.message || 'no connection'}.`;
    this.#state.ok = false;
    this.#state.reason = reason;
    return new CatalogUnavailable(reason, { cause: error });
  }
}

interface Note {
  success(): void;
  failure(error: Error): Error;
}

class PostgresConnection implements DatabaseConnection {
  readonly #client: pg.PoolClient;
  readonly #note: Note;
  #broken = false;

  constructor(client: pg.PoolClient, note: Note) {
    this.#client = client;
    this.#note = note;
    // It may break between two statements of a transaction; the next of them says so.
    client.on('error', this.#onError);
  }

  async executeQuery<R>({ sql, parameters }: CompiledQuery): Promise<QueryResult<R>> {
    try {
      const { rows, rowCount } = await this.#client.query(sql, [...parameters]);
      this.#note.success();
      return rowCount === null ? { rows } : { rows, numAffectedRows: BigInt(rowCount) };
    } catch (error) {
      // After a statement that was given up it may still be running there.
      if (isAway(error as Error)) this.#broken = true;
      throw this.#note.failure(error as Error);
    }
  }

  // biome-ignore lint/correctness/useYield: nothing of the catalogue is large enough to stream.
  async *streamQuery<R>(): AsyncIterableIterator<QueryResult<R>> {
    throw new Error('The catalogue does not stream from PostgreSQL.');
  }

  release(): void {
    this.#client.off('error', this.#onError);
    this.#client.release(this.#broken);
  }

  readonly #onError = () => {
    this.#broken = true;
  };
}

/**
 * SQLSTATE classes in which the server, not the statement, is at fault: connection, authorization, no such database,
 * resources, operator's intervention (a shutdown; a statement that ran into its timeout), system.
 */
const AWAY_CLASSES = ['08', '28', '3D', '53', '57', '58'];

function isAway(error: Error): boolean {
  const { code } = error as { code?: string };
  // What the server says has five characters; sockets, TLS and the pool have codes of their own, or none.
  return code === undefined || !/^[0-9A-Z]{5}$/.test(code) || AWAY_CLASSES.includes(code.slice(0, 2));
}

/** `sslmode` as libpq means it: `require` encrypts, `verify-full` asks who it is. */
function libpqUrl(url: string): string {
  const parsed = new URL(url);
  if (parsed.searchParams.has('sslmode')) parsed.searchParams.set('uselibpqcompat', 'true');
  return parsed.href;
}
