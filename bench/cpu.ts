import { readdirSync, readFileSync } from 'node:fs';

/**
 * CPU time and memory of processes, from /proc: what the kernel charged them, in all threads, user and system. Where
 * there is no /proc everything reads as 0.
 *
 * Threads carry names that say what they do; a thread of ClickHouse's pool takes the name of its work, so time is
 * credited, in small steps, to the name that a thread has at the end of the step.
 */

const TICKS_PER_SECOND = 100;
const KIB_PER_MIB = 1024;

/** CPU seconds of a process; exact to 10 ms. */
export function cpuSeconds(pid: number): number {
  const stat = readText(`/proc/${pid}/stat`);
  return stat === null ? 0 : ticksOf(stat) / TICKS_PER_SECOND;
}

/** MiB that the process has in memory now. */
export function residentMiB(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB/m.exec(readText(`/proc/${pid}/status`) ?? '');
  return line === null ? 0 : Number(line[1]) / KIB_PER_MIB;
}

/** The name in parentheses may hold anything, so fields are counted from its end. */
function ticksOf(stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return Number(fields[11]) + Number(fields[12]);
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

/** Follows the threads of one process. Looks as often as it is told to. */
export class ThreadWatch {
  readonly #pid: number;
  readonly #threads = new Map<string, number>();
  readonly #byName = new Map<string, number>();

  constructor(pid: number) {
    this.#pid = pid;
  }

  /** Forgets what was before. */
  restart(): void {
    this.look();
    this.#byName.clear();
  }

  look(): void {
    for (const id of listThreads(this.#pid)) {
      // The scheduler's own figure is in nanoseconds: steps of 10 ms would lose most of a short-lived thread.
      const schedule = readText(`/proc/${this.#pid}/task/${id}/schedstat`);
      const seconds = schedule === null ? 0 : Number(schedule.split(' ', 1)[0]) / 1e9;
      const before = this.#threads.get(id) ?? 0;
      if (seconds <= before) continue;
      const name = (readText(`/proc/${this.#pid}/task/${id}/comm`) ?? '?').trim();
      this.#threads.set(id, seconds);
      this.#byName.set(name, (this.#byName.get(name) ?? 0) + seconds - before);
    }
  }

  /** CPU seconds since the start, by thread name, most first. */
  byName(): ReadonlyMap<string, number> {
    return new Map([...this.#byName].sort((a, b) => b[1] - a[1]));
  }
}

function listThreads(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
}

/** The largest value that a look has found. */
export class PeakWatch {
  #peak = 0;
  readonly #look: () => number;

  constructor(look: () => number) {
    this.#look = look;
  }

  look(): void {
    this.#peak = Math.max(this.#peak, this.#look());
  }

  get peak(): number {
    return this.#peak;
  }
}
