import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type AccessOptions, createAccess, type Principal } from '../../src/access/access.ts';
import { clientAddress, readAddressList } from '../../src/access/addresses.ts';
import { createApiKey, findApiKey, readApiKeys, readCredential } from '../../src/access/keys.ts';
import { createRateLimiter } from '../../src/access/rate-limit.ts';

const everyone = readAddressList('');
const base: AccessOptions = {
  ingestKeys: [],
  adminKeys: [],
  openWithoutAdminKey: true,
  guardedByVerifiers: false,
  verifiers: [],
  defaultApp: 'main',
  ingestAddresses: everyone,
  adminAddresses: everyone,
  trustedProxies: everyone,
};

const from = (headers: Record<string, string> = {}, url = '/', remoteAddress = '127.0.0.1') => ({
  headers,
  url,
  socket: { remoteAddress },
});

const bearer = (key: string) => from({ authorization: `Bearer ${key}` });

async function outcome(
  options: Partial<AccessOptions>,
  request: ReturnType<typeof from>,
  scope: 'ingest' | 'read' | 'admin',
) {
  const decision = await createAccess({ ...base, ...options }).authorize(request, scope);
  return decision.granted ? decision.principal.id : decision.code;
}

test('without settings: ingest is open, the rest on loopback only', async () => {
  assert.equal(await outcome({}, from(), 'ingest'), 'anonymous');
  assert.equal(await outcome({}, bearer('whatever'), 'ingest'), 'anonymous');
  assert.equal(await outcome({}, from(), 'admin'), 'local');
  assert.equal(await outcome({ openWithoutAdminKey: false }, from(), 'read'), 'missing_credential');
});

test('with keys: each opens its scopes and no other', async () => {
  const ingest = createApiKey('in', 'shop');
  const admin = createApiKey('boss', 'main');
  const options = { ingestKeys: [ingest], adminKeys: [admin] };
  assert.equal(await outcome(options, bearer('in'), 'ingest'), `key:${ingest.id}`);
  assert.equal(await outcome(options, bearer('in'), 'read'), 'wrong_scope');
  assert.equal(await outcome(options, bearer('boss'), 'read'), `key:${admin.id}`);
  assert.equal(await outcome(options, bearer('boss'), 'admin'), `key:${admin.id}`);
  assert.equal(await outcome(options, bearer('boss'), 'ingest'), 'wrong_scope');
  assert.equal(await outcome({ adminKeys: [admin] }, bearer('boss'), 'ingest'), 'anonymous');
  assert.equal(await outcome(options, bearer('other'), 'admin'), 'invalid_credential');
  assert.equal(await outcome(options, from({}, '/?api_key=in'), 'ingest'), `key:${ingest.id}`);
  assert.equal(await outcome(options, from({}, '/?api_key=boss'), 'admin'), 'missing_credential');
});

test('verifiers come after the keys, may wait, and can guard without keys', async () => {
  const reader: Principal = { id: 'jwt:ann', app: 'main', apps: ['shop'], scopes: ['read'] };
  const verifiers = [() => null, async (token: string) => (token === 'jwt' ? reader : null)];
  const options = { verifiers, guardedByVerifiers: true };
  assert.equal(await outcome(options, bearer('jwt'), 'read'), 'jwt:ann');
  assert.equal(await outcome(options, bearer('jwt'), 'admin'), 'wrong_scope');
  assert.equal(await outcome(options, bearer('bad'), 'read'), 'invalid_credential');
  assert.equal(await outcome(options, from(), 'read'), 'missing_credential');
});

test('a verifier says why, and an open door stays open all the same', async () => {
  const verifiers = [(token: string) => (token === 'old' ? { refused: 'It is old.' } : null)];
  const closed = createAccess({ ...base, verifiers, guardedByVerifiers: true, ingestKeyRequired: true });
  for (const scope of ['ingest', 'read', 'admin'] as const) {
    assert.deepEqual(await closed.authorize(bearer('old'), scope), {
      granted: false,
      code: 'invalid_credential',
      detail: 'It is old.',
    });
  }
  assert.equal(await outcome({ verifiers }, bearer('old'), 'ingest'), 'anonymous');
  assert.equal(await outcome({ verifiers }, bearer('old'), 'read'), 'local');
});

