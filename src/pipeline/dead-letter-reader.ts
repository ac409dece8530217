import { formatUuid, readEventId } from '../event/kernel/uuid.ts';
import type { Assignment, LogRecord } from '../log/log.ts';
import type { StoreClient } from '../store/client.ts';
import { type DeadLetterRow, writeDeadLetters } from '../store/dead-letters.ts';
import type { ErasedFilter } from './erased.ts';
import { sleep } from './sleep.ts';

/**
 * Dead letters from their topic into the table that people look at. At least once is enough here: the table replaces a
 * letter by its id.
 */

export interface DeadLetterDependencies {
  readonly client: StoreClient;
  /** Who was erased; null: nobody ever is. */
  readonly erased: Pick<ErasedFilter, 'names'> | null;
  readonly buried: (reason: string, count: number) => void;
  readonly failed: (stage: string, error: unknown) => void;
}

const READ_BYTES_MAX = 4 * 1024 * 1024;
const INSERT_TIMEOUT_MS = 10_000;
const RETRY_MS = 1_000;

export async function consumeDeadLetters(
  assignment: Assignment,
  deps: DeadLetterDependencies,
): Promise<void> {
  const { signal } = assignment;
  try {
    while (!signal.aborted) {
      const records = await assignment.read(READ_BYTES_MAX, 1_000);
      if (records.length > 0) await store(assignment, records, deps);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

async function store(assignment: Assignment, records: readonly LogRecord[], deps: DeadLetterDependencies) {
  let rows = records.map(readLetter);
  const last = records[records.length - 1]!.offset;
  for (let attempt = 0; ; attempt++) {
    try {
      const queryId = `sluice-dead-letters-${assignment.partition}-${process.pid}-${last}-${attempt}`;
      rows = await withoutErased(rows, deps);
      if (rows.length > 0) await writeDeadLetters(deps.client, rows, queryId, INSERT_TIMEOUT_MS);
      await assignment.commit(last + 1, '');
      break;
    } catch (error) {
      assignment.signal.throwIfAborted();
      deps.failed('dead letters', error);
      await sleep(RETRY_MS, assignment.signal);
    }
  }
  for (const row of rows) deps.buried(row.reason, 1);
}

async function withoutErased(
  rows: DeadLetterRow[],
  { erased }: Pick<DeadLetterDependencies, 'erased'>,
): Promise<DeadLetterRow[]> {
  if (erased === null) return rows;
  const named = await Promise.all(rows.map((row) => erased.names(row.payload, row.app, row.receivedAt)));
  return rows.filter((_, i) => !named[i]);
}

/** A letter of a foreign hand may lack any header or say nonsense: its place in the topic stands in. */
export function readLetter(record: LogRecord): DeadLetterRow {
  const header = new Map(record.headers);
  const whole = (name: string, otherwise: number): number => {
    const value = Number(header.get(name) ?? otherwise);
    return Number.isSafeInteger(value) ? value : otherwise;
  };
  const number = (name: string) => whole(name, -1);
  const payload = new TextDecoder().decode(record.value);
  return {
    id: formatUuid(readEventId(header.get('dlq.id') ?? `${record.partition}:${record.offset}`)),
    reason: header.get('dlq.reason') ?? 'unknown',
    detail: header.get('dlq.detail') ?? '',
    sourceTopic: header.get('dlq.topic') ?? '',
    sourcePartition: number('dlq.partition'),
    sourceOffset: number('dlq.offset'),
    sourceIndex: number('dlq.index'),
    sourcePath: header.get('dlq.path') ?? '',
    app: readText(payload, 'app_id') || (header.get('dlq.app') ?? ''),
    eventId: readText(payload, 'event_id'),
    payload,
    truncated: header.get('dlq.truncated') === 'true',
    receivedAt: whole('dlq.received_at', record.timestamp),
    sentAt: number('dlq.sent_at'),
    userAgent: header.get('dlq.ua') ?? '',
    country: header.get('dlq.country') ?? '',
  };
}

/** The payload is what nobody could read: take its fields if they can be told, else nothing. */
function readText(payload: string, field: string): string {
  try {
    const value: unknown = (JSON.parse(payload) as Record<string, unknown> | null)?.[field];
    return typeof value === 'string' ? value : '';
  } catch {
    return '';
  }
}
