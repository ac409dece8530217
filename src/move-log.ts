import type { BodyScanner } from './event/kernel.ts';
import { createRecords } from './ingest/split.ts';
import type { LogRecord, NewRecord, Topic } from './log/log.ts';
import { readMeta } from './pipeline/record-meta.ts';

/**
 * Moves what a group has not finished from one log to another. In: the records from the group's committed offsets to the
 * present ends. Out: the same events with the same headers at the other log, and the group finished here.
 *
 * A crash in between moves some twice; they are the same events, by their ids, and count once. What can be lost: nothing,
 * as the offset is committed after the other log acknowledged. Nobody may append here meanwhile.
 */
export interface MoveOptions {
  readonly from: Topic;
  readonly group: string;
  readonly to: Topic;
  /** What becomes of a record over there. */
  readonly place: (record: LogRecord, partitions: number) => NewRecord[];
  readonly signal: AbortSignal;
  /** Records moved so far, and all that there are to move. */
  readonly progress: (moved: number, total: number) => void;
}

const READ_BYTES = 4 * 1024 * 1024;

/** Resolves with how many records were moved. */
export async function moveRecords(options: MoveOptions): Promise<number> {
  const { from, to, group, place, signal, progress } = options;
  const lag = await from.lag(group);
  const total = lag.reduce((sum, { records }) => sum + records, 0);
  if (total === 0) return 0;
  const done = Promise.withResolvers<void>();
  let moved = 0;
  let open = lag.length;
  const membership = await from.join(group, async (assignment) => {
    try {
      const end = lag.find(({ partition }) => partition === assignment.partition)?.end ?? 0;
      for (let next = assignment.committed.offset; next < end; ) {
        const records = await assignment.read(READ_BYTES, 1_000);
        signal.throwIfAborted();
        if (assignment.signal.aborted) return;
        if (records.length === 0) continue;
        await to.append(records.flatMap((record) => place(record, to.partitions)));
        next = records.at(-1)!.offset + 1;
        await assignment.commit(next, '');
        moved += records.length;
        progress(moved, total);
      }
      if (--open === 0) done.resolve();
    } catch (error) {
      done.reject(error);
    }
  });
  try {
    await done.promise;
  } finally {
    await membership.stop();
  }
  return moved;
}

/** The times of events were judged when they were taken. */
const ANY_TIME = { ageMaxMs: Infinity, aheadMaxMs: Infinity, now: () => 0 };

/** As it is, all of a partition to one. */
export function keepTogether({ partition, key, headers, value, timestamp }: LogRecord, partitions: number) {
  return [{ partition: partition % partitions, key, headers, value, timestamp }];
}

/**
 * Each event to the partition that ingest would give it there, so that one sent again meets itself. What ingest did not
 * write stays as it is.
 */
export function createSpread(scanner: BodyScanner) {
  return (record: LogRecord, partitions: number): NewRecord[] => {
    const meta = readMeta(record, { defaultApp: '', foreign: ANY_TIME });
    const scan = scanner.scan(record.value, {
      receivedAt: meta.receivedAt,
      mode: 'ndjson',
      defaultName: null,
      maxEvents: Number.MAX_SAFE_INTEGER,
      oldestAllowed: Number.NEGATIVE_INFINITY,
      newestAllowed: Number.POSITIVE_INFINITY,
      nextIds: (n) => new Uint8Array(n * 16),
      sentAt: meta.sentAt,
    });
    if (meta.count === null || scan.error !== null || scan.accepted !== meta.count)
      return keepTogether(record, partitions);
    const header = new Map(record.headers);
    const traceparent = header.get('traceparent') ?? null;
    return createRecords(scan, partitions, { ...meta, source: header.get('source') ?? '', traceparent });
  };
}
