/** A real Redis or Valkey for tests, on a free port, which keeps nothing. */
import { connect } from 'node:net';
import { makeTestFolder } from './clickhouse.ts';
import { freePort } from './ports.ts';
import { type ServerProcess, sayMissing, startServerProcess, succeeds } from './server-process.ts';

export interface TestRedis extends ServerProcess {
  readonly port: number;
  readonly url: string;
}

const PROGRAMS = ['valkey-server', 'redis-server'];
const program = PROGRAMS.find((name) => succeeds([name, '--version'])) ?? null;

/** Why there is none, for `skip`; false when there is one. */
export const redisMissing: string | false =
  program === null
    ? `There is no ${PROGRAMS.join(' and no ')}; \`apt-get install redis-server\` brings one.`
    : false;

if (redisMissing) sayMissing('Redis', redisMissing);

export interface RedisOptions {
  /** Default: a free one. */
  readonly port?: number;
  readonly password?: string;
}

/** Ended with the test. */
export async function startRedis(
  t: { after(fn: () => Promise<void>): void },
  { port: wanted, password }: RedisOptions = {},
): Promise<TestRedis> {
  const port = wanted ?? (await freePort());
  const secret = password === undefined ? [] : ['--requirepass', password];
  const settings = ['--bind', '127.0.0.1', '--save', '', '--appendonly', 'no', '--dir', makeTestFolder()];
  const server = await startServerProcess({
    command: [program!, '--port', String(port), ...settings, ...secret],
    stopSignal: 'SIGTERM',
    ready: () => answers(port),
  });
  // A server that stands still would not hear that it should end.
  t.after(() => server.kill());
  const user = password === undefined ? '' : `:${encodeURIComponent(password)}@`;
  return { ...server, port, url: `redis://${user}127.0.0.1:${port}` };
}

/** It answers PING, if only with the wish for a password. */
function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'));
    socket.once('data', (bytes) => {
      resolve(/^(\+PONG|-NOAUTH)/.test(bytes.toString()));
      socket.destroy();
    });
    socket.once('error', () => resolve(false));
  });
}
