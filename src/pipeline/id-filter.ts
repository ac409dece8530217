/**
 * A set of ids that may claim to hold one it does not (about 1 in 10,000), and never denies one it does; three bytes an id.
 *
 * A split block Bloom filter, as Apache Parquet's specification describes it: one block of eight words an id, one bit in
 * each word, so that an id costs one cache line. It grows by further filters, each four times as large as the one before
 * (Almeida et al., Scalable Bloom Filters, 2007).
 */
const WORDS = 8;
/** 25.6 bits an id. With 16 one late event in 700 was looked up for nothing, at every generation that it might be of. */
const IDS_PER_BLOCK = 10;
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
  readonly #firstBlocks: number;
  /** Nobody's; a look without any use would be left out by the compiler. */
  touched = 0;

  /** `idsLikely`: how many it may come to hold. Where they are no more, one part has them all, and a question is one look. */
  constructor(idsLikely = 0) {
    this.#firstBlocks = Math.max(FIRST_BLOCKS, Math.ceil(idsLikely / IDS_PER_BLOCK));
  }

  get bytes(): number {
    return this.#parts.reduce((sum, words) => sum + words.byteLength, 0);
  }

  /** `low` and `high` are 64 well mixed bits of the id. */
  add(low: number, high: number): void {
    if (this.#room === 0) this.#grow();
    this.#room--;
    const words = this.#parts[this.#parts.length - 1]!;
    const at = blockAt(high, this.#blocks);
    for (let i = 0; i < WORDS; i++) words[at + i]! |= 1 << (Math.imul(low, SALTS[i]!) >>> 27);
  }

  /** False: it was never added. */
  mayHave(low: number, high: number): boolean {
    for (const words of this.#parts) if (holds(words, low, high)) return true;
    return false;
  }

  /** Brings the places in which the keys would be added into the caches; `keys` has two words each. */
  touchForAdd(keys: Uint32Array, count: number): void {
    const words = this.#parts.at(-1);
    if (words) this.touched = touch(words, keys, count);
  }

  /** The same for `mayHave`. */
  touchForQuestion(keys: Uint32Array, count: number): void {
    for (const words of this.#parts) this.touched = touch(words, keys, count);
  }

  #grow(): void {
    this.#blocks = this.#blocks === 0 ? this.#firstBlocks : this.#blocks * GROWTH;
    this.#room = this.#blocks * IDS_PER_BLOCK;
    this.#parts.push(new Uint32Array(this.#blocks * WORDS));
  }
}

/** Where the block of an id begins: the hash's part of 2^32, so that any number of blocks will do. */
function blockAt(high: number, blocks: number): number {
  return (((high * blocks) / 0x1_0000_0000) >>> 0) * WORDS;
}

function holds(words: Uint32Array, low: number, high: number): boolean {
  const at = blockAt(high, words.length / WORDS);
  for (let i = 0; i < WORDS; i++)
    if ((words[at + i]! & (1 << (Math.imul(low, SALTS[i]!) >>> 27))) === 0) return false;
  return true;
}

function touch(words: Uint32Array, keys: Uint32Array, count: number): number {
  const blocks = words.length / WORDS;
  let seen = 0;
  for (let k = 1; k < count * 2; k += 2) seen |= words[blockAt(keys[k]!, blocks)]!;
  return seen;
}
