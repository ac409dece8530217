/**
 * The engine's own process: loads ClickHouse as a library and makes it serve HTTP on a loopback port.
 *
 * In: ChildOptions as JSON in argv[2]; `stop` over IPC. Out: ChildMessage over IPC. What can be lost: nothing that the
 * engine acknowledged, however this process ends.
 * It ends when it is told to, when its parent's IPC channel closes, and at once when its parent dies (Linux).
 */
import {
  closeSync,
  constants,
  ftruncateSync,
  openSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { flushCompileCache } from 'node:module';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isatty } from 'node:tty';
import { quoted } from '../sql/quoted.ts';
import { openLibc, runEngine } from './ffi.ts';
import { confineProcess } from './landlock.ts';
import type { ChildFailure, ChildMessage, ChildOptions, Confinement, ParentMessage } from './protocol.ts';

const SIGKILL = 9;
const LOCK_RETRY_MS = 50;
const PORT_POLL_MS = 5;
/** An orphan gets this long to end in order, where the kernel does not end it by itself. */
const ORPHAN_GRACE_MS = 1_500;

const options: ChildOptions = JSON.parse(process.argv[2]!);
const configFile = join(options.runDir, 'config.xml');
const usersFile = join(options.runDir, 'users.xml');
const bootFile = join(options.runDir, 'boot.sql');
const portFile = join(options.runDir, 'ports.tsv');
const fifo = join(options.runDir, 'control.fifo');
const libc = openLibc();

/** Until the engine serves there is nothing to end in order, and it would not yet hear of it. */
let endEngine = (): void => libc.exitNow(0);
let stopping = false;

function tell(message: ChildMessage): void {
  if (process.connected) process.send?.(message);
}

/** The last word goes out before the process ends. */
function leave(code: number, last: ChildMessage | null): void {
  if (last === null || !process.connected) libc.exitNow(code);
  else process.send?.(last, () => libc.exitNow(code));
}

function fail(failure: ChildFailure, detail: string): void {
  process.stderr.write(`${detail}\n`);
  leave(1, { type: 'failed', failure, detail });
}

function stop(): void {
  if (stopping) return;
  stopping = true;
  endEngine();
}

function stopAsOrphan(): void {
  setTimeout(() => libc.exitNow(1), ORPHAN_GRACE_MS);
  stop();
}

function followParent(): void {
  // A kill, not a request: whoever opens the folder next must not have to wait for an orphan that drains.
  if (process.platform === 'linux') libc.dieWithParent(SIGKILL);
  // The parent may have died before the kernel was asked.
  if (process.ppid !== options.parentPid) libc.exitNow(1);
  process.on('disconnect', stopAsOrphan);
  process.on('message', (message: ParentMessage) => {
    if (message.type === 'stop') stop();
  });
  process.on('SIGTERM', stop);
  // Ctrl-C reaches the whole process group, and the parent decides what it means.
  process.on('SIGINT', () => {});
  process.on('SIGHUP', () => {});
}

/**
 * Takes the folder for this process. The kernel frees the lock with its holder's death, so waiting a while lets a
 * service start while the engine of the one before is still ending. False when time was up.
 */
async function takeFolder(): Promise<boolean> {
  const fd = openSync(options.lockFile, constants.O_RDWR | constants.O_CREAT, 0o600);
  const deadline = performance.now() + options.lockWaitMs;
  let told = false;
  while (!libc.tryLock(fd)) {
    const holder = readFileSync(options.lockFile, 'utf8').trim();
    if (performance.now() >= deadline) {
      fail('locked', holder);
      return false;
    }
    if (!told) tell({ type: 'waiting', holder });
    told = true;
    await delay(LOCK_RETRY_MS);
  }
  ftruncateSync(fd);
  writeSync(fd, `process ${options.parentPid} (engine ${process.pid})\n`, 0);
  return true;
}

/**
 * Gives the engine a terminal as its standard input. Without one `clickhouse local` installs an error handler that
 * ends the whole server (SIGABRT) when an exception leaves a connection's thread: ten stray bytes on the port, or a
 * client that resets in mid-insert, would do.
 */
function openPrompt(): number {
  const { master, slavePath } = libc.openTerminal(constants.O_RDWR | constants.O_NOCTTY);
  libc.dup2(openSync(slavePath, constants.O_RDWR | constants.O_NOCTTY), 0);
  if (!isatty(0)) throw new Error('standard input did not become a terminal');
  return master;
}

/**
 * The engine reads its commands from a FIFO to whose end it waits, without a query and without CPU. This process holds
 * the only write end: opened for both directions, so that opening does not wait for a reader.
 */
function openControl(prompt: number): () => void {
  libc.mkfifo(fifo, 0o600);
  const control = openSync(fifo, constants.O_RDWR);
  return () => {
    writeSync(control, 'SYSTEM STOP LISTEN HTTP;\n');
    closeSync(control);
    // The prompt that follows the files.
    writeSync(prompt, 'exit\n');
  };
}

function confine(): Confinement {
  if (!options.landlock) return { active: false, detail: 'switched off' };
  return confineProcess(libc, {
    own: [options.dataDir, options.runDir],
    append: [options.logDir],
    read: options.readOnlyDirs,
    execute: [dirname(options.library)],
  });
}

function engineArguments(): string[] {
  const ports = ["getServerPort('http_port')", ...(options.tcp ? ["getServerPort('tcp_port')"] : [])];
  const boot = [
    'SYSTEM START LISTEN HTTP;',
    ...(options.tcp ? ['SYSTEM START LISTEN TCP;'] : []),
    `SELECT ${ports.join(', ')} INTO OUTFILE ${quoted(portFile)} TRUNCATE FORMAT TSV;`,
  ];
  writeFileSync(bootFile, `${boot.join('\n')}\n`, { mode: 0o600 });
  return [
    'clickhouse',
    `--path=${options.dataDir}`,
    `--config-file=${configFile}`,
    // The level in the configuration would be overwritten with "trace".
    `--log-level=${options.logLevel}`,
    '--output-format=TSV',
    '--interactive',
    '--disable_suggestion',
    '--history_file=/dev/null',
    '--progress=off',
    '--enable-progress-table-toggle=0',
    '--queries-file',
    bootFile,
    fifo,
  ];
}

function announceWhenReady(confinement: Confinement, end: () => void): NodeJS.Timeout {
  const timer = setInterval(() => {
    let ports = '';
    try {
      ports = readFileSync(portFile, 'utf8');
    } catch {
      // Not written yet.
    }
    if (!ports.endsWith('\n')) return;
    clearInterval(timer);
    // They hold the Authorization headers and the password hashes, and nothing reads them again.
    for (const file of [configFile, usersFile, bootFile, portFile]) rmSync(file, { force: true });
    endEngine = end;
    const [httpPort, tcpPort] = ports.trim().split('\t').map(Number);
    tell({ type: 'ready', httpPort: httpPort!, tcpPort: tcpPort ?? null, confinement });
  }, PORT_POLL_MS);
  return timer;
}

async function main(): Promise<void> {
  followParent();
  // Type stripping would stay in memory for the life of this process (12 MB); the next start finds its result cached.
  flushCompileCache();
  if (!(await takeFolder())) return;
  const end = openControl(openPrompt());
  const confinement = confine();
  const poll = announceWhenReady(confinement, end);
  const error = await runEngine(options.library, engineArguments());
  clearInterval(poll);
  if (error !== null) fail('engine', error);
  else if (!stopping) fail('engine', 'the engine ended by itself');
  else leave(0, null);
}

main().catch((error: Error) => fail('engine', error.stack ?? error.message));
