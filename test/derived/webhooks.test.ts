/** Webhooks with real receivers over HTTP and a real log. */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { createRecord, type DerivedEvent } from '../../src/derived/event.ts';
import { startWebhooks, type WebhooksOptions, webhookGroup } from '../../src/derived/webhooks.ts';
import { type LocalLog, openLocalLog } from '../../src/log/local/local.ts';
import type { LogRecord } from '../../src/log/log.ts';
import { readRetryAfter } from '../../src/webhook/receiver.ts';
import { makeTestFolder } from '../support/clickhouse.ts';

const DERIVED = 'derived';
const DEAD = 'dead';
const GROUP = 'g';
const SECRET = 'a secret for tests';

interface Call {
  readonly id: string;
  readonly view: string;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: string;
  readonly at: number;
}

interface Endpoint {
  readonly url: string;
  readonly calls: Call[];
  /** Ids answered well, in order. */
  readonly taken: string[];
  close(): void;
}

type Answer = (call: Call, nth: number, response: http.ServerResponse) => void;

/** A receiver; without a word of its own it takes everything. `nth` counts calls of the same id from 0. */
async function openEndpoint(
  t: TestContext,
  answer: Answer = (_call, _nth, response) => response.end(),
): Promise<Endpoint> {
  const calls: Call[] = [];
  const taken: string[] = [];
  const server = http.createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString();
      const { data } = JSON.parse(body) as { data: DerivedEvent };
      const call = {
        id: data.event_id,
        view: data.view_id!,
        headers: request.headers,
        body,
        at: performance.now(),
      };
      const nth = calls.filter(({ id }) => id === call.id).length;
      calls.push(call);
      answer(call, nth, response);
      if (response.writableEnded && response.statusCode < 300) taken.push(call.id);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = () => {
    server.close();
    server.closeAllConnections();
  };
  t.after(close);
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/hook`, calls, taken, close };
}

async function openLog(t: TestContext, dir = makeTestFolder()): Promise<LocalLog> {
  const topics = [DERIVED, DEAD].map((name) => ({ name, partitions: 1 }));
  const log = await openLocalLog({ dir, topics, minFreeBytes: 0 });
  t.after(() => log.close());
  return log;
}

const outcomes: string[] = [];

function startFor(log: LocalLog, urls: readonly string[], more: Partial<WebhooksOptions> = {}) {
  return startWebhooks({
    log,
    topic: DERIVED,
    deadLetterTopic: DEAD,
    group: GROUP,
    urls,
    secret: SECRET,
    timeoutMs: 5_000,
    inFlightMax: 8,
    giveUpAfterMs: 3_600_000,
    allowPrivate: true,
    version: 'test',
    observer: {
      attempted: (_receiver, outcome) => outcomes.push(outcome),
      lag() {},
      failed(stage, error) {
        throw new Error(stage, { cause: error });
      },
    },
    now: Date.now,
    backOffMs: 5,
    ...more,
  });
}

const event = (n: number, view = `v${n}`): DerivedEvent => ({
  event_id: `00000000-0000-5000-8000-${String(n).padStart(12, '0')}`,
  event_name: 'VideoWatched',
  app_id: 'tube',
  view_id: view,
  video_id: 'film',
  user_id: null,
  session_id: null,
  watch_ms: n,
});

async function publish(log: LocalLog, events: readonly DerivedEvent[], at = Date.now()): Promise<void> {
  await log.topic(DERIVED).append(events.map((one) => createRecord(one, at)));
}

async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`not reached: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

async function untilCommitted(log: LocalLog, url: string): Promise<void> {
  await until('everything is committed', async () => {
    const lag = await log.topic(DERIVED).lag(webhookGroup(GROUP, url));
    return lag.every(({ records }) => records === 0);
  });
}

async function readAll(log: LocalLog, topic: string): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  const writer = await log.topic(topic).openSoleWriter(0);
  await writer.readBack(0, async (some) => void records.push(...some));
  return records;
}

