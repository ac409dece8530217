import type { Kernel } from '../event/kernel.ts';
import type { Log, Membership } from '../log/log.ts';
import type { StoreClient } from '../store/client.ts';
import { EventStore } from '../store/events.ts';
import { createRecompute } from '../store/recompute.ts';
import { inSpan, type Tracing } from '../telemetry/tracing.ts';
import type { Batch } from './batch.ts';
import { consumePartition, type PipelineLimits, type PipelineObserver } from './consumer.ts';
import { consumeDeadLetters } from './dead-letter-reader.ts';
import { sleep } from './sleep.ts';

/**
 * The pipeline role: every partition that this process is given, the dead letters, and the recompute of what is counted.
 *
 * In: topics of the log. Out: rows, recomputed tables, committed offsets. What can be lost: nothing; see consumer.ts.
 */

export interface PipelineOptions {
  readonly log: Log;
  readonly client: StoreClient;
  readonly kernel: Kernel;
  readonly topic: string;
  readonly deadLetterTopic: string;
  readonly group: string;
  readonly limits: PipelineLimits;
  readonly defaultApp: string;
  readonly observer: PipelineObserver;
  readonly generation: () => number;
  readonly ownServer: boolean;
  readonly now: () => number;
  readonly publish: (batch: Batch) => void;
  /** Default null. */
  readonly tracing?: Tracing | null;
  readonly recompute: {
    readonly everyMs: number;
    readonly rowsMax: number;
    readonly gapLimitMs: number;
    readonly engagementEveryMs: number;
  };
}

export interface Pipeline {
  /** Those of the events' topic that this process has now. */
  readonly partitions: ReadonlySet<number>;
  /** Ends after the batches under way; what was not committed is read again by whoever comes next. */
  stop(): Promise<void>;
}

export async function startPipeline(options: PipelineOptions): Promise<Pipeline> {
  const { log, client, observer, group } = options;
  const topic = log.topic(options.topic);
  const deadLetters = log.topic(options.deadLetterTopic);
  const store = new EventStore(client);
  const failed = (stage: string, error: unknown) => observer.failed(stage, error);
  const partitions = new Set<number>();
  const memberships: Membership[] = [
    await topic.join(group, async (assignment) => {
      partitions.add(assignment.partition);
      try {
        await consumePartition(assignment, { ...options, topic, deadLetters, store });
      } finally {
        partitions.delete(assignment.partition);
      }
    }),
    await deadLetters.join(`${group}-dead-letters`, (assignment) =>
      consumeDeadLetters(assignment, {
        client,
        failed,
        buried: (reason, count) => observer.buried(reason, count),
      }),
    ),
  ];
  const ending = new AbortController();
  const recomputing = recomputeForever(options, ending.signal);
  return {
    partitions,
    async stop() {
      ending.abort();
      await Promise.all([recomputing, ...memberships.map((membership) => membership.stop())]);
    },
  };
}

async function recomputeForever(options: PipelineOptions, signal: AbortSignal): Promise<void> {
  const { client, observer, tracing = null } = options;
  const { everyMs, ...limits } = options.recompute;
  const recompute = createRecompute({ store: client, ...limits });
  while (!signal.aborted) {
    let more = false;
    try {
      const began = performance.now();
      const start = () => ({ name: 'recompute', kind: 'internal' }) as const;
      const round = await inSpan(tracing, start, () => recompute.round());
      more = round.more;
      if (round.buckets > 0) observer.recomputed((performance.now() - began) / 1000);
    } catch (error) {
      observer.failed('recompute', error);
    }
    // The end of the signal ends the pause.
    if (!more) await sleep(everyMs, signal).catch(() => {});
  }
}
