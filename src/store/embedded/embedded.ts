/**
 * A real ClickHouse server for one machine, without an installation: a child process that serves HTTP on a random
 * loopback port, with random passwords, to nobody else.
 *
 * In: a folder. Out: a URL and two users; nothing after that line knows that the server is not a remote one.
 * What can be lost: nothing that it acknowledged, as long as the machine keeps running.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ADHOC_LIMITS, type AdhocLimits } from '../adhoc-limits.ts';
import { type Credentials, renderServerConfig, renderUsersConfig } from './config.ts';
import { EmbeddedError } from './error.ts';
import { type EngineFolders, makeFolders } from './folders.ts';
import { findEngineLibrary } from './library.ts';
import type { ChildMessage, ChildOptions, Confinement, ParentMessage } from './protocol.ts';

export interface EngineLog {
  info(facts: object, message: string): void;
  warn(facts: object, message: string): void;
}

export interface EmbeddedOptions {
  /** Belongs to the engine alone: `data`, `log`, `run`, `cache` and the file `lock` are made in it. */
  readonly dir: string;
  /** What the engine may use for its work; plan 0.75 GiB more for the process. */
  readonly memoryBytesMax: number;
  /** The ad-hoc user may read this database and no other. It is not made here. */
  readonly database: string;
  readonly log: EngineLog;
  /** Called once when the process has ended, whether it was told to or not. */
  readonly onExit?: (exit: EngineExit) => void;
  readonly adhocLimits?: Partial<AdhocLimits>;
  /** Default: SELECT on the database. */
  readonly adhocGrants?: readonly string[];
  /** Default: it sees all rows. */
  readonly adhocFilters?: Readonly<Record<string, string>>;
  /** Default: random, anew at every start. Given only where several servers must know each other. */
  readonly passwords?: { readonly app: string; readonly adhoc: string };
  readonly mergeThreads?: number;
  readonly queriesMax?: number;
  readonly connectionsMax?: number;
  /** 0 = any free port. */
  readonly httpPort?: number;
  /**
   * Opens the native protocol too (0 = any free port), for shards in tests. Never in service: the guard that admits
   * known users only stands before HTTP.
   */
  readonly tcp?: { readonly port: number };
  /** Further XML inside `<clickhouse>`, such as `<remote_servers>` and `<macros>`. */
  readonly serverXml?: string;
  readonly logLevel?: 'error' | 'warning' | 'information' | 'debug' | 'trace';
  readonly landlock?: boolean;
  readonly readOnlyDirs?: readonly string[];
  readonly startTimeoutMs?: number;
  /** How long to wait for another process that holds the folder, default 15,000. */
  readonly lockWaitMs?: number;
  /** How long an orderly end may take before the process is killed, default 10,000. */
  readonly closeTimeoutMs?: number;
  /** Gives up a start that is under way. */
  readonly signal?: AbortSignal;
  /** Default: from the platform's npm package. */
  readonly library?: string;
}

export interface EngineExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** True when `close` asked for it. */
  readonly expected: boolean;
}

export interface EmbeddedClickHouse {
  readonly url: string;
  /** May do everything. */
  readonly app: Credentials;
  /** Reads one database, under limits. Where `confinement` is not active its queries must be searched for `file()`. */
  readonly adhoc: Credentials;
  readonly tcpPort: number | null;
  readonly pid: number;
  readonly version: string;
  readonly confinement: Confinement;
  /** Epoch ms. */
  readonly startedAt: number;
  readonly startMs: number;
  /**
   * Ends the engine in order, or by a kill after `closeTimeoutMs`; resolves when the process is gone. Close the clients
   * first: the engine waits for their idle connections. Further calls return the same promise.
   */
  close(): Promise<void>;
}

const CHILD = fileURLToPath(new URL('./child.ts', import.meta.url));
const CHILD_LOG = 'child.log';
/** The child's own JavaScript is tiny; without these it would grow to no purpose. */
const CHILD_HEAP_FLAGS = ['--max-old-space-size=32', '--max-semi-space-size=1'];
const CHILD_LOG_TAIL_CHARS = 800;
const LOCK_WAIT_MS = 15_000;

