import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Principal, Verdict } from '../../src/access/access.ts';
import { digestOf, isSecret, makeSecret } from '../../src/access/keys.ts';
import { createStoredKeys, type StoredKey } from '../../src/access/stored-keys.ts';

/** A catalogue that can be changed, be slow, and be away. */
function setUp() {
  const stored = new Map<string, StoredKey>();
  const catalogue = { asked: 0, away: false, hold: null as Promise<void> | null, now: 0 };
  const keys = createStoredKeys({
    defaultApp: 'main',
    now: () => catalogue.now,
    async find(digest) {
      catalogue.asked += 1;
      const found = stored.get(digest) ?? null;
      const failed = catalogue.away;
      await catalogue.hold;
      if (failed) throw new Error('away');
      return found;
    },
  });
  const add = (key: Partial<StoredKey> = {}) => {
    const { secret, digest } = makeSecret();
    stored.set(digest, { id: 'k', scopes: ['ingest'], apps: null, ...key });
    return { secret, revoke: () => stored.delete(digest) };
  };
  return { keys, catalogue, add };
}

const idOf = (verdict: Verdict) => (verdict as Principal).id ?? null;
/** What is under way behind an answer has been done. */
const settled = () => new Promise(setImmediate);

test('a secret: 256 bits behind a prefix, kept as its hash', () => {
  const { secret, prefix, digest } = makeSecret();
  assert.match(secret, /^slk_[\w-]{43}$/);
  assert.ok(secret.startsWith(prefix) && prefix.length === 8);
  assert.equal(digest, digestOf(secret));
  assert.equal(Buffer.from(secret.slice(4), 'base64url').length, 32);
  assert.equal(new Set(Array.from({ length: 100 }, () => makeSecret().secret)).size, 100);
  for (const other of ['', 'slk_', `${secret}x`, secret.slice(1), `x${secret}`, `${secret}\n`])
    assert.equal(isSecret(other), false, other);
});

test('who it is: the app of its events, the apps it may see', async () => {
  const { keys, add } = setUp();
  const all = (await keys.verify(add({ id: 'all' }).secret)) as Principal;
  assert.deepEqual(all, { id: 'key:all', app: 'main', apps: null, scopes: ['ingest'] });
  const some = (await keys.verify(add({ apps: ['b', 'a'] }).secret)) as Principal;
  assert.deepEqual([some.app, some.apps], ['b', ['b', 'a']]);
  const none = (await keys.verify(add({ apps: [] }).secret)) as Principal;
  assert.deepEqual([none.app, none.apps], ['main', []]);
});

test('what is no key of the catalogue is not looked up', () => {
  const { keys, catalogue } = setUp();
  for (const other of ['', 'boss', 'slk_short', 'eyJ.e30.x']) assert.equal(keys.verify(other), null);
  assert.equal(catalogue.asked, 0);
});

test('a known key is told at once, and looked up behind the answer', async () => {
  const { keys, catalogue, add } = setUp();
  const { secret, revoke } = add();
  assert.equal(idOf(await keys.verify(secret)), 'key:k');
  for (let i = 0; i < 100; i++) assert.equal(idOf(keys.verify(secret) as Verdict), 'key:k');
  assert.equal(catalogue.asked, 1);
  for (catalogue.now = 500; catalogue.now < 20_000; catalogue.now += 500) {
    assert.ok(!(keys.verify(secret) instanceof Promise), `at ${catalogue.now} ms`);
    await settled();
  }
  assert.ok(catalogue.asked <= 21, `asked ${catalogue.asked} times in 20 s`);
  revoke();
  catalogue.now += 1_000;
  assert.equal(idOf(keys.verify(secret) as Verdict), 'key:k', 'the last answer from memory');
  await settled();
  assert.ok('refused' in (keys.verify(secret) as object));
});

test('an idle key that was revoked opens nothing, not even once', async () => {
  const { keys, catalogue, add } = setUp();
  const { secret, revoke } = add();
  await keys.verify(secret);
  revoke();
  catalogue.now += 4_000;
  assert.ok('refused' in (await keys.verify(secret))!);
});

test('a change of this process counts at once, also for a look-up that is under way', async () => {
  const { keys, catalogue, add } = setUp();
  const { secret, revoke } = add();
  await keys.verify(secret);
  revoke();
  keys.forget();
  assert.ok('refused' in (await keys.verify(secret))!);
  const other = add();
  const gate = Promise.withResolvers<void>();
  catalogue.hold = gate.promise;
  const early = keys.verify(other.secret);
  other.revoke();
  keys.forget();
  gate.resolve();
  assert.equal(idOf(await early), 'key:k', 'it was good when it was asked');
  assert.ok('refused' in (await keys.verify(other.secret))!);
});

test('an unknown secret is asked once a second, however often it comes', async () => {
  const { keys, catalogue } = setUp();
  const { secret } = makeSecret();
  await Promise.all(Array.from({ length: 50 }, () => keys.verify(secret)));
  assert.equal(catalogue.asked, 1);
  for (let i = 0; i < 50; i++) assert.ok('refused' in (keys.verify(secret) as object));
  assert.equal(catalogue.asked, 1);
});

test('look-ups are bounded, and known keys do not wait for those of strangers', async () => {
  const { keys, catalogue, add } = setUp();
  const { secret } = add();
  await keys.verify(secret);
  const gate = Promise.withResolvers<void>();
  catalogue.hold = gate.promise;
  const strangers = Array.from({ length: 100 }, async () => await keys.verify(makeSecret().secret));
  const outcomes = Promise.allSettled(strangers);
  assert.equal(idOf(keys.verify(secret) as Verdict), 'key:k');
  gate.resolve();
  const refused = (await outcomes).filter(({ status }) => status === 'rejected');
  assert.equal(refused.length, 36);
});

test('while the catalogue is away known keys stay good for ten minutes, strangers are told to wait', async () => {
  const { keys, catalogue, add } = setUp();
  const { secret, revoke } = add();
  await keys.verify(secret);
  catalogue.away = true;
  for (catalogue.now = 1_000; catalogue.now < 600_000; catalogue.now += 777)
    assert.equal(idOf(await keys.verify(secret)), 'key:k', `at ${catalogue.now} ms`);
  await assert.rejects(async () => await keys.verify(add().secret), /away/);
  catalogue.now = 600_001;
  await assert.rejects(async () => await keys.verify(secret), /away/);
  catalogue.away = false;
  assert.equal(idOf(await keys.verify(secret)), 'key:k');
  revoke();
  catalogue.now += 4_000;
  assert.ok('refused' in (await keys.verify(secret))!);
});

test('a catalogue that hangs holds a known key up for half a second at most', async () => {
  const { keys, catalogue, add } = setUp();
  const { secret } = add();
  await keys.verify(secret);
  const gate = Promise.withResolvers<void>();
  catalogue.hold = gate.promise;
  catalogue.now += 10_000;
  const began = performance.now();
  assert.equal(idOf(await keys.verify(secret)), 'key:k');
  assert.ok(performance.now() - began < 3_000);
  assert.ok(!(keys.verify(secret) instanceof Promise), 'then it counts as away');
  gate.resolve();
});
