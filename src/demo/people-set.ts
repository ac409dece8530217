/** A set of small whole numbers in one bit each: who was seen. */
export interface PeopleSet {
  add(number: number): void;
  readonly size: number;
  /** As base64, for the state file. */
  save(): string;
}

/** An empty set, or the one that `save` gave. */
export function createPeopleSet(saved = ''): PeopleSet {
  let bits = new Uint8Array(Buffer.from(saved, 'base64'));
  let size = 0;
  for (const byte of bits) for (let rest = byte; rest > 0; rest &= rest - 1) size++;
  return {
    add(number) {
      const byte = number >> 3;
      if (byte >= bits.length) {
        const larger = new Uint8Array(Math.max(2 * bits.length, byte + 1, 64));
        larger.set(bits);
        bits = larger;
      }
      const mask = 1 << (number & 7);
      if ((bits[byte]! & mask) !== 0) return;
      bits[byte]! |= mask;
      size++;
    },
    get size() {
      return size;
    },
    save: () => Buffer.from(bits).toString('base64'),
  };
}
