import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { type TestContext, test } from 'node:test';
import { createCors } from '../../src/http/cors.ts';
import { addHealthRoutes } from '../../src/http/health.ts';
import { HttpProblem } from '../../src/http/problem.ts';
import { type HttpServerOptions, openHttpServer } from '../../src/http/server.ts';
import { createHealth } from '../../src/telemetry/health.ts';
import { createLogger } from '../../src/telemetry/logger.ts';

async function open(t: TestContext, options: Partial<HttpServerOptions> = {}) {
  const server = await openHttpServer({
    host: '127.0.0.1',
    port: 0,
    logger: createLogger({ level: 'silent' }),
    cors: createCors({ origins: ['https://tv.example'], maxAgeSeconds: 600 }),
    ...options,
  });
  t.after(() => server.close(100));
  return server;
}

test('until it serves, everything but hot routes is 503 with Retry-After; then hot routes come first', async (t) => {
  const server = await open(t);
  server.addHot(new Map([['/hot', (_request, response, context) => response.end(context.requestId)]]));
  server.app.get('/hot', async () => 'shadowed');
  server.app.get('/cold', async () => ({ cold: true }));
  const early = await fetch(`${server.url}/hot`, {
    method: 'POST',
    body: '[]',
    headers: { 'x-request-id': 'early' },
  });
  assert.equal(await early.text(), 'early');
  for (const path of ['/cold', '/nowhere']) {
    const reply = await fetch(server.url + path, { method: 'POST', body: '[]' });
    assert.equal(reply.status, 503);
    assert.equal(reply.headers.get('retry-after'), '2');
    assert.equal(((await reply.json()) as { code: string }).code, 'starting');
  }
  await server.serve();
  const hot = await fetch(`${server.url}/hot?x=1`, { headers: { 'x-request-id': 'abc' } });
  assert.equal(await hot.text(), 'abc');
  const insane = await fetch(`${server.url}/hot`, { headers: { 'x-request-id': '"><script>' } });
  assert.match(await insane.text(), /^[0-9a-f-]{36}$/);
  assert.deepEqual(await (await fetch(`${server.url}/cold`)).json(), { cold: true });
  assert.equal((await server.app.inject('/cold')).statusCode, 200);
});

test('errors of routes are problems', async (t) => {
  const server = await open(t, { servedElsewhere: (path) => path.startsWith('/elsewhere') });
  server.app.get('/limit', async () => {
    throw new HttpProblem('too_many_queries', 'Wait.', { retryAfterMs: 1500, extra: { limit: 3 } });
  });
  server.app.get('/bug', async () => {
    throw new TypeError('a secret of the house');
  });
  server.app.post(
    '/echo',
    { schema: { body: { type: 'object', required: ['a'] } } },
    async ({ body }) => body,
  );
  await server.serve();
  const limit = await server.app.inject('/limit');
  assert.deepEqual([limit.statusCode, limit.headers['retry-after']], [429, '2']);
  assert.equal(limit.headers['content-type'], 'application/problem+json');
  assert.deepEqual(limit.json(), {
    type: '/docs#problem-too_many_queries',
    title: 'Too many queries at once',
    status: 429,
    detail: 'Wait.',
    code: 'too_many_queries',
    request_id: limit.headers['x-request-id'],
    limit: 3,
  });
  const bug = await server.app.inject('/bug');
  assert.deepEqual([bug.statusCode, bug.json().code], [500, 'internal']);
  assert.ok(!bug.body.includes('secret'));
  const cases: [string, number, string, string?][] = [
    ['{', 400, 'invalid_json'],
    ['{}', 400, 'invalid_request'],
    ['a=1', 415, 'unsupported_media_type', 'application/x-www-form-urlencoded'],
  ];
  for (const [payload, status, code, type = 'application/json'] of cases) {
    const headers = { 'content-type': type };
    const reply = await server.app.inject({ method: 'POST', url: '/echo', payload, headers });
    assert.deepEqual([reply.statusCode, reply.json().code], [status, code]);
  }
  assert.equal((await server.app.inject('/none')).json().code, 'not_found');
  assert.equal((await server.app.inject('/elsewhere/x')).json().code, 'role_not_here');
});

test('CORS and security headers of the other routes', async (t) => {
  const server = await open(t);
  server.app.get('/page', async (_request, reply) => reply.type('text/html').send('<p>'));
  await server.serve();
  const page = await server.app.inject({ url: '/page', headers: { origin: 'https://tv.example' } });
  assert.match(String(page.headers['content-security-policy']), /default-src 'self'/);
  assert.equal(page.headers['x-content-type-options'], 'nosniff');
  assert.equal(page.headers['access-control-allow-origin'], 'https://tv.example');
  assert.equal(page.headers['access-control-allow-credentials'], undefined);
  const foreign = await server.app.inject({ url: '/page', headers: { origin: 'https://evil.example' } });
  assert.equal(foreign.headers['access-control-allow-origin'], undefined);
  const headers = { origin: 'https://tv.example', 'access-control-request-headers': 'authorization' };
  const preflight = await server.app.inject({ method: 'OPTIONS', url: '/page', headers });
  assert.equal(preflight.statusCode, 204);
  assert.equal(preflight.headers['access-control-max-age'], '600');
  assert.equal(preflight.headers['access-control-allow-headers'], 'authorization');
});