test('each event comes once, signed, under its own id', async (t) => {
  const log = await openLog(t);
  const endpoint = await openEndpoint(t);
  await publish(log, [event(0)]);
  const webhooks = await startFor(log, [endpoint.url]);
  await untilCommitted(log, endpoint.url);
  const events = Array.from({ length: 500 }, (_, n) => event(n + 1));
  await publish(log, events);
  await untilCommitted(log, endpoint.url);
  await webhooks.stop();
  assert.deepEqual(
    endpoint.taken.toSorted(),
    events.map((one) => one.event_id),
    'and nothing from before its time',
  );
  for (const { id, headers, body } of endpoint.calls) {
    assert.equal(headers['webhook-id'], id);
    assert.equal(headers['content-type'], 'application/json');
    const signed = `${id}.${headers['webhook-timestamp']}.${body}`;
    assert.equal(
      headers['webhook-signature'],
      `v1,${createHmac('sha256', SECRET).update(signed).digest('base64')}`,
    );
    assert.ok(Math.abs(Number(headers['webhook-timestamp']) - Date.now() / 1000) < 60);
    const { type, timestamp, data } = JSON.parse(body) as {
      type: string;
      timestamp: string;
      data: DerivedEvent;
    };
    assert.equal(type, 'VideoWatched');
    assert.ok(!Number.isNaN(Date.parse(timestamp)));
    assert.deepEqual(data, events[(data.watch_ms as number) - 1]);
  }
});

test('what fails is tried again until it is taken, and a view stays in order', async (t) => {
  const log = await openLog(t);
  const endpoint = await openEndpoint(t, (call, nth, response) => {
    const number = Number(call.id.slice(-12));
    // Every third fails twice, each time otherwise.
    if (number % 3 === 0 && nth < 2) {
      if (nth === 0) response.writeHead(500).end();
      else response.destroy();
    } else response.end('fine');
  });
  const webhooks = await startFor(log, [endpoint.url]);
  const events = Array.from({ length: 120 }, (_, n) => event(n, `v${n % 7}`));
  await publish(log, events);
  await untilCommitted(log, endpoint.url);
  await webhooks.stop();
  assert.equal(endpoint.taken.length, 120);
  for (let view = 0; view < 7; view++)
    assert.deepEqual(
      endpoint.taken.filter((id) => Number(id.slice(-12)) % 7 === view),
      events.filter((one) => one.view_id === `v${view}`).map((one) => one.event_id),
    );
  const bodies = Map.groupBy(endpoint.calls, (call) => call.id);
  for (const [id, calls] of bodies) assert.equal(new Set(calls.map((call) => call.body)).size, 1, id);
  assert.equal(endpoint.calls.length, 120 + 40 * 2);
});

test('one that hangs, one that is gone and one that is well do not wait for each other', async (t) => {
  const log = await openLog(t);
  const well = await openEndpoint(t);
  let open = 0;
  let mostOpen = 0;
  const hanging = await openEndpoint(t, (_call, _nth, response) => {
    mostOpen = Math.max(mostOpen, ++open);
    response.on('close', () => open--);
  });
  const gone = await openEndpoint(t);
  gone.close();
  const webhooks = await startFor(log, [hanging.url, gone.url, well.url], { timeoutMs: 300 });
  const count = 40;
  await publish(
    log,
    Array.from({ length: count }, (_, n) => event(n)),
  );
  await untilCommitted(log, well.url);
  assert.equal(well.taken.length, count);
  await until('the one that hangs is asked again', () => hanging.calls.length > count);
  const lag = await log.topic(DERIVED).lag(webhookGroup(GROUP, hanging.url));
  assert.equal(lag[0]!.records, count);
  assert.ok(mostOpen <= 8, `${mostOpen} at once`);
  await webhooks.stop();
});

test('a receiver that asks for time gets it', async (t) => {
  const log = await openLog(t);
  const endpoint = await openEndpoint(t, (_call, nth, response) => {
    if (nth === 0) response.writeHead(429, { 'retry-after': '1' }).end();
    else response.end();
  });
  const webhooks = await startFor(log, [endpoint.url]);
  await publish(log, [event(1)]);
  await untilCommitted(log, endpoint.url);
  await webhooks.stop();
  assert.ok(endpoint.calls[1]!.at - endpoint.calls[0]!.at >= 990);
  const now = Date.UTC(2026, 0, 1);
  assert.equal(readRetryAfter('7', now), 7_000);
  assert.equal(readRetryAfter(new Date(now + 9_000).toUTCString(), now), 9_000);
  assert.equal(readRetryAfter(new Date(now - 9_000).toUTCString(), now), 0);
  for (const nonsense of [undefined, 'soon']) assert.equal(readRetryAfter(nonsense, now), null);
});

