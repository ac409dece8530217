/**
 * Alerts: numbers that are too much, for too long, and who is told of it.
 *
 * In: rules and built-in alerts, what ClickHouse, the log and ingest say. Out: states and a history in the catalogue, and
 * requests to webhooks. What can be lost: nothing that was recorded, since what is to be told is recorded with it. What
 * can be doubled: a request that was under way when its process died; it has the same id.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { type CourierOptions, deliverDue } from './courier.ts';
import { type WatcherOptions, watchOnce } from './watcher.ts';

export interface AlertsOptions {
  readonly watcher: WatcherOptions;
  readonly courier: CourierOptions;
  /** From round to round. */
  readonly everyMs: number;
  /** How often somebody looks for what another process left to deliver. */
  readonly deliverEveryMs: number;
}

export interface Alerts {
  /** What is under way has ended when it resolves. */
  stop(): Promise<void>;
}

/** Of the machine's time, at most half. */
const REST_SHARE = 1;

export function startAlerts(options: AlertsOptions): Alerts {
  const ending = new AbortController();
  const { signal } = ending;
  const { watcher, courier } = options;
  let recorded = Promise.withResolvers<void>();
  const watching = forever(signal, watcher.observer, 'alerts', async () => {
    const began = performance.now();
    const outcome = await watchOnce(watcher);
    if (outcome === 'recorded') {
      recorded.resolve();
      recorded = Promise.withResolvers();
    }
    const worked = performance.now() - began;
    return Math.max(options.everyMs - worked, worked * REST_SHARE);
  });
  const delivering = forever(signal, courier.observer, 'notices of alerts', async () => {
    const sent = await deliverDue(courier, signal);
    if (sent > 0) return 0;
    // Where this process found something out, it is told at once.
    await Promise.race([recorded.promise, pause(options.deliverEveryMs, signal)]);
    return 0;
  });
  return {
    async stop() {
      ending.abort();
      await Promise.all([watching, delivering]);
      // Another process goes on at once. Without the catalogue the lease just ends.
      await watcher.catalog.alertWatch.releaseLease(watcher.holder).catch(() => {});
    },
  };
}

const RETRY_MS = 1_000;

/** `turn` resolves with the pause after it, in ms. */
async function forever(
  signal: AbortSignal,
  observer: { failed(stage: string, error: unknown): void },
  stage: string,
  turn: () => Promise<number>,
): Promise<void> {
  while (!signal.aborted) {
    let restMs = RETRY_MS;
    try {
      restMs = await turn();
    } catch (error) {
      if (signal.aborted) return;
      observer.failed(stage, error);
    }
    if (restMs > 0) await pause(restMs, signal);
  }
}

/** Ends with the signal, too. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => {});
}
