import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createStoreClient, type StoreClient, type StoreEndpoint } from '../src/store/client.ts';
import { type BenchBroker, startBroker } from './broker.ts';
import type { CpuProfile } from './profile.ts';

/** What is measured: the service or the baseline, in a process of its own, on an empty folder that goes with it. */

export interface SubjectFacts {
  readonly url: string;
  /** null: it has none. */
  readonly metricsUrl: string | null;
  readonly endpoint: StoreEndpoint;
  readonly database: string;
  readonly clickhousePid: number | null;
  readonly clickhouse: string;
}

export type SubjectCommand = 'profile' | 'profiled' | 'stop';

export type SubjectMessage =
  | { readonly type: 'facts'; readonly facts: SubjectFacts }
  | { readonly type: 'profile'; readonly profile: CpuProfile };

export type SubjectKind = 'service' | 'baseline';
export type LogKind = 'local' | 'kafka';

export interface Subject {
  readonly facts: SubjectFacts;
  readonly pid: number;
  /** null: its log is its own. */
  readonly brokerPid: number | null;
  readonly client: StoreClient;
  startProfile(): void;
  stopProfile(): Promise<CpuProfile>;
  /** Ends it in order and removes its folder. */
  stop(): Promise<void>;
}

const STOP_WAIT_MS = 30_000;

export async function startSubject(kind: SubjectKind, log: LogKind): Promise<Subject> {
  const broker = log === 'kafka' ? await startBroker() : null;
  try {
    return await startWith(kind, broker);
  } catch (error) {
    await broker?.stop();
    throw error;
  }
}

async function startWith(kind: SubjectKind, broker: BenchBroker | null): Promise<Subject> {
  const started = await startProcess(kind, broker?.env ?? {});
  const { facts, child } = started;
  const client = openClient(facts);
  const command = (name: SubjectCommand) => void child.send(name);
  return {
    facts,
    pid: child.pid!,
    brokerPid: broker?.pid ?? null,
    client,
    startProfile: () => command('profile'),
    async stopProfile() {
      const answer = nextMessage(child, 'profile');
      command('profiled');
      return (await answer).profile;
    },
    async stop() {
      await client.close();
      await started.stop();
      await broker?.stop();
    },
  };
}

export function openClient({ endpoint, database }: Pick<SubjectFacts, 'endpoint' | 'database'>): StoreClient {
  return createStoreClient({
    endpoint: async () => endpoint,
    database,
    log: { debug() {}, warn() {} },
    timeoutMs: 120_000,
  });
}

export interface SubjectProcess {
  readonly facts: SubjectFacts;
  readonly child: ChildProcess;
  /** Ends it in order and removes its folder. */
  stop(): Promise<void>;
}

export async function startProcess(
  kind: SubjectKind,
  env: Readonly<Record<string, string>>,
): Promise<SubjectProcess> {
  const dir = mkdtempSync(join(tmpdir(), `sluice-bench-${kind}-`));
  mkdirSync(join(dir, 'data'));
  const output = createWriteStream(join(dir, 'output.txt'));
  const child = fork(fileURLToPath(new URL(`./${kind}.ts`, import.meta.url)), {
    // As `npm start` runs the service.
    execArgv: ['--initial-heap-size=512', '--external-memory-accounted-in-global-limit'],
    env: {
      ...process.env,
      ...env,
      ANALYTICS_DATA_DIR: join(dir, 'data'),
      BENCH_DIR: join(dir, 'data'),
      PORT: '0',
      ANALYTICS_METRICS_PORT: '0',
    },
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    serialization: 'advanced',
  });
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.pipe(output, { end: false });
    stream.on('data', (text: Buffer) => process.stderr.write(`[${kind}] ${text}`));
  }
  const { facts } = await nextMessage(child, 'facts');
  return {
    facts,
    child,
    async stop() {
      await endChild(child, () => void child.send('stop' satisfies SubjectCommand));
      output.end();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

async function endChild(child: ChildProcess, ask: () => void): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  ask();
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_WAIT_MS);
  await gone;
  clearTimeout(timer);
}

/** The next message of a type; rejects when the process ends before it. */
export function nextMessage<T extends SubjectMessage['type']>(
  child: ChildProcess,
  type: T,
): Promise<Extract<SubjectMessage, { type: T }>> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null, signal: string | null) =>
      reject(new Error(`the process ended (${code ?? signal}); what it said is above`));
    const onMessage = (message: SubjectMessage) => {
      if (message.type !== type) return;
      child.off('exit', onExit);
      child.off('message', onMessage);
      resolve(message as Extract<SubjectMessage, { type: T }>);
    };
    child.on('exit', onExit);
    child.on('message', onMessage);
  });
}
