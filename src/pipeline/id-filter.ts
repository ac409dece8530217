/**
 * A set of ids that may claim to hold one it does not (about 1 in 1,000), and never denies one it does; two bytes an id.
 *
 * A split block Bloom filter, as Apache Parquet's specification describes it: one block of eight words an id, one bit in
 * each word, so that an id costs one cache line. It grows by further filters, each four times as large as the one before
 * (Almeida et al., Scalable Bloom Filters, 2007).
 */
const WORDS = 8;
/** 16 bits an id. */
const IDS_PER_BLOCK = 16;
const FIRST_BLOCKS = 1 << 12;
const GROWTH = 4;
const SALTS = Int32Array.of(
  0x47b6137b,
  0x44974d91,
  0x8824ad5b,
  0xa2b7289d,
  0x705495c7,
  0x2df1424b,
  0x9efc4947,
  0x5c6bfb31,
);

export class IdFilter {
  readonly #parts: Uint32Array[] = [];
  #blocks = 0;
  /** Ids that still fit into the last part. */
  #room = 0;

  get bytes(): number {
    return this.#parts.reduce((sum, words) => sum + words.byteLength, 0);
  }

  /** `low` and `high` are 64 well mixed bits of the id. */
  add(low: number, high: number): void {
    if (this.#room === 0) this.#grow();
    this.#room--;
    const words = this.#parts[this.#parts.length - 1]!;
    const at = (high & (this.#blocks - 1)) * WORDS;
    for (let i = 0; i < WORDS; i++) words[at + i]! |= 1 << (Math.imul(low, SALTS[i]!) >>> 27);
  }

  /** False: it was never added. */
  mayHave(low: number, high: number): boolean {
    for (const words of this.#parts) if (holds(words, low, high)) return true;
    return false;
  }

  #grow(): void {
    this.#blocks = this.#blocks === 0 ? FIRST_BLOCKS : this.#blocks * GROWTH;
    this.#room = this.#blocks * IDS_PER_BLOCK;
    this.#parts.push(new Uint32Array(this.#blocks * WORDS));
  }
}

function holds(words: Uint32Array, low: number, high: number): boolean {
  const at = (high & (words.length / WORDS - 1)) * WORDS;
  for (let i = 0; i < WORDS; i++)
    if ((words[at + i]! & (1 << (Math.imul(low, SALTS[i]!) >>> 27))) === 0) return false;
  return true;
}
