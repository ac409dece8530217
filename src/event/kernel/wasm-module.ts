/** The WebAssembly side: its exports, and its memory laid out in regions that can grow. */

interface Status {
  readonly value: number;
}

/** What assembly/index.ts exports. Addresses are byte offsets in `memory`. */
export interface KernelExports {
  readonly memory: WebAssembly.Memory;
  readonly DONE: Status;
  readonly RARE: Status;
  readonly ROOM: Status;
  readonly IDS: Status;
  readonly WHOLE: Status;
  readonly TOO_MANY: Status;
  heapStart(): number;
  useScratch(at: number): void;
  setClock(receivedAt: number, sentAt: number, oldest: number, newest: number): void;
  setWalk(rows: boolean, countMax: number, skip: number, skipLength: number): void;
  begin(start: number, length: number): number;
  run(): number;
  resumeAt(end: number): number;
  walkStart(): number;
  walkAt(): number;
  walkCount(): number;
  hasSentAt(): number;
  sentAt(): number;
  leastSaid(): number;
  mostSaid(): number;
  useLines(start: number, bytes: number, ends: number, keys: number, countMax: number, firstId: number): void;
  beginLines(name: number, nameLength: number): void;
  setIds(at: number, end: number): void;
  idsAt(): number;
  linesEnd(): number;
  lineCount(): number;
  firstIdLength(): number;
  addLine(bytes: number, keyHash: number): void;
  rowCount(): number;
  cutRows(row: number): void;
  useRows(rowsMax: number): void;
  readonly F_ODD_ID: Status;
  setApp(at: number, length: number): void;
  rowsWithoutId(): number;
  arraysAt(): number;
  stringsAt(): number;
  useTexts(
    slices: number,
    countMax: number,
    arena: number,
    arenaBytes: number,
    table: number,
    places: number,
  ): void;
  textCount(): number;
  textAt(id: number): number;
  textLength(id: number): number;
  cutTexts(count: number): void;
  rebuildTable(): void;
  setFound(
    flags: number,
    said: number,
    timestamp: number,
    watchMs: number,
    durationMs: number,
    bitrate: number,
  ): void;
  setFoundId(id0: number, id1: number, id2: number, id3: number): void;
  setFoundCell(cell: number, at: number, length: number): void;
  putFound(index: number): void;
  assignSession(row: number, low: number, high: number, app: number, appLength: number): void;
}

/** Bytes behind every region that loads and stores of 16 and 32 bytes may touch. */
const slackBytes = 64;
const pageBytes = 65_536;
/**
 * One decoded text for each identifier and for each key that means something, 64 of 2 KB at the most; and properties
 * and context, of 32 KB, once more.
 */
const scratchBytes = 256 * 1024;

/** A part of the memory. It moves when it grows; `at` is always where it is now. */
export interface Region {
  at: number;
  /** Without the slack. */
  size: number;
}

/** One instance of the kernel with memory of its own. */
export class KernelInstance {
  readonly exports: KernelExports;
  #next: number;
  #bytes: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  /** The memory as it is now; asked for at each growth alone, since asking takes as long as reading an event. */
  buffer: ArrayBuffer;
  readonly #input: Region;

  constructor(module: WebAssembly.Module) {
    const parseNumber = (at: number, length: number) => Number(this.text(at, length));
    const instance = new WebAssembly.Instance(module, { host: { parseNumber } });
    this.exports = instance.exports as unknown as KernelExports;
    this.buffer = this.exports.memory.buffer;
    this.#next = this.exports.heapStart();
    this.#input = this.allocate(pageBytes);
    this.exports.useScratch(this.allocate(scratchBytes).at);
  }

  /** All of the memory, as it is now: take it anew after anything that may have grown it. */
  get bytes(): Uint8Array<ArrayBuffer> {
    if (this.#bytes.length !== this.buffer.byteLength) this.#bytes = new Uint8Array(this.buffer);
    return this.#bytes;
  }

  text(at: number, length: number): string {
    return Buffer.from(this.bytes.buffer, at, length).toString('utf8');
  }

  allocate(size: number): Region {
    const at = (this.#next + 15) & ~15;
    this.#next = at + size + slackBytes;
    const missing = this.#next - this.buffer.byteLength;
    if (missing > 0) {
      this.exports.memory.grow(Math.ceil(missing / pageBytes));
      this.buffer = this.exports.memory.buffer;
    }
    return { at, size };
  }

  /**
   * Makes a region at least that large, twice as large as before if it has to move, with its first bytes kept. Returns
   * whether it moved.
   */
  grow(region: Region, size: number, keep: number): boolean {
    if (size <= region.size) return false;
    const larger = this.allocate(Math.max(size, region.size * 2));
    this.bytes.copyWithin(larger.at, region.at, region.at + keep);
    region.at = larger.at;
    region.size = larger.size;
    return true;
  }

  /** Copies a body to where the kernel reads it, with the zeros behind it that end every loop. Returns its address. */
  putInput(body: Uint8Array): number {
    this.grow(this.#input, body.length, 0);
    const { at } = this.#input;
    this.bytes.set(body, at);
    this.bytes.fill(0, at + body.length, at + body.length + slackBytes);
    return at;
  }
}
