import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Principal } from '../../src/access/access.ts';
import { digestOf } from '../../src/access/keys.ts';
import { openAccess, startQueryApp, startQueryService } from './service.ts';

interface Key {
  readonly key_id: string;
  readonly prefix: string;
  readonly scopes: string[];
  readonly apps: string[] | null;
  readonly created_at: string;
  readonly rotated_at: string | null;
  readonly revoked_at: string | null;
  readonly key?: string;
}

test('keys and apps by API', async (t) => {
  let changes = 0;
  const service = await startQueryService(t, { keysChanged: () => (changes += 1) });
  const appFor = (principal: Partial<Principal>) =>
    startQueryApp(t, { ...service.options, access: openAccess(principal) });
  const admin = await appFor({ scopes: ['admin'] });
  const limited = await appFor({ scopes: ['admin'], apps: ['a', 'b'] });
  type Method = 'GET' | 'POST' | 'PUT' | 'DELETE';
  async function call<T = Key & { code?: string; detail?: string }>(
    app: typeof admin,
    method: Method,
    url: string,
    payload?: object,
  ) {
    const answer = await app.inject({ method, url, ...(payload && { payload }) });
    return { status: answer.statusCode, body: answer.json<T>() };
  }
  const list = async (app: typeof admin, query = '') =>
    (await call<{ data: Key[]; next_cursor: string | null }>(app, 'GET', `/v1/keys${query}`)).body;
  const idsOf = (keys: readonly Key[]) => keys.map(({ key_id }) => key_id).sort();

  await t.test('a secret is shown once, and its hash kept', async () => {
    const made = await call(admin, 'POST', '/v1/keys', { name: 'web', scopes: ['ingest'], apps: ['a'] });
    assert.equal(made.status, 201);
    const { key, ...rest } = made.body;
    assert.match(key!, /^slk_[\w-]{43}$/);
    assert.ok(key!.startsWith(rest.prefix));
    assert.deepEqual(
      [rest.scopes, rest.apps, rest.rotated_at, rest.revoked_at],
      [['ingest'], ['a'], null, null],
    );
    assert.equal((await service.catalog.keys.find(digestOf(key!)))!.key_id, rest.key_id);
    const answer = await admin.inject('/v1/keys');
    assert.deepEqual(answer.json<{ data: Key[] }>().data, [rest]);
    assert.ok(!answer.body.includes(key!) && !answer.body.includes(digestOf(key!)));
    assert.equal(answer.headers['cache-control'], 'private, no-cache');
    assert.equal(changes, 1);
  });

  await t.test('rotate and revoke', async () => {
    const made = (await call(admin, 'POST', '/v1/keys', { scopes: ['read', 'admin'] })).body;
    assert.equal(made.apps, null);
    const path = `/v1/keys/${made.key_id}`;
    const rotated = await call(admin, 'POST', `${path}/rotate`);
    assert.equal(rotated.status, 200);
    assert.notEqual(rotated.body.key, made.key);
    assert.notEqual(rotated.body.rotated_at, null);
    assert.equal(await service.catalog.keys.find(digestOf(made.key!)), null);
    assert.notEqual(await service.catalog.keys.find(digestOf(rotated.body.key!)), null);
    const revoked = await call(admin, 'DELETE', path);
    assert.deepEqual([revoked.status, revoked.body.key], [200, undefined]);
    assert.notEqual(revoked.body.revoked_at, null);
    assert.equal(await service.catalog.keys.find(digestOf(rotated.body.key!)), null);
    for (const [method, url] of [
      ['DELETE', path],
      ['POST', `${path}/rotate`],
      ['DELETE', '/v1/keys/key_none'],
    ] as const) {
      const gone = await call(admin, method, url);
      assert.deepEqual([gone.status, gone.body.code], [404, 'not_found'], `${method} ${url}`);
    }
    assert.ok(!idsOf((await list(admin)).data).includes(made.key_id));
    assert.ok(idsOf((await list(admin, '?revoked=true')).data).includes(made.key_id));
    assert.equal(changes, 4);
  });

  await t.test('who is limited to apps sees, makes and changes keys of these apps alone', async () => {
    const make = async (app: typeof admin, apps?: readonly string[] | null) =>
      await call(app, 'POST', '/v1/keys', { scopes: ['read'], ...(apps !== undefined && { apps }) });
    const own = (await make(admin, ['b'])).body;
    const foreign = [
      (await make(admin, ['c'])).body,
      (await make(admin, ['a', 'c'])).body,
      (await make(admin, null)).body,
    ];
    const byDefault = await make(limited);
    assert.deepEqual(byDefault.body.apps, ['a', 'b']);
    for (const apps of [null, ['c'], ['a', 'c']]) {
      const refused = await make(limited, apps);
      assert.deepEqual([refused.status, refused.body.code], [403, 'app_forbidden'], JSON.stringify(apps));
    }
    const seen = idsOf((await list(limited)).data);
    assert.ok(seen.includes(own.key_id) && seen.includes(byDefault.body.key_id));
    for (const { key_id } of foreign) {
      assert.ok(!seen.includes(key_id));
      assert.equal((await call(limited, 'POST', `/v1/keys/${key_id}/rotate`)).status, 404);
      assert.equal((await call(limited, 'DELETE', `/v1/keys/${key_id}`)).status, 404);
    }
    assert.equal((await call(limited, 'DELETE', `/v1/keys/${own.key_id}`)).status, 200);
  });

  await t.test('page by page, over those one may not see', async () => {
    const all = idsOf((await list(limited, '?limit=1000')).data);
    const seen: Key[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const page = await list(limited, `?limit=1${cursor && `&cursor=${cursor}`}`);
      assert.ok(page.data.length <= 1);
      seen.push(...page.data);
      cursor = page.next_cursor;
    }
    assert.deepEqual(idsOf(seen), all);
    const times = seen.map((key) => key.created_at);
    assert.deepEqual(times, times.toSorted().reverse());
  });

  await t.test('what makes no sense is refused', async () => {
    for (const body of [
      {},
      { scopes: [] },
      { scopes: ['root'] },
      { scopes: ['read', 'read'] },
      { scopes: 'read' },
      { scopes: ['read'], apps: 'a' },
      { scopes: ['read'], apps: '' },
      { scopes: ['read'], apps: false },
      { scopes: ['read'], apps: [1] },
      { scopes: ['read'], apps: ['a,b'] },
      { scopes: ['read'], apps: [''] },
      { scopes: ['read'], name: '' },
      { scopes: ['read'], name: 'a\0' },
      { scopes: ['read'], key: 'slk_mine' },
    ]) {
      const refused = await call(admin, 'POST', '/v1/keys', body);
      assert.deepEqual([refused.status, refused.body.code], [400, 'invalid_request'], JSON.stringify(body));
    }
    const cursor = (await call(admin, 'GET', '/v1/keys?cursor=x')).body;
    assert.equal(cursor.code, 'invalid_cursor');
  });

  await t.test('apps are made once, named anew, and only as far as one may', async () => {
    const made = await call<object>(admin, 'POST', '/v1/apps', { app_id: 'tube', name: 'Tube' });
    assert.deepEqual(made, { status: 201, body: { app_id: 'tube', name: 'Tube' } });
    const twice = await call(admin, 'POST', '/v1/apps', { app_id: 'tube' });
    assert.deepEqual([twice.status, twice.body.code], [409, 'conflict']);
    const named = await call<object>(admin, 'PUT', '/v1/apps/tube', { name: 'The Tube' });
    assert.deepEqual(named, { status: 200, body: { app_id: 'tube', name: 'The Tube' } });
    assert.equal((await call(limited, 'PUT', '/v1/apps/a', { name: 'A' })).status, 200);
    for (const [method, url, body] of [
      ['POST', '/v1/apps', { app_id: 'c' }],
      ['PUT', '/v1/apps/c', { name: 'C' }],
    ] as const) {
      const refused = await call(limited, method, url, body);
      assert.deepEqual([refused.status, refused.body.code], [403, 'app_forbidden']);
    }
    for (const app_id of ['', ' a', 'a,b', 'a\n', 'x'.repeat(257)])
      assert.equal((await call(admin, 'POST', '/v1/apps', { app_id })).status, 400, JSON.stringify(app_id));
    assert.deepEqual(await service.catalog.apps.list(), [
      { app_id: 'a', name: 'A' },
      { app_id: 'tube', name: 'The Tube' },
    ]);
  });

  await t.test('what was administered is written down, without secrets, for those who may know', async () => {
    interface Audit {
      data: { at: string; by: string; action: string; target: string | null }[];
      next_cursor: string | null;
    }
    const before = (await call<Audit>(admin, 'GET', '/v1/audit?limit=1000')).body.data.length;
    const made = (await call(admin, 'POST', '/v1/keys', { name: 'hush', scopes: ['read'], apps: ['a'] }))
      .body;
    await call(limited, 'POST', `/v1/keys/${made.key_id}/rotate`);
    await call(admin, 'POST', '/v1/keys', { scopes: ['root'] });
    await call(admin, 'DELETE', '/v1/keys/key_none');
    await call(limited, 'PUT', '/v1/apps/c', { name: 'C' });
    await call(admin, 'GET', '/v1/keys');
    await admin.inject({ method: 'PUT', url: '/v1/videos', payload: '{"video_id":"v"}' });
    await call(limited, 'POST', '/v1/keys', { scopes: ['read'] });
    const answer = await call<Audit>(admin, 'GET', '/v1/audit?limit=1000');
    const entries = answer.body.data.slice(0, answer.body.data.length - before);
    assert.deepEqual(entries.map(({ action }) => action).sort(), [
      'POST /v1/keys',
      'POST /v1/keys',
      'POST /v1/keys/:id/rotate',
      'PUT /v1/videos',
    ]);
    assert.ok(entries.every(({ by, at }) => by === 'test' && Math.abs(Date.parse(at) - Date.now()) < 60_000));
    const targets = entries.filter(({ target }) => target === made.key_id);
    assert.equal(targets.length, 2, 'made and rotated');
    const text = JSON.stringify(answer.body);
    assert.ok(!text.includes(made.key!) && !text.includes('hush'));
    const own = (await call<Audit>(limited, 'GET', '/v1/audit?limit=1000')).body.data;
    assert.ok(own.length >= 2 && own.length < answer.body.data.length);
    assert.ok(own.every(({ action }) => action !== 'PUT /v1/videos'));
    const seen: Audit['data'] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const page: Audit = (
        await call<Audit>(limited, 'GET', `/v1/audit?limit=1${cursor && `&cursor=${cursor}`}`)
      ).body;
      seen.push(...page.data);
      cursor = page.next_cursor;
    }
    assert.deepEqual(seen, own);
  });

  await t.test('an answer does not wait for a trail that fails', async (t) => {
    const { catalog } = service;
    const broken = { ...catalog, audit: { ...catalog.audit, add: () => Promise.reject(new Error('away')) } };
    const app = await startQueryApp(t, { ...service.options, catalog: broken });
    const done = await app.inject({ method: 'PUT', url: '/v1/apps/a', payload: { name: 'A' } });
    assert.equal(done.statusCode, 200);
  });

  await t.test('none of it without the scope', async () => {
    const reader = await appFor({ scopes: ['read', 'ingest'] });
    for (const [method, url] of [
      ['GET', '/v1/keys'],
      ['POST', '/v1/keys'],
      ['POST', '/v1/keys/k/rotate'],
      ['DELETE', '/v1/keys/k'],
      ['POST', '/v1/apps'],
      ['PUT', '/v1/apps/a'],
      ['GET', '/v1/audit'],
    ] as const) {
      const refused = await call(reader, method, url);
      assert.deepEqual([refused.status, refused.body.code], [403, 'wrong_scope'], `${method} ${url}`);
    }
  });
});
