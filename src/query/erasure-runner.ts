import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { Catalog } from '../catalog/catalog.ts';
import type { Erasure } from '../catalog/erasures.ts';
import type { StoreClient } from '../store/client.ts';
import { digestSubject, forgetErased, noteErased } from '../store/erased-list.ts';
import type { Subject, Uncommitted } from '../store/erasure.ts';
import { type ErasureProgress, eraseSubject, readProgress } from './erase.ts';

/**
 * Erases who is to be erased, one after the other.
 *
 * In: jobs in the catalogue, of whichever process. Out: the same, done. What can be lost: nothing; a job belongs to a
 * worker for a while only, and the next one goes on where it ended.
 */
export interface ErasureRunnerOptions {
  readonly catalog: Pick<Catalog, 'erasures'>;
  /** For what reads everything. */
  readonly client: StoreClient;
  readonly shards: readonly StoreClient[];
  /** From where on, of each partition that the pipeline reads, nothing is committed. Rejects when the log does not answer. */
  readonly uncommitted: () => Promise<readonly Uncommitted[]>;
  /** The longest that an insert goes on after it was decided, by the server's clock. */
  readonly fenceMs: number;
  /** How long names are remembered as hashes. */
  readonly keptMs: number;
  /** Answers that were made before are not to be given again. */
  readonly changed: () => void;
  readonly failed: (error: unknown) => void;
  /** Epoch ms. */
  readonly now: () => number;
}

export interface ErasureRunner {
  /** Writes it down, and begins. The same that is under way is not begun twice. */
  request(subject: string, apps: readonly string[] | null): Promise<Erasure>;
  /** Resolves with how it is when it is done, or after this long. */
  wait(id: string, forMs: number): Promise<Erasure | null>;
  /** What is under way goes on with the next start. */
  stop(): Promise<void>;
}

const CLAIM_MS = 15_000;
const LOOK_MS = 5_000;
const RETRY_MS = 2_000;
const POLL_MS = 50;
/** More than are ever asked for within the time that they are remembered. */
const ALL = 1_000_000;

export function startErasureRunner(options: ErasureRunnerOptions): ErasureRunner {
  const { catalog, now, shards, failed } = options;
  const { erasures } = catalog;
  const worker = randomBytes(8).toString('hex');
  const ending = new AbortController();
  const { signal } = ending;
  let wake: () => void = () => {};

  async function rest(ms: number): Promise<void> {
    const called = new Promise<void>((resolve) => {
      wake = resolve;
    });
    const timer = new AbortController();
    const over = delay(ms, undefined, { signal: AbortSignal.any([signal, timer.signal]) }).catch(() => {});
    await Promise.race([called, over]);
    timer.abort();
  }

  const note = (erasure: Erasure) => noteOn(shards, erasure, options.keptMs);

  /** A server may be a new one, or its tables may be: what is to stay away is told by the catalogue. */
  async function noteAll(): Promise<void> {
    await erasures.prune(now() - options.keptMs);
    for (const shard of shards) await forgetErased(shard);
    for (const erasure of await erasures.list(ALL)) await note(erasure);
  }

  async function work(erasure: Erasure): Promise<void> {
    let progress = readProgress(erasure.progress);
    const save = async (more: Partial<ErasureProgress>) => {
      progress = { ...progress, ...more };
      if (!(await erasures.save(erasure.erasure_id, worker, JSON.stringify(progress), CLAIM_MS)))
        throw new Error('another process took the erasure over');
    };
    const beat = setInterval(() => void save({}).catch(failed), CLAIM_MS / 3);
    try {
      await note(erasure);
      const before = Date.parse(erasure.requested_at);
      const subject: Subject = { id: erasure.subject!, apps: erasure.apps, before };
      await eraseSubject(subject, {
        ...options,
        erasureId: erasure.erasure_id,
        signal,
        save,
        progress: () => progress,
      });
      clearInterval(beat);
      await erasures.finish(erasure.erasure_id, JSON.stringify(progress));
    } finally {
      clearInterval(beat);
      options.changed();
    }
  }

  async function run(): Promise<void> {
    let noted = false;
    while (!signal.aborted) {
      try {
        if (!noted) await noteAll();
        noted = true;
        const erasure = await erasures.claim(worker, CLAIM_MS);
        if (erasure === null) await rest(LOOK_MS);
        else await work(erasure);
      } catch (error) {
        if (!signal.aborted) failed(error);
        await rest(RETRY_MS);
      }
    }
  }

  const running = run();
  return {
    async request(subject, apps) {
      const digest = digestSubject(await erasures.key(), subject);
      const erasure = await erasures.add({ subject, digest, apps });
      wake();
      return erasure;
    },
    async wait(id, forMs) {
      const until = performance.now() + forMs;
      for (;;) {
        const erasure = await erasures.get(id);
        if (erasure === null || erasure.finished_at !== null || performance.now() > until || signal.aborted)
          return erasure;
        await delay(POLL_MS, undefined, { signal }).catch(() => {});
      }
    },
    async stop() {
      ending.abort();
      await running;
    },
  };
}

async function noteOn(shards: readonly StoreClient[], erasure: Erasure, keptMs: number): Promise<void> {
  const { erasure_id: erasureId, digest, apps } = erasure;
  const before = Date.parse(erasure.requested_at);
  for (const shard of shards)
    await noteErased(shard, { erasureId, digest, apps, before, keptUntil: before + keptMs });
}
