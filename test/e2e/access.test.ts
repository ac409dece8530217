/**
 * Every route that is served, for every kind of caller: the answer is what the rules of api.md say. Routes come from the
 * OpenAPI document, so that a new one is in here by itself.
 */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { join } from 'node:path';
import { after, before, describe, it, test } from 'node:test';
import WebSocket from 'ws';
import type { Scope } from '../../src/access/access.ts';
import { openCatalog } from '../../src/catalog/catalog.ts';
import type { OpenApiDocument, Operation } from '../../src/query/openapi.ts';
import { until } from '../faults/verify.ts';
import { makeTestFolder } from '../support/clickhouse.ts';
import { startTestService, type TestService } from '../support/service.ts';

const JWT_SECRET = 'only for this test, and long enough';
const OPEN = ['GET /health', 'GET /api/metrics/health', 'GET /ready'];
/** What concerns every app at once. */
const EVERY_APP = ['PUT /v1/videos', 'POST /v1/replay', 'GET /v1/replay', 'DELETE /v1/replay'];
/** Values for what a route cannot do without. */
const SAMPLES: Readonly<Record<string, string>> = {
  name: 'buy',
  event_name: 'page_view',
  videoId: 'film',
  id: '00000000-0000-7000-8000-000000000000',
  appId: 'a',
  erasureId: '0011223344556677',
  metric: 'events',
};

/** A body that no route takes, so that nothing is changed by those who get in. */
const NOTHING_GOOD = '{"event_id":[]}';

interface Caller {
  readonly name: string;
  readonly headers: Readonly<Record<string, string>>;
  /** None: what it sends is no credential. */
  readonly scopes: readonly Scope[];
  readonly apps: readonly string[] | null;
  /** What it is told at each closed door, if that does not depend on the door. */
  readonly refused?: readonly [status: number, code: string];
}

interface Route {
  readonly name: string;
  readonly method: string;
  readonly path: string;
  readonly operation: Operation;
}

function sign(claims: object, header: object = { alg: 'HS256' }, secret = JWT_SECRET): string {
  const text = [header, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
  return `${text}.${createHmac('sha256', secret).update(text).digest('base64url')}`;
}
const inAMinute = () => Math.floor(Date.now() / 1000) + 60;
const claims = (more: object) => ({ sub: 'ann', aud: 'sluice', exp: inAMinute(), ...more });
const bearer = (credential: string) => ({ authorization: `Bearer ${credential}` });
const SCOPES: readonly Scope[] = ['ingest', 'read', 'admin'];

async function readRoutes(service: TestService): Promise<Route[]> {
  const { paths } = await service.get<OpenApiDocument>('/openapi.json');
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => {
      const name = `${method.toUpperCase()} ${path}`;
      const filled = path.replace(/\{(\w+)\}/g, (_all, key: string) => sampleOf(name, key));
      const query = (operation.parameters ?? [])
        .filter((parameter) => parameter.in === 'query' && parameter.required)
        .map((parameter) => `${parameter.name}=${sampleOf(name, parameter.name)}`);
      return { name, method: method.toUpperCase(), path: `${filled}?${query.join('&')}`, operation };
    }),
  );
}

function sampleOf(route: string, name: string): string {
  const sample = SAMPLES[name];
  assert.ok(sample !== undefined, `${route} wants ${name}: give SAMPLES a value for it`);
  return sample;
}

async function call(service: TestService, { method, path }: Pick<Route, 'method' | 'path'>, caller: Caller) {
  const hasBody = method !== 'GET' && method !== 'DELETE';
  const answer = await fetch(service.url + path, {
    method,
    // Nobody waits for what takes long.
    headers: {
      ...caller.headers,
      prefer: 'respond-async',
      ...(hasBody && { 'content-type': 'application/json' }),
    },
    ...(hasBody && { body: NOTHING_GOOD }),
  });
  const text = await answer.text();
  const problem = answer.headers.get('content-type')?.startsWith('application/problem+json') ?? false;
  const code = problem ? (JSON.parse(text) as { code: string }).code : null;
  return { status: answer.status, code, text };
}

