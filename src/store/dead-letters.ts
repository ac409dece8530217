import { parseUuids } from '../event/kernel/uuid.ts';
import type { StoreClient } from './client.ts';
import { NativeBlock } from './native.ts';

/** A dead letter as the table keeps it; -1 where a number does not apply. */
export interface DeadLetterRow {
  /** UUID text. */
  readonly id: string;
  readonly reason: string;
  readonly detail: string;
  readonly sourceTopic: string;
  readonly sourcePartition: number;
  readonly sourceOffset: number;
  readonly sourceIndex: number;
  readonly sourcePath: string;
  readonly app: string;
  readonly eventId: string;
  readonly payload: string;
  readonly truncated: boolean;
  /** Epoch ms. */
  readonly receivedAt: number;
  /** Epoch ms at which the request says it was sent; -1 when unknown. */
  readonly sentAt: number;
  readonly userAgent: string;
  readonly country: string;
}

const COLUMNS = [
  'id',
  'reason',
  'detail',
  'source_topic',
  'source_partition',
  'source_offset',
  'source_index',
  'source_path',
  'app_id',
  'event_id',
  'payload',
  'truncated',
  'received_at',
  'sent_at',
  'user_agent',
  'country',
];

/** Writes dead letters; one written before under the same id and time is replaced. */
export async function writeDeadLetters(
  client: StoreClient,
  rows: readonly DeadLetterRow[],
  queryId: string,
  timeoutMs: number,
): Promise<void> {
  const block = new NativeBlock(rows.length);
  const text = (name: string, pick: (row: DeadLetterRow) => string) =>
    block.text(name, { values: rows.map(pick), ids: Uint32Array.from(rows, (_, i) => i) });
  const int64 = (name: string, pick: (row: DeadLetterRow) => number) =>
    block.typed(
      name,
      'Int64',
      BigInt64Array.from(rows, (row) => BigInt(pick(row))),
    );
  block.uuid('id', parseUuids(rows.map((row) => row.id)));
  text('reason', (row) => row.reason);
  text('detail', (row) => row.detail);
  text('source_topic', (row) => row.sourceTopic);
  block.typed(
    'source_partition',
    'Int32',
    Int32Array.from(rows, (row) => row.sourcePartition),
  );
  int64('source_offset', (row) => row.sourceOffset);
  int64('source_index', (row) => row.sourceIndex);
  text('source_path', (row) => row.sourcePath);
  text('app_id', (row) => row.app);
  text('event_id', (row) => row.eventId);
  text('payload', (row) => row.payload);
  block.typed(
    'truncated',
    'Bool',
    Uint8Array.from(rows, (row) => (row.truncated ? 1 : 0)),
  );
  block.dateTime64(
    'received_at',
    Float64Array.from(rows, (row) => row.receivedAt),
  );
  int64('sent_at', (row) => row.sentAt);
  text('user_agent', (row) => row.userAgent);
  text('country', (row) => row.country);
  await client.insertNative('dead_letters', COLUMNS, block.chunks(), { queryId, timeoutMs });
}

/** What became of a letter, once somebody decided. Without a row it is open. */
export interface LetterStateRow {
  /** UUID text of the letter. */
  readonly id: string;
  readonly state: 'replayed' | 'discarded';
  /** Under which the event went on; '' when it did not. */
  readonly eventId: string;
  /** JSON text of the steps of the fix; '' without one. */
  readonly fix: string;
  /** Who it was: the principal's id. */
  readonly by: string;
  /** Epoch ms. */
  readonly changedAt: number;
  /** Epoch ms of the letter's receipt: its state is kept as long as itself. */
  readonly receivedAt: number;
}

const STATE_COLUMNS = ['id', 'state', 'event_id', 'fix', 'changed_by', 'changed_at', 'received_at'];

/** Writes down what became of letters. The same row written again is one. */
export async function writeLetterStates(
  client: Pick<StoreClient, 'insertNative'>,
  rows: readonly LetterStateRow[],
  queryId: string,
  timeoutMs: number,
): Promise<void> {
  const block = new NativeBlock(rows.length);
  const text = (name: string, pick: (row: LetterStateRow) => string) =>
    block.text(name, { values: rows.map(pick), ids: Uint32Array.from(rows, (_, i) => i) });
  const instant = (name: string, pick: (row: LetterStateRow) => number) =>
    block.dateTime64(name, Float64Array.from(rows, pick));
  block.uuid('id', parseUuids(rows.map((row) => row.id)));
  text('state', (row) => row.state);
  text('event_id', (row) => row.eventId);
  text('fix', (row) => row.fix);
  text('changed_by', (row) => row.by);
  instant('changed_at', (row) => row.changedAt);
  instant('received_at', (row) => row.receivedAt);
  await client.insertNative('dead_letter_states', STATE_COLUMNS, block.chunks(), { queryId, timeoutMs });
}
