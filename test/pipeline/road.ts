/** The whole road in one process: a local log, a kernel, ClickHouse, and the consumer, which may be stopped anywhere. */

import { coordinateEventId, formatUuid } from '../../src/event/kernel/uuid.ts';
import type { Kernel } from '../../src/event/kernel.ts';
import { createSendOn } from '../../src/ingest/send-on.ts';
import { type LocalLog, openLocalLog } from '../../src/log/local/local.ts';
import type { Membership, NewRecord } from '../../src/log/log.ts';
import {
  consumePartition,
  type PipelineLimits,
  type PipelineObserver,
  type PlanSource,
} from '../../src/pipeline/consumer.ts';
import { consumeDeadLetters } from '../../src/pipeline/dead-letter-reader.ts';
import type { StoreClient } from '../../src/store/client.ts';
import type { Delivery } from '../oracle/oracle.ts';
import type { Random } from '../oracle/random.ts';
import { makeTestFolder } from '../support/clickhouse.ts';
import { FaultyStore } from './faulty-store.ts';
import { noPlans, openTables, type Tables, TOPIC } from './rig.ts';

const DAY = 24 * 3_600_000;
export const RETENTION_MS = 90 * DAY;
const DEAD_LETTERS = 'analytics.dlq.v1';

/** Where a delivery went: by its place in the list. */
export interface Delivered {
  /** The UUID it must have when it is stored; '' for what ingest refused or nobody can read. */
  readonly id: string;
  /** The id of its dead letter, should it become one; null when ingest refused it. */
  readonly deadId: string | null;
}

export interface RoadOptions {
  readonly kernel: Kernel;
  readonly partitions: number;
  readonly limits?: Partial<PipelineLimits>;
  readonly now?: () => number;
  readonly ownServer?: boolean;
  readonly plans?: PlanSource;
  /** Those of another road, with what is in them. Default: empty ones. */
  readonly tables?: Pick<Tables, 'client' | 'endpoint'>;
}

const quiet: PipelineObserver = {
  step() {},
  consumed() {},
  flushed() {},
  dropped() {},
  failed() {},
  deduped() {},
  processed() {},
  violated() {},
  recomputed() {},
  buried() {},
};

export class TestRoad {
  readonly client: StoreClient;
  readonly store: FaultyStore;
  readonly log: LocalLog;
  /** Called at this stage of a batch. It may throw, or stop the consumer. */
  onLedger: () => Promise<void> = async () => {};
  readonly failures: string[] = [];
  readonly #options: RoadOptions;
  readonly #offsets: number[];
  #ids = 0;

  constructor(client: StoreClient, store: FaultyStore, log: LocalLog, options: RoadOptions) {
    this.client = client;
    this.store = store;
    this.log = log;
    this.#options = options;
    this.#offsets = Array.from({ length: options.partitions }, () => 0);
    const { writeLedger } = store;
    store.writeLedger = async (block, leaseUntil) => {
      await writeLedger.call(store, block, leaseUntil);
      await this.onLedger();
    };
  }

  /** Runs the consumer over all partitions until it is stopped. */
  async join(group = 'test'): Promise<Membership> {
    const { kernel, limits, now = Date.now, ownServer = true } = this.#options;
    const topic = this.log.topic(TOPIC);
    return await topic.join(group, (assignment) =>
      consumePartition(assignment, {
        kernel,
        topic,
        plans: this.#options.plans ?? noPlans,
        deadLetters: this.log.topic(DEAD_LETTERS),
        group,
        store: this.store,
        limits: {
          batchRowsMax: 1_000,
          batchBytesMax: 1 << 24,
          flushAfterMs: 1,
          readBytesMax: 1 << 20,
          leaseMs: 1_000,
          dedupeWindowMs: 900_000,
          dedupeEntriesMax: 1 << 20,
          sessionActorsMax: 1 << 20,
          timestampAgeMaxMs: RETENTION_MS,
          timestampAheadMaxMs: DAY,
          dnt: 'off',
          ...limits,
        },
        defaultApp: 'tube',
        observer: { ...quiet, failed: (stage, error) => this.failures.push(`${stage}: ${error}`) },
        generation: () => this.store.generation,
        ownServer,
        now,
        publish() {},
        sendOn: createSendOn(kernel, now),
      }),
    );
  }

  async lag(group = 'test'): Promise<number> {
    const lag = await this.log.topic(TOPIC).lag(group);
    return lag.reduce((sum, { records }) => sum + records, 0);
  }

  /** Runs until everything is committed. */
  async drain(group = 'test'): Promise<void> {
    const membership = await this.join(group);
    try {
      await this.untilDrained(group);
    } finally {
      await membership.stop();
    }
  }

