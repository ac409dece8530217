import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { type TestContext, test } from 'node:test';
import { Load, type LoadPlan } from '../../bench/load.ts';

interface Collector {
  readonly port: number;
  /** Of requests answered 202. */
  readonly acknowledged: { events: number; readonly ids: Set<string> };
  /** Resolves when so many requests have come. */
  requests(count: number): Promise<void>;
}

/** Counts what it acknowledges. `statusOf` the n-th request; 0 hangs up instead of answering. */
async function collect(test: TestContext, statusOf: (number: number) => number): Promise<Collector> {
  const acknowledged = { events: 0, ids: new Set<string>() };
  let number = 0;
  const waiting: { count: number; resolve: () => void }[] = [];
  const server: Server = createServer(async (request, response) => {
    const events = JSON.parse(await text(request)) as { event_id: string }[];
    const status = statusOf(number++);
    for (const { count, resolve } of waiting) if (number >= count) resolve();
    if (status === 0) return request.socket.destroy();
    if (status === 202) {
      acknowledged.events += events.length;
      for (const { event_id } of events) acknowledged.ids.add(event_id);
    }
    const body = '{"accepted":1}';
    response.writeHead(status, { 'content-length': body.length });
    // In two pieces, as a busy network may deliver it.
    response.write(body.slice(0, 5));
    setImmediate(() => response.end(body.slice(5)));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  test.after(() => server.close());
  return {
    port: (server.address() as AddressInfo).port,
    acknowledged,
    requests: (count) => new Promise((resolve) => void waiting.push({ count, resolve })),
  };
}

const plan = (port: number, rest: Partial<LoadPlan> = {}): LoadPlan => ({
  host: '127.0.0.1',
  port,
  path: '/events',
  batch: 100,
  connections: 4,
  rate: null,
  run: 1,
  ...rest,
});

test('a closed loop counts what was acknowledged, retries among it', async (t) => {
  const server = await collect(t, () => 202);
  const load = await Load.open(plan(server.port));
  const enough = server.requests(450);
  load.start();
  await enough;
  const report = await load.stop();
  assert.equal(report.acknowledged, server.acknowledged.events);
  assert.equal(report.distinct, server.acknowledged.ids.size);
  assert.ok(report.distinct < report.acknowledged);
  assert.equal(report.unknown, 0);
  assert.deepEqual(Object.keys(report.statuses), ['202']);
});

test('what was refused is not counted, and what was cut off is told apart', async (t) => {
  const server = await collect(t, (number) => (number % 7 === 3 ? 503 : number % 50 === 20 ? 0 : 202));
  const load = await Load.open(plan(server.port));
  const enough = server.requests(300);
  load.start();
  await enough;
  const report = await load.stop();
  assert.equal(report.acknowledged, server.acknowledged.events);
  assert.equal(report.distinct, server.acknowledged.ids.size);
  assert.equal(report.unknown, (report.statuses[0] ?? 0) * 100);
  assert.ok((report.statuses[503] ?? 0) > 0 && (report.statuses[0] ?? 0) > 0);
});

test('an open loop sends no more than its rate', async (t) => {
  const server = await collect(t, () => 202);
  const load = await Load.open(plan(server.port, { batch: 10, rate: 2_000, connections: 2 }));
  const enough = server.requests(20);
  const began = performance.now();
  load.start();
  await enough;
  const report = await load.stop();
  const due = Math.floor((performance.now() - began) / 5) + 1;
  assert.ok(report.requests <= due, `${report.requests} of ${due}`);
  assert.equal(report.distinct, server.acknowledged.ids.size);
});
