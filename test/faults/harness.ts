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

export class Harness {
  readonly #env: Record<string, string>;
  readonly #output: WriteStream;
  #child: ChildProcess | null = null;
  #facts: Facts | null = null;
  readonly client: StoreClient;
  readonly port: number;

  constructor(dir: string, port: number, env: Record<string, string> = {}) {
    this.port = port;
    this.#output = createWriteStream(join(dir, 'service.log'), { flags: 'a' });
    this.#env = {
      ...(process.env as Record<string, string>),
      ANALYTICS_DATA_DIR: join(dir, 'data'),
      PORT: String(port),
      ANALYTICS_METRICS_PORT: '0',
      ANALYTICS_LOG_PARTITIONS: '3',
      ANALYTICS_INSERT_LEASE_MS: '2000',
      ANALYTICS_RECOMPUTE_EVERY_MS: '200',
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

  async signalClickHouse(signal: NodeJS.Signals): Promise<void> {
    process.kill(this.#facts!.clickhousePid, signal);
  }

  async stop(): Promise<number | null> {
    await this.client.close();
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return null;
    const gone = once(child, 'exit');
    child.kill('SIGTERM');
    const [code] = (await gone) as [number | null];
    this.#output.end();
    return code;
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
