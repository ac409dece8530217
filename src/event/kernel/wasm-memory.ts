/** The memory of one block in the WebAssembly kernel: row arrays, String columns and interned texts, growing. */
import { type StringColumnName, stringColumnNames, textColumnNames } from '../kernel.ts';
import { type RowArrayName, type RowType, rowArrays, rowTypeBytes, viewRows } from './rows.ts';
import type { KernelInstance, Region } from './wasm-module.ts';

export type RowViews = {
  [A in (typeof rowArrays)[number] as A['name']]: ReturnType<typeof viewRows<A['type']>>;
};

const textsAtFirst = 1024;
const arenaBytesAtFirst = 1 << 16;

export class BlockMemory {
  readonly #instance: KernelInstance;
  readonly #arrays: readonly Region[];
  readonly #columns: readonly Region[];
  readonly #slices: Region;
  readonly #arena: Region;
  #table: Region;
  #rowsMax: number;
  #views: RowViews | null = null;
  #viewsOf: ArrayBuffer | null = null;

  constructor(instance: KernelInstance, rowsMax: number, bytesMax: number) {
    this.#instance = instance;
    this.#rowsMax = rowsMax;
    this.#arrays = rowArrays.map(({ type, perRow }) =>
      instance.allocate(rowsMax * perRow * rowTypeBytes[type]),
    );
    // Properties are most of a block, so that a share of an eighth each is room for the others, and they grow first.
    this.#columns = stringColumnNames.map(() => instance.allocate(Math.ceil(bytesMax / 8)));
    this.#slices = instance.allocate(textsAtFirst * 8);
    this.#arena = instance.allocate(arenaBytesAtFirst);
    this.#table = instance.allocate(textsAtFirst * 2 * 4);
    this.#publish();
  }

  /** The row arrays, as they are now. */
  get views(): RowViews {
    if (this.#views === null || this.#viewsOf !== this.#instance.buffer) {
      this.#views = this.#makeViews();
      this.#viewsOf = this.#instance.buffer;
    }
    return this.#views;
  }

  /** The bytes of a String column so far. */
  column(name: StringColumnName): Uint8Array {
    const i = stringColumnNames.indexOf(name);
    return new Uint8Array(this.#instance.buffer, this.#columns[i]!.at, this.#used(i));
  }

  /** Bytes of all String columns so far. */
  get columnBytes(): number {
    return stringColumnNames.reduce((sum, _, i) => sum + this.#used(i), 0);
  }

  clear(): void {
    const strings = this.#strings;
    for (const i of stringColumnNames.keys()) strings[i * 2 + 1] = 0;
  }

  /** Room for a record of that size in every String column. */
  reserve(recordBytes: number): void {
    const strings = this.#strings;
    for (let i = 0; i < this.#columns.length; i++) {
      const used = strings[i * 2 + 1]!;
      const moved = this.#instance.grow(this.#columns[i]!, used + recordBytes + 1024, used);
      // The memory may have grown under `strings`, and the kernel has to be told.
      if (!moved) continue;
      this.#reserveRest(i + 1, recordBytes);
      return;
    }
  }

  #reserveRest(from: number, recordBytes: number): void {
    for (let i = from; i < this.#columns.length; i++) {
      const used = this.#used(i);
      this.#instance.grow(this.#columns[i]!, used + recordBytes + 1024, used);
    }
    this.#publish();
  }

  /** Room for one more row, and for its texts if the event has no more than that many bytes. */
  makeRoom(eventBytes: number): void {
    const { exports } = this.#instance;
    const rows = exports.rowCount();
    if (rows === this.#rowsMax) {
      for (const [i, { type, perRow }] of rowArrays.entries()) {
        const rowBytes = perRow * rowTypeBytes[type];
        this.#instance.grow(this.#arrays[i]!, rows * 2 * rowBytes, rows * rowBytes);
      }
      this.#rowsMax = rows * 2;
    }
    const texts = exports.textCount();
    this.#instance.grow(this.#slices, (texts + textColumnNames.length) * 8, texts * 8);
    const used = texts > 1 ? exports.textAt(texts - 1) + exports.textLength(texts - 1) - this.#arena.at : 0;
    this.#instance.grow(this.#arena, used + eventBytes, used);
    this.#publish();
    this.#growTable();
  }

  /** Twice as many places as there can be texts, so that there is always a free one nearby. */
  #growTable(): void {
    const places = 2 ** Math.ceil(Math.log2(this.#slices.size / 8)) * 2;
    if (places * 4 <= this.#table.size) return;
    this.#table = this.#instance.allocate(places * 4);
    this.#publish();
    this.#instance.bytes.fill(0, this.#table.at, this.#table.at + this.#table.size);
    this.#instance.exports.rebuildTable();
  }

  get #strings(): Uint32Array {
    const { buffer, exports } = this.#instance;
    return new Uint32Array(buffer, exports.stringsAt(), stringColumnNames.length * 2);
  }

  #used(column: number): number {
    return this.#strings[column * 2 + 1]!;
  }

  /** Tells the kernel where everything is. */
  #publish(): void {
    const { buffer, exports } = this.#instance;
    const strings = this.#strings;
    for (const [i, column] of this.#columns.entries()) strings[i * 2] = column.at;
    new Uint32Array(buffer, exports.arraysAt(), this.#arrays.length).set(this.#arrays.map((a) => a.at));
    exports.useRows(this.#rowsMax);
    const [texts, places] = [this.#slices.size / 8, this.#table.size / 4];
    exports.useTexts(this.#slices.at, texts, this.#arena.at, this.#arena.size, this.#table.at, places);
    this.#views = null;
  }

  #makeViews(): RowViews {
    const { buffer } = this.#instance;
    const views = rowArrays.map(({ name, type, perRow }, i) => {
      const view = viewRows<RowType>(type, buffer, this.#arrays[i]!.at, this.#rowsMax * perRow);
      return [name as RowArrayName, view] as const;
    });
    return Object.fromEntries(views) as RowViews;
  }
}
