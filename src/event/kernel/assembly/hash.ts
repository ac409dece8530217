/** XXH64 and Kafka's murmur2, as in ../hash.ts. */

const P1: u64 = 11400714785074694791;
const P2: u64 = 14029467366897019727;
const P3: u64 = 1609587929392839161;
const P4: u64 = 9650029242287828579;
const P5: u64 = 2870177450012600261;

@inline
function round(lane: u64, input: u64): u64 {
  return rotl<u64>(lane + input * P2, 31) * P1;
}

@inline
function mergeRound(hash: u64, lane: u64): u64 {
  return (hash ^ round(0, lane)) * P1 + P4;
}

export function hash64(p: usize, length: u32, seed: u64): u64 {
  const end = p + length;
  let hash: u64;
  if (length >= 32) {
    let a = seed + P1 + P2;
    let b = seed + P2;
    let c = seed;
    let d = seed - P1;
    do {
      a = round(a, load<u64>(p));
      b = round(b, load<u64>(p, 8));
      c = round(c, load<u64>(p, 16));
      d = round(d, load<u64>(p, 24));
      p += 32;
    } while (p + 32 <= end);
    hash = rotl<u64>(a, 1) + rotl<u64>(b, 7) + rotl<u64>(c, 12) + rotl<u64>(d, 18);
    hash = mergeRound(mergeRound(mergeRound(mergeRound(hash, a), b), c), d);
  } else {
    hash = seed + P5;
  }
  hash += length;
  for (; p + 8 <= end; p += 8) hash = rotl<u64>(hash ^ round(0, load<u64>(p)), 27) * P1 + P4;
  if (p + 4 <= end) {
    hash = rotl<u64>(hash ^ (<u64>load<u32>(p) * P1), 23) * P2 + P3;
    p += 4;
  }
  for (; p < end; p++) hash = rotl<u64>(hash ^ (<u64>load<u8>(p) * P5), 11) * P1;
  hash = (hash ^ (hash >> 33)) * P2;
  hash = (hash ^ (hash >> 29)) * P3;
  return hash ^ (hash >> 32);
}

export function positiveMurmur2(p: usize, length: u32): u32 {
  const m: u32 = 0x5bd1e995;
  const end = p + length;
  let hash: u32 = 0x9747b28c ^ length;
  for (; p + 4 <= end; p += 4) {
    let k = load<u32>(p) * m;
    k ^= k >> 24;
    hash = (hash * m) ^ (k * m);
  }
  const rest = end - p;
  if (rest == 3) hash ^= <u32>load<u8>(p, 2) << 16;
  if (rest >= 2) hash ^= <u32>load<u8>(p, 1) << 8;
  if (rest >= 1) hash = (hash ^ load<u8>(p)) * m;
  hash = (hash ^ (hash >> 13)) * m;
  return (hash ^ (hash >> 15)) & 0x7fffffff;
}

/** Sixteen hex digits, the highest first. */
export function putHex(to: usize, hash: u64): void {
  for (let i = 0; i < 16; i++) {
    const digit = <u32>(hash >> 60);
    store<u8>(to + i, digit < 10 ? digit + 48 : digit + 87);
    hash <<= 4;
  }
}