/** Null: it gets in, whatever becomes of its request there. */
function expectedOf({ name, operation }: Route, caller: Caller): readonly [number, string] | null {
  const scopes = operation['x-scopes'] ?? [];
  if (scopes.length === 0) return null;
  if (caller.refused !== undefined) return caller.refused;
  if (!scopes.some((scope) => caller.scopes.includes(scope))) return [403, 'wrong_scope'];
  return EVERY_APP.includes(name) && caller.apps !== null ? [403, 'app_forbidden'] : null;
}

function handshake(url: string, headers: Readonly<Record<string, string>>): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url, { headers });
    socket.on('open', () => {
      socket.close();
      resolve(101);
    });
    socket.on('unexpected-response', (request, response) => {
      resolve(response.statusCode ?? 0);
      request.destroy();
    });
    socket.on('error', (error) => reject(error));
  });
}

describe('a service with every kind of credential', { timeout: 180_000 }, () => {
  let service: TestService;
  let callers: Caller[] = [];
  let routes: Route[] = [];
  const boss = bearer('boss');

  async function makeKey(scopes: readonly Scope[], apps: readonly string[] | null) {
    const { status, body } = await service.post<{ key: string; key_id: string }>(
      '/v1/keys',
      { scopes, apps },
      boss,
    );
    assert.equal(status, 201);
    return body;
  }

  /** Those who get in everywhere delete it, too. */
  async function defineFunnel(): Promise<void> {
    const steps = [{ event_name: 'page_view' }, { event_name: 'search' }];
    const { status } = await fetch(`${service.url}/v1/funnels/${SAMPLES.name}`, {
      method: 'PUT',
      headers: { ...boss, 'content-type': 'application/json' },
      body: JSON.stringify({ steps, window_seconds: 60 }),
    });
    assert.equal(status, 200);
  }

  async function defineAlert(app_id: string): Promise<void> {
    const rule = { app_id, metric: 'events', comparison: '<', threshold: 1_000 };
    const { status } = await fetch(`${service.url}/v1/alerts/alert-of-${app_id}`, {
      method: 'PUT',
      headers: { ...boss, 'content-type': 'application/json' },
      body: JSON.stringify(rule),
    });
    assert.equal(status, 200);
    await until('it fires', async () => {
      const answer = await call(service, { method: 'GET', path: '/v1/alert-history' }, admin());
      return answer.text.includes(`alert-of-${app_id}`);
    });
  }
  const admin = () => callers.find(({ name }) => name === 'the admin key')!;

  before(async () => {
    service = await startTestService({
      ANALYTICS_ALERT_EVERY_MS: '500',
      ANALYTICS_ADMIN_KEY: 'boss',
      ANALYTICS_INGEST_API_KEY: 'in',
      ANALYTICS_JWT_SECRET: JWT_SECRET,
      ANALYTICS_JWT_AUDIENCE: 'sluice',
      ANALYTICS_TRUSTED_PROXIES: '127.0.0.1',
      ANALYTICS_ADMIN_ALLOW_IPS: '127.0.0.0/8',
      ANALYTICS_INGEST_ALLOW_IPS: '127.0.0.0/8',
    });
    assert.equal(service.firstKey, null);
    routes = await readRoutes(service);
    const revoked = await makeKey(['read', 'admin', 'ingest'], null);
    const rotated = await makeKey(['read', 'admin', 'ingest'], null);
    await fetch(`${service.url}/v1/keys/${revoked.key_id}`, { method: 'DELETE', headers: boss });
    await fetch(`${service.url}/v1/keys/${rotated.key_id}/rotate`, { method: 'POST', headers: boss });
    const invalid = [401, 'invalid_credential'] as const;
    const bad = (name: string, headers: Caller['headers'], refused: Caller['refused'] = invalid): Caller => ({
      name,
      headers,
      scopes: [],
      apps: null,
      refused: refused!,
    });
    const full = { scope: 'ingest read admin' };
    callers = [
      bad('nobody', {}, [401, 'missing_credential']),
      bad('a key in the query of a question', {}, [401, 'missing_credential']),
      { name: 'the ingest key', headers: { 'x-api-key': 'in' }, scopes: ['ingest'], apps: null },
      { name: 'the admin key', headers: boss, scopes: ['read', 'admin'], apps: null },
      bad('the admin key from elsewhere', { ...boss, 'x-forwarded-for': '8.8.8.8' }, [
        403,
        'address_forbidden',
      ]),
      bad('nobody from elsewhere', { 'x-forwarded-for': '8.8.8.8' }, [403, 'address_forbidden']),
      bad('an unknown key', bearer('nonsense')),
      bad('an unknown secret', bearer(`slk_${'a'.repeat(43)}`)),
      bad('a revoked key', bearer(revoked.key)),
      bad('a rotated key', { 'x-api-key': rotated.key }),
      bad('an expired token', bearer(sign(claims({ ...full, exp: inAMinute() - 120 })))),
      bad('a token without expiry', bearer(sign(claims({ ...full, exp: undefined })))),
      bad('a token not valid yet', bearer(sign(claims({ ...full, nbf: inAMinute() })))),
      bad('a token for others', bearer(sign(claims({ ...full, aud: 'elsewhere' })))),
      bad('a token of another secret', bearer(sign(claims(full), { alg: 'HS256' }, 'another'))),
      bad(
        'an unsigned token',
        bearer(`${sign(claims(full), { alg: 'none' }).split('.').slice(0, 2).join('.')}.`),
      ),
      bad('a token with odd apps', bearer(sign(claims({ ...full, apps: 'a' })))),
    ];
    for (const apps of [null, ['a'], []]) {
      for (const scope of SCOPES) {
        const which = `${scope}, ${JSON.stringify(apps)}`;
        const { key } = await makeKey([scope], apps);
        callers.push({ name: `key: ${which}`, headers: bearer(key), scopes: [scope], apps });
        const token = sign(claims({ scope, ...(apps && { apps }) }));
        callers.push({ name: `token: ${which}`, headers: bearer(token), scopes: [scope], apps });
      }
      const token = sign(claims({ ...full, ...(apps && { apps }) }));
      callers.push({
        name: `token: all, ${JSON.stringify(apps)}`,
        headers: bearer(token),
        scopes: SCOPES,
        apps,
      });
    }
  });
  after(() => service?.stop());

  it('has no open routes but those that hold no data', () => {
    const open = routes.filter(({ operation }) => (operation['x-scopes'] ?? []).length === 0);
    assert.deepEqual(open.map(({ name }) => name).sort(), OPEN.toSorted());
    for (const name of EVERY_APP)
      assert.ok(
        routes.some((route) => route.name === name),
        name,
      );
  });

  it('every route answers every caller as the rules say', async () => {
    for (const route of routes) {
      for (const caller of callers) {
        const { status, code } = await call(service, route, caller);
        const expected = expectedOf(route, caller);
        const told = `${route.name} for ${caller.name}: ${status} ${code}`;
        if (expected !== null) assert.deepEqual([status, code], expected, told);
        else assert.ok(status !== 401 && status !== 403 && status < 500, told);
      }
    }
  });

  it('pages and descriptions are open', async () => {
    for (const path of ['/openapi.json', '/docs']) {
      const { status } = await call(service, { method: 'GET', path }, callers[0]!);
      assert.equal(status, 200, path);
    }
  });

  it('a socket is refused in its handshake', async () => {
    const url = `${service.url.replace('http', 'ws')}/ws`;
    for (const caller of callers) {
      const expected = caller.refused?.[0] ?? (caller.scopes.includes('read') ? 101 : 403);
      assert.equal(await handshake(url, caller.headers), expected, caller.name);
    }
    const token = sign(claims({ scope: 'read', apps: ['a'] }));
    assert.equal(await handshake(`${url}?api_key=${token}`, {}), 101);
    assert.equal(await handshake(`${url}?api_key=${token}&app_id=a`, {}), 101);
    assert.equal(await handshake(`${url}?api_key=${token}&app_id=a,b`, {}), 403);
  });

  it('a key in a query counts for ingest and sockets alone', async () => {
    const token = sign(claims({ scope: 'read admin ingest' }));
    for (const route of routes) {
      const scopes = route.operation['x-scopes'] ?? [];
      const path = `${route.path}&api_key=${token}`;
      const { status } = await call(service, { ...route, path }, callers[0]!);
      const opens = scopes.length === 0 || scopes.includes('ingest');
      assert.equal(status === 401, !opens, `${route.name}: ${status}`);
    }
  });

  it('naming an app that one may not see is 403, wherever an app can be named', async () => {
    await defineFunnel();
    const limited = callers.filter(({ apps }) => apps !== null);
    let asked = 0;
    for (const route of routes) {
      const { parameters = [] } = route.operation;
      if (!parameters.some(({ name }) => name === 'app_id')) continue;
      for (const caller of limited) {
        if (expectedOf(route, caller) !== null) continue;
        const answer = await call(service, { ...route, path: `${route.path}&app_id=a,foreign` }, caller);
        assert.deepEqual(
          [answer.status, answer.code],
          [403, 'app_forbidden'],
          `${route.name} for ${caller.name}`,
        );
        asked += 1;
      }
    }
    assert.ok(asked > 20, `asked ${asked} times`);
  });

  it('who is limited to apps gets their data alone, and nothing of the others, on any route', async () => {
    await defineFunnel();
    const event = (app_id: string, word: string) => ({
      event_name: 'video_start',
      app_id,
      user_id: `${word}-user`,
      session_id: `${word}-session`,
      video_id: `${word}-film`,
      properties: { said: `${word}-word` },
    });
    const sent = [event('a', 'own'), event('foreign', 'foreign'), { event_name: 7, app_id: 'foreign' }];
    const { status } = await service.post('/events', sent, { 'x-api-key': 'in' });
    assert.equal(status, 202);
    const name = { name: 'foreign' };
    await fetch(`${service.url}/v1/apps/foreign`, {
      method: 'PUT',
      headers: { ...boss, 'content-type': 'application/json' },
      body: JSON.stringify(name),
    });
    await makeKey(['read'], ['foreign']);
    await defineAlert('foreign');
    await defineAlert('a');
    const gets = routes.filter(({ method }) => method === 'GET');
    const see = async (path: string, headers: Caller['headers']) =>
      (await call(service, { method: 'GET', path }, { ...callers[0]!, headers })).text;
    await until('both are stored', async () => {
      const text = await see('/v1/events?', boss);
      return text.includes('own-word') && text.includes('foreign-word');
    });
    const shown = { own: 0, foreign: 0 };
    for (const apps of [['a'], []]) {
      const { headers } = callers.find(({ name }) => name === `token: all, ${JSON.stringify(apps)}`)!;
      for (const { path, name } of gets) {
        const text = await see(path, headers);
        assert.ok(!text.includes('foreign'), `${name} for ${JSON.stringify(apps)}: ${text}`);
        if (apps.length === 0) assert.ok(!text.includes('own-'), `${name} for no app: ${text}`);
        else if (text.includes('own-')) shown.own += 1;
        if (apps.length > 0 && (await see(path, boss)).includes('foreign')) shown.foreign += 1;
      }
      const sql = await service.post<{ rows: unknown[][] }>(
        '/query',
        { query: 'SELECT app_id, user_id FROM events' },
        headers,
      );
      assert.deepEqual(sql.body.rows, apps.length === 0 ? [] : [['a', 'own-user']]);
      const total = await see('/metrics?metric=events', headers);
      const series = (JSON.parse(total) as { series: { total: number }[] }).series;
      assert.equal(series[0]?.total ?? 0, apps.length, total);
    }
    assert.ok(
      shown.own >= 1 && shown.foreign >= 2,
      `the words are seen by those who may: ${JSON.stringify(shown)}`,
    );
  });

  it('a key that another process revokes opens nothing within seconds', async () => {
    const { key, key_id } = await makeKey(['ingest'], ['a']);
    const send = () => service.post<{ code?: string }>('/events', [{ event_name: 'seek' }], bearer(key));
    for (let i = 0; i < 20; i++) assert.equal((await send()).status, 202);
    const other = await openCatalog({ dir: join(service.dataDir, 'catalog') });
    await other.keys.revoke(key_id);
    await other.close();
    const began = performance.now();
    await until('it is refused', async () => (await send()).status === 401, 10_000);
    assert.ok(performance.now() - began < 8_000);
  });

  it('who is limited to apps sends for these alone', async () => {
    const { key } = await makeKey(['ingest'], ['a', 'b']);
    const events = [{}, { app_id: 'b' }, { app_id: 'foreign' }].map((more) => ({
      event_name: 'search',
      ...more,
    }));
    const mixed = await service.post<{ accepted: number; results: { index: number; code: string }[] }>(
      '/events',
      events,
      bearer(key),
    );
    assert.deepEqual([mixed.status, mixed.body.accepted], [202, 2]);
    assert.deepEqual(
      mixed.body.results.map(({ index, code }) => [index, code]),
      [[2, 'app_forbidden']],
    );
    const nowhere = await makeKey(['ingest'], []);
    const none = await service.post<{ code: string }>('/events', events, bearer(nowhere.key));
    assert.deepEqual([none.status, none.body.code], [403, 'app_forbidden']);
  });
});

