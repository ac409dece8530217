import assert from 'node:assert/strict';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { Cache, CacheOperation, CacheOutcome } from '../../src/cache/cache.ts';
import { openRedisCache } from '../../src/cache/redis.ts';
import { testCache } from '../contract/cache.ts';
import { silentLog } from '../support/clickhouse.ts';
import { freePort } from '../support/ports.ts';
import { redisMissing, startRedis } from '../support/redis.ts';

type Observe = (operation: CacheOperation, outcome: CacheOutcome) => void;

/** Slow machines are no reason to fail; what has to be quick is asserted by what is observed. */
const patient = { timeoutMs: 5_000, pauseMs: 200 };

async function open(
  t: TestContext,
  url: string,
  observe: Observe = () => {},
  options = patient,
  log = silentLog,
): Promise<Cache> {
  const cache = openRedisCache({ url, ...options }, observe, log);
  t.after(() => cache.close());
  return cache;
}

/** Resolves when the cache says that it is as wanted; the test's timeout ends a wait for ever. */
async function until(cache: Cache, ok: boolean): Promise<void> {
  while (cache.state().ok !== ok) await delay(5);
}

describe('Redis', { skip: redisMissing, timeout: 60_000 }, () => {
  testCache('Redis', async (t, observe) => {
    const { url } = await startRedis(t);
    const cache = await open(t, url, observe);
    await until(cache, true);
    return cache;
  });

  test('two processes share what is in it, in the database that the URL names', async (t) => {
    const { url } = await startRedis(t);
    const [one, other, elsewhere] = [
      await open(t, `${url}/4`),
      await open(t, `${url.replace('redis:', 'valkey:')}/4`),
      await open(t, `${url}/5`),
    ];
    for (const cache of [one, other, elsewhere]) await until(cache, true);
    await one.set('a', Buffer.from('shared'), 60_000);
    assert.equal(Buffer.from((await other.get('a'))!).toString(), 'shared');
    assert.equal(await elsewhere.get('a'), null);
  });

  test('a password is sent, and a wrong one is no cache', async (t) => {
    const { url, port } = await startRedis(t, { password: 'p@ss word' });
    const cache = await open(t, url);
    await until(cache, true);
    await cache.set('a', Buffer.from('x'), 60_000);
    assert.notEqual(await cache.get('a'), null);
    const stranger = await open(t, `redis://:wrong@127.0.0.1:${port}`);
    await stranger.set('b', Buffer.from('x'), 60_000);
    assert.equal(await stranger.get('b'), null);
    await until(stranger, false);
  });

  test('a server that is away costs nothing, and is used again when it is back', async (t) => {
    const port = await freePort();
    const seen: string[] = [];
    const warnings: string[] = [];
    const log = { ...silentLog, warn: (_facts: object, message: string) => void warnings.push(message) };
    const cache = await open(
      t,
      `redis://:hush@127.0.0.1:${port}`,
      (...words) => seen.push(words.join(' ')),
      patient,
      log,
    );
    assert.equal(await cache.get('a'), null);
    await cache.set('a', Buffer.from('x'), 1_000);
    assert.deepEqual(seen, ['get skipped', 'set skipped']);
    while (warnings.length === 0) await delay(5);
    assert.match(cache.state().reason!, new RegExp(`127\\.0\\.0\\.1:${port}.*ECONNREFUSED`));
    assert.doesNotMatch(warnings.join(), /hush/);
    const server = await startRedis(t, { port, password: 'hush' });
    await until(cache, true);
    await cache.set('a', Buffer.from('x'), 60_000);
    assert.notEqual(await cache.get('a'), null);
    assert.equal(warnings.length, 1);
    await server.kill();
    await until(cache, false);
    assert.equal(await cache.get('a'), null);
    await startRedis(t, { port, password: 'hush' });
    await until(cache, true);
    // It kept nothing over its crash.
    assert.equal(await cache.get('a'), null);
    assert.equal(seen.at(-1), 'get miss');
  });

  test('a server that stands still costs one timeout, then it is left alone for a while', async (t) => {
    const server = await startRedis(t);
    const seen: string[] = [];
    const observe: Observe = (...words) => void seen.push(words.join(' '));
    const cache = await open(t, server.url, observe, { timeoutMs: 50, pauseMs: 600_000 });
    await until(cache, true);
    server.pause();
    assert.equal(await cache.get('a'), null);
    assert.equal(await cache.get('a'), null);
    await cache.set('a', Buffer.from('x'), 1_000);
    assert.deepEqual(seen, ['get failed', 'get skipped', 'set skipped']);
    assert.equal(cache.state().ok, false);
    server.resume();
  });

  test('after the pause it is tried again', async (t) => {
    const server = await startRedis(t);
    const cache = await open(t, server.url, () => {}, { timeoutMs: 50, pauseMs: 50 });
    await until(cache, true);
    server.pause();
    assert.equal(await cache.get('a'), null);
    server.resume();
    for (let value: Uint8Array | null = null; value === null; ) {
      await cache.set('a', Buffer.from('x'), 60_000);
      value = await cache.get('a');
    }
    assert.deepEqual(cache.state(), { ok: true, reason: null });
  });
});
