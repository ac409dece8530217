/** Sockets of a real service do not outlive what opened them. */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { openCatalog } from '../../src/catalog/catalog.ts';
import { Listener } from '../live/gateway.ts';
import { startTestService, type TestService } from '../support/service.ts';

const SECRET = 'only for this test, and long enough';
/** What findFault in src/access/jwt.ts allows clocks to differ by. */
const LEEWAY_SECONDS = 10;
const WITHIN_MS = 8_000;
const boss = { authorization: 'Bearer boss' };
const bearer = (credential: string) => ({ headers: { authorization: `Bearer ${credential}` } });

function sign(claims: object): string {
  const text = [{ alg: 'HS256' }, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
  return `${text}.${createHmac('sha256', SECRET).update(text).digest('base64url')}`;
}

describe('an open socket', { timeout: 120_000 }, () => {
  let service: TestService;
  const listeners: Listener[] = [];

  before(async () => {
    service = await startTestService({
      ANALYTICS_ADMIN_KEY: 'boss',
      ANALYTICS_JWT_SECRET: SECRET,
      ANALYTICS_TRUSTED_PROXIES: '127.0.0.1',
      ANALYTICS_ADMIN_ALLOW_IPS: '127.0.0.0/8,10.1.0.0/16',
    });
  });
  after(async () => {
    for (const { socket } of listeners) socket.terminate();
    await service?.stop();
  });

  async function connect(options: object, question = ''): Promise<Listener> {
    const listener = new Listener(`${service.url.replace('http', 'ws')}/ws${question}`, options);
    listeners.push(listener);
    await listener.opened;
    return listener;
  }

  async function makeKey() {
    const { status, body } = await service.post<{ key: string; key_id: string }>(
      '/v1/keys',
      { scopes: ['read'], apps: ['a'] },
      boss,
    );
    assert.equal(status, 201);
    return body;
  }

  async function closedWithin(listener: Listener, began: number): Promise<number> {
    const timer = setTimeout(() => listener.socket.terminate(), WITHIN_MS * 2);
    const code = await listener.closed;
    clearTimeout(timer);
    assert.ok(performance.now() - began < WITHIN_MS, `closed after ${performance.now() - began} ms`);
    return code;
  }

  it('is closed when its key is revoked or rotated, here or by another process, and others stay', async () => {
    const [revoked, rotated, elsewhere, kept] = [
      await makeKey(),
      await makeKey(),
      await makeKey(),
      await makeKey(),
    ];
    const byRevoked = [
      await connect(bearer(revoked.key)),
      await connect({ headers: { 'x-api-key': revoked.key } }),
      await connect({}, `?api_key=${revoked.key}`),
    ];
    const byRotated = await connect(bearer(rotated.key));
    const byElsewhere = await connect(bearer(elsewhere.key));
    const staying = [
      await connect(bearer(kept.key)),
      await connect(bearer('boss')),
      await connect({ headers: { ...boss, 'x-forwarded-for': '10.1.2.3' } }),
    ];
    const path = (id: string) => `${service.url}/v1/keys/${id}`;
    const began = performance.now();
    assert.ok((await fetch(path(revoked.key_id), { method: 'DELETE', headers: boss })).ok);
    assert.ok((await fetch(`${path(rotated.key_id)}/rotate`, { method: 'POST', headers: boss })).ok);
    const other = await openCatalog({ dir: join(service.dataDir, 'catalog') });
    await other.keys.revoke(elsewhere.key_id);
    await other.close();
    for (const listener of [...byRevoked, byRotated, byElsewhere]) {
      assert.equal(await closedWithin(listener, began), 4401);
      assert.equal(listener.reason, 'The key is not known here, or was revoked.');
    }
    await assert.rejects(connect(bearer(revoked.key)), /refused 401/);
    for (const listener of staying) {
      assert.equal(listener.socket.readyState, listener.socket.OPEN);
      listener.heard.length = 0;
      await listener.next('realtime_metrics');
    }
  });

  it('is closed when its token expires, and not before', async () => {
    const now = Math.floor(Date.now() / 1000);
    const opensUntil = now + 4;
    const claims = { sub: 'ann', scope: 'read' };
    const brief = await connect(bearer(sign({ ...claims, exp: opensUntil - LEEWAY_SECONDS })));
    const long = await connect(bearer(sign({ ...claims, exp: now + 600 })));
    assert.equal(await closedWithin(brief, performance.now()), 4401);
    assert.equal(brief.reason, 'The token has expired.');
    assert.ok(Date.now() >= opensUntil * 1000, 'it was open as long as the token counted');
    assert.equal(long.socket.readyState, long.socket.OPEN);
  });

  it('comes from an address of the list, as before', async () => {
    const foreign = { headers: { ...boss, 'x-forwarded-for': '8.8.8.8' } };
    await assert.rejects(connect(foreign), /refused 403/);
  });
});
