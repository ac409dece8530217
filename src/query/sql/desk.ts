import { createHash } from 'node:crypto';
import { HttpProblem } from '../../http/problem.ts';
import { ADHOC_LIMITS } from '../../store/adhoc-limits.ts';
import type { Params, Settings, StoreClient } from '../../store/client.ts';
import { rowsOf } from '../../store/readable.ts';
import { StoreError, TIMEOUT_EXCEEDED } from '../../store/store-error.ts';
import { asProblem } from '../store-problem.ts';
import { type AllowedFunctions, readFunctions } from './functions.ts';
import { checkStatement } from './guard.ts';
import { readTree } from './tree.ts';

/**
 * Runs SQL of one's own: looked at as a tree first (guard.ts), then run as the user who may only read, who sees the rows
 * of the caller's apps. In: the text, its parameters. Out: bytes, or HttpProblem.
 */

export interface SqlDeskOptions {
  /** May do everything: knows the tables and functions, and ends queries. */
  readonly store: Pick<StoreClient, 'select' | 'command' | 'streamBytes'>;
  /** The reader. Null on servers given by URL, where `store` asks within limits, for callers of all apps. */
  readonly adhoc: Pick<StoreClient, 'streamBytes'> | null;
}

export interface Statement {
  readonly query: string;
  readonly params: Params;
  readonly apps: readonly string[] | null;
  /** As the server knows it. */
  readonly queryId: string;
  readonly timeoutMs: number;
  readonly signal: AbortSignal;
}

export interface Prepared {
  /** It is EXPLAIN of a SELECT. */
  readonly isPlan: boolean;
  /** The answer in a format of ClickHouse's. Throws HttpProblem, before the first byte. */
  run(format: string, settings?: Settings): AsyncGenerator<Buffer>;
}

/** The plan of a SELECT; other forms tell of rows that the caller may not see. */
const EXPLAIN = /^\s*explain(\s+plan)?\s+(?=select\b|with\b|\()/i;
/** The embedded server has them in the user's profile, where nothing reaches them. */
const REMOTE_LIMITS = {
  readonly: 2,
  max_memory_usage: ADHOC_LIMITS.memoryBytesMax,
  max_result_rows: ADHOC_LIMITS.resultRowsMax,
  max_result_bytes: ADHOC_LIMITS.resultBytesMax,
  max_threads: ADHOC_LIMITS.threadsMax,
};

export class SqlDesk {
  readonly #options: SqlDeskOptions;
  #functions: Promise<AllowedFunctions> | null = null;

  constructor(options: SqlDeskOptions) {
    this.#options = options;
  }

  /** Rejects with HttpProblem when the statement cannot be asked. */
  async prepare(statement: Statement): Promise<Prepared> {
    const { adhoc, store } = this.#options;
    const { apps, query, params, queryId, timeoutMs, signal } = statement;
    if (adhoc === null && apps !== null)
      throw new HttpProblem(
        'app_forbidden',
        'With ClickHouse by URL only credentials for all apps may send SQL.',
      );
    const client = adhoc ?? store;
    const always = { ...rowsOf(apps), ...(adhoc === null ? REMOTE_LIMITS : {}) };
    const explained = EXPLAIN.exec(query)?.[0] ?? '';
    const select = query.slice(explained.length);
    const run = (sql: string, format: string, settings: Settings, id: string) =>
      client.streamBytes(sql, format, params, {
        settings: { ...always, ...settings },
        queryId: id,
        timeoutMs,
        signal,
      });
    const rows = await collect(
      run(`EXPLAIN AST ${select}`, 'JSONCompactEachRow', {}, `${queryId}-tree`),
    ).catch(refuse);
    const tree = readTree(readLines(rows));
    if (tree === null)
      throw new HttpProblem('sql_error', 'The statement holds names that cannot be told apart. Rename them.');
    checkStatement(tree, { functions: await this.#readFunctions(), exists: await this.#readTables() });
    const isPlan = explained !== '';
    return {
      isPlan,
      run: (format, settings = {}) =>
        mended(run(isPlan ? `EXPLAIN PLAN ${select}` : query, format, settings, queryId)),
    };
  }

  /** Ends a query; false when none of that id runs. */
  async cancel(queryId: string): Promise<boolean> {
    const { store } = this.#options;
    const params = { id: queryId };
    const running = await store.select('SELECT 1 FROM system.processes WHERE query_id = {id:String}', params);
    if (running.length === 0) return false;
    await store.command('KILL QUERY WHERE query_id = {id:String} ASYNC', params);
    return true;
  }

  #readFunctions(): Promise<AllowedFunctions> {
    this.#functions ??= readFunctions(this.#options.store).catch((error) => {
      this.#functions = null;
      throw asProblem(error);
    });
    return this.#functions;
  }

  /** Each time: tables come and go. */
  async #readTables(): Promise<(table: string) => boolean> {
    const rows = await this.#options.store
      .select<{ name: string }>('SELECT name FROM system.tables WHERE database = currentDatabase()')
      .catch((error) => {
        throw asProblem(error);
      });
    const names = new Set(rows.map((row) => row.name));
    return (table) => names.has(table);
  }
}

/** Another caller's id is another query. */
export function serverQueryId(principal: string, id: string): string {
  return `sluice-sql-${createHash('sha256').update(principal).digest('hex').slice(0, 16)}-${id}`;
}

export async function collect(chunks: AsyncGenerator<Buffer>): Promise<string> {
  const all: Buffer[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return Buffer.concat(all).toString();
}

const readLines = (text: string): string[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => (JSON.parse(line) as [string])[0]);

async function* mended(chunks: AsyncGenerator<Buffer>): AsyncGenerator<Buffer> {
  try {
    yield* chunks;
  } catch (error) {
    refuse(error);
  }
}

const ACCESS_DENIED = 497;
const TOO_MANY_QUERIES = 202;
const CANCELLED = 394;
/** Rows or bytes of the answer, rows to read, memory. */
const TOO_LARGE: ReadonlySet<number> = new Set([158, 241, 307, 396]);

function refuse(error: unknown): never {
  if (!(error instanceof StoreError) || error.code === null) throw asProblem(error);
  const { code } = error;
  if (code === TIMEOUT_EXCEEDED)
    throw new HttpProblem('query_timeout', 'The query took too long.', { cause: error });
  if (code === CANCELLED)
    throw new HttpProblem('query_timeout', 'The query was cancelled.', { cause: error });
  if (code === TOO_MANY_QUERIES)
    throw new HttpProblem('too_many_queries', 'As many queries as may are running.', {
      cause: error,
      retryAfterMs: 1_000,
    });
  if (TOO_LARGE.has(code))
    throw new HttpProblem('result_too_large', sayWithoutPlaces(error.message), { cause: error });
  if (code === ACCESS_DENIED)
    throw new HttpProblem('table_forbidden', 'That cannot be read here.', { cause: error });
  throw new HttpProblem('sql_error', sayWithoutPlaces(error.message), { cause: error });
}

/** ClickHouse's message without paths, addresses, versions and guesses at what others have. */
export function sayWithoutPlaces(message: string): string {
  return message
    .replace(/\(version [^)]*\)/g, '')
    .replace(/[.,]?\s*Maybe you meant:?[^.]*\.?/gi, '.')
    .replace(/(?<![\w])\/[\w.@/-]{2,}/g, '…')
    .replace(/\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b/g, '…')
    .trim();
}