  async untilDrained(group = 'test'): Promise<void> {
    const deadline = performance.now() + 60_000;
    while ((await this.lag(group)) > 0) {
      if (performance.now() > deadline) throw new Error(`not drained: ${this.failures.slice(-3).join('; ')}`);
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** Takes the dead letters so far into their table. */
  async bury(): Promise<void> {
    const deadLetters = this.log.topic(DEAD_LETTERS);
    const membership = await deadLetters.join('dead-letters', (assignment) =>
      consumeDeadLetters(assignment, {
        client: this.client,
        erased: null,
        buried() {},
        failed() {},
      }),
    );
    for (;;) {
      const lag = await deadLetters.lag('dead-letters');
      if (lag.every(({ records }) => records === 0)) break;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await membership.stop();
  }

  /**
   * Appends deliveries as ingest does: checked, each to the partition of its key, those that came together (same time
   * and app) in one record. What ingest refuses comes from a foreign producer instead, in a record of its own, unless
   * only ingest can see what is wrong with it.
   */
  async deliver(deliveries: readonly Delivery[]): Promise<Delivered[]> {
    const records: NewRecord[] = [];
    const open = new Map<number, { at: string; record: NewRecord; lines: Buffer[] }>();
    const places: Delivered[] = [];
    const close = (partition: number) => {
      const last = open.get(partition);
      if (last) records.push({ ...last.record, value: Buffer.concat(last.lines) });
      if (last) this.#offsets[partition]!++;
      open.delete(partition);
    };
    for (const delivery of deliveries) {
      const found = this.#scan(delivery);
      if (found === null) {
        places.push({ id: '', deadId: null });
        continue;
      }
      const { partition, line, id, foreign } = found;
      const at = `${delivery.receivedAt} ${delivery.app}`;
      if (foreign || open.get(partition)?.at !== at) close(partition);
      const record = open.get(partition) ?? {
        at: foreign ? '' : at,
        record: recordFor(delivery, partition),
        lines: [],
      };
      open.set(partition, record);
      const index = record.lines.push(line) - 1;
      const offset = this.#offsets[partition]!;
      places.push({
        id,
        deadId: formatUuid(coordinateEventId(this.log.topic(TOPIC).origin, partition, offset, index)),
      });
    }
    for (const partition of [...open.keys()]) close(partition);
    if (records.length > 0) await this.log.topic(TOPIC).append(records);
    return places;
  }

  #scan({
    event,
    receivedAt,
  }: Delivery): { partition: number; line: Buffer; id: string; foreign: boolean } | null {
    const body = Buffer.from(JSON.stringify(event));
    const { scanner } = this.#options.kernel;
    const scan = scanner.scan(body, {
      receivedAt,
      mode: 'ndjson',
      defaultName: null,
      maxEvents: 10,
      oldestAllowed: receivedAt - RETENTION_MS,
      newestAllowed: receivedAt + DAY,
      nextIds: (n) => Buffer.concat(Array.from({ length: n }, () => this.#nextId())),
      sentAt: null,
    });
    if (scan.accepted === 1) {
      const partition = scan.keyHash[0]! % this.#options.partitions;
      return { partition, line: Buffer.from(scan.lines), id: scan.firstIds[0]!, foreign: false };
    }
    const code = scan.error === null ? scan.verdicts[0]!.code : scan.error.code;
    if (code === 'timestamp_too_old' || code === 'timestamp_in_future') return null;
    return { partition: 0, line: body, id: '', foreign: true };
  }

  #nextId(): Buffer {
    const id = Buffer.from('0198000000007000a000000000000000', 'hex');
    id.writeUInt32BE(++this.#ids, 12);
    return id;
  }
}

function recordFor({ receivedAt, app }: Delivery, partition: number): NewRecord {
  const headers = [
    ['received_at', String(receivedAt)],
    ['app', app],
  ] as const;
  return { partition, key: null, headers, value: Buffer.alloc(0), timestamp: receivedAt };
}

export async function openRoad(
  t: { after(fn: () => Promise<void>): void },
  options: RoadOptions,
): Promise<TestRoad> {
  const { client, endpoint } = options.tables ?? (await openTables());
  const { partitions } = options;
  const topics = [TOPIC, DEAD_LETTERS].map((name) => ({ name, partitions }));
  const log = await openLocalLog({ dir: makeTestFolder(), topics, minFreeBytes: 0 });
  t.after(() => log.close());
  return new TestRoad(client, new FaultyStore(client, endpoint), log, options);
}

/** No history has a wrong clock: the time of sending moves along with that of receipt. */
function receivedThen(delivery: Delivery, receivedAt: number): Delivery {
  const event = delivery.event as Record<string, unknown> | null;
  if (typeof event?.sent_at !== 'string') return { ...delivery, receivedAt };
  return { ...delivery, receivedAt, event: { ...event, sent_at: new Date(receivedAt).toISOString() } };
}

/** The same deliveries, some of those that follow one another received together. */
export function gather(deliveries: readonly Delivery[], random: Random): Delivery[] {
  const gathered: Delivery[] = [];
  for (let at = 0; at < deliveries.length; ) {
    const run = deliveries.slice(at, at + 1 + random.below(12));
    const { receivedAt } = run.at(-1)!;
    gathered.push(...run.map((delivery) => receivedThen(delivery, receivedAt)));
    at += run.length;
  }
  return gathered;
}
