/**
 * Events that were split by a number of partitions that is not in force any more, back into the log: the same bytes and the
 * same envelope, by the new number. What can be lost: nothing; what went through before an error or a crash is found again
 * by its id.
 */
import type { Kernel } from '../event/kernel.ts';
import type { LogRecord, NewRecord, Topic } from '../log/log.ts';
import { createIdMaker } from './ids.ts';
import { createRecords } from './split.ts';

/** Resolves with the records that are not as ingest writes them; nothing of those is appended. Rejects as the log does. */
export type SendOn = (
  topic: Pick<Topic, 'append'>,
  records: readonly LogRecord[],
  partitions: number,
) => Promise<ReadonlySet<LogRecord>>;

/** `now` gives epoch ms. */
export function createSendOn(kernel: Pick<Kernel, 'scanner'>, now: () => number): SendOn {
  const ids = createIdMaker(now);
  return async (topic, records, partitions) => {
    const left = new Set<LogRecord>();
    const moved: NewRecord[] = [];
    for (const record of records) {
      const again = splitAgain(kernel, record, partitions, { ids, now: now() });
      if (again === null) left.add(record);
      else moved.push(...again);
    }
    if (moved.length > 0) await topic.append(moved);
    return left;
  };
}

function splitAgain(
  { scanner }: Pick<Kernel, 'scanner'>,
  record: LogRecord,
  partitions: number,
  { ids, now }: { readonly ids: { next(n: number): Uint8Array }; readonly now: number },
): NewRecord[] | null {
  const said = new Map(record.headers);
  const receivedAt = Number(said.get('received_at'));
  const count = Number(said.get('count'));
  if (!Number.isSafeInteger(receivedAt) || !Number.isSafeInteger(count)) return null;
  const sentAt = said.has('sent_at') ? Number(said.get('sent_at')) : null;
  const scan = scanner.scan(record.value, {
    receivedAt,
    mode: 'ndjson',
    defaultName: null,
    maxEvents: count,
    // They were judged when they came.
    oldestAllowed: 0,
    newestAllowed: Number.MAX_SAFE_INTEGER,
    nextIds: ids.next,
    sentAt,
  });
  if (scan.error !== null || scan.accepted !== count) return null;
  const outline = {
    receivedAt,
    app: said.get('app') ?? '',
    userAgent: said.get('ua') ?? '',
    country: said.get('country') ?? '',
    source: said.get('source') ?? '',
    traceparent: said.get('traceparent') ?? null,
  };
  // The log keeps them from today on.
  return createRecords({ ...scan, sentAt }, partitions, outline).map((one) => ({ ...one, timestamp: now }));
}
