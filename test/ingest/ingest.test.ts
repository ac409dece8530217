import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { test } from 'node:test';
import { readAddressList } from '../../src/access/addresses.ts';
import { createApiKey, readApiKeys } from '../../src/access/keys.ts';
import { createRateLimiter } from '../../src/access/rate-limit.ts';
import { problems } from '../../src/http/problem.ts';
import { LogUnavailableError, type Topic } from '../../src/log/log.ts';
import { createOctaneExample } from '../support/seeds.ts';
import { good, headersOf, openIngestService, readEvents, send } from './service.ts';

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[457][0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

test('a batch is 202, and in the log', async (t) => {
  const service = await openIngestService(t, { partitions: 1 });
  const before = Date.now();
  const events = [good({ event_id: randomUUID() }), good({ user_id: 'v' })];
  const reply = await service.post('/events', events, { 'user-agent': 'tester/1', 'x-request-id': 'mine-1' });
  assert.equal(reply.status, 202);
  assert.deepEqual(reply.body, { accepted: 2, rejected: 0, results: [] });
  assert.equal(reply.headers.get('x-request-id'), 'mine-1');
  const [record, ...others] = await service.records();
  assert.equal(others.length, 0);
  const headers = headersOf(record!);
  assert.equal(headers.app, 'default');
  assert.equal(headers.count, '2');
  assert.equal(headers.source, '/events');
  assert.equal(headers.ua, 'tester/1');
  assert.ok(Number(headers.received_at) >= before && Number(headers.received_at) <= Date.now());
  const [first, second] = readEvents(record!);
  assert.deepEqual(first, events[0]);
  assert.match(String(second!.event_id), uuid);
  assert.equal(second!.user_id, 'v');
});

test('the forms of a batch: array, envelope, NDJSON, with any content type or none', async (t) => {
  const service = await openIngestService(t, { partitions: 1 });
  const line = JSON.stringify(good());
  for (const body of [`[${line}]`, `{"events":[${line}]}`, line, `${line}\n`]) {
    for (const type of [
      'application/json',
      'text/plain;charset=UTF-8',
      'application/x-ndjson',
      'image/png',
      '',
    ]) {
      const reply = await service.post('/events', body, { 'content-type': type });
      assert.deepEqual([reply.status, reply.body.accepted], [202, 1], `${type} ${body}`);
    }
  }
  const sentAt = Date.now() - 5000;
  await service.post('/events', { sent_at: new Date(sentAt).toISOString(), events: [good()] });
  assert.equal(headersOf((await service.records()).at(-1)!).sent_at, String(sentAt));
});

test('the answers of the routes for one event', async (t) => {
  const service = await openIngestService(t);
  const id = randomUUID();
  const single = await service.post('/api/events', good({ event_id: id }));
  assert.deepEqual([single.status, single.body], [202, { event_id: id }]);
  const made = await service.post('/api/events', good());
  assert.match(made.body.event_id, uuid);
  for (const [path, name] of [
    ['/v1/ingest/session', 'session_start'],
    ['/v1/ingest/pageview', 'page_view'],
  ] as const) {
    const reply = await service.post(path, { user_id: path });
    assert.equal(reply.status, 202);
    assert.deepEqual(Object.keys(reply.body), ['accepted', 'rejected', 'event_id']);
    const event = (await service.events()).find(({ user_id }) => user_id === path);
    assert.equal(event!.event_name, name);
    assert.equal(event!.event_id, reply.body.event_id);
  }
  const event = await service.post('/v1/ingest/event', good());
  assert.deepEqual([event.status, event.body.accepted], [202, 1]);
  const nameless = await service.post('/v1/ingest/event', { user_id: 'u' });
  assert.deepEqual([nameless.status, nameless.body.code], [400, 'no_valid_events']);
  assert.equal(nameless.body.results[0]!.code, 'missing_event_name');
  const batch = await service.post('/v1/ingest/batch/', [good(), good()]);
  assert.deepEqual(batch.body, { accepted: 2, rejected: 0, results: [] });
  assert.equal((await service.post('/api/events', [good(), good()])).body.code, 'too_many_events');
});

test('the examples of the seeds are taken as printed', async (t) => {
  const service = await openIngestService(t, { partitions: 1 });
  const buffering = createOctaneExample();
  const start = {
    event_type: 'video_start',
    user_id: 'user_123',
    session_id: 'session_456',
    video_id: 'video_789',
    properties: { quality: '720p', device_type: 'desktop', browser: 'chrome' },
  };
  const track = { event_type: 'video_start', user_id: 'user_123', video_id: 'video_456', properties: {} };
  for (const [path, body] of [
    ['/events', [buffering, start]],
    ['/api/events', start],
    ['/api/events', track],
    ['/v1/ingest/event', track],
  ] as const) {
    assert.equal((await service.post(path, body, { 'content-type': 'application/json' })).status, 202);
  }
  const [stored] = await service.events();
  assert.deepEqual({ ...buffering, event_id: stored!.event_id }, stored);
});

test('what is refused in an accepted batch is told, and becomes a dead letter', async (t) => {
  const service = await openIngestService(t);
  const bad = '{"user_id":"u","event_id":"not-named"}';
  const body = `[${JSON.stringify(good())},${bad},7]`;
  const reply = await service.post('/events', body);
  assert.equal(reply.status, 202);
  assert.deepEqual([reply.body.accepted, reply.body.rejected], [1, 2]);
  const [first, second] = reply.body.results;
  assert.deepEqual([first!.index, first!.code, first!.event_id], [1, 'missing_event_name', 'not-named']);
  assert.deepEqual([second!.index, second!.code, 'event_id' in second!], [2, 'not_an_object', false]);
  const letters = await service.records('analytics.dlq.v1');
  assert.deepEqual(
    letters.map(({ value }) => Buffer.from(value).toString()),
    [bad, '7'],
  );
  const headers = headersOf(letters[0]!);
  assert.match(headers['dlq.id']!, uuid);
  assert.equal(headers['dlq.reason'], 'missing_event_name');
  assert.equal(headers['dlq.detail'], first!.reason);
  assert.equal(headers['dlq.path'], '/events');
  assert.equal(headers['dlq.index'], '1');
  assert.equal(headers['dlq.truncated'], 'false');
  assert.equal(headers['dlq.app'], 'default');
  assert.equal(service.metrics.ingest.rejected.total('missing_event_name'), 1);
  assert.equal(service.metrics.ingest.accepted.total, 1);
  const line = await service.post(
    '/events',
    `${JSON.stringify(good())}\n{"broken\n${JSON.stringify(good())}`,
  );
  assert.deepEqual([line.status, line.body.accepted, line.body.results[0]!.index], [202, 2, 1]);
});

test('refusals of whole bodies store nothing', async (t) => {
  const service = await openIngestService(t, { limits: { bodyBytesMax: 50_000 } });
  const many = JSON.stringify(Array.from({ length: 1001 }, () => ({ event: 'x' })));
  const old = { event_name: 'x', timestamp: new Date(Date.now() - 100 * 86_400_000).toISOString() };
  const cases: [number, string, unknown, Record<string, string>?][] = [
    [400, 'invalid_json', '[{"event_name":"x"},{"event_name":]'],
    [400, 'invalid_utf8', Buffer.from([0x7b, 0xff, 0x7d])],
    [400, 'empty_batch', ''],
    [400, 'empty_batch', '[]'],
    [400, 'empty_batch', '{"events":[]}'],
    [400, 'no_valid_events', [{ user_id: 'u' }, { user_id: 'v' }]],
    [400, 'no_valid_events', [old]],
    [413, 'too_many_events', many],
    [413, 'body_too_large', 'x'.repeat(50_001)],
    [415, 'unsupported_encoding', '[]', { 'content-encoding': 'lzma' }],
    [400, 'invalid_encoding', 'not gzip', { 'content-encoding': 'gzip' }],
    [400, 'invalid_idempotency_key', [good()], { 'idempotency-key': 'k'.repeat(257) }],
  ];
  for (const [status, code, body, headers] of cases) {
    const reply = await service.post('/events', body, headers);
    assert.deepEqual([reply.status, reply.body.code], [status, code]);
    assert.equal(reply.headers.get('content-type'), 'application/problem+json');
    assert.equal(reply.body.status, status);
    assert.equal(reply.body.title, problems[code as keyof typeof problems].title);
    assert.equal(reply.body.request_id, reply.headers.get('x-request-id'));
    assert.ok(reply.body.type.endsWith(code) && reply.body.detail !== '');
  }
  const refused = await service.post('/events', [{ user_id: 'u' }, old]);
  assert.deepEqual(
    refused.body.results.map((result: { code: string }) => result.code),
    ['missing_event_name', 'timestamp_too_old'],
  );
  assert.deepEqual([refused.body.accepted, refused.body.rejected], [0, 2]);
  assert.equal((await service.records()).length, 0);
  assert.equal((await service.records('analytics.dlq.v1')).length, 0);
});

test('an idempotency key gives the same ids to the same request, others to another', async (t) => {
  const service = await openIngestService(t, { partitions: 1 });
  const ids = async (key: string) => {
    const before = (await service.events()).length;
    assert.equal((await service.post('/events', [good(), good()], { 'idempotency-key': key })).status, 202);
    return (await service.events()).slice(before).map(({ event_id }) => event_id);
  };
  const first = await ids('a');
  assert.equal(new Set(first).size, 2);
  assert.deepEqual(await ids('a'), first);
  assert.notDeepEqual(await ids('b'), first);
  assert.match(String(first[0]), uuid);
});

test('events of one actor keep their order in one partition', async (t) => {
  const service = await openIngestService(t, { partitions: 4 });
  const events = Array.from({ length: 300 }, (_, i) => good({ user_id: `u${i % 17}`, properties: { i } }));
  const reply = await service.post('/events', events);
  assert.equal(reply.body.accepted, 300);
  const records = await service.records();
  assert.ok(records.length > 1 && records.length <= 4);
  const seen = new Map<unknown, { partition: number; last: number }>();
  let count = 0;
  for (const record of records) {
    const found = readEvents(record);
    assert.equal(headersOf(record).count, String(found.length));
    for (const { user_id, properties } of found) {
      const { i } = properties as { i: number };
      const earlier = seen.get(user_id);
      if (earlier !== undefined) assert.ok(earlier.partition === record.partition && earlier.last < i);
      seen.set(user_id, { partition: record.partition, last: i });
      count += 1;
    }
  }
  assert.equal(count, 300);
});

test('keys: missing, wrong, of another scope, in each place', async (t) => {
  const access = {
    ingestKeys: readApiKeys('one, two:shop', 'main'),
    adminKeys: [createApiKey('boss', 'main')],
  };
  const service = await openIngestService(t, { access, partitions: 1 });
  const status = async (path: string, headers: Record<string, string>) => {
    const reply = await service.post(path, good(), headers);
    return [reply.status, reply.body.code ?? null, reply.headers.get('www-authenticate')];
  };
  assert.deepEqual(await status('/events', {}), [401, 'missing_credential', 'Bearer']);
  assert.deepEqual(await status('/events', { 'x-api-key': 'three' }), [401, 'invalid_credential', 'Bearer']);
  assert.deepEqual(await status('/events', { 'x-api-key': 'boss' }), [403, 'wrong_scope', null]);
  assert.deepEqual(await status('/events', { 'x-api-key': 'one' }), [202, null, null]);
  assert.deepEqual(await status('/events', { authorization: 'Bearer two' }), [202, null, null]);
  assert.deepEqual(await status('/events?api_key=two', {}), [202, null, null]);
  const apps = (await service.records()).map((record) => headersOf(record).app);
  assert.deepEqual(apps, ['main', 'shop', 'shop']);
});

test('addresses: a list, and who is believed about the client and its country', async (t) => {
  const closed = await openIngestService(t, { access: { ingestAddresses: readAddressList('10.0.0.0/8') } });
  assert.equal((await closed.post('/events', good())).body.code, 'address_forbidden');
  const proxied = await openIngestService(t, {
    partitions: 1,
    access: { ingestAddresses: readAddressList('10.0.0.0/8'), trustedProxies: readAddressList('127.0.0.1') },
  });
  const headers = { 'x-forwarded-for': '1.1.1.1, 10.1.2.3', 'cf-ipcountry': 'NO' };
  assert.equal((await proxied.post('/events', good(), headers)).status, 202);
  assert.equal(headersOf((await proxied.records())[0]!).country, 'NO');
  const forged = { 'x-forwarded-for': '10.1.2.3, 1.1.1.1' };
  assert.equal((await proxied.post('/events', good(), forged)).status, 403);
  const direct = await openIngestService(t, { partitions: 1 });
  await direct.post('/events', good(), { 'cf-ipcountry': 'NO' });
  assert.equal(headersOf((await direct.records())[0]!).country, undefined);
});

test('a rate limit is 429 with the seconds to wait, until time has passed', async (t) => {
  let at = 1_000_000;
  const rateLimiter = createRateLimiter({ tokensPerSecond: 10, burst: 20, bucketsMax: 10, now: () => at });
  const service = await openIngestService(t, { rateLimiter });
  const batch = Array.from({ length: 50 }, () => good());
  assert.equal((await service.post('/events', batch)).status, 202);
  const refused = await service.post('/events', good());
  assert.deepEqual([refused.status, refused.body.code], [429, 'rate_limited']);
  assert.equal(refused.headers.get('retry-after'), '4');
  at += 4000;
  assert.equal((await service.post('/events', good())).status, 202);
});

test('before it is ready, and under pressure, it is 503 with Retry-After', async (t) => {
  let ready = false;
  let pressed = false;
  const service = await openIngestService(t, {
    ready: () => ready,
    pressure: () => (pressed ? { bound: 'pipeline_lag', detail: 'Behind.', retryAfterMs: 4100 } : null),
  });
  const starting = await service.post('/events', good());
  assert.deepEqual([starting.status, starting.body.code], [503, 'starting']);
  assert.ok(Number(starting.headers.get('retry-after')) >= 1);
  ready = true;
  pressed = true;
  const behind = await service.post('/events', good());
  assert.deepEqual([behind.status, behind.body.code], [503, 'overloaded']);
  assert.equal(behind.headers.get('retry-after'), '5');
  assert.match(await service.metrics.registry.metrics(), /requests_shed_total\{bound="pipeline_lag"\} 1/);
  pressed = false;
  assert.equal((await service.post('/events', good())).status, 202);
});

test('a log that cannot take, or not in time, or only one of the two topics, is 503', async (t) => {
  let mode: 'full' | 'silent' | 'broken' | 'letters' | 'well' = 'full';
  const wrapTopic = (topic: Topic): Topic => ({
    ...topic,
    name: topic.name,
    partitions: topic.partitions,
    append(records) {
      const full = () => Promise.reject(new LogUnavailableError('ENOSPC: /secret/place', 3000));
      if (mode === 'silent') return new Promise(() => {});
      if (mode === 'broken') return Promise.reject(new TypeError('a bug'));
      return mode === 'full' || (mode === 'letters' && topic.name.includes('dlq'))
        ? full()
        : topic.append(records);
    },
  });
  const service = await openIngestService(t, { wrapTopic, limits: { ackTimeoutMs: 20 } });
  const full = await service.post('/events', good());
  assert.deepEqual(
    [full.status, full.body.code, full.headers.get('retry-after')],
    [503, 'log_unavailable', '3'],
  );
  assert.ok(!JSON.stringify(full.body).includes('secret'));
  mode = 'letters';
  assert.equal((await service.post('/events', [good(), 7])).status, 503);
  mode = 'silent';
  const silent = await service.post('/events', good());
  assert.deepEqual([silent.status, silent.body.code], [503, 'log_unavailable']);
  // The log still holds those bytes, so they still count.
  assert.ok(bytesInFlight(await service.metrics.registry.metrics()) > 0);
  mode = 'broken';
  const broken = await service.post('/events', good());
  assert.deepEqual([broken.status, broken.body.code], [500, 'internal']);
  mode = 'well';
  assert.equal((await service.post('/events', good())).status, 202);
});

function bytesInFlight(text: string): number {
  return Number(/analytics_ingest_bytes_in_flight (\d+)/.exec(text)?.[1]);
}

test('bounds on what is under way: requests and bytes', async (t) => {
  const append = Promise.withResolvers<void>();
  const wrapTopic = (topic: Topic): Topic => ({
    ...topic,
    name: topic.name,
    partitions: topic.partitions,
    append: async () => await append.promise,
  });
  const limits = { requestsInFlightMax: 2, bodyBytesInFlightMax: 1000 };
  const service = await openIngestService(t, { wrapTopic, limits });
  const big = good({ properties: { text: 'x'.repeat(800) } });
  const held = service.post('/events', big);
  while (bytesInFlight(await service.metrics.registry.metrics()) < 800) await new Promise(setImmediate);
  const shed = await service.post('/events', big);
  assert.deepEqual([shed.status, shed.body.code], [503, 'overloaded']);
  assert.equal(shed.headers.get('retry-after'), '1');
  const small = service.post('/events', good());
  while (service.metrics.ingest.bytes.total < 850) await new Promise(setImmediate);
  assert.equal((await service.post('/events', good())).status, 503);
  append.resolve();
  assert.deepEqual([(await held).status, (await small).status], [202, 202]);
  assert.equal(bytesInFlight(await service.metrics.registry.metrics()), 0);
  assert.equal(service.metrics.ingest.shed.total('requests_in_flight'), 1);
  assert.equal(service.metrics.ingest.shed.total('bytes_in_flight'), 1);
});

test('other methods: OPTIONS is 204 with CORS, the rest 405 with Allow', async (t) => {
  const service = await openIngestService(t);
  const headers = {
    origin: 'https://tv.example',
    'access-control-request-method': 'POST',
    'access-control-request-headers': 'content-type,x-api-key',
  };
  const preflight = await send(`${service.url}/events`, 'OPTIONS', undefined, headers);
  assert.equal(preflight.status, 204);
  assert.equal(preflight.headers.get('access-control-allow-origin'), 'https://tv.example');
  assert.equal(preflight.headers.get('access-control-allow-headers'), 'content-type,x-api-key');
  assert.equal(preflight.headers.get('access-control-allow-credentials'), 'true');
  assert.equal(preflight.headers.get('access-control-max-age'), '600');
  assert.match(preflight.headers.get('access-control-allow-methods')!, /POST/);
  for (const method of ['GET', 'PUT', 'DELETE', 'HEAD']) {
    const reply = await send(`${service.url}/events`, method);
    assert.deepEqual([reply.status, reply.headers.get('allow')], [405, 'POST, OPTIONS']);
  }
  const reply = await service.post('/events', good(), { origin: 'https://tv.example' });
  assert.equal(reply.headers.get('access-control-allow-origin'), 'https://tv.example');
});

test('listed origins only, where a list is set', async (t) => {
  const service = await openIngestService(t, { origins: ['https://tv.example'] });
  assert.equal((await service.post('/events', good(), { origin: 'https://tv.example' })).status, 202);
  assert.equal((await service.post('/events', good())).status, 202);
  const foreign = await service.post('/events', good(), { origin: 'https://evil.example' });
  assert.deepEqual([foreign.status, foreign.body.code], [403, 'origin_forbidden']);
  assert.equal(foreign.headers.get('access-control-allow-origin'), null);
});

test('many at once: every acknowledged event is in the log exactly once', async (t) => {
  const service = await openIngestService(t, { partitions: 3 });
  const acknowledged: string[] = [];
  await Promise.all(
    Array.from({ length: 40 }, async () => {
      for (let round = 0; round < 5; round++) {
        const events = Array.from({ length: 7 }, (_, i) =>
          good({ event_id: randomUUID(), user_id: `u${i}` }),
        );
        const reply = await service.post('/events', events);
        if (reply.status === 202)
          acknowledged.push(...events.map((event) => String((event as Record<string, unknown>).event_id)));
      }
    }),
  );
  assert.equal(acknowledged.length, 40 * 5 * 7);
  const stored = (await service.events()).map(({ event_id }) => event_id as string);
  assert.deepEqual(stored.sort(), acknowledged.sort());
});

test('pipelined requests on one connection are answered in order', async (t) => {
  const service = await openIngestService(t);
  const socket = connect(service.http.port, '127.0.0.1');
  const request = (body: string, more = '') =>
    `POST /events HTTP/1.1\r\nHost: x\r\n${more}Content-Length: ${body.length}\r\n\r\n${body}`;
  const one = JSON.stringify(good());
  socket.write(request(one) + request('[]') + request(`[${one},${one}]`, 'Connection: close\r\n'));
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk;
  });
  await once(socket, 'close');
  assert.deepEqual(
    [...text.matchAll(/HTTP\/1.1 (\d+)/g)].map((match) => match[1]),
    ['202', '400', '202'],
  );
  assert.ok(text.indexOf('"accepted":1') < text.indexOf('empty_batch'));
  assert.ok(text.indexOf('empty_batch') < text.indexOf('"accepted":2'));
});