test('ingest that asks for a key takes those of verifiers, and nobody else', async () => {
  const sender: Principal = { id: 'key:k', app: 'shop', apps: ['shop'], scopes: ['ingest'] };
  const options = { ingestKeyRequired: true, verifiers: [(key: string) => (key === 'k' ? sender : null)] };
  assert.equal(await outcome(options, bearer('k'), 'ingest'), 'key:k');
  assert.equal(await outcome(options, from(), 'ingest'), 'missing_credential');
  assert.equal(await outcome(options, bearer('other'), 'ingest'), 'invalid_credential');
  assert.equal(await outcome({ ...options, ingestKeyRequired: false }, from(), 'ingest'), 'anonymous');
});

test('known credentials are decided on at once', () => {
  const sender: Principal = { id: 'key:k', app: 'shop', apps: null, scopes: ['ingest'] };
  const access = createAccess({
    ...base,
    ingestKeys: [createApiKey('in', 'shop')],
    verifiers: [() => sender],
  });
  for (const key of ['in', 'k']) assert.ok(!(access.authorize(bearer(key), 'ingest') instanceof Promise));
});

test('address lists: v4, v6, mapped, behind trusted proxies', async () => {
  const list = readAddressList('10.0.0.0/8, 2001:db8::/32, 192.168.1.7');
  for (const [address, inside] of [
    ['10.9.9.9', true],
    ['11.0.0.1', false],
    ['2001:db8:1::1', true],
    ['2001:db9::1', false],
    ['192.168.1.7', true],
    ['192.168.1.8', false],
    ['nonsense', false],
  ] as const) {
    assert.equal(list.has(address), inside, address);
  }
  for (const bad of ['10.0.0.0/33', '10.0.0/8', 'example.org', '::1/', '1.1.1.1/-1']) {
    assert.throws(() => readAddressList(bad), TypeError, bad);
  }
  const options = { adminAddresses: list };
  assert.equal(await outcome(options, from({}, '/', '::ffff:10.1.1.1'), 'admin'), 'local');
  assert.equal(await outcome(options, from({}, '/', '8.8.8.8'), 'admin'), 'address_forbidden');
  assert.equal(await outcome(options, from({}, '/', '8.8.8.8'), 'ingest'), 'anonymous');
  const proxies = readAddressList('172.16.0.0/12');
  const forwarded = (chain: string, peer: string) =>
    clientAddress(from({ 'x-forwarded-for': chain }, '/', peer), proxies);
  assert.equal(forwarded('10.0.0.1, 8.8.8.8, 172.16.0.9', '172.16.0.1'), '8.8.8.8');
  assert.equal(forwarded('10.0.0.1', '8.8.8.8'), '8.8.8.8');
  assert.equal(forwarded('rubbish', '172.16.0.1'), '172.16.0.1');
});

test('keys as written in a setting, and where a request carries them', () => {
  const keys = readApiKeys(' a , b:shop,', 'main');
  assert.deepEqual(
    keys.map(({ app }) => app),
    ['main', 'shop'],
  );
  assert.equal(findApiKey(keys, 'b'), keys[1]);
  assert.equal(findApiKey(keys, 'b:shop'), null);
  assert.throws(() => readApiKeys(':shop', 'main'), TypeError);
  assert.ok(!JSON.stringify(keys.map(({ id }) => id)).includes('shop'));
  assert.equal(readCredential(from({ authorization: 'bearer  x ' }), false), 'x');
  assert.equal(readCredential(from({ authorization: 'Basic eDo=', 'x-api-key': 'y' }), false), 'y');
  assert.equal(readCredential(from({}, '/?a=1&api_key=k%20z'), true), 'k z');
  assert.equal(readCredential(from({}, '/?api_key=k'), false), null);
});

test('token buckets: debt, refill, bounded memory', () => {
  let at = 0;
  const limiter = createRateLimiter({ tokensPerSecond: 100, burst: 100, bucketsMax: 2, now: () => at });
  assert.equal(limiter.waitMs('a'), 0);
  limiter.spend('a', 300);
  assert.equal(limiter.waitMs('a'), 2010);
  at += 1000;
  assert.equal(limiter.waitMs('a'), 1010);
  assert.equal(limiter.waitMs('b'), 0);
  at += 1010;
  assert.equal(limiter.waitMs('a'), 0);
  limiter.spend('a', 1000);
  limiter.waitMs('b');
  limiter.waitMs('c');
  assert.equal(limiter.waitMs('a'), 0);
});
