/**
 * ClickHouse's Native format, column by column, from bytes and typed arrays that already exist: no row is ever built.
 * Format: https://clickhouse.com/docs/native-protocol/columns and the server's SerializationLowCardinality.
 */

/** A column of repeated text: `ids[row]` is an index into `values`. */
export interface TextColumn {
  readonly values: readonly string[];
  readonly ids: Uint32Array;
}

const utf8 = new TextEncoder();

/** Collects the columns of one block of `rows` rows. The chunks are handed on as they are: keep them unchanged until sent. */
export class NativeBlock {
  readonly rows: number;
  readonly #columns: Uint8Array[] = [];
  #count = 0;

  constructor(rows: number) {
    this.rows = rows;
  }

  /** The bytes to send, in order. */
  chunks(): Uint8Array[] {
    return [concat([varint(this.#count), varint(this.rows)]), ...this.#columns];
  }

  /** Bytes that are already in the column's own form. */
  raw(name: string, type: string, bytes: Uint8Array): this {
    this.#columns.push(header(name, type));
    // Without rows a column is its header alone.
    if (this.rows > 0) this.#columns.push(bytes);
    this.#count++;
    return this;
  }

  typed(name: string, type: string, values: ArrayBufferView): this {
    return this.raw(name, type, new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
  }

  /** Text as a dictionary with indexes; the server reads it into LowCardinality or String columns alike. */
  text(name: string, column: TextColumn): this {
    return this.raw(name, 'LowCardinality(String)', lowCardinality(column, this.rows));
  }

  /** NaN is NULL. */
  nullableFloat64(name: string, values: Float64Array): this {
    const bytes = new Uint8Array(this.rows * 9);
    const numbers = new Float64Array(this.rows);
    for (let row = 0; row < this.rows; row++) {
      const value = values[row]!;
      if (Number.isNaN(value)) bytes[row] = 1;
      else numbers[row] = value;
    }
    bytes.set(new Uint8Array(numbers.buffer), this.rows);
    return this.raw(name, 'Nullable(Float64)', bytes);
  }

  /** Epoch milliseconds. */
  dateTime64(name: string, values: Float64Array): this {
    const words = new Uint32Array(this.rows * 2);
    for (let row = 0; row < this.rows; row++) writeInt64(words, row, values[row]!);
    return this.typed(name, "DateTime64(3, 'UTC')", words);
  }

  /** Whole numbers up to 2^53. */
  uint64(name: string, values: Float64Array): this {
    const words = new Uint32Array(this.rows * 2);
    for (let row = 0; row < this.rows; row++) writeInt64(words, row, values[row]!);
    return this.typed(name, 'UInt64', words);
  }

  /** `words`: four big-endian words a row, as a UUID is written. */
  uuid(name: string, words: Uint32Array): this {
    const out = new Uint32Array(this.rows * 4);
    for (let at = 0; at < out.length; at += 4) {
      out[at] = words[at + 1]!;
      out[at + 1] = words[at]!;
      out[at + 2] = words[at + 3]!;
      out[at + 3] = words[at + 2]!;
    }
    return this.typed(name, 'UUID', out);
  }
}

const TWO_32 = 0x1_0000_0000;

function writeInt64(words: Uint32Array, row: number, value: number): void {
  const high = Math.floor(value / TWO_32);
  words[row * 2] = value - high * TWO_32;
  words[row * 2 + 1] = high;
}

/** Version 1, additional keys with this block only (0x200), index width by the size of the dictionary. */
function lowCardinality(column: TextColumn, rows: number): Uint8Array {
  const keys = column.values;
  const width = keys.length <= 0xff ? 1 : keys.length <= 0xffff ? 2 : 4;
  const dictionary = stringColumn(keys);
  const out = new Uint8Array(24 + dictionary.length + 8 + rows * width);
  const view = new DataView(out.buffer);
  view.setUint32(0, 1, true);
  view.setUint32(8, 0x200 | (width === 1 ? 0 : width === 2 ? 1 : 2), true);
  view.setUint32(16, keys.length, true);
  out.set(dictionary, 24);
  const at = 24 + dictionary.length;
  view.setUint32(at, rows, true);
  const from = at + 8;
  if (width === 1) for (let row = 0; row < rows; row++) out[from + row] = column.ids[row]!;
  else if (width === 2)
    for (let row = 0; row < rows; row++) view.setUint16(from + row * 2, column.ids[row]!, true);
  else for (let row = 0; row < rows; row++) view.setUint32(from + row * 4, column.ids[row]!, true);
  return out;
}

function stringColumn(values: readonly string[]): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const value of values) {
    const bytes = utf8.encode(value);
    parts.push(varint(bytes.length), bytes);
  }
  return concat(parts);
}

function header(name: string, type: string): Uint8Array {
  return stringColumn([name, type]);
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  while (rest > 127) {
    bytes.push((rest & 127) | 128);
    rest = Math.floor(rest / 128);
  }
  bytes.push(rest);
  return Uint8Array.from(bytes);
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
