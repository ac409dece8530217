import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Cache, CacheOperation, CacheOutcome } from '../../src/cache/cache.ts';

export interface CacheUnderTest {
  readonly cache: Cache;
  /** What was observed, as `operation outcome`. */
  readonly seen: readonly string[];
}

/** Gives an empty one, and closes it with the test. */
export type OpenCacheUnderTest = (
  t: TestContext,
  observe: (operation: CacheOperation, outcome: CacheOutcome) => void,
) => Promise<Cache>;

const bytes = (text: string) => Buffer.from(text);
const text = (value: Uint8Array | null) => (value === null ? null : Buffer.from(value).toString());

/** What every cache does, wherever it keeps its bytes. */
export function testCache(name: string, open: OpenCacheUnderTest): void {
  async function start(t: TestContext): Promise<CacheUnderTest> {
    const seen: string[] = [];
    return { cache: await open(t, (...words) => seen.push(words.join(' '))), seen };
  }

  describe(`cache contract: ${name}`, () => {
    it('gives back the bytes that it was given, and null for what it does not have', async (t) => {
      const { cache, seen } = await start(t);
      const all = Uint8Array.from({ length: 256 }, (_, i) => i);
      await cache.set('ключ {a}:b', all, 60_000);
      assert.deepEqual(Uint8Array.from((await cache.get('ключ {a}:b'))!), all);
      assert.equal(await cache.get('other'), null);
      await cache.set('empty', bytes(''), 60_000);
      assert.equal(text(await cache.get('empty')), '');
      assert.deepEqual(seen, ['set done', 'get hit', 'get miss', 'set done', 'get hit']);
    });

    it('replaces, and deletes', async (t) => {
      const { cache } = await start(t);
      await cache.set('a', bytes('one'), 60_000);
      await cache.set('a', bytes('two'), 60_000);
      assert.equal(text(await cache.get('a')), 'two');
      await cache.delete('a');
      await cache.delete('never there');
      assert.equal(await cache.get('a'), null);
    });

    it('keeps the bytes as they were, whatever becomes of those it was given', async (t) => {
      const { cache } = await start(t);
      const given = bytes('before');
      await cache.set('a', given.subarray(0, 3), 60_000);
      given.fill(0);
      assert.equal(text(await cache.get('a')), 'bef');
    });

    it('forgets when the time is over, and a later set gives a new time', async (t) => {
      const { cache } = await start(t);
      await cache.set('short', bytes('x'), 40);
      await cache.set('long', bytes('y'), 40);
      await cache.set('long', bytes('z'), 60_000);
      while ((await cache.get('short')) !== null) await delay(5);
      assert.equal(text(await cache.get('long')), 'z');
    });

    it('takes megabytes, and many callers at once', async (t) => {
      const { cache } = await start(t);
      const large = Buffer.alloc(2 * 2 ** 20, 'ab');
      await cache.set('large', large, 60_000);
      assert.ok(large.equals((await cache.get('large'))!));
      const keys = Array.from({ length: 200 }, (_, i) => `k${i}`);
      await Promise.all(keys.map((key) => cache.set(key, bytes(key), 60_000)));
      const values = await Promise.all(keys.map((key) => cache.get(key)));
      assert.deepEqual(values.map(text), keys);
    });

    it('is well, and says so', async (t) => {
      const { cache } = await start(t);
      assert.deepEqual(cache.state(), { ok: true, reason: null });
    });
  });
}
