/** A local log with several topics, and a pipeline that is run until nothing is left. */

import type { Kernel } from '../../src/event/kernel.ts';
import { createSendOn } from '../../src/ingest/send-on.ts';
import { type LocalLog, openLocalLog } from '../../src/log/local/local.ts';
import type { Header } from '../../src/log/log.ts';
import type { PipelineLimits } from '../../src/pipeline/consumer.ts';
import { type PipelineOptions, startPipeline } from '../../src/pipeline/pipeline.ts';
import { readTopicSources } from '../../src/pipeline/sources.ts';
import type { StoreClient } from '../../src/store/client.ts';
import { makeTestFolder } from '../support/clickhouse.ts';
import { noPlans, openTables } from './rig.ts';

const DEAD_LETTERS = 'analytics.dlq.v1';
export const TOPICS = ['analytics.v1', 'octane.events', 'web-1', 'web'];
const DAY = 86_400_000;

export const LIMITS: PipelineLimits = {
  batchRowsMax: 1_000,
  batchBytesMax: 1 << 24,
  flushAfterMs: 1,
  readBytesMax: 1 << 20,
  leaseMs: 2_000,
  dedupeWindowMs: 900_000,
  dedupeEntriesMax: 1 << 20,
  sessionActorsMax: 1 << 20,
  timestampAgeMaxMs: 90 * DAY,
  timestampAheadMaxMs: DAY,
  dnt: 'off',
};

export interface Site {
  group: string;
  readonly client: StoreClient;
  readonly log: LocalLog;
  put(topic: string, value: Uint8Array | string, more?: Partial<Foreign>): Promise<void>;
  /** Runs a pipeline over these topics until nothing is left. */
  drain(...topics: string[]): Promise<void>;
}

interface Foreign {
  readonly partition: number;
  readonly headers: readonly Header[];
  readonly timestamp: number;
}

export async function openSite(
  t: { after(fn: () => Promise<void>): void },
  kernel: Kernel,
  limits: Partial<PipelineLimits> = {},
): Promise<Site> {
  const { client } = await openTables();
  const topics = [...TOPICS, DEAD_LETTERS].map((name) => ({ name, partitions: 2 }));
  const log = await openLocalLog({ dir: makeTestFolder(), topics, minFreeBytes: 0 });
  t.after(() => log.close());
  const failures: string[] = [];
  const options = (listed: readonly string[]): PipelineOptions => ({
    log,
    shards: [client],
    kernel,
    plans: noPlans,
    sources: readTopicSources(listed, '').sources,
    deadLetterTopic: DEAD_LETTERS,
    group: site.group,
    defaultApp: 'house',
    observer: {
      step() {},
      consumed() {},
      flushed() {},
      dropped() {},
      deduped() {},
      processed() {},
      violated() {},
      recomputed() {},
      buried() {},
      failed: (stage, error) => failures.push(`${stage}: ${error}`),
    },
    generation: () => 0,
    ownServer: true,
    now: Date.now,
    publish() {},
    sendOn: createSendOn(kernel, Date.now),
    limits: { ...LIMITS, ...limits },
    recompute: { everyMs: 60_000, rowsMax: 1e6, gapLimitMs: 30_000, engagementEveryMs: 0 },
  });
  const site: Site = {
    group: 'test',
    client,
    log,
    async put(topic, value, { partition = 0, headers = [], timestamp = Date.now() } = {}) {
      await log
        .topic(topic)
        .append([{ partition, key: null, headers, value: Buffer.from(value), timestamp }]);
    },
    async drain(...listed) {
      const pipeline = await startPipeline(options(listed));
      const deadline = performance.now() + 60_000;
      const waiting: [topic: string, group: string][] = listed.map((item) => [
        item.split('=')[0]!,
        site.group,
      ]);
      const left = async ([topic, group]: [string, string]) =>
        (await log.topic(topic).lag(group)).reduce((sum, { records }) => sum + records, 0);
      // What the pipeline buries while it commits has to be in its table too.
      for (const place of [...waiting, [DEAD_LETTERS, `${site.group}-dead-letters`] as [string, string]])
        while ((await left(place)) > 0) {
          if (performance.now() > deadline) throw new Error(`not drained: ${failures.slice(-3).join('; ')}`);
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
      await pipeline.stop();
    },
  };
  return site;
}