/**
 * Starts the engine and resolves when it serves (0.4 s on an empty folder).
 * Throws EmbeddedError: `unsupported`, `missing_package`, `locked` (another process holds the folder) or `start_failed`.
 */
export async function openEmbeddedClickHouse(options: EmbeddedOptions): Promise<EmbeddedClickHouse> {
  const library = options.library ?? findEngineLibrary();
  const startedAt = Date.now();
  const folders = makeFolders(options.dir);
  const app = { username: 'app', password: options.passwords?.app ?? newPassword() };
  const adhoc = { username: 'adhoc', password: options.passwords?.adhoc ?? newPassword() };
  writeConfig(options, folders, app, adhoc);
  const child = spawnChild(options, folders, library);
  const engine = watchChild(child, options, folders);
  try {
    const ready = await awaitReady(child, engine.exited, options, folders);
    const url = `http://127.0.0.1:${ready.httpPort}`;
    const version = await askVersion(url, app);
    if (!ready.confinement.active) {
      options.log.warn(
        { detail: ready.confinement.detail },
        'the embedded ClickHouse can read files outside its folder',
      );
    }
    const startMs = Date.now() - startedAt;
    options.log.info({ pid: child.pid, version, startMs }, 'embedded ClickHouse serves');
    const { confinement, tcpPort } = ready;
    return {
      url,
      app,
      adhoc,
      tcpPort,
      pid: child.pid!,
      version,
      confinement,
      startedAt,
      startMs,
      close: engine.close,
    };
  } catch (error) {
    child.kill('SIGKILL');
    await engine.exited;
    throw error;
  }
}

function newPassword(): string {
  return randomBytes(24).toString('base64url');
}

function writeConfig(
  options: EmbeddedOptions,
  folders: EngineFolders,
  app: Credentials,
  adhoc: Credentials,
): void {
  const config = {
    runDir: folders.runDir,
    logDir: folders.logDir,
    database: options.database,
    memoryBytesMax: options.memoryBytesMax,
    httpPort: options.httpPort ?? 0,
    tcpPort: options.tcp?.port ?? null,
    app,
    adhoc,
    adhocLimits: { ...ADHOC_LIMITS, ...options.adhocLimits },
    adhocGrants: options.adhocGrants ?? [`GRANT SELECT ON ${options.database}.*`],
    adhocFilters: options.adhocFilters ?? {},
    mergeThreads: options.mergeThreads ?? 2,
    queriesMax: options.queriesMax ?? 64,
    connectionsMax: options.connectionsMax ?? 256,
    serverXml: options.serverXml ?? '',
  };
  const secret = { mode: 0o600 };
  writeFileSync(join(folders.runDir, 'config.xml'), renderServerConfig(config), secret);
  writeFileSync(join(folders.runDir, 'users.xml'), renderUsersConfig(config), secret);
}

function spawnChild(options: EmbeddedOptions, folders: EngineFolders, library: string): ChildProcess {
  const childOptions: ChildOptions = {
    library,
    dataDir: folders.dataDir,
    runDir: folders.runDir,
    logDir: folders.logDir,
    lockFile: folders.lockFile,
    logLevel: options.logLevel ?? 'warning',
    tcp: options.tcp !== undefined,
    landlock: options.landlock ?? true,
    readOnlyDirs: options.readOnlyDirs ?? [],
    lockWaitMs: options.lockWaitMs ?? LOCK_WAIT_MS,
    parentPid: process.pid,
  };
  const output = openSync(join(folders.logDir, CHILD_LOG), 'w', 0o600);
  try {
    const child = spawn(process.execPath, [...CHILD_HEAP_FLAGS, CHILD, JSON.stringify(childOptions)], {
      stdio: ['ignore', output, output, 'ipc'],
      cwd: folders.runDir,
      // Nothing of the service's environment: SQL may be able to read it.
      env: { HOME: folders.runDir, TZ: 'UTC', NODE_COMPILE_CACHE: folders.cacheDir, UV_THREADPOOL_SIZE: '2' },
    });
    // A service that forgets to close must still be able to end; the child follows it.
    child.unref();
    child.channel?.unref();
    return child;
  } finally {
    closeSync(output);
  }
}

