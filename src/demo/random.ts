/** Chance from a seed: the demo makes the same people, titles and visits from the same seed. */

export interface Random {
  /** 0 <= x < 1 */
  next(): number;
  /** Whole, low <= x <= high. */
  between(low: number, high: number): number;
  chance(probability: number): boolean;
  pick<T>(from: readonly T[]): T;
  /** 32 random bits. */
  bits(): number;
}

/** A stream of numbers that depends on nothing but the seeds given (sfc32, mixed from all of them). */
export function createRandom(...seeds: readonly number[]): Random {
  let a = 0x9e3779b9;
  let b = 0x243f6a88;
  let c = 0xb7e15162;
  let counter = 1;
  const bits = () => {
    const t = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + t) | 0;
    return t >>> 0;
  };
  for (const seed of seeds) {
    a ^= seed | 0;
    b ^= Math.floor(seed / 2 ** 32) | 0;
    for (let i = 0; i < 12; i++) bits();
  }
  const next = () => bits() / 2 ** 32;
  return {
    next,
    bits,
    between: (low, high) => low + Math.floor(next() * (high - low + 1)),
    chance: (probability) => next() < probability,
    pick: (from) => from[Math.floor(next() * from.length)]!,
  };
}
