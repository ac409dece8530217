import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMemoryCache } from '../../src/cache/memory.ts';
import { testCache } from '../contract/cache.ts';

testCache('memory', async (t, observe) => {
  const cache = createMemoryCache({ bytesMax: 16 * 2 ** 20, observe });
  t.after(() => cache.close());
  return cache;
});

const observe = () => {};

test('what was not asked for the longest goes first, and the bound on bytes holds', async () => {
  const cache = createMemoryCache({ bytesMax: 4_000, observe });
  const value = new Uint8Array(700);
  for (const key of ['a', 'b', 'c', 'd']) await cache.set(key, value, 60_000);
  assert.notEqual(await cache.get('a'), null);
  await cache.set('e', value, 60_000);
  const kept = [];
  for (const key of ['a', 'b', 'c', 'd', 'e']) if ((await cache.get(key)) !== null) kept.push(key);
  assert.deepEqual(kept, ['a', 'c', 'd', 'e']);
});

test('a value that would drive out all others is not kept, nor what it would replace', async () => {
  const cache = createMemoryCache({ bytesMax: 4_000, observe });
  await cache.set('a', new Uint8Array(10), 60_000);
  await cache.set('b', new Uint8Array(10), 60_000);
  await cache.set('b', new Uint8Array(3_000), 60_000);
  assert.notEqual(await cache.get('a'), null);
  assert.equal(await cache.get('b'), null);
});

test('the time to live is that of the clock, to the millisecond', async () => {
  let now = 0;
  const cache = createMemoryCache({ bytesMax: 4_000, observe, now: () => now });
  await cache.set('a', new Uint8Array(1), 100);
  now = 99;
  assert.notEqual(await cache.get('a'), null);
  now = 100;
  assert.equal(await cache.get('a'), null);
});
