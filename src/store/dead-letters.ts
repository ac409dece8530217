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
];

/** Writes dead letters; one written before under the same id and time is replaced. */
export async function writeDeadLetters(
  client: StoreClient,
  rows: readonly DeadLetterRow[],
  queryId: string,
  timeoutMs: number,
): Promise<void> {
  const block = new NativeBlock(rows.length);
  const words = new Uint32Array(rows.length * 4);
  rows.forEach((row, i) => {
    const bytes = Buffer.from(row.id.replaceAll('-', ''), 'hex');
    for (let w = 0; w < 4; w++) words[i * 4 + w] = bytes.readUInt32BE(w * 4);
  });
  const text = (name: string, pick: (row: DeadLetterRow) => string) =>
    block.text(name, { values: rows.map(pick), ids: Uint32Array.from(rows, (_, i) => i) });
  const int64 = (name: string, pick: (row: DeadLetterRow) => number) =>
    block.typed(
      name,
      'Int64',
      BigInt64Array.from(rows, (row) => BigInt(pick(row))),
    );
  block.uuid('id', words);
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
  await client.insertNative('dead_letters', COLUMNS, block.chunks(), { queryId, timeoutMs });
}
