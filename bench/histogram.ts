/** Counts durations in buckets that grow with them, so that a percentile is right within 1.6 % at any size. */

const SUB_BITS = 6;
const SUBS = 1 << SUB_BITS;

export class Histogram {
  readonly #counts = new Uint32Array(SUBS * 28);
  #total = 0;
  #max = 0;

  get total(): number {
    return this.#total;
  }

  get max(): number {
    return this.#max;
  }

  /** `microseconds` is cut to whole ones. */
  add(microseconds: number): void {
    const value = Math.max(0, Math.min(0x7fffffff, Math.floor(microseconds)));
    this.#counts[bucketOf(value)]!++;
    this.#total++;
    if (value > this.#max) this.#max = value;
  }

  /** The upper bound of the bucket in which `share` (0..1) of the values end; 0 when empty. */
  quantile(share: number): number {
    const wanted = Math.max(1, Math.ceil(this.#total * share));
    let seen = 0;
    for (let bucket = 0; bucket < this.#counts.length; bucket++) {
      seen += this.#counts[bucket]!;
      if (seen >= wanted) return Math.min(this.#max, boundOf(bucket));
    }
    return 0;
  }

  reset(): void {
    this.#counts.fill(0);
    this.#total = 0;
    this.#max = 0;
  }
}

function bucketOf(value: number): number {
  if (value < SUBS) return value;
  const shift = 31 - Math.clz32(value) - SUB_BITS;
  return (shift + 1) * SUBS + ((value >>> shift) - SUBS);
}

function boundOf(bucket: number): number {
  if (bucket < SUBS) return bucket;
  const shift = Math.floor(bucket / SUBS) - 1;
  return ((bucket % SUBS) + SUBS + 1) * 2 ** shift - 1;
}