test('closing lets requests in flight finish, says so, and cuts what is left at the deadline', async (t) => {
  const server = await open(t);
  const started = Promise.withResolvers<void>();
  const gate = Promise.withResolvers<void>();
  server.app.get('/slow', async () => {
    started.resolve();
    await gate.promise;
    return 'done';
  });
  server.addHot(new Map([['/never', () => started.resolve()]]));
  await server.serve();
  const idle = connect(server.port, '127.0.0.1');
  await once(idle, 'connect');
  const slow = fetch(`${server.url}/slow`);
  await started.promise;
  const closed = server.close(5000);
  await assert.rejects(fetch(`${server.url}/slow`));
  gate.resolve();
  const reply = await slow;
  assert.equal(await reply.text(), 'done');
  assert.equal(reply.headers.get('connection'), 'close');
  await closed;

  const other = await open(t);
  const reached = Promise.withResolvers<void>();
  other.addHot(new Map([['/never', () => reached.resolve()]]));
  await other.serve();
  const hanging = assert.rejects(fetch(`${other.url}/never`));
  await reached.promise;
  await other.close(20);
  await hanging;
});

test('upgrades go to their handler; others are refused, and h2c offers are ordinary requests', async (t) => {
  const server = await open(t);
  server.app.get('/plain', async () => 'plain');
  server.addUpgrade('/ws', (_request, socket) => socket.end('HTTP/1.1 101 Switching Protocols\r\n\r\n'));
  const ask = async (path: string, upgrade: string) => {
    const socket = connect(server.port, '127.0.0.1');
    const connection = upgrade === 'h2c' ? 'close, Upgrade' : 'Upgrade';
    socket.write(
      `GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: ${connection}\r\nUpgrade: ${upgrade}\r\n\r\n`,
    );
    let text = '';
    socket.on('data', (chunk) => {
      text += chunk;
    });
    await once(socket, 'close');
    return text;
  };
  assert.match(await ask('/ws', 'websocket'), /^HTTP\/1.1 503 [\s\S]*"code":"starting"/);
  await server.serve();
  assert.match(await ask('/ws?x=1', 'websocket'), /^HTTP\/1.1 101 /);
  assert.match(await ask('/none', 'websocket'), /^HTTP\/1.1 404 [\s\S]*"code":"not_found"/);
  assert.match(await ask('/plain', 'h2c'), /^HTTP\/1.1 200 [\s\S]*plain/);
});

test('what is no HTTP, or has too large headers, is told in problems', async (t) => {
  const server = await open(t);
  await server.serve();
  for (const [text, status, code] of [
    ['NONSENSE\r\n\r\n', 400, 'invalid_header'],
    [`GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, 431, 'headers_too_large'],
  ] as const) {
    const socket = connect(server.port, '127.0.0.1');
    socket.write(text);
    let answer = '';
    socket.on('data', (chunk) => {
      answer += chunk;
    });
    await once(socket, 'close');
    assert.ok(answer.startsWith(`HTTP/1.1 ${status} `) && answer.includes(code), answer);
  }
});

test('health and readiness', async (t) => {
  const server = await open(t);
  const health = createHealth();
  const log = health.part('log', { vital: true });
  const store = health.part('store', { vital: false });
  const role = health.role('ingest');
  addHealthRoutes(server.app, health);
  await server.serve();
  const look = async (url: string) => {
    const reply = await server.app.inject(url);
    return [reply.statusCode, reply.json().status];
  };
  assert.deepEqual(await look('/health'), [503, 'down']);
  assert.deepEqual(await look('/ready'), [503, 'not_ready']);
  log.ok();
  store.down('ClickHouse is being restarted.');
  role.serving();
  assert.deepEqual(await look('/health'), [200, 'degraded']);
  assert.deepEqual((await server.app.inject('/api/metrics/health')).json().parts, [
    { name: 'log', state: 'ok', reason: null },
    { name: 'store', state: 'down', reason: 'ClickHouse is being restarted.' },
  ]);
  assert.deepEqual(await look('/ready'), [200, 'ready']);
  store.ok();
  assert.deepEqual(await look('/health'), [200, 'ok']);
  health.closing();
  assert.deepEqual(await look('/ready'), [503, 'not_ready']);
});

test('a path that cannot be read is a problem too, and a detail that repeats it is bounded', async (t) => {
  const server = await open(t);
  server.app.get('/things/:id', async () => {
    throw new HttpProblem('not_found', `No ${'x'.repeat(9_000)}. Choose another.`);
  });
  await server.serve();
  for (const path of ['/things/%ff', '/things/%zz', `/things/${'x'.repeat(1_025)}`]) {
    const reply = await fetch(server.url + path, { headers: { 'x-request-id': 'mine' } });
    assert.equal(reply.headers.get('content-type'), 'application/problem+json', path);
    const { code, detail, request_id } = (await reply.json()) as Record<string, string>;
    assert.deepEqual([reply.status, code, request_id], [400, 'invalid_request', 'mine']);
    assert.match(detail!, /Escape it/);
    assert.equal(reply.headers.get('x-request-id'), 'mine');
  }
  const { detail } = (await (await fetch(`${server.url}/things/a`)).json()) as { detail: string };
  assert.match(detail, /^No x+ … x+\. Choose another\.$/);
  assert.ok(detail.length < 2_100);
});