function watchChild(child: ChildProcess, options: EmbeddedOptions, folders: EngineFolders) {
  let closing: Promise<void> | null = null;
  const exited = new Promise<EngineExit>((done) => {
    child.once('error', () => done({ code: null, signal: null, expected: false }));
    child.once('exit', (code, signal) => done({ code, signal, expected: closing !== null }));
  });
  exited.then((exit) => {
    rmSync(folders.runDir, { recursive: true, force: true });
    options.onExit?.(exit);
  });

  async function end(): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.ref();
    const timer = setTimeout(() => child.kill('SIGKILL'), options.closeTimeoutMs ?? 10_000);
    const stop: ParentMessage = { type: 'stop' };
    // The channel closes with the process, which may just now be ending by itself.
    if (child.connected) child.send(stop, () => {});
    await exited;
    clearTimeout(timer);
  }
  return {
    exited,
    close(): Promise<void> {
      closing ??= end();
      return closing;
    },
  };
}

type Ready = Extract<ChildMessage, { type: 'ready' }>;

async function awaitReady(
  child: ChildProcess,
  exited: Promise<EngineExit>,
  options: EmbeddedOptions,
  folders: EngineFolders,
): Promise<Ready> {
  const timeoutMs = (options.startTimeoutMs ?? 30_000) + (options.lockWaitMs ?? LOCK_WAIT_MS);
  const { promise, resolve: done, reject: refuse } = Promise.withResolvers<Ready>();
  const fail = (what: string, cause?: Error) => {
    const words = readTail(join(folders.logDir, CHILD_LOG));
    const message = `The embedded ClickHouse ${what}. Its last words: ${words}`;
    refuse(new EmbeddedError('start_failed', message, { cause }));
  };
  const giveUp = () =>
    refuse(new EmbeddedError('closed', 'The start of the embedded ClickHouse was given up.'));
  const timer = setTimeout(() => fail(`was not ready within ${timeoutMs} ms`), timeoutMs);
  options.signal?.addEventListener('abort', giveUp);
  if (options.signal?.aborted) giveUp();
  child.on('message', (message: ChildMessage) => {
    if (message.type === 'ready') return done(message);
    if (message.type === 'waiting') {
      const facts = { dir: options.dir, holder: message.holder };
      return options.log.warn(facts, 'waiting for the folder of the embedded ClickHouse');
    }
    if (message.failure === 'engine') return fail('ended while it started');
    refuse(new EmbeddedError('locked', `The folder ${options.dir} is in use by ${message.detail}.`));
  });
  child.once('error', (cause) => fail('has no process', cause));
  exited.then(({ code, signal }) => fail(`ended while it started (${signal ?? code})`));
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener('abort', giveUp);
  }
}

function readTail(file: string): string {
  try {
    return readFileSync(file, 'utf8').slice(-CHILD_LOG_TAIL_CHARS).trim();
  } catch {
    return '(none)';
  }
}

/** Proves that it serves its user. Without an agent: a kept connection would delay the engine's end by seconds. */
function askVersion(url: string, user: Credentials): Promise<string> {
  return new Promise((done, refuse) => {
    const auth = `${user.username}:${user.password}`;
    const query = encodeURIComponent('SELECT version()');
    const request = http.get(
      `${url}/?query=${query}`,
      { agent: false, auth, timeout: 10_000 },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (chunk: string) => {
          text += chunk;
        });
        response.on('error', refuse);
        response.on('end', () => {
          if (response.statusCode === 200) done(text.trim());
          else
            refuse(
              new EmbeddedError(
                'start_failed',
                `The embedded ClickHouse answered ${response.statusCode}: ${text}`,
              ),
            );
        });
      },
    );
    request.on('timeout', () => request.destroy(new Error('no answer')));
    request.on('error', refuse);
  });
}
