import type { AlertNotices, Notice } from '../catalog/alert-notices.ts';
import { pauseMs } from '../webhook/back-off.ts';
import { openReceiver, type ReceiverOptions } from '../webhook/receiver.ts';

/**
 * Brings notices of alerts to their receivers. In: what the catalogue holds. Out: requests, at least once each, under the
 * same id at every attempt; of several processes one sends a notice. What is not taken is tried again, ever more slowly,
 * until it is too old.
 */

export interface CourierOptions extends Omit<ReceiverOptions, 'url'> {
  readonly notices: AlertNotices;
  readonly giveUpAfterMs: number;
  readonly observer: CourierObserver;
  /** 0 to 1. */
  readonly random: () => number;
  /** See BackOff; for tests. */
  readonly backOffMs?: number | undefined;
}

export interface CourierObserver {
  attempted(outcome: 'delivered' | 'failed' | 'given_up', seconds: number): void;
  failed(stage: string, error: unknown): void;
}

/** Beyond the time that a receiver may take: to write down what it said. */
const CLAIM_GRACE_MS = 5_000;

/** Sends what is due, as many at once as may be. Rejects when the catalogue does not answer, or with the signal's reason. */
export async function deliverDue(options: CourierOptions, signal: AbortSignal): Promise<number> {
  const { notices, inFlightMax, timeoutMs } = options;
  const taken = await notices.take(inFlightMax, timeoutMs + CLAIM_GRACE_MS);
  const sent = await Promise.allSettled(taken.map((notice) => deliver(notice, options, signal)));
  for (const one of sent) if (one.status === 'rejected') throw one.reason;
  return taken.length;
}

async function deliver(notice: Notice, options: CourierOptions, signal: AbortSignal): Promise<void> {
  const { notices, observer, giveUpAfterMs, now, random, backOffMs } = options;
  const { notice_id: id, attempts: attempt } = notice;
  // Alerts are rare: no connection is kept for the next one.
  const receiver = openReceiver({ ...options, url: new URL(notice.url) });
  try {
    const began = performance.now();
    const outcome = await receiver.send(id, notice.body, signal);
    const seconds = (performance.now() - began) / 1000;
    observer.attempted(outcome.taken ? 'delivered' : 'failed', seconds);
    if (outcome.taken) return await notices.settle(id, 'delivered', null);
    const { detail, retryAfterMs } = outcome;
    if (now() - Date.parse(notice.created_at) >= giveUpAfterMs) {
      observer.attempted('given_up', 0);
      return await notices.settle(id, 'given_up', detail);
    }
    await notices.postpone(id, pauseMs({ attempt, retryAfterMs, firstMs: backOffMs, random }), detail);
  } finally {
    receiver.close();
  }
}
