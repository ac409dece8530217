/** Starts the service as a process, kills what it is told to kill, and looks behind it into ClickHouse. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, type WriteStream } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createStoreClient, type StoreClient, type StoreEndpoint } from '../../src/store/client.ts';

export interface Facts {
  readonly url: string;
  readonly endpoint: StoreEndpoint;
  readonly clickhousePid: number;
}

export interface HarnessOptions {
  /** Holds `data` and what the service says, `service.log`. */
  readonly dir: string;
  readonly port: number;
  readonly env?: Readonly<Record<string, string>>;
  /** Modules that the process loads first. */
  readonly preload?: readonly string[];
}

/** The product promises 10 s for a stop. */
const STOP_DEADLINE_MS = 10_000;

export class Harness {
  readonly #env: Record<string, string>;
  readonly #execArgv: readonly string[];
  readonly #output: WriteStream;
  #child: ChildProcess | null = null;
  #facts: Facts | null = null;
  readonly client: StoreClient;
  readonly port: number;

  constructor({ dir, port, env, preload = [] }: HarnessOptions) {
    this.port = port;
    this.#execArgv = preload.flatMap((file) => ['--import', file]);
    this.#output = createWriteStream(join(dir, 'service.log'), { flags: 'a' });
    this.#env = {
      ...(process.env as Record<string, string>),
      ANALYTICS_DATA_DIR: join(dir, 'data'),
      PORT: String(port),
      ANALYTICS_METRICS_PORT: '0',
      ANALYTICS_LOG_PARTITIONS: '3',
      ANALYTICS_INSERT_LEASE_MS: '2000',
      ANALYTICS_RECOMPUTE_EVERY_MS: '200',
      ANALYTICS_ANSWER_FRESH_MS: '0',
      ANALYTICS_ENGAGEMENT_EVERY_MS: '0',
      ANALYTICS_CONSUMER_FLUSH_MS: '100',
      ...env,
    };
    this.client = createStoreClient({
      endpoint: async () => (await this.facts()).endpoint,
      database: 'analytics',
      log: { debug() {}, warn() {} },
    });
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  async start(): Promise<void> {
    const child = fork(fileURLToPath(new URL('./child.ts', import.meta.url)), {
      env: this.#env,
      execArgv: [...process.execArgv, ...this.#execArgv],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    child.stdout!.pipe(this.#output, { end: false });
    child.stderr!.pipe(this.#output, { end: false });
    this.#child = child;
    this.#facts = await nextFacts(child);
  }

  /** Where things are now: ClickHouse comes back on another port. */
  async facts(): Promise<Facts> {
    const child = this.#child!;
    if (!child.connected) return this.#facts!;
    const answer = nextFacts(child);
    child.send('facts');
    this.#facts = await answer;
    return this.#facts;
  }

  /** SIGKILL, no warning. */
  async killService(): Promise<void> {
    const child = this.#child!;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }

  async killClickHouse(): Promise<void> {
    process.kill((await this.facts()).clickhousePid, 'SIGKILL');
  }

  /** Both at the same instant, ClickHouse first: it would otherwise die of its parent's death. */
  async killBoth(): Promise<void> {
    const { clickhousePid } = await this.facts();
    const gone = once(this.#child!, 'exit');
    process.kill(clickhousePid, 'SIGKILL');
    this.#child!.kill('SIGKILL');
    await gone;
  }

  signalClickHouse(signal: NodeJS.Signals): void {
    process.kill(this.#facts!.clickhousePid, signal);
  }

  signalService(signal: NodeJS.Signals): void {
    this.#child!.kill(signal);
  }

  /** False: it ended, and nobody told it to. */
  get alive(): boolean {
    return this.#child!.exitCode === null && this.#child!.signalCode === null;
  }

  /** In order, as SIGTERM does it. Throws when that takes longer than promised, or does not end well. */
  async stop(): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    const cut = setTimeout(() => child.kill('SIGKILL'), STOP_DEADLINE_MS);
    child.kill('SIGTERM');
    const [code, signal] = (await gone) as [number | null, string | null];
    clearTimeout(cut);
    if (code !== 0) throw new Error(`the service did not stop in order (${signal ?? code}); see service.log`);
  }

  /** Whatever became of the service before: afterwards nothing is left of it. */
  async close(): Promise<void> {
    await this.client.close();
    await this.stop();
    this.#output.end();
  }
}

function nextFacts(child: ChildProcess): Promise<Facts> {
  return new Promise((resolve, reject) => {
    const gone = (code: number | null, signal: string | null) =>
      reject(new Error(`the service ended (${code ?? signal}); see service.log`));
    child.once('exit', gone);
    child.once('message', (facts) => {
      child.off('exit', gone);
      resolve(facts as Facts);
    });
  });
}
