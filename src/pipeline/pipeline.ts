import type { Kernel } from '../event/kernel.ts';
import type { Assignment, Log, Membership, Topic } from '../log/log.ts';
import type { StoreClient } from '../store/client.ts';
import { EventStore, sourceKey } from '../store/events.ts';
import { createRecompute } from '../store/recompute.ts';
import { inSpan, type Tracing } from '../telemetry/tracing.ts';
import type { Batch } from './batch.ts';
import {
  consumePartition,
  type PipelineLimits,
  type PipelineObserver,
  type PlanSource,
  type SendOn,
} from './consumer.ts';
import { consumeDeadLetters } from './dead-letter-reader.ts';
import { createErasedFilter } from './erased.ts';
import { sleep } from './sleep.ts';
import type { TopicSource } from './sources.ts';

/**
 * The pipeline role: every partition that this process is given, the dead letters, and the recompute of what is counted.
 *
 * In: topics of the log. Out: rows, recomputed tables, committed offsets. What can be lost: nothing; see consumer.ts.
 */

export interface PipelineOptions {
  readonly log: Log;
  /** One unless ClickHouse is sharded: rows of partition p go to `shards[p % shards.length]`, and stay there. */
  readonly shards: readonly StoreClient[];
  readonly kernel: Kernel;
  readonly plans: PlanSource;
  readonly sources: readonly TopicSource[];
  readonly deadLetterTopic: string;
  readonly group: string;
  readonly limits: PipelineLimits;
  readonly defaultApp: string;
  readonly observer: PipelineObserver;
  readonly generation: () => number;
  readonly ownServer: boolean;
  readonly now: () => number;
  readonly publish: (batch: Batch) => void;
  readonly sendOn: SendOn;
  /** Of the hashes of who was erased. Default: nobody ever is. */
  readonly erasureKey?: () => Promise<Uint8Array>;
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
  readonly partitions: ReadonlySet<string>;
  /** Ends after the batches under way; what was not committed is read again by whoever comes next. */
  stop(): Promise<void>;
}

export async function startPipeline(options: PipelineOptions): Promise<Pipeline> {
  const { log, shards, observer, group } = options;
  const deadLetters = log.topic(options.deadLetterTopic);
  const failed = (stage: string, error: unknown) => observer.failed(stage, error);
  const { erasureKey: key } = options;
  const filters = shards.map((client) =>
    key === undefined ? null : createErasedFilter({ client, key, now: () => performance.now() }),
  );
  const partitions = new Set<string>();
  const recomputing = new Set<Promise<void>>();
  const memberships: Membership[] = [];
  for (const [place, source] of options.sources.entries()) {
    const topic = log.topic(source.topic);
    const defaultApp = source.app ?? options.defaultApp;
    const stores = createStores(shards, topic);
    memberships.push(
      await topic.join(group, async (assignment) => {
        const shard = assignment.partition % stores.length;
        const store = stores[shard]!;
        const erased = filters[shard]!;
        // Whoever has a partition of the first topic recomputes.
        const recompute = place === 0 ? recomputeWhileOwned(assignment, options) : Promise.resolve();
        recomputing.add(recompute);
        const key = sourceKey({ topic: topic.name, partition: assignment.partition });
        partitions.add(key);
        try {
          await Promise.all([
            consumePartition(assignment, { ...options, topic, defaultApp, deadLetters, store, erased }),
            recompute,
          ]);
        } finally {
          partitions.delete(key);
          recomputing.delete(recompute);
        }
      }),
    );
  }
  memberships.push(
    await deadLetters.join(`${group}-dead-letters`, (assignment) =>
      consumeDeadLetters(assignment, {
        // Few, and to be found in one place.
        client: shards[0]!,
        erased: filters[0]!,
        failed,
        buried: (reason, count) => observer.buried(reason, count),
      }),
    ),
  );
  return {
    partitions,
    async stop() {
      await Promise.all(memberships.map((membership) => membership.stop()));
      // Of a partition whose consumer failed it goes on until the end.
      await Promise.all(recomputing);
    },
  };
}

/** Rejects when shards would stay empty. */
function createStores(shards: readonly StoreClient[], topic: Topic): EventStore[] {
  if (shards.length === 1) return [new EventStore(shards[0]!)];
  if (topic.partitions < shards.length)
    throw new Error(
      `${topic.name} has ${topic.partitions} partitions for ${shards.length} shards of ClickHouse: some would stay empty. Give it at least as many (ANALYTICS_LOG_PARTITIONS, or the partitions of the Kafka topic).`,
    );
  return shards.map(
    (client, index) =>
      new EventStore(client, { topic: topic.name, index, shards, partitions: () => topic.partitions }),
  );
}

/**
 * Each shard is recomputed by whoever has its first partition, so that many processes do not do it many times. For a
 * moment two may, which is harmless.
 */
async function recomputeWhileOwned(
  { partition, signal }: Assignment,
  options: PipelineOptions,
): Promise<void> {
  const { shards, observer, tracing = null } = options;
  if (partition >= shards.length) return;
  const { everyMs, ...limits } = options.recompute;
  const store = shards[partition]!;
  const place = shards.length === 1 ? null : { index: partition, shards, database: store.database };
  const recompute = createRecompute({ store, place, ...limits });
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