test('what is too old becomes a dead letter, and the rest goes on', async (t) => {
  const log = await openLog(t);
  const endpoint = await openEndpoint(t, (call, _nth, response) => {
    response.writeHead(call.view === 'bad' ? 404 : 200).end();
  });
  const webhooks = await startFor(log, [endpoint.url], { giveUpAfterMs: 60_000 });
  const bad = event(1, 'bad');
  await publish(log, [bad, event(2, 'good')], Date.now() - 60_000);
  await untilCommitted(log, endpoint.url);
  await webhooks.stop();
  assert.deepEqual(endpoint.taken, [event(2).event_id]);
  const [letter, more] = await readAll(log, DEAD);
  assert.equal(more, undefined);
  const headers = Object.fromEntries(letter!.headers);
  assert.deepEqual([headers['dlq.reason'], headers['dlq.detail']], ['webhook_failed', 'It answered 404.']);
  assert.deepEqual([headers['dlq.topic'], headers['dlq.offset'], headers['dlq.app']], [DERIVED, '0', 'tube']);
  assert.deepEqual(JSON.parse(Buffer.from(letter!.value).toString()), bad);
});

test('redirects are not followed, and private addresses are not asked unless that is allowed', async (t) => {
  const log = await openLog(t);
  const inside = await openEndpoint(t);
  const endpoint = await openEndpoint(t, (_call, _nth, response) => {
    response.writeHead(307, { location: inside.url }).end();
  });
  const named = endpoint.url.replace('127.0.0.1', 'localhost');
  const first = await startFor(log, [endpoint.url], { giveUpAfterMs: 1 });
  await publish(log, [event(1)], Date.now() - 60_000);
  await untilCommitted(log, endpoint.url);
  await first.stop();
  assert.equal(inside.calls.length, 0);
  const asked = endpoint.calls.length;
  const second = await startFor(log, [endpoint.url, named], { giveUpAfterMs: 1, allowPrivate: false });
  await publish(log, [event(2)], Date.now() - 60_000);
  for (const url of [endpoint.url, named]) await untilCommitted(log, url);
  await second.stop();
  assert.equal(endpoint.calls.length, asked);
  const details = (await readAll(log, DEAD)).map(
    (letter) => Object.fromEntries(letter.headers)['dlq.detail']!,
  );
  assert.match(details[0]!, /307, and redirects are not followed/);
  for (const detail of details.slice(1)) assert.match(detail, /loopback, private or special/);
  assert.equal(details.length, 3);
});

test('after a stop in the middle everything is delivered, each event under the id it had', async (t) => {
  const dir = makeTestFolder();
  let log = await openLog(t, dir);
  let limit = 30;
  const endpoint = await openEndpoint(t, (call, _nth, response) => {
    if (endpoint.taken.length >= limit || call.view === 'v3') response.writeHead(503).end();
    else response.end();
  });
  let webhooks = await startFor(log, [endpoint.url]);
  const events = Array.from({ length: 100 }, (_, n) => event(n));
  await publish(log, events);
  await until('some are taken', () => endpoint.taken.length >= limit);
  await webhooks.stop();
  await log.close();
  limit = Number.POSITIVE_INFINITY;
  log = await openLog(t, dir);
  webhooks = await startFor(log, [endpoint.url]);
  await until('all but one are taken', () => new Set(endpoint.taken).size === 99);
  await until('all below the one that waits is done, and nothing else', async () => {
    const [lag] = await log.topic(DERIVED).lag(webhookGroup(GROUP, endpoint.url));
    assert.ok(lag!.committed <= 3);
    return lag!.committed === 3;
  });
  await webhooks.stop();
  assert.ok(!endpoint.taken.includes(events[3]!.event_id));
});
