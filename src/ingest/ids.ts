/** Ids for events and dead letters that came without one: 16 bytes each, back to back. */
import { createHash, randomFillSync } from 'node:crypto';

export interface IdMaker {
  /** `n` new UUIDv7, in rising order within a call. */
  next(n: number): Uint8Array;
}

/** `now` gives epoch ms. */
export function createIdMaker(now: () => number): IdMaker {
  let sequence = 0;
  return {
    next(n) {
      const ids = randomFillSync(Buffer.allocUnsafe(n * 16));
      const at = now();
      for (let i = 0; i < n; i++) {
        const start = i * 16;
        ids.writeUIntBE(at, start, 6);
        // A running number in the bits after the clock keeps the events of a request in the order they were sent.
        sequence = (sequence + 1) & 0xfff;
        ids.writeUInt16BE(0x7000 | sequence, start + 6);
        ids[start + 8] = (ids[start + 8]! & 0x3f) | 0x80;
      }
      return ids;
    },
  };
}

// The namespace of ids derived from idempotency keys, a random UUID chosen once. Changing it breaks retries.
const idempotencyNamespace = Buffer.from('3f1d3f0f7a944f4d8a51c8b6f2a4e9d1', 'hex');

/** A UUIDv5 that is the same whenever the parts are. */
export function idFromParts(parts: readonly string[]): Buffer {
  const hash = createHash('sha1').update(idempotencyNamespace);
  // The length in front keeps ["a","bc"] and ["ab","c"] apart.
  for (const part of parts) hash.update(`${part.length}:${part}`);
  const id = hash.digest().subarray(0, 16);
  id[6] = (id[6]! & 0x0f) | 0x50;
  id[8] = (id[8]! & 0x3f) | 0x80;
  return id;
}

/** Ids that a retry with the same key, app and body gets again. */
export function createIdempotentIds(app: string, key: string): IdMaker {
  let made = 0;
  return {
    next(n) {
      const ids = Buffer.allocUnsafe(n * 16);
      for (let i = 0; i < n; i++) idFromParts([app, key, String(made++)]).copy(ids, i * 16);
      return ids;
    },
  };
}
