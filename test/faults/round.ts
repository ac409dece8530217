/** What every fault test does around its fault: a service with a load in a folder of their own, and the reckoning. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { StoreClient } from '../../src/store/client.ts';
import { freePort } from '../support/ports.ts';
import { Harness } from './harness.ts';
import { Load, type LoadOptions } from './load.ts';
import { until, untilDrained, verifyAnswers, verifyLedger, verifyRecount, verifyStored } from './verify.ts';

/** 10 in CI, 100 in the full form; everything scales with it. */
export const ROUNDS = Number(process.env.FAULT_ROUNDS ?? 10);
/** In the full form after each round, in the short one now and then: a bucket is clean only when its lease is over. */
export const RECKON_EVERY = ROUNDS >= 100 ? 1 : 5;

/**
 * Between two requests of a connection. In the full form the load lasts an hour, and each reckoning counts again all that
 * was ever sent: so much that a hundred of them end.
 */
const PAUSE_MS = ROUNDS >= 100 ? 100 : 10;

export interface Scene {
  readonly dir: string;
  readonly harness: Harness;
  readonly load: Load;
}

export interface SceneOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly preload?: readonly string[];
  readonly load?: Partial<Omit<LoadOptions, 'url'>>;
  /** Before the service is there. */
  readonly prepare?: (dir: string) => Promise<void>;
  /** After it is gone, whatever happened. */
  readonly cleanUp?: (dir: string) => Promise<void>;
}

/** Runs the test with a service that is not started yet. The folder stays when it fails. */
export async function withScene(options: SceneOptions, run: (scene: Scene) => Promise<void>): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'sluice-faults-'));
  await options.prepare?.(dir);
  const harness = new Harness({ dir, port: await freePort(), env: options.env, preload: options.preload });
  const load = new Load({ url: harness.url, connections: 4, batch: 40, pauseMs: PAUSE_MS, ...options.load });
  let passed = false;
  try {
    await run({ dir, harness, load });
    passed = true;
  } finally {
    await load.stop(false);
    await harness.close().finally(() => options.cleanUp?.(dir));
    if (passed) await rm(dir, { recursive: true, force: true });
    else console.error(`kept for a look: ${dir}`);
  }
}

/** Resolves somewhere within the next `most` milliseconds. */
export const moment = (most: number) => new Promise((resolve) => setTimeout(resolve, Math.random() * most));

export async function untilTaken(load: Load): Promise<void> {
  const acked = load.sent.acked.size;
  await until('events are taken', async () => load.sent.acked.size > acked);
}

/** Stops the load, and holds everything that was acknowledged against everything that is stored and counted. */
export async function reckon({ harness, load }: Pick<Scene, 'harness' | 'load'>): Promise<void> {
  await load.stop(true);
  await reckonStored(harness.client, load);
  await verifyRecount(harness.client);
  await verifyAnswers(harness.url, harness.client);
}

/** The part that does not wait for the recompute. The load has stopped. */
export async function reckonStored(client: StoreClient, load: Load): Promise<void> {
  await untilDrained(client, load.sent);
  await until('the ledger has caught up', async () => {
    await verifyLedger(client);
    return true;
  });
  await verifyStored(client, load.sent);
}
