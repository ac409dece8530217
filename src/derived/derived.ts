/**
 * Derived events: what the service itself found out about views, published back.
 *
 * In: stored events, below committed offsets. Out: `VideoWatched` and `VideoError` on their topic, each once. What can
 * be lost or doubled: nothing (publisher.ts). One process publishes at a time: the owner of the topic's partition 0.
 */
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import type { Assignment, Log, Membership } from '../log/log.ts';
import type { StoreClient } from '../store/client.ts';
import { DerivedStore } from '../store/derived.ts';
import { DERIVED_PARTITION } from './event.ts';
import { Pace } from './pace.ts';
import { Publisher, type PublisherLimits, type PublisherObserver, type Tenure } from './publisher.ts';

export interface DerivedOptions {
  readonly log: Log;
  readonly client: StoreClient;
  readonly topic: string;
  /** Names of the topics that the pipeline reads, and its group. */
  readonly sources: readonly string[];
  readonly group: string;
  readonly gapLimitMs: number;
  /** Of the hashes of who was erased; null: nobody ever is. */
  readonly erasureKey: (() => Promise<Uint8Array>) | null;
  readonly limits: PublisherLimits & { readonly everyMs: number };
  readonly observer: PublisherObserver & { failed(stage: string, error: unknown): void };
  readonly now: () => number;
}

const RETRY_MS = 1_000;

/** Resolves when the group is joined; what is under way is done when its stop resolves. */
export async function startDerived(options: DerivedOptions): Promise<Membership> {
  const { log, client, gapLimitMs } = options;
  const store = new DerivedStore(client, gapLimitMs, options.erasureKey);
  const topic = log.topic(options.topic);
  const sources = options.sources.map((name) => log.topic(name));
  return await topic.join(`${options.group}-derived`, async (assignment) => {
    // Every other partition only has to be somebody's.
    if (assignment.partition === DERIVED_PARTITION)
      await publishForever(assignment, { ...options, store, topic, sources });
    else if (!assignment.signal.aborted) await once(assignment.signal, 'abort');
  });
}

type Running = Omit<DerivedOptions, 'sources' | 'topic'> & Parameters<typeof Publisher.open>[0];

async function publishForever(assignment: Assignment, options: Running): Promise<void> {
  const { signal } = assignment;
  const tenure: Tenure = {
    signal,
    recorded: assignment.committed.offset,
    commit: (offset) => assignment.commit(offset, ''),
  };
  while (!signal.aborted) {
    try {
      await publishUntilFailure(await Publisher.open(options, tenure), options, signal);
    } catch (error) {
      if (signal.aborted) return;
      options.observer.failed('derived events', error);
      await pause(RETRY_MS, signal);
    }
  }
}

async function publishUntilFailure(
  publisher: Publisher,
  options: Running,
  signal: AbortSignal,
): Promise<void> {
  const pace = new Pace();
  try {
    while (!signal.aborted) {
      const began = performance.now();
      const more = await publisher.round();
      const rest = pace.restMs(performance.now() - began);
      await pause(more ? rest : Math.max(options.limits.everyMs, rest), signal);
    }
  } finally {
    await publisher.close();
  }
}

/** Ends with the signal, too. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => {});
}
