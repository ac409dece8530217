import assert from 'node:assert/strict';
import { test } from 'node:test';
import { deriveViewId, hash64, hashParts, hex16, positiveMurmur2 } from '../../../src/event/kernel/hash.ts';

test('hash64 is XXH64', () => {
  const known = [
    ['', 0xef46db3751d8e999n],
    ['a', 0xd24ec4f1a98c6e5bn],
    ['abc', 0x44bc2cf5ad770999n],
    ['Nobody inspects the spammish repetition', 0xfbcea83c8a378bf1n],
  ] as const;
  for (const [text, hash] of known) assert.equal(hash64(Buffer.from(text)), hash);
  assert.notEqual(hash64(Buffer.from('a'), 1n), hash64(Buffer.from('a')));
});

test('hashParts keeps its parts apart', () => {
  assert.notEqual(hashParts('ab', 'c'), hashParts('a', 'bc'));
  assert.equal(hex16(0xabcn), '0000000000000abc');
  assert.equal(deriveViewId('s', 'v'), `v_${hex16(hash64(Buffer.from('s\x1fv')))}`);
});

test('positiveMurmur2 is where Kafka puts a key', () => {
  // The vectors of Kafka's own test (UtilsTest), masked positive.
  const known = [
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ['abc', 479470107],
  ] as const;
  for (const [key, hash] of known) assert.equal(positiveMurmur2(Buffer.from(key)), hash & 0x7fffffff);
});
