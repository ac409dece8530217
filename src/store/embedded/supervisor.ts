/**
 * Keeps the embedded ClickHouse alive: when its process ends unasked, it is started again on the same folder, on
 * another port and with other passwords. The service never restarts because ClickHouse did.
 */
import { setTimeout as delay } from 'node:timers/promises';
import type { Credentials } from './config.ts';
import {
  type EmbeddedClickHouse,
  type EmbeddedOptions,
  type EngineExit,
  openEmbeddedClickHouse,
} from './embedded.ts';
import { EmbeddedError } from './error.ts';
import type { Confinement } from './protocol.ts';

export interface RunningClickHouse {
  readonly url: string;
  readonly app: Credentials;
  readonly adhoc: Credentials;
  readonly pid: number;
  readonly version: string;
  readonly confinement: Confinement;
  /**
   * Counts the starts of the process, from 1. When it is higher than it was, every process before is gone, and no insert
   * that was sent to one of them can still land.
   */
  readonly generation: number;
}

export interface SupervisorState {
  readonly status: 'running' | 'restarting' | 'closed';
  /** Why it is not running, as a sentence for the operator; null while it is. */
  readonly reason: string | null;
  /** Epoch ms: since when this is so. */
  readonly since: number;
  readonly generation: number;
}

export interface SupervisedClickHouse {
  /** The running one, or the last one that ran. */
  current(): RunningClickHouse;
  /** Waits while it is being restarted. Rejects with EmbeddedError `closed` after close. */
  ready(): Promise<RunningClickHouse>;
  state(): SupervisorState;
  /** Calls back each time it runs again; the answer ends that. */
  onRestart(listener: (running: RunningClickHouse) => void): () => void;
  /** As of EmbeddedClickHouse; also ends a restart that is under way. */
  close(): Promise<void>;
}

export type SupervisorOptions = Omit<EmbeddedOptions, 'onExit' | 'signal'>;
export type OpenEngine = (options: EmbeddedOptions) => Promise<EmbeddedClickHouse>;

const BACKOFF_FIRST_MS = 100;
const BACKOFF_MAX_MS = 5_000;
/** Having run so long, it is taken for healthy, and the next restart comes at once again. */
const HEALTHY_AFTER_MS = 30_000;

/** Resolves with the first start; rejects when that fails, as openEmbeddedClickHouse does. */
export async function superviseClickHouse(
  options: SupervisorOptions,
  openEngine: OpenEngine = openEmbeddedClickHouse,
): Promise<SupervisedClickHouse> {
  const supervisor = new Supervisor(options, openEngine);
  await supervisor.start();
  return supervisor;
}

class Supervisor implements SupervisedClickHouse {
  readonly #options: SupervisorOptions;
  readonly #openEngine: OpenEngine;
  readonly #listeners = new Set<(running: RunningClickHouse) => void>();
  readonly #ending = new AbortController();
  #engine: EmbeddedClickHouse | null = null;
  #running: RunningClickHouse | null = null;
  #state: SupervisorState = {
    status: 'restarting',
    reason: 'It is starting.',
    since: Date.now(),
    generation: 0,
  };
  #waiting = createWaiting();
  #restart: Promise<void> = Promise.resolve();
  #backoffMs = BACKOFF_FIRST_MS;
  #closing: Promise<void> | null = null;

  constructor(options: SupervisorOptions, openEngine: OpenEngine) {
    this.#options = options;
    this.#openEngine = openEngine;
  }

  async start(): Promise<void> {
    const generation = this.#state.generation + 1;
    this.#state = { ...this.#state, generation };
    let exit: EngineExit | null = null;
    const engine = await this.#openEngine({
      ...this.#options,
      signal: this.#ending.signal,
      onExit: (ended) => {
        exit = ended;
        if (this.#state.status === 'running' && this.#state.generation === generation) this.#revive(ended);
      },
    });
    this.#engine = engine;
    // It may have ended between its first answer and this line, or the supervisor may.
    if (exit !== null) throw new EmbeddedError('start_failed', describe(exit));
    if (this.#ending.signal.aborted) return;
    const { url, app, adhoc, pid, version, confinement } = engine;
    this.#running = { url, app, adhoc, pid, version, confinement, generation };
    this.#state = { status: 'running', reason: null, since: Date.now(), generation };
    this.#waiting.resolve(this.#running);
  }

  current(): RunningClickHouse {
    return this.#running!;
  }

  async ready(): Promise<RunningClickHouse> {
    return await this.#waiting.promise;
  }

  state(): SupervisorState {
    return this.#state;
  }

  onRestart(listener: (running: RunningClickHouse) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  async #end(): Promise<void> {
    this.#ending.abort();
    if (this.#state.status === 'running') this.#waiting = createWaiting();
    this.#state = { ...this.#state, status: 'closed', reason: 'It was closed.', since: Date.now() };
    this.#waiting.reject(new EmbeddedError('closed', 'The embedded ClickHouse was closed.'));
    await this.#restart;
    await this.#engine?.close();
  }

  #revive(exit: EngineExit): void {
    if (Date.now() - this.#state.since >= HEALTHY_AFTER_MS) this.#backoffMs = BACKOFF_FIRST_MS;
    this.#waiting = createWaiting();
    this.#fail(describe(exit));
    this.#restart = this.#startAgain();
  }

  #fail(reason: string): void {
    if (this.#ending.signal.aborted) return;
    const { since, status, generation } = this.#state;
    this.#state = {
      status: 'restarting',
      reason,
      since: status === 'running' ? Date.now() : since,
      generation,
    };
    this.#options.log.warn(
      { reason, retryMs: this.#backoffMs },
      'the embedded ClickHouse is being restarted',
    );
  }

  async #startAgain(): Promise<void> {
    const { signal } = this.#ending;
    while (!signal.aborted) {
      const waitMs = this.#backoffMs;
      this.#backoffMs = Math.min(BACKOFF_MAX_MS, waitMs * 2);
      await delay(waitMs, undefined, { signal }).catch(() => {});
      if (signal.aborted) return;
      try {
        await this.start();
      } catch (error) {
        this.#fail((error as Error).message);
        continue;
      }
      if (!signal.aborted) for (const listener of this.#listeners) listener(this.#running!);
      return;
    }
  }
}

function createWaiting(): PromiseWithResolvers<RunningClickHouse> {
  const waiting = Promise.withResolvers<RunningClickHouse>();
  // Nobody may be waiting when it is closed.
  waiting.promise.catch(() => {});
  return waiting;
}

function describe(exit: EngineExit): string {
  return exit.signal === null
    ? `Its process ended by itself (exit code ${exit.code}).`
    : `Its process was ended by ${exit.signal}.`;
}
