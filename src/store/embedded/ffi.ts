/**
 * The few C calls that the engine's process needs.
 *
 * ffi-rs goes through libffi and therefore calls on the thread's real stack. A binding with a stack of its own (koffi)
 * cannot be used: ClickHouse measures its stack and would answer every query with TOO_DEEP_RECURSION.
 */
import ffi from 'ffi-rs';

const { DataType, load, open } = ffi;

const LIBC = 'c';
const ENGINE = 'chdb';
const PR_SET_PDEATHSIG = 1;
const PR_SET_NO_NEW_PRIVS = 38;
const LOCK_EX = 2;
const LOCK_NB = 4;

export interface Libc {
  mkfifo(path: string, mode: number): void;
  /** False when another open file holds the lock. */
  tryLock(fd: number): boolean;
  dup2(from: number, to: number): void;
  /** Asks the kernel to send this process a signal when its parent is gone (Linux only). */
  dieWithParent(signal: number): void;
  forbidNewPrivileges(): boolean;
  /** Ends the process here and now: no handlers, no destructors of a half-open engine that could hang or crash. */
  exitNow(code: number): void;
  /** Both ends of a new pseudo-terminal: the master's descriptor and the slave's path. */
  openTerminal(flags: number): { master: number; slavePath: string };
  /** A raw system call, the result as the kernel gave it; negative means refused. */
  syscall(number: number, ...args: (number | Uint8Array)[]): number;
}

export function openLibc(): Libc {
  open({ library: LIBC, path: '' });
  const call = (funcName: string, ...args: (number | string)[]): number =>
    load({
      library: LIBC,
      funcName,
      retType: DataType.I32,
      paramsType: args.map((arg) => (typeof arg === 'string' ? DataType.String : DataType.I32)),
      paramsValue: args,
    });
  const prctl = (option: number, value: number): number =>
    load({
      library: LIBC,
      funcName: 'prctl',
      retType: DataType.I32,
      paramsType: [DataType.I32, DataType.U64, DataType.U64, DataType.U64, DataType.U64],
      paramsValue: [option, value, 0, 0, 0],
    });
  const need = (result: number, what: string): void => {
    if (result < 0) throw new Error(`${what} failed`);
  };
  return {
    mkfifo: (path, mode) => need(call('mkfifo', path, mode), `mkfifo ${path}`),
    tryLock: (fd) => call('flock', fd, LOCK_EX | LOCK_NB) === 0,
    dup2: (from, to) => need(call('dup2', from, to), 'dup2'),
    dieWithParent: (signal) => need(prctl(PR_SET_PDEATHSIG, signal), 'prctl'),
    forbidNewPrivileges: () => prctl(PR_SET_NO_NEW_PRIVS, 1) === 0,
    exitNow: (code) => void call('_exit', code),
    openTerminal(flags) {
      const master = call('posix_openpt', flags);
      need(master, 'posix_openpt');
      need(call('grantpt', master), 'grantpt');
      need(call('unlockpt', master), 'unlockpt');
      const slavePath = load({
        library: LIBC,
        funcName: 'ptsname',
        retType: DataType.String,
        paramsType: [DataType.I32],
        paramsValue: [master],
      });
      return { master, slavePath };
    },
    syscall: (number, ...args) =>
      Number(
        load({
          library: LIBC,
          funcName: 'syscall',
          retType: DataType.I64,
          paramsType: [
            DataType.I64,
            ...args.map((arg) => (typeof arg === 'number' ? DataType.I64 : DataType.U8Array)),
          ],
          paramsValue: [number, ...args],
        }),
      ),
  };
}

/**
 * Runs `clickhouse local` with these arguments on a thread of its own; resolves when it has ended.
 * The answer is the engine's error message, or null when it ended without one.
 */
export async function runEngine(library: string, args: readonly string[]): Promise<string | null> {
  open({ library: ENGINE, path: library });
  const result = await load({
    library: ENGINE,
    funcName: 'chdb_query_cmdline',
    retType: DataType.BigInt,
    paramsType: [DataType.I32, DataType.StringArray],
    paramsValue: [args.length, args],
    runInNewThread: true,
  });
  const readError = { library: ENGINE, funcName: 'chdb_result_error', paramsType: [DataType.BigInt] };
  // The address comes first, since reading a string from a null pointer would crash this process.
  const address = load({ ...readError, retType: DataType.BigInt, paramsValue: [result] });
  if (BigInt(address as bigint) === 0n) return null;
  return load({ ...readError, retType: DataType.String, paramsValue: [result] });
}
