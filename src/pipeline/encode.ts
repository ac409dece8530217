import { type EventColumn, eventColumns } from '../event/columns.ts';
import { rowFlag } from '../event/kernel.ts';
import { NativeBlock } from '../store/native.ts';
import type { Block, BlockText } from './block.ts';

/** The columns an insert names, in the table's order. */
export const EVENT_COLUMN_NAMES: readonly string[] = eventColumns.map((column) => column.name);

/** The block as Native bytes. They refer to the builder's memory: keep the builder as it is until they are sent. */
export function encodeBlock(block: Block, leaseUntil: number): Uint8Array[] {
  const native = new NativeBlock(block.rows);
  for (const column of eventColumns) encodeColumn(native, block, column, leaseUntil);
  return native.chunks();
}

function encodeColumn(native: NativeBlock, block: Block, column: EventColumn, leaseUntil: number): void {
  const { builder, rows } = block;
  switch (column.encoding) {
    case 'text':
      native.text(column.name, block.text[column.name as BlockText]);
      return;
    case 'topic':
      native.text(column.name, { values: [block.batch.source.topic], ids: new Uint32Array(rows) });
      return;
    case 'string':
      native.raw(column.name, 'String', builder.stringColumn(column.name));
      return;
    case 'uuid':
      native.uuid(column.name, builder.idWords);
      return;
    case 'float64?':
      native.nullableFloat64(column.name, floats(block, column.name));
      return;
    case 'bool':
      native.typed(column.name, 'Bool', bools(block, column.name));
      return;
    case 'datetime64':
      native.dateTime64(column.name, times(block, column.name, leaseUntil));
      return;
    case 'uint16':
      native.typed(column.name, 'UInt16', new Uint16Array(rows).fill(block.batch.source.partition));
      return;
    case 'uint32':
      native.typed(column.name, 'UInt32', builder.index.subarray(0, rows));
      return;
    case 'uint64':
      if (column.name === 'payload_hash')
        native.typed(column.name, 'UInt64', builder.payloadWords.subarray(0, rows * 2));
      else
        native.uint64(
          column.name,
          perRecord(block, (span) => span.record.offset),
        );
      return;
  }
}

function floats({ builder }: Block, name: 'watch_ms' | 'duration_ms' | 'bitrate'): Float64Array {
  if (name === 'watch_ms') return builder.watchMs;
  return name === 'duration_ms' ? builder.durationMs : builder.bitrate;
}

function bools(
  block: Block,
  name: 'completed' | 'instant_skip' | 'fatal' | 'is_bot' | 'session_assigned',
): Uint8Array {
  if (name === 'is_bot') return block.isBot;
  const bit = {
    completed: rowFlag.completed,
    instant_skip: rowFlag.instantSkip,
    fatal: rowFlag.fatal,
    session_assigned: rowFlag.sessionAssigned,
  }[name];
  const { flags } = block.builder;
  const out = new Uint8Array(block.rows);
  for (let row = 0; row < block.rows; row++) out[row] = (flags[row]! & bit) === 0 ? 0 : 1;
  return out;
}

function times(
  block: Block,
  name: 'timestamp' | 'received_at' | 'lease_until',
  leaseUntil: number,
): Float64Array {
  if (name === 'timestamp') return block.builder.timestamp;
  if (name === 'lease_until') return new Float64Array(block.rows).fill(leaseUntil);
  return perRecord(block, (span) => span.meta.receivedAt);
}

function perRecord(block: Block, value: (span: Block['batch']['spans'][number]) => number): Float64Array {
  const out = new Float64Array(block.rows);
  for (const span of block.batch.spans) out.fill(value(span), span.firstRow, span.firstRow + span.rows);
  return out;
}
