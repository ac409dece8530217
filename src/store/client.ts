/**
 * All that Sluice says to ClickHouse goes through here, to a server of its own or a remote one alike.
 *
 * In: SQL with parameters, or finished blocks in Native format. Out: rows, or a StoreError that says what is known of the
 * outcome. It asks for the endpoint at every request, so a server that came back on another port is simply followed.
 *
 * 64-bit integers arrive as JSON numbers: counts, sums, offsets and times stay far below 2^53. What may lie above it,
 * which is hashes only, must be selected with `toString()`.
 * Every request carries `async_insert=0`: a server's default may be 1, and then a success would promise nothing.
 */
import { randomUUID } from 'node:crypto';
import { addAbortSignal } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { type ClickHouseClient, ClickHouseError, ClickHouseLogLevel, createClient } from '@clickhouse/client';
import { type Deadline, startDeadline, untilAborted } from './deadline.ts';
import { createAgent, type InsertTarget, postInsert } from './http-insert.ts';
import {
  createAnswerError,
  createConnectionError,
  isBrokenConnection,
  readErrorCode,
  StoreError,
  TIMEOUT_EXCEEDED,
} from './store-error.ts';

export interface StoreEndpoint {
  readonly url: string;
  readonly username: string;
  readonly password: string;
}

export interface StoreLog {
  debug(facts: object, message: string): void;
  warn(facts: object, message: string): void;
}

export interface StoreClientOptions {
  /** Where ClickHouse is now; waits while it is being restarted. */
  readonly endpoint: () => Promise<StoreEndpoint>;
  /** What unqualified table names belong to. */
  readonly database: string;
  readonly log: StoreLog;
  /** For a user whose limits are fixed: none is sent, and the server ends a query whose connection closes. Default false. */
  readonly readOnly?: boolean;
  /** Default 30,000. */
  readonly timeoutMs?: number;
  /** With every request; those of the request itself win. */
  readonly settings?: Settings;
  /** The database's tables are spread over shards (store/shards.ts). Default false. */
  readonly sharded?: boolean;
}

export type Settings = Readonly<Record<string, string | number | boolean>>;
/** Values of `{name:Type}` in the SQL, each at most 128 KiB. */
export type Params = Readonly<Record<string, unknown>>;

export interface QueryOptions {
  readonly settings?: Settings;
  /** When aborted the query is killed, and the call rejects with the signal's reason. */
  readonly signal?: AbortSignal;
  /** After this the query is killed, and the call rejects with code 159. Includes the wait for a restart. */
  readonly timeoutMs?: number;
  readonly queryId?: string;
  /** Instead of the client's database, for what must run before that exists. */
  readonly database?: string;
}

export interface InsertOptions {
  /** Unique to the attempt, so that `killQueries` can find it. */
  readonly queryId: string;
  readonly settings?: Settings;
  readonly timeoutMs: number;
}

export interface StoreClient {
  readonly database: string;
  /** True when its tables are spread over shards: a view may then lie on several, see sql/current.ts. */
  readonly sharded: boolean;
  select<Row>(sql: string, params?: Params, options?: QueryOptions): Promise<Row[]>;
  /** For SQL without rows. */
  command(sql: string, params?: Params, options?: QueryOptions): Promise<void>;
  /** Rows as they come, in batches; the query ends when the loop is left. `timeoutMs` counts for all of it. */
  stream<Row>(sql: string, params?: Params, options?: QueryOptions): AsyncGenerator<Row[], void>;
  /**
   * The answer's bytes in a format of ClickHouse's. The text is sent as it is, so it may be somebody else's; it may name
   * no format. The answer is whole before its first byte comes: a failure is never within it.
   */
  streamBytes(
    sql: string,
    format: string,
    params?: Params,
    options?: QueryOptions,
  ): AsyncGenerator<Buffer, void>;
  /**
   * Inserts rows in Native format, given as chunks of one block. Resolves when they are written.
   * Rejects with StoreError; after `unknown_outcome` the rows may be there, or may still come until the query is killed.
   */
  insertNative(
    table: string,
    columns: readonly string[],
    body: readonly Uint8Array[],
    options: InsertOptions,
  ): Promise<void>;
  /** Resolves when ClickHouse answers this client's user; rejects with StoreError. */
  ping(timeoutMs?: number): Promise<void>;
  /** Ends every query whose id begins so, and resolves when none is left. Not for a read-only client. */
  killQueries(prefix: string, timeoutMs?: number): Promise<void>;
  /** Drops all connections. */
  close(): Promise<void>;
}

/** Sockets, per endpoint: they are of no use any more when it changes. */
interface Link {
  readonly endpoint: StoreEndpoint;
  readonly client: ClickHouseClient;
  readonly agent: InsertTarget['agent'];
}

interface Running {
  readonly client: ClickHouseClient;
  readonly query: ReturnType<typeof prepare>;
}

/**
 * Questions are short, and each is a text of its own: compiling its expressions to machine code takes longer than it
 * saves (a third of the CPU of a view question, measured).
 */
