/** `sluice start` as people start it: a process with a terminal's session of its own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '../support/ports.ts';

export const ROOT = join(import.meta.dirname, '../..');
/** The product promises 10 s. */
const STOP_DEADLINE_MS = 10_000;

export interface Ended {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** What it said, on both streams. */
  readonly said: string;
}

export interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  /** So far, on both streams. */
  said(): string;
  /** Resolves when it said so; rejects when it ended before. */
  says(words: string): Promise<void>;
}

export interface Settings {
  readonly port: number;
  readonly metricsPort: number;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Settings of a service of its own: free ports, and `dir` for its data. */
export async function ownSettings(dir: string, more: Record<string, string> = {}): Promise<Settings> {
  const port = await freePort();
  const metricsPort = await freePort();
  const env = {
    ...process.env,
    PORT: String(port),
    ANALYTICS_METRICS_PORT: String(metricsPort),
    ANALYTICS_DATA_DIR: join(dir, 'data'),
    ANALYTICS_CONSUMER_FLUSH_MS: '100',
    ANALYTICS_ANSWER_FRESH_MS: '0',
    LOG_LEVEL: 'warn',
    npm_config_update_notifier: 'false',
    ...more,
  };
  return { port, metricsPort, env };
}

/** Runs a command in a session of its own, so that whatever it leaves behind can be found. */
export function run(command: string, words: readonly string[], { env }: Pick<Settings, 'env'>): Running {
  const child = spawn(command, words, { cwd: ROOT, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  const listeners = new Set<() => void>();
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      said += text;
      for (const listener of listeners) listener();
    });
  }
  const ended = once(child, 'close').then(([code, signal]): Ended => ({ code, signal, said }));
  return {
    child,
    ended,
    said: () => said,
    async says(words) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const look = () => {
        if (said.includes(words)) resolve();
      };
      listeners.add(look);
      look();
      const early = ended.then(({ code }) => {
        if (!said.includes(words)) throw new Error(`ended with ${code} before it said '${words}':\n${said}`);
      });
      await Promise.race([promise, early]).finally(() => listeners.delete(look));
    },
  };
}

/** `npm start`, ready. */
export async function npmStart(settings: Settings): Promise<Running> {
  const running = run('npm', ['start'], settings);
  await running.says('sluice is ready');
  await running.says('Access');
  return running;
}

/** Sends the signal and waits for the end; after the promised time everything is killed, and it throws. */
export async function end(running: Running, signal: NodeJS.Signals, to: number): Promise<Ended> {
  let late = false;
  const cut = setTimeout(() => {
    late = true;
    killSession(running);
  }, STOP_DEADLINE_MS);
  process.kill(to, signal);
  const ended = await running.ended;
  clearTimeout(cut);
  if (late) throw new Error(`${signal} did not end it within ${STOP_DEADLINE_MS} ms:\n${ended.said}`);
  return ended;
}

export interface SessionProcess {
  readonly pid: number;
  readonly command: string;
}

/** Every living process of the session that `run` began. Linux only. */
export function processesOf({ child }: Running): SessionProcess[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
        // After the name in brackets: state, parent, group, session.
        const [state, , , session] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
        if (Number(session) !== child.pid || state === 'Z') return [];
        const command = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
        return [{ pid: Number(name), command }];
      } catch {
        // It ended while we looked.
        return [];
      }
    });
}

/** The service's own process in the session, and that of its ClickHouse. */
export function findService(running: Running): { service: number; clickhouse: number } {
  const all = processesOf(running);
  const isEngine = ({ command }: SessionProcess) => command.includes('embedded/child.ts');
  const clickhouse = all.find(isEngine);
  const service = all.find((found) => /bin\/sluice\.mjs start/.test(found.command) && !isEngine(found));
  if (!clickhouse || !service) throw new Error(`not there: ${all.map(({ command }) => command).join('\n')}`);
  return { service: service.pid, clickhouse: clickhouse.pid };
}

/** For the end of a test that failed. */
export function killSession(running: Running): void {
  for (const { pid } of processesOf(running)) process.kill(pid, 'SIGKILL');
}
