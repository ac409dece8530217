/** Reading rows of a block back: one cell, and one event as JSON. Both kernels share it. */
import { type BlockBuilder, rowFlag, type StringColumnName } from '../kernel.ts';
import { formatUuid } from './uuid.ts';

/** The cell of a Native String column that begins at `at`. */
export function readCell(column: Uint8Array, at: number): string {
  let length = 0;
  let p = at;
  for (let shift = 0; ; shift += 7) {
    const byte = column[p++]!;
    length |= (byte & 0x7f) << shift;
    if (byte < 0x80) break;
  }
  return Buffer.from(column.buffer, column.byteOffset, column.byteLength).toString('utf8', p, p + length);
}

function readId(block: BlockBuilder, row: number): string {
  const bytes = new DataView(new ArrayBuffer(16));
  for (let i = 0; i < 4; i++) bytes.setUint32(i * 4, block.idWords[row * 4 + i]!);
  return formatUuid(new Uint8Array(bytes.buffer));
}

const idColumns = [
  'user_id',
  'anonymous_id',
  'session_id',
  'video_id',
  'view_id',
  'stream_id',
] as const satisfies readonly StringColumnName[];

/** Whether a column of that row holds zeros that wait for assignSession(). */
function isWaiting(flags: number, name: StringColumnName): boolean {
  if ((flags & (rowFlag.hasSession | rowFlag.sessionAssigned)) !== 0) return false;
  return name === 'session_id' || (name === 'view_id' && (flags & rowFlag.hasView) === 0);
}

/** The event of a row as one line of JSON, canonical names, absent fields left out. */
export function rowJson(block: BlockBuilder, row: number): string {
  const head: Record<string, string> = {
    event_id: readId(block, row),
    event_name: block.text.get(block.textColumns.event_name[row]!),
    app_id: block.text.get(block.textColumns.app_id[row]!),
  };
  for (const name of idColumns) {
    const value = block.stringAt(name, row);
    if (value !== '' && !isWaiting(block.flags[row]!, name)) head[name] = value;
  }
  head.timestamp = new Date(block.timestamp[row]!).toISOString();
  // Properties and context are JSON text already; parsing them again could change the digits of a number.
  const objects = `"properties":${block.stringAt('properties', row)},"context":${block.stringAt('context', row)}`;
  return `${JSON.stringify(head).slice(0, -1)},${objects}}`;
}