test('a service on loopback without settings is open, and keys that are limited stay so', async (t) => {
  const service = await startTestService();
  t.after(() => service.stop());
  assert.deepEqual([service.open, service.firstKey], [true, null]);
  const { body } = await service.post<{ key: string }>('/v1/keys', {
    scopes: ['read', 'ingest'],
    apps: ['a'],
  });
  const nobody: Caller = { name: 'nobody', headers: {}, scopes: [], apps: null };
  const limited: Caller = { ...nobody, headers: bearer(body.key) };
  for (const route of await readRoutes(service)) {
    const { status } = await call(service, route, nobody);
    assert.ok(status !== 401 && status !== 403, `${route.name}: ${status}`);
  }
  const foreign = { method: 'GET', path: '/v1/events?app_id=b' };
  assert.equal((await call(service, foreign, nobody)).status, 200);
  assert.deepEqual((await call(service, foreign, limited)).code, 'app_forbidden');
  const sent = await service.post('/events', [{ event_name: 'seek', app_id: 'b' }], limited.headers);
  assert.equal(sent.status, 403);
});

test('a service that can be reached from outside makes itself a key, once', {
  timeout: 120_000,
}, async (t) => {
  const env = { ANALYTICS_HOST: '0.0.0.0', ANALYTICS_DATA_DIR: makeTestFolder() };
  const start = async () => {
    const service = await startTestService(env);
    t.after(() => service.stop());
    const url = service.url.replace('0.0.0.0', '127.0.0.1');
    const ask = async (key?: string) =>
      (await fetch(`${url}/v1/keys`, { headers: key === undefined ? {} : bearer(key) })).status;
    return { service, url, ask };
  };
  const first = await start();
  const key = first.service.firstKey!;
  assert.match(key, /^slk_/);
  assert.equal(first.service.open, false);
  assert.deepEqual([await first.ask(), await first.ask(key), await first.ask(`${key}x`)], [401, 200, 401]);
  assert.equal((await fetch(`${first.url}/metrics?metric=events`, { headers: bearer(key) })).status, 200);
  const sent = await fetch(`${first.url}/events`, { method: 'POST', body: '[{"event_name":"seek"}]' });
  assert.equal(sent.status, 202, 'ingest stays open');
  await first.service.stop();
  const second = await start();
  assert.equal(second.service.firstKey, null);
  assert.equal(await second.ask(key), 200);
  const revoked = await fetch(`${second.url}/v1/keys/key_first`, { method: 'DELETE', headers: bearer(key) });
  assert.equal(revoked.status, 200);
  assert.equal(await second.ask(key), 401);
  await second.service.stop();
  const third = await start();
  assert.notEqual(third.service.firstKey, null, 'nobody could administer it any more');
  assert.deepEqual([await third.ask(third.service.firstKey!), await third.ask(key)], [200, 401]);
});
