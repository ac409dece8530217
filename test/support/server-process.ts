/** Real servers as children of a test: started on a free port in a folder of their own, gone when the test process is. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';

export interface ServerProcess {
  readonly pid: number;
  /** In order; resolves when it has ended. */
  stop(): Promise<void>;
  /** As a crash would. */
  kill(): Promise<void>;
  /** Stands still, with its connections open, as a machine that swaps does. */
  pause(): void;
  resume(): void;
}

export interface ServerCommand {
  /** Program and arguments. */
  readonly command: readonly string[];
  readonly stopSignal: NodeJS.Signals;
  /** Whether it serves yet. */
  readonly ready: () => Promise<boolean>;
}

const READY_TIMEOUT_MS = 60_000;
const LOOK_EVERY_MS = 20;

/** Whether the command runs and ends well. */
export function succeeds(command: readonly string[]): boolean {
  try {
    execFileSync(command[0]!, command.slice(1), { stdio: 'ignore', timeout: 10_000 });
    return true;
  } catch {
    return false;
  }
}

/** `setpriv` ends the server with the test process, however that ends. */
const guard = succeeds(['setpriv', '--pdeathsig', 'KILL', 'true']) ? ['setpriv', '--pdeathsig', 'KILL'] : [];

/** @param as what stands before the program, such as `unshare …`; a death signal does not outlive a change of user */
export async function startServerProcess(
  { command, stopSignal, ready }: ServerCommand,
  as: readonly string[] = [],
): Promise<ServerProcess> {
  const [program, ...words] = [...as, ...guard, ...command];
  const child = spawn(program!, words, { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (bytes: Buffer) => (said = (said + bytes.toString()).slice(-4_000)));
  const deadline = Date.now() + READY_TIMEOUT_MS;
  while (!(await ready())) {
    if (hasEnded(child)) throw new Error(`${command[0]} ended at its start: ${said}`);
    if (Date.now() > deadline) {
      child.kill('SIGKILL');
      throw new Error(`${command[0]} did not serve within ${READY_TIMEOUT_MS} ms: ${said}`);
    }
    await delay(LOOK_EVERY_MS);
  }
  const end = async (send: () => void) => {
    if (hasEnded(child)) return;
    const ended = once(child, 'exit');
    send();
    await ended;
  };
  return {
    pid: child.pid!,
    stop: () => end(() => child.kill(stopSignal)),
    kill: () => end(() => signalFamily(child.pid!, 'SIGKILL')),
    pause: () => signalFamily(child.pid!, 'SIGSTOP'),
    resume: () => signalFamily(child.pid!, 'SIGCONT'),
  };
}

/** The server and the processes that it made for its connections. */
function signalFamily(pid: number, signal: NodeJS.Signals): void {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
    process.kill(pid, signal);
    for (const child of children) signalFamily(Number(child), signal);
  } catch {
    // It ended meanwhile.
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

/** Says on stderr, once a file, that tests are left out: a reason in a report is easily overlooked. */
export function sayMissing(what: string, reason: string): void {
  process.stderr.write(`\n!! SKIPPED: everything that needs ${what}. ${reason}\n\n`);
}
