/** Parts of the pipeline for its tests: tables in a real ClickHouse, records as ingest writes them, batches. */

import { openReferenceKernel } from '../../src/event/kernel/reference.ts';
import type { BlockBuilder, Kernel } from '../../src/event/kernel.ts';
import type { LogRecord } from '../../src/log/log.ts';
import { Batch, type BatchContext } from '../../src/pipeline/batch.ts';
import { createBlock } from '../../src/pipeline/block.ts';
import type { PlanSource } from '../../src/pipeline/consumer.ts';
import { DedupeWindow } from '../../src/pipeline/dedupe-window.ts';
import { EVENT_COLUMN_NAMES, encodeBlock } from '../../src/pipeline/encode.ts';
import { PlanBook } from '../../src/plans/book.ts';
import type { StoreClient, StoreEndpoint } from '../../src/store/client.ts';
import { EventStore } from '../../src/store/events.ts';
import { migrate } from '../../src/store/migrate.ts';
import type { Recompute } from '../../src/store/recompute.ts';
import { silentLog, startTestClickHouse } from '../support/clickhouse.ts';

export const TOPIC = 'analytics.v1';
/** A moment that everything in a test can be told from, epoch ms: the start of a bucket and of an hour. */
export const NOON = Date.UTC(2026, 4, 15, 12);

export const referenceKernel: Kernel = openReferenceKernel();

/** Nothing is planned. */
export const noPlans: PlanSource = { book: new PlanBook(), upTo: () => null };

export interface Tables {
  readonly client: StoreClient;
  readonly store: EventStore;
  readonly endpoint: StoreEndpoint;
}

let opened: Promise<Tables> | null = null;

/** The migrated tables, empty: the same ones for every test of a file, since tests of a file run one by one. */
export async function openTables(): Promise<Tables> {
  opened ??= openOwnTables();
  const { client } = await opened;
  const tables = await client.select<{ name: string }>(
    "SELECT name FROM system.tables WHERE database = currentDatabase() AND endsWith(engine, 'MergeTree')",
  );
  for (const { name } of tables)
    if (name !== 'schema_migrations') await client.command(`TRUNCATE TABLE ${name} SYNC`);
  return await opened;
}

/** Migrated tables for a test that changes them. Nothing in them ever gets too old. */
export async function openOwnTables(): Promise<Tables> {
  const { client, endpoint } = await startTestClickHouse();
  // Much more would be beyond what the DateTime of a TTL can hold.
  const days = 20_000;
  const settings = {
    retention_events_days: days,
    retention_sessions_days: days,
  };
  await migrate({ client, log: silentLog, settings });
  return { client, store: new EventStore(client), endpoint };
}

export interface RecordOptions {
  readonly partition?: number;
  readonly receivedAt?: number;
  readonly app?: string;
  readonly userAgent?: string;
  readonly country?: string;
}

/** A record as ingest writes it. An event given as text stays as it is. */
export function recordOf(
  offset: number,
  events: readonly (object | string)[],
  options: RecordOptions = {},
): LogRecord {
  const { partition = 0, receivedAt = NOON, app = 'tube', userAgent = '', country = '' } = options;
  const lines = events.map((event) => (typeof event === 'string' ? event : JSON.stringify(event)));
  return {
    partition,
    offset,
    key: null,
    headers: [
      ['received_at', String(receivedAt)],
      ['app', app],
      ['count', String(events.length)],
      ...(userAgent ? [['ua', userAgent] as const] : []),
      ...(country ? [['country', country] as const] : []),
    ],
    value: Buffer.from(`${lines.join('\n')}\n`),
    timestamp: receivedAt,
  };
}

/** A UUID of version 7, made at `at`, told apart by `n`. */
export function uuid7(n: number, at = NOON): string {
  const time = at.toString(16).padStart(12, '0');
  return `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-${n.toString(16).padStart(12, '0')}`;
}

export function createContext(overrides: Partial<BatchContext> = {}): BatchContext {
  return {
    dedupe: createWindow(),
    defaultApp: 'tube',
    foreign: { ageMaxMs: 90 * 86_400_000, aheadMaxMs: 86_400_000, now: () => NOON, dnt: 'off' },
    present: new Map(),
    plans: new PlanBook(),
    ...overrides,
  };
}

export function createWindow(
  options: { windowMs?: number; entriesMax?: number; start?: number } = {},
): DedupeWindow {
  const { windowMs = 900_000, entriesMax = 100_000, start = NOON - 900_000 } = options;
  return new DedupeWindow({ windowMs, entriesMax, filterBytesMax: 0 }, start);
}

export function createBuilder(kernel: Kernel = referenceKernel): BlockBuilder {
  return kernel.createBlockBuilder({ topic: TOPIC });
}

/** A batch that took these records. */
export function batchOf(
  records: readonly LogRecord[],
  context: BatchContext = createContext(),
  builder: BlockBuilder = createBuilder(),
): Batch {
  const batch = new Batch({ topic: TOPIC, partition: records[0]?.partition ?? 0 }, builder);
  batch.open();
  for (const record of records) batch.take(record, context);
  return batch;
}

/** What the rows of a batch are: offset, index and event id. */
export function rowsOf(batch: Batch): string[] {
  return batch.spans.flatMap((span) =>
    Array.from({ length: span.rows }, (_, i) => {
      const row = span.firstRow + i;
      const { event_id } = JSON.parse(batch.builder.eventJson(row)) as { event_id: string };
      return `${span.record.offset}/${batch.builder.index[row]} ${event_id}`;
    }),
  );
}

/** Rounds until one makes a bucket clean: leases have to end first. */
export async function recomputeSome(recompute: Recompute): Promise<void> {
  const deadline = performance.now() + 20_000;
  while ((await recompute.round()).buckets === 0)
    if (performance.now() > deadline) throw new Error('no bucket became clean');
}

let inserts = 0;

/** Inserts the rows of a batch as they are: no steps, no marks. */
export async function insertBatch(
  store: EventStore,
  batch: Batch,
  leaseUntil = Date.now() + 60_000,
): Promise<void> {
  const chunks = encodeBlock(createBlock(batch), leaseUntil);
  await store.insert(chunks, EVENT_COLUMN_NAMES, `test-insert-${++inserts}`, 30_000);
}

export async function insertRecords(store: EventStore, records: readonly LogRecord[]): Promise<void> {
  await insertBatch(
    store,
    batchOf(records, createContext({ dedupe: createWindow({ entriesMax: 1 << 24 }) })),
  );
}
