import assert from 'node:assert/strict';
import { createHmac, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import type { Principal, Verdict } from '../../src/access/access.ts';
import { openKeySet } from '../../src/access/jwks.ts';
import { jwkTokenKey, pemTokenKey, secretTokenKey } from '../../src/access/token-keys.ts';
import { createTokenVerifier, type TokenOptions } from '../../src/access/tokens.ts';

// Tokens are made here by hand, with nothing of what reads them.
const SECRET = 'a secret of thirty-two bytes or so';
const NOW = Date.UTC(2026, 4, 1);
const SECONDS = NOW / 1000;
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const otherRsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const pem = (key: KeyObject) => key.export({ type: 'spki', format: 'pem' }).toString();
const part = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
const claims = (more: object = {}) => ({ sub: 'ann', scope: 'read', exp: SECONDS + 60, ...more });

function signed(header: object, payload: unknown, make: (text: Buffer) => Buffer): string {
  const text = `${part(header)}.${typeof payload === 'string' ? payload : part(payload)}`;
  return `${text}.${make(Buffer.from(text)).toString('base64url')}`;
}
const hs = (payload: object, secret: string | Buffer = SECRET, header: object = {}) =>
  signed({ alg: 'HS256', typ: 'JWT', ...header }, payload, (text) =>
    createHmac('sha256', secret).update(text).digest(),
  );
const rs = (payload: object, key = rsa.privateKey, header: object = {}) =>
  signed({ alg: 'RS256', ...header }, payload, (text) => sign('sha256', text, key));
const es = (payload: object, key = ec.privateKey, header: object = {}) =>
  signed({ alg: 'ES256', ...header }, payload, (text) =>
    sign('sha256', text, { key, dsaEncoding: 'ieee-p1363' }),
  );

const secretKey = secretTokenKey(SECRET);
const verifier = (more: Partial<TokenOptions> = {}) =>
  createTokenVerifier({
    keys: [secretKey, pemTokenKey(pem(rsa.publicKey)), pemTokenKey(pem(ec.publicKey))],
    keySet: null,
    audience: '',
    issuer: '',
    defaultApp: 'main',
    now: () => NOW,
    ...more,
  });
const outcome = (verdict: Verdict) =>
  verdict === null ? null : 'refused' in verdict ? verdict.refused : verdict.id;
const BASE64URL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const UNSIGNED = 'The token is damaged, or not signed for this service.';

test('HS256, RS256, ES256: who it is, what it may do, which apps it may see', async () => {
  const verify = verifier();
  for (const make of [hs, rs, es]) {
    const token = make(claims({ scope: 'read admin sing', apps: ['b', 'a'] }));
    const expected: Principal = { id: 'jwt:ann', app: 'b', apps: ['b', 'a'], scopes: ['read', 'admin'] };
    assert.deepEqual(await verify(token), expected);
  }
  const all = (await verify(hs(claims()))) as Principal;
  assert.deepEqual([all.app, all.apps], ['main', null]);
  const none = (await verify(hs(claims({ apps: [] })))) as Principal;
  assert.deepEqual([none.app, none.apps], ['main', []]);
  for (const scope of [undefined, ['read'], 'Read', 'readadmin', '', 7])
    assert.deepEqual(((await verify(hs(claims({ scope })))) as Principal).scopes, [], JSON.stringify(scope));
  const [one, other] = [{ jti: 1 }, { jti: 2 }].map((more) =>
    hs({ scope: 'read', exp: SECONDS + 60, ...more }),
  );
  assert.notEqual(
    outcome(await verify(one!)),
    outcome(await verify(other!)),
    'nameless tokens are two callers',
  );
  assert.match(String(outcome(await verify(one!))), /^jwt#[0-9a-f]{12}$/);
});

test('times, audience, issuer, apps', async () => {
  const verify = verifier({ audience: 'sluice', issuer: 'https://id.example' });
  const good = { aud: 'sluice', iss: 'https://id.example' };
  const rows: [object, RegExp | string][] = [
    [good, 'jwt:ann'],
    [{ ...good, aud: ['x', 'sluice'] }, 'jwt:ann'],
    [{ ...good, exp: SECONDS - 9 }, 'jwt:ann'],
    [{ ...good, exp: SECONDS - 10 }, /expired/],
    [{ ...good, exp: undefined }, /exp/],
    [{ ...good, exp: null }, /exp/],
    [{ ...good, exp: String(SECONDS + 60) }, /exp/],
    [{ ...good, nbf: SECONDS + 10 }, 'jwt:ann'],
    [{ ...good, nbf: SECONDS + 11 }, /not valid yet/],
    [{ ...good, nbf: 'now' }, /not valid yet/],
    [{ ...good, aud: undefined }, /aud/],
    [{ ...good, aud: 'sluice2' }, /aud/],
    [{ ...good, aud: ['sluic'] }, /aud/],
    [{ ...good, aud: { sluice: true } }, /aud/],
    [{ ...good, iss: undefined }, /iss/],
    [{ ...good, iss: 'https://id.example/' }, /iss/],
    [{ ...good, apps: null }, /apps/],
    [{ ...good, apps: 'a' }, /apps/],
    [{ ...good, apps: [1] }, /apps/],
    [{ ...good, apps: [''] }, /apps/],
  ];
  for (const [more, expected] of rows) {
    const told = String(outcome(await verify(hs(claims(more)))));
    if (typeof expected === 'string') assert.equal(told, expected, JSON.stringify(more));
    else assert.match(told, expected, JSON.stringify(more));
  }
});

test('attacks: none of them is believed, nor told more than that', async () => {
  const body = claims();
  const token = hs(body);
  const [head, payload, signature] = token.split('.') as [string, string, string];
  const rsToken = rs(body);
  const es256 = es(body);
  const der = signed({ alg: 'ES256' }, body, (text) => sign('sha256', text, ec.privateKey));
  const publicPem = pem(rsa.publicKey);
  const publicDer = rsa.publicKey.export({ type: 'spki', format: 'der' });
  const ownJwk = otherRsa.publicKey.export({ format: 'jwk' });
  const pss = signed({ alg: 'RS256' }, body, (text) =>
    sign('sha256', text, { key: rsa.privateKey, padding: 6 }),
  );
  const verify = verifier();
  const attacks: Record<string, string> = {
    'no algorithm': `${part({ alg: 'none' })}.${payload}.`,
    'None, spelled otherwise': `${part({ alg: 'nOnE' })}.${payload}.${signature}`,
    'algorithm missing': `${part({ typ: 'JWT' })}.${payload}.${signature}`,
    'algorithm a list': `${part({ alg: ['HS256'] })}.${payload}.${signature}`,
    'HMAC with the PEM of the public key': hs(body, publicPem),
    'HMAC with the trimmed PEM': hs(body, publicPem.trim()),
    'HMAC with the DER of the public key': hs(body, publicDer),
    'HMAC with nothing': hs(body, ''),
    'HS512 under the same secret': signed({ alg: 'HS512' }, body, (text) =>
      createHmac('sha512', SECRET).update(text).digest(),
    ),
    'RS256 said of an HMAC': `${part({ alg: 'RS256' })}.${payload}.${signature}`,
    'another RSA key': rs(body, otherRsa.privateKey),
    'the key brought along (jwk)': rs(body, otherRsa.privateKey, { jwk: ownJwk }),
    'an address of keys brought along (jku)': rs(body, otherRsa.privateKey, { jku: 'http://127.0.0.1:9/' }),
    'a file as kid': hs(body, '', { kid: '/dev/null' }),
    'kid no text': hs(body, SECRET, { kid: { a: 1 } }),
    'crit that nobody understands': hs(body, SECRET, { crit: ['b64'], b64: false }),
    'PSS padding': pss,
    'ECDSA in DER': der,
    'ECDSA of zeros (CVE-2022-21449)': `${es256.slice(0, es256.lastIndexOf('.'))}.${Buffer.alloc(64).toString('base64url')}`,
    'signature empty': `${head}.${payload}.`,
    'signature cut': token.slice(0, -2),
    'signature longer': `${head}.${payload}.${Buffer.concat([Buffer.from(signature, 'base64url'), Buffer.alloc(1)]).toString('base64url')}`,
    'stray bits at the end of the signature': `${head}.${payload}.${signature.slice(0, -1)}${BASE64URL[BASE64URL.indexOf(signature.at(-1)!) | 1]}`,
    'claims changed': `${head}.${part({ ...body, scope: 'admin' })}.${signature}`,
    'header changed': `${part({ alg: 'HS256', typ: 'JWT', x: 1 })}.${payload}.${signature}`,
    'claims no object': signed({ alg: 'HS256' }, ['read'], (text) =>
      createHmac('sha256', SECRET).update(text).digest(),
    ),
    'claims no JSON': signed({ alg: 'HS256' }, Buffer.from('{"exp":').toString('base64url'), (text) =>
      createHmac('sha256', SECRET).update(text).digest(),
    ),
    'claims no UTF-8': signed(
      { alg: 'HS256' },
      Buffer.from('{"exp":1,"a":"\xff"}', 'latin1').toString('base64url'),
      (text) => createHmac('sha256', SECRET).update(text).digest(),
    ),
    'the signature of another token': `${rsToken.slice(0, rsToken.lastIndexOf('.'))}.${rs({ ...body, sub: 'b' }).split('.')[2]}`,
    'a token of unbounded size': hs({ ...body, filler: 'x'.repeat(9_000) }),
  };
  for (const [name, attack] of Object.entries(attacks))
    assert.equal(outcome(await verify(attack)), UNSIGNED, name);
  for (const [name, other] of Object.entries({
    'padding characters': `${token}=`,
    'four parts': `${token}.x`,
    'two parts': `${head}.${payload}`,
    'a space': `${head} .${payload}.${signature}`,
    'no token at all': 'slk_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa',
    nothing: '',
  }))
    assert.equal(await verify(other), null, name);
  assert.equal(outcome(await verify(token)), 'jwt:ann', 'the token itself is good');
});

test('a key is for its own algorithm, whichever is set', async () => {
  const only = {
    secret: verifier({ keys: [secretKey] }),
    rsa: verifier({ keys: [pemTokenKey(pem(rsa.publicKey))] }),
    ec: verifier({ keys: [pemTokenKey(pem(ec.publicKey))] }),
  };
  const tokens = { secret: hs(claims()), rsa: rs(claims()), ec: es(claims()) };
  for (const [key, verify] of Object.entries(only))
    for (const [kind, token] of Object.entries(tokens))
      assert.equal(outcome(await verify(token)), key === kind ? 'jwt:ann' : UNSIGNED, `${kind} under ${key}`);
});

test('keys that are too weak, private, or of another kind are refused', () => {
  assert.throws(() => secretTokenKey('x'.repeat(31)), /32 bytes/);
  const weak = generateKeyPairSync('rsa', { modulusLength: 1024 });
  const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' });
  const ed = generateKeyPairSync('ed25519');
  for (const { publicKey } of [weak, p384, ed]) {
    assert.throws(() => pemTokenKey(pem(publicKey)), /2,048/);
    assert.equal(jwkTokenKey(publicKey.export({ format: 'jwk' })), null);
  }
  const privatePem = rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  assert.throws(() => pemTokenKey(privatePem), /private key/);
  assert.throws(() => pemTokenKey('nonsense'), /no public key/);
  const jwk = rsa.publicKey.export({ format: 'jwk' });
  assert.equal(jwkTokenKey({ ...jwk, kid: 'k' })!.kid, 'k');
  for (const odd of [
    { ...jwk, use: 'enc' },
    { ...jwk, alg: 'RS512' },
    { ...jwk, key_ops: ['encrypt'] },
    { kty: 'oct', k: Buffer.from(SECRET).toString('base64url') },
    { kty: 'RSA' },
    null,
    'x',
  ])
    assert.equal(jwkTokenKey(odd), null, JSON.stringify(odd));
});

/** A server of keys that can be changed, counted and broken. */
async function serveKeys(t: TestContext) {
  const state = { keys: [] as object[], status: 200, asked: 0, body: null as string | null };
  const server = createServer((_request, response) => {
    state.asked += 1;
    response.writeHead(state.status, state.status === 302 ? { location: '/elsewhere' } : {});
    response.end(state.body ?? JSON.stringify({ keys: state.keys }));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  let now = 0;
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/keys`;
  const keySet = openKeySet({ url, now: () => now, log: { warn() {} } });
  return {
    state,
    verify: verifier({ keys: [secretKey], keySet }),
    pass(ms: number) {
      now += ms;
    },
  };
}

const jwkOf = (key: KeyObject, kid?: string) => ({ ...key.export({ format: 'jwk' }), ...(kid && { kid }) });

test('keys of an address: fetched once, again for an unknown kid, never more often than every ten seconds', async (t) => {
  const { state, verify, pass } = await serveKeys(t);
  state.keys = [jwkOf(rsa.publicKey, 'one'), jwkOf(ec.publicKey, 'two')];
  const one = rs(claims(), rsa.privateKey, { kid: 'one' });
  const together = await Promise.all(Array.from({ length: 20 }, () => verify(one)));
  assert.deepEqual(new Set(together.map(outcome)), new Set(['jwt:ann']));
  assert.equal(state.asked, 1);
  assert.equal(outcome(await verify(es(claims(), ec.privateKey, { kid: 'two' }))), 'jwt:ann');
  assert.equal(outcome(await verify(es(claims()))), 'jwt:ann', 'a token without kid');
  assert.equal(outcome(await verify(rs(claims(), rsa.privateKey, { kid: 'two' }))), UNSIGNED);
  assert.equal(outcome(await verify(hs(claims()))), 'jwt:ann', 'the secret needs no fetch');
  assert.equal(state.asked, 1);
  const three = rs(claims(), otherRsa.privateKey, { kid: 'three' });
  for (let i = 0; i < 50; i++) assert.equal(outcome(await verify(three)), UNSIGNED);
  assert.equal(state.asked, 1, 'within the pause');
  state.keys = [jwkOf(otherRsa.publicKey, 'three')];
  pass(10_000);
  assert.equal(outcome(await verify(three)), 'jwt:ann', 'the keys were changed');
  assert.equal(state.asked, 2);
  assert.equal(outcome(await verify(one)), UNSIGNED, 'and the one before is gone');
  for (let i = 0; i < 50; i++) await verify(rs(claims(), rsa.privateKey, { kid: `random${i}` }));
  assert.equal(state.asked, 2);
});

test('keys of an address: old ones are used while the address fails, and 503 without any', async (t) => {
  const { state, verify, pass } = await serveKeys(t);
  state.status = 500;
  const token = rs(claims(), rsa.privateKey, { kid: 'one' });
  const code = (error: unknown) => (error as { code: string }).code;
  await assert.rejects(
    async () => await verify(token),
    (error) => code(error) === 'token_keys_unavailable',
  );
  await assert.rejects(
    async () => await verify(token),
    (error) => code(error) === 'token_keys_unavailable',
  );
  assert.equal(state.asked, 1);
  for (const [status, body] of [
    [302, null],
    [200, 'no JSON'],
    [200, '{"keys":{}}'],
    [200, `{"keys":["${'x'.repeat(1_100_000)}"]}`],
  ] as const) {
    Object.assign(state, { status, body });
    pass(10_000);
    await assert.rejects(
      async () => await verify(token),
      (error) => code(error) === 'token_keys_unavailable',
    );
  }
  Object.assign(state, {
    status: 200,
    body: null,
    keys: [jwkOf(rsa.publicKey, 'one'), 'odd', { kty: 'oct', k: 'eA' }],
  });
  pass(10_000);
  assert.equal(outcome(await verify(token)), 'jwt:ann');
  const asked = state.asked;
  state.status = 500;
  pass(600_000);
  assert.equal(outcome(verify(token) as Verdict), 'jwt:ann', 'nobody waits for new ones');
  assert.equal(outcome(await verify(token)), 'jwt:ann');
  assert.ok(state.asked <= asked + 1);
});