const QUESTION_SETTINGS = {
  compile_expressions: 0,
  compile_aggregate_expressions: 0,
  compile_sort_description: 0,
};
const KILL_POLL_MS = 20;
const NO_SOCKET_TIMEOUT_MS = 2 ** 31 - 1;
/** The server's own limit comes first, since its answer is certain. */
const CLIENT_GRACE_MS = 500;

export function createStoreClient(options: StoreClientOptions): StoreClient {
  return new HttpStoreClient(options);
}

class HttpStoreClient implements StoreClient {
  readonly database: string;
  readonly sharded: boolean;
  readonly #options: StoreClientOptions;
  readonly #timeoutMs: number;
  #link: Link | null = null;
  #closed = false;

  constructor(options: StoreClientOptions) {
    this.database = options.database;
    this.sharded = options.sharded ?? false;
    this.#options = options;
    this.#timeoutMs = options.timeoutMs ?? 30_000;
  }

  async select<Row>(sql: string, params?: Params, options: QueryOptions = {}): Promise<Row[]> {
    try {
      return await this.#selectOnce<Row>(sql, params, options);
    } catch (error) {
      // A kept-alive connection may close in the moment in which it is used; a question changes nothing, so it may be
      // asked again.
      if (this.#closed || options.queryId !== undefined || !isBrokenConnection(error)) throw error;
      return await this.#selectOnce<Row>(sql, params, options);
    }
  }

  async #selectOnce<Row>(sql: string, params: Params | undefined, options: QueryOptions): Promise<Row[]> {
    const settings = { ...QUESTION_SETTINGS, ...options.settings };
    const whole = this.#run(sql, params, { ...options, settings }, async function* ({ client, query }) {
      const result = await client.query({ ...query, format: 'JSONEachRow' });
      // The signal of the request ends nothing any more once headers came, which may be long before the rows.
      yield await untilAborted(result.json<Row>(), query.abort_signal);
    });
    let answer: Row[] = [];
    // To the end, since a generator that is left early counts as abandoned.
    for await (const rows of whole) answer = rows;
    return answer;
  }

  async command(sql: string, params?: Params, options: QueryOptions = {}): Promise<void> {
    const done = this.#run(sql, params, options, async function* ({ client, query }) {
      await client.command(query);
      yield null;
    });
    for await (const _ of done);
  }

  stream<Row>(sql: string, params?: Params, options: QueryOptions = {}): AsyncGenerator<Row[], void> {
    return this.#run<Row[]>(sql, params, options, async function* ({ client, query }) {
      const result = await client.query({ ...query, format: 'JSONEachRow' });
      // As above: a reader that waits for rows is to hear of the end, too.
      const stream = addAbortSignal(query.abort_signal, result.stream<Row>());
      for await (const rows of stream) yield rows.map((row) => row.json());
    });
  }

  streamBytes(
    sql: string,
    format: string,
    params?: Params,
    options: QueryOptions = {},
  ): AsyncGenerator<Buffer, void> {
    const settings = { ...options.settings, default_format: format, wait_end_of_query: 1 };
    return this.#run(sql, params, { ...options, settings }, async function* ({ client, query }) {
      const { stream } = await client.exec(query);
      for await (const chunk of stream) yield chunk as Buffer;
    });
  }

  async insertNative(
    table: string,
    columns: readonly string[],
    body: readonly Uint8Array[],
    options: InsertOptions,
  ): Promise<void> {
    const startedAt = performance.now();
    const target = await this.#findTarget(options.timeoutMs);
    const parameters = new URLSearchParams({
      database: this.database,
      query_id: options.queryId,
      query: `INSERT INTO ${table} (${columns.map(quoteName).join(', ')}) FORMAT Native`,
      wait_end_of_query: '1',
    });
    for (const [name, value] of Object.entries({
      ...this.#options.settings,
      ...options.settings,
      async_insert: 0,
    })) {
      parameters.append(name, String(value));
    }
    const timeoutMs = Math.max(1, options.timeoutMs - (performance.now() - startedAt));
    await postInsert(target, { parameters, body, timeoutMs });
  }

  async ping(timeoutMs = 2_000): Promise<void> {
    await this.select('SELECT 1', {}, { timeoutMs });
  }

  async killQueries(prefix: string, timeoutMs = this.#timeoutMs): Promise<void> {
    const params = { prefix };
    const deadline = performance.now() + timeoutMs;
    const matching = 'WHERE startsWith(query_id, {prefix:String})';
    for (;;) {
      await this.command(`KILL QUERY ${matching} SYNC`, params, { timeoutMs });
      const left = await this.select(`SELECT 1 FROM system.processes ${matching} LIMIT 1`, params, {
        timeoutMs,
      });
      if (left.length === 0) return;
      if (performance.now() > deadline) {
        throw new StoreError(
          'unknown_outcome',
          TIMEOUT_EXCEEDED,
          `A query ${prefix}* did not end in ${timeoutMs} ms`,
        );
      }
      await delay(KILL_POLL_MS);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    const link = this.#link;
    this.#link = null;
    if (link !== null) await closeLink(link);
  }

  async #connect(signal: AbortSignal): Promise<Link> {
    if (this.#closed) throw new StoreError('unavailable', null, 'The connection to ClickHouse is closed.');
    const endpoint = await untilAborted(this.#options.endpoint(), signal);
    if (this.#link !== null && isSame(this.#link.endpoint, endpoint)) return this.#link;
    if (this.#link !== null) void closeLink(this.#link);
    this.#link = openLink(endpoint);
    return this.#link;
  }

  async #findTarget(timeoutMs: number): Promise<InsertTarget> {
    const deadline = startDeadline(timeoutMs, undefined);
    try {
      const { endpoint, agent } = await this.#connect(deadline.signal);
      return { ...endpoint, agent };
    } catch (error) {
      throw explain(error as Error, undefined, deadline, false);
    } finally {
      deadline.stop();
    }
  }

  /** Runs one request under its deadline and the caller's signal, and turns every failure into what callers know. */
  async *#run<T>(
    sql: string,
    params: Params | undefined,
    options: QueryOptions,
    work: (running: Running) => AsyncGenerator<T, void>,
  ): AsyncGenerator<T, void> {
    const timeoutMs = options.timeoutMs ?? this.#timeoutMs;
    const deadline = startDeadline(timeoutMs + CLIENT_GRACE_MS, options.signal);
    const queryId = options.queryId ?? randomUUID();
    const settings = this.#settings(options, timeoutMs);
    let client: ClickHouseClient | null = null;
    let finished = false;
    try {
      client = (await this.#connect(deadline.signal)).client;
      yield* work({ client, query: prepare(sql, params, queryId, settings, deadline.signal) });
      finished = true;
    } catch (error) {
      finished = error instanceof ClickHouseError;
      throw explain(error as Error, options.signal, deadline, client !== null);
    } finally {
      deadline.stop();
      if (!finished && client !== null) this.#abandon(client, queryId);
    }
  }

  #settings(options: QueryOptions, timeoutMs: number): Record<string, string | number | boolean> {
    const { readOnly = false } = this.#options;
    return {
      // Read by the HTTP interface like a setting; this way one client serves every database.
      database: options.database ?? this.database,
      async_insert: 0,
      output_format_json_quote_64bit_integers: 0,
      ...(readOnly
        ? { cancel_http_readonly_queries_on_client_close: 1 }
        : { max_execution_time: timeoutMs / 1000 }),
      ...this.#options.settings,
      ...options.settings,
    };
  }

  /** Kills what no longer has a reader. A read-only user's query ends with its connection, by the setting above. */
  #abandon(client: ClickHouseClient, queryId: string): void {
    if (this.#options.readOnly || this.#closed) return;
    const query = 'KILL QUERY WHERE query_id = {id:String} ASYNC';
    client.command({ query, query_params: { id: queryId } }).catch((error: Error) => {
      this.#options.log.debug({ queryId, error: error.message }, 'an abandoned query could not be killed');
    });
  }
}

function prepare(
  sql: string,
  params: Params | undefined,
  queryId: string,
  settings: Settings,
  signal: AbortSignal,
) {
  return {
    query: sql,
    query_params: { ...params },
    query_id: queryId,
    clickhouse_settings: { ...settings },
    abort_signal: signal,
  };
}

function openLink(endpoint: StoreEndpoint): Link {
  const client = createClient({
    ...endpoint,
    // Deadlines are ours: they end the query, not only the wait for it.
    request_timeout: NO_SOCKET_TIMEOUT_MS,
    max_open_connections: 32,
    use_multipart_params_auto: true,
    keep_alive: { idle_socket_ttl: 2_500, eagerly_destroy_stale_sockets: true },
    log: { level: ClickHouseLogLevel.OFF },
  });
  return { endpoint, client, agent: createAgent(endpoint.url) };
}

async function closeLink(link: Link): Promise<void> {
  link.agent.destroy();
  await link.client.close();
}

function isSame(one: StoreEndpoint, other: StoreEndpoint): boolean {
  return one.url === other.url && one.username === other.username && one.password === other.password;
}

function explain(error: Error, caller: AbortSignal | undefined, deadline: Deadline, sent: boolean): Error {
  if (error instanceof StoreError) return error;
  if (error instanceof ClickHouseError) return createAnswerError(Number(error.code), error.message, 500);
  if (caller?.aborted) return caller.reason;
  if (deadline.passed()) {
    const message = `ClickHouse did not answer within ${deadline.ms} ms`;
    return new StoreError(sent ? 'unknown_outcome' : 'unavailable', TIMEOUT_EXCEEDED, message, {
      cause: error,
    });
  }
  const code = readErrorCode(undefined, error.message);
  if (code !== null) return createAnswerError(code, error.message, 500);
  return createConnectionError(error, sent ? null : false);
}

function quoteName(name: string): string {
  return `\`${name.replaceAll('\\', '\\\\').replaceAll('`', '\\`')}\``;
}
