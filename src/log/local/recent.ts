import type { LogRecord } from '../log.ts';

/**
 * The last records of a partition, still in memory: a reader who keeps up takes them from here, without reading back and
 * checking what was just written. They are durable, like everything that readers see.
 */
export class Recent {
  readonly #bytesMax: number;
  #records: LogRecord[] = [];
  /** Index in `#records` of the oldest that is kept; what lies before it is dropped now and then, not one by one. */
  #head = 0;
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** Records must come in order of offset, without gaps. */
  push(record: LogRecord): void {
    this.#records.push(record);
    this.#bytes += record.value.length;
    while (this.#bytes > this.#bytesMax) {
      this.#bytes -= this.#records[this.#head]!.value.length;
      this.#head++;
    }
    if (this.#head > 1024 && this.#head * 2 > this.#records.length) {
      this.#records = this.#records.slice(this.#head);
      this.#head = 0;
    }
  }

  /** Records from `offset` on, about `maxBytes` of values and at least one; [] when that one is not here. */
  read(offset: number, maxBytes: number): LogRecord[] {
    const oldest = this.#records[this.#head];
    if (!oldest || offset < oldest.offset) return [];
    const found: LogRecord[] = [];
    let bytes = 0;
    for (let i = this.#head + offset - oldest.offset; i < this.#records.length && bytes < maxBytes; i++) {
      const record = this.#records[i]!;
      found.push(record);
      bytes += record.value.length;
    }
    return found;
  }
}
