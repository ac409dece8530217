/** The two hashes of the kernel, written plainly; the WebAssembly kernel computes the same. */

const mask = (1n << 64n) - 1n;
const p1 = 11400714785074694791n;
const p2 = 14029467366897019727n;
const p3 = 1609587929392839161n;
const p4 = 9650029242287828579n;
const p5 = 2870177450012600261n;

function rotate(x: bigint, by: bigint): bigint {
  return ((x << by) | (x >> (64n - by))) & mask;
}

function round(lane: bigint, input: bigint): bigint {
  return (rotate((lane + input * p2) & mask, 31n) * p1) & mask;
}

function mergeRound(hash: bigint, lane: bigint): bigint {
  return ((hash ^ round(0n, lane)) * p1 + p4) & mask;
}

function readLanes(view: DataView, seed: bigint): { hash: bigint; at: number } {
  let [a, b, c, d] = [(seed + p1 + p2) & mask, (seed + p2) & mask, seed, (seed - p1) & mask];
  let at = 0;
  for (; at + 32 <= view.byteLength; at += 32) {
    a = round(a, view.getBigUint64(at, true));
    b = round(b, view.getBigUint64(at + 8, true));
    c = round(c, view.getBigUint64(at + 16, true));
    d = round(d, view.getBigUint64(at + 24, true));
  }
  const sum = (rotate(a, 1n) + rotate(b, 7n) + rotate(c, 12n) + rotate(d, 18n)) & mask;
  return { hash: [a, b, c, d].reduce(mergeRound, sum), at };
}

/** XXH64 of the bytes, an unsigned 64-bit integer. `seed` is one too. */
export function hash64(bytes: Uint8Array, seed = 0n): bigint {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let { hash, at } = bytes.length >= 32 ? readLanes(view, seed) : { hash: (seed + p5) & mask, at: 0 };
  hash = (hash + BigInt(bytes.length)) & mask;
  for (; at + 8 <= bytes.length; at += 8) {
    hash = (rotate(hash ^ round(0n, view.getBigUint64(at, true)), 27n) * p1 + p4) & mask;
  }
  if (at + 4 <= bytes.length) {
    hash = (rotate(hash ^ ((BigInt(view.getUint32(at, true)) * p1) & mask), 23n) * p2 + p3) & mask;
    at += 4;
  }
  for (; at < bytes.length; at++) {
    hash = (rotate(hash ^ ((BigInt(view.getUint8(at)) * p5) & mask), 11n) * p1) & mask;
  }
  hash = ((hash ^ (hash >> 33n)) * p2) & mask;
  hash = ((hash ^ (hash >> 29n)) * p3) & mask;
  return hash ^ (hash >> 32n);
}

/** hash64 of texts in UTF-8 with 0x1f between them. */
export function hashParts(...parts: string[]): bigint {
  return hash64(Buffer.from(parts.join('\x1f')));
}

/** A 64-bit hash as 16 hex digits. */
export function hex16(hash: bigint): string {
  return hash.toString(16).padStart(16, '0');
}

/** The view of a session and a video when the client names none. */
export function deriveViewId(sessionId: string, videoId: string): string {
  return `v_${hex16(hashParts(sessionId, videoId))}`;
}

/** Kafka's murmur2 of a key, masked positive: modulo the partitions it is where Java producers put the key. */
export function positiveMurmur2(bytes: Uint8Array): number {
  const m = 0x5bd1e995;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let hash = 0x9747b28c ^ bytes.length;
  let at = 0;
  for (; at + 4 <= bytes.length; at += 4) {
    let k = Math.imul(view.getInt32(at, true), m);
    k ^= k >>> 24;
    hash = Math.imul(hash, m) ^ Math.imul(k, m);
  }
  const rest = bytes.length - at;
  if (rest === 3) hash ^= view.getUint8(at + 2) << 16;
  if (rest >= 2) hash ^= view.getUint8(at + 1) << 8;
  if (rest >= 1) hash = Math.imul(hash ^ view.getUint8(at), m);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, m);
  return (hash ^ (hash >>> 15)) & 0x7fffffff;
}
