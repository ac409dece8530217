import { cpus } from 'node:os';

/**
 * How long to rest after work that nobody waits for, so that ingest and questions have the machine: such work takes what
 * the cores leave idle beyond two fifths of them, and where there is less, a twentieth of its own time.
 */

export interface CpuTime {
  /** Both in one unit, summed over all cores, since whenever. */
  readonly idle: number;
  readonly all: number;
}

const SHARE_MIN = 0.05;
const SHARE_MAX = 0.5;
const KEPT_IDLE = 0.4;

export class Pace {
  readonly #read: () => CpuTime;
  #before: CpuTime;

  constructor(read: () => CpuTime = readCpuTime) {
    this.#read = read;
    this.#before = read();
  }

  /** The rest that is due after `workedMs`, in ms, by how busy the machine was since the last call. */
  restMs(workedMs: number): number {
    const now = this.#read();
    const all = now.all - this.#before.all;
    // What cannot be measured is taken for busy.
    const idle = all > 0 ? (now.idle - this.#before.idle) / all : 0;
    this.#before = now;
    const share = Math.min(SHARE_MAX, Math.max(SHARE_MIN, idle - KEPT_IDLE));
    return workedMs * (1 / share - 1);
  }
}

function readCpuTime(): CpuTime {
  const times = cpus().map((cpu) => cpu.times);
  const idle = times.reduce((sum, one) => sum + one.idle, 0);
  const all = times.reduce((sum, { user, nice, sys, irq, idle }) => sum + user + nice + sys + irq + idle, 0);
  return { idle, all };
}
