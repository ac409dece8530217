import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import {
  brotliCompressSync,
  constants,
  deflateRawSync,
  deflateSync,
  gzipSync,
  zstdCompressSync,
} from 'node:zlib';
import { good, type IngestService, openIngestService } from './service.ts';

const brotli = (body: Buffer) =>
  brotliCompressSync(body, { params: { [constants.BROTLI_PARAM_QUALITY]: 3 } });
const compressors = { gzip: gzipSync, deflate: deflateSync, br: brotli, zstd: zstdCompressSync };

test('compressed bodies, declared or not', async (t) => {
  const service = await openIngestService(t);
  const batch = Buffer.from(JSON.stringify(Array.from({ length: 50 }, (_, i) => good({ user_id: `u${i}` }))));
  for (const [coding, compress] of Object.entries(compressors)) {
    const reply = await service.post('/events', compress(batch), { 'content-encoding': coding });
    assert.deepEqual([reply.status, reply.body.accepted], [202, 50], coding);
  }
  const bare = await service.post('/events', deflateRawSync(batch), { 'content-encoding': 'deflate' });
  assert.equal(bare.body.accepted, 50);
  assert.equal((await service.post('/events', gzipSync(batch))).body.accepted, 50);
  assert.equal((await service.events()).length, 300);
});

test('large compressed bodies, inflated off the main thread', async (t) => {
  const service = await openIngestService(t, { limits: { bodyBytesMax: 4_000_000 } });
  const noise = () => Array.from({ length: 700 }, () => Math.random().toString(36)).join('');
  const batch = Buffer.from(
    JSON.stringify(Array.from({ length: 100 }, () => good({ properties: { text: noise() } }))),
  );
  for (const [coding, compress] of Object.entries(compressors)) {
    const body = compress(batch);
    assert.ok(body.length > 32_768);
    const reply = await service.post('/events', body, { 'content-encoding': coding });
    assert.deepEqual([reply.status, reply.body.accepted], [202, 100], coding);
  }
});

test('bombs are 413, cut bodies 400, and nothing of them stays', async (t) => {
  const service = await openIngestService(t);
  for (const [coding, compress] of Object.entries(compressors)) {
    // Small ones are inflated at once, the large ones on the thread pool.
    for (const size of [2_000_000, 80_000_000]) {
      const bomb = compress(Buffer.alloc(size, ' '));
      const reply = await service.post('/events', bomb, { 'content-encoding': coding });
      assert.deepEqual([reply.status, reply.body.code], [413, 'body_too_large'], coding);
    }
    const whole = compress(Buffer.from(JSON.stringify([good()])));
    const reply = await service.post('/events', whole.subarray(0, whole.length - 6), {
      'content-encoding': coding,
    });
    assert.deepEqual([reply.status, reply.body.code], [400, 'invalid_encoding'], coding);
  }
  assert.equal((await service.records()).length, 0);
  assert.match(await service.metrics.registry.metrics(), /analytics_ingest_bytes_in_flight 0/);
});

async function answerOf(service: IngestService, write: (socket: Socket) => void): Promise<string> {
  const socket = connect(service.http.port, '127.0.0.1');
  let text = '';
  socket.on('data', (chunk) => {
    text += chunk;
  });
  socket.on('error', () => {});
  write(socket);
  await once(socket, 'close');
  return text;
}

const head = (more: string) => `POST /events HTTP/1.1\r\nHost: x\r\n${more}\r\n`;
const chunk = (text: string) => `${text.length.toString(16)}\r\n${text}\r\n`;

test('chunked uploads, good and too large', async (t) => {
  const service = await openIngestService(t, { limits: { bodyBytesMax: 10_000 } });
  const body = JSON.stringify([good()]);
  const taken = await answerOf(service, (socket) => {
    socket.write(head('Transfer-Encoding: chunked\r\nConnection: close\r\n'));
    socket.write(chunk(body.slice(0, 9)));
    socket.write(`${chunk(body.slice(9))}0\r\n\r\n`);
  });
  assert.match(taken, /^HTTP\/1.1 202 /);
  const refused = await answerOf(service, (socket) => {
    socket.write(head('Transfer-Encoding: chunked\r\n'));
    for (let i = 0; i < 40; i++) socket.write(chunk('x'.repeat(1000)));
    socket.write('0\r\n\r\n');
  });
  assert.match(refused, /^HTTP\/1.1 413 /);
  assert.match(refused, /connection: close/i);
  assert.match(refused, /"code":"body_too_large"/);
});

test('a declared length over the limit is refused before the body comes', async (t) => {
  const service = await openIngestService(t);
  const text = await answerOf(service, (socket) => {
    socket.write(head('Content-Length: 5000000\r\n'));
    socket.once('data', () => socket.end());
  });
  assert.match(text, /^HTTP\/1.1 413 /);
  assert.match(text, /body_too_large/);
});

test('Expect: 100-continue is answered after the checks', async (t) => {
  const service = await openIngestService(t);
  const body = JSON.stringify(good());
  const taken = await answerOf(service, (socket) => {
    socket.write(head(`Expect: 100-continue\r\nConnection: close\r\nContent-Length: ${body.length}\r\n`));
    socket.once('data', () => socket.write(body));
  });
  assert.match(taken, /^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 202 /);
  const refused = await answerOf(service, (socket) => {
    socket.write(head('Expect: 100-continue\r\nContent-Length: 5000000\r\n'));
  });
  assert.match(refused, /^HTTP\/1.1 413 /);
});

test('uploads that break off store and hold nothing', async (t) => {
  const service = await openIngestService(t);
  const body = JSON.stringify([good()]);
  for (let i = 0; i < 20; i++) {
    const socket = connect(service.http.port, '127.0.0.1');
    socket.on('error', () => {});
    socket.write(head(`Content-Length: ${body.length + 1}\r\n`) + body, () => socket.destroy());
    await once(socket, 'close');
  }
  while (service.metrics.ingest.aborted.total < 20) await new Promise(setImmediate);
  const text = await service.metrics.registry.metrics();
  assert.match(text, /analytics_ingest_bytes_in_flight 0/);
  assert.match(text, /analytics_ingest_requests_in_flight 0/);
  assert.equal((await service.records()).length, 0);
});

test('a body that does not arrive in time is 408', async (t) => {
  const service = await openIngestService(t, { http: { requestTimeoutMs: 200, headersTimeoutMs: 200 } });
  const text = await answerOf(service, (socket) => socket.write(`${head('Content-Length: 100\r\n')}[`));
  assert.match(text, /^HTTP\/1.1 408 /);
  const headersOnly = await answerOf(service, (socket) => socket.write('POST /events HTTP/1.1\r\nHost:'));
  assert.match(headersOnly, /^HTTP\/1.1 408 /);
  assert.match(headersOnly, /request_timeout/);
});
