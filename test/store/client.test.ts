import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { createStoreClient, type StoreClient, type StoreEndpoint } from '../../src/store/client.ts';
import { silentLog, startTestClickHouse } from '../support/clickhouse.ts';

interface TestLifetime {
  after(fn: () => Promise<void> | void): void;
}

/** One block in Native format: one column of UInt64. */
function nativeBlock(column: string, values: readonly bigint[]): Uint8Array[] {
  const text = (value: string) => [Buffer.from([value.length]), Buffer.from(value)];
  const data = BigUint64Array.from(values);
  return [
    Buffer.concat([Buffer.from([1, values.length]), ...text(column), ...text('UInt64')]),
    new Uint8Array(data.buffer),
  ];
}

function clientFor(t: TestLifetime, endpoint: () => Promise<StoreEndpoint>): StoreClient {
  const client = createStoreClient({ endpoint, database: 'sluice', log: silentLog });
  t.after(() => client.close());
  return client;
}

/** A server that is not ClickHouse, and behaves as badly as it is told to. */
async function startFakeServer(t: TestLifetime, handler: http.RequestListener) {
  const server = http.createServer(handler);
  const sockets = new Set<Socket>();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { sockets, endpoint: { url: `http://127.0.0.1:${port}`, username: 'app', password: 'x' } };
}

async function consume(request: http.IncomingMessage): Promise<void> {
  for await (const _ of request);
}

test('a question whose connection breaks before the answer is asked once more, and only once', async (t) => {
  let asked = 0;
  let broken = 1;
  const server = await startFakeServer(t, async (request, response) => {
    let text = '';
    for await (const chunk of request) text += chunk;
    // What is abandoned is killed, by a request of its own.
    if (!text.startsWith('SELECT 7')) return void response.end();
    if (++asked <= broken) request.socket.destroy();
    else response.end('{"n":7}\n');
  });
  const client = clientFor(t, async () => server.endpoint);
  assert.deepEqual(await client.select('SELECT 7 AS n'), [{ n: 7 }]);
  assert.equal(asked, 2);
  [asked, broken] = [0, 5];
  await assert.rejects(client.select('SELECT 7 AS n'), { name: 'StoreError', code: null });
  assert.equal(asked, 2);
});

test('rows come typed, with parameters, and 64-bit integers as numbers', async (t) => {
  const { client } = await startTestClickHouse(t);
  const rows = await client.select<{ n: number; text: string; list: number[]; none: null }>(
    'SELECT count() AS n, {text:String} AS text, {list:Array(UInt8)} AS list, {none:Nullable(String)} AS none FROM numbers(3)',
    { text: "it's \\ \n ü", list: [1, 2], none: null },
  );
  assert.deepEqual(rows, [{ n: 3, text: "it's \\ \n ü", list: [1, 2], none: null }]);
  assert.deepEqual(await client.select('SELECT 1 WHERE 0'), []);
});

test('a long parameter is no problem up to 128 KiB, and a clear error above', async (t) => {
  const { client } = await startTestClickHouse(t);
  const ask = (length: number) =>
    client.select('SELECT length({long:String}) AS n', { long: ' '.repeat(length) });
  assert.deepEqual(await ask(128 * 1024), [{ n: 128 * 1024 }]);
  await assert.rejects(ask(200_000), { name: 'StoreError', code: 1000, message: /Field value too long/ });
});

test('a stream ends its query when it is left', async (t) => {
  const { client } = await startTestClickHouse(t);
  for await (const rows of client.stream<{ number: number }>(
    'SELECT number FROM system.numbers',
    {},
    { queryId: 'left' },
  )) {
    assert.equal(rows[0]!.number, 0);
    break;
  }
  while ((await client.select("SELECT 1 FROM system.processes WHERE query_id = 'left'")).length > 0)
    await delay(5);
});

test('bytes come in the format that is asked for, and never with a failure among them', async (t) => {
  const { client } = await startTestClickHouse(t);
  let text = '';
  const rows = client.streamBytes("SELECT 1 AS a, 'x\ny' AS b -- the end", 'CSVWithNames');
  for await (const bytes of rows) text += bytes.toString();
  assert.equal(text, '"a","b"\n1,"x\ny"\n');
  const sql = 'SELECT throwIf(number = 500000) FROM numbers(1000000)';
  const settings = { max_block_size: 1000, max_threads: 1 };
  await assert.rejects(
    async () => {
      for await (const _ of client.streamBytes(sql, 'CSVWithNames', {}, { settings }))
        assert.fail('something came before the failure');
    },
    { name: 'StoreError', code: 395 },
  );
});

test('a query that takes too long is killed, and says so', async (t) => {
  const { client } = await startTestClickHouse(t);
  const sql = 'SELECT sum(sipHash64(number)) FROM system.numbers';
  await assert.rejects(client.select(sql, {}, { timeoutMs: 100 }), { name: 'StoreError', code: 159 });
});

test('an aborted query is killed, and rejects with the reason', async (t) => {
  const { client } = await startTestClickHouse(t);
  const running = "SELECT 1 FROM system.processes WHERE query_id = 'aborted'";
  const controller = new AbortController();
  const options = { signal: controller.signal, queryId: 'aborted' };
  const query = client.select('SELECT sum(sipHash64(number)) FROM system.numbers', {}, options);
  const refused = assert.rejects(query, /not wanted/);
  while ((await client.select(running)).length === 0) await delay(5);
  controller.abort(new Error('not wanted'));
  await refused;
  while ((await client.select(running)).length > 0) await delay(5);
});

test('one that has begun to answer is killed and rejects, too', async (t) => {
  const { client } = await startTestClickHouse(t);
  const sql = 'SELECT number, sleepEachRow(0.1) FROM numbers(200) SETTINGS max_block_size = 1';
  const running = "SELECT 1 FROM system.processes WHERE query_id = 'begun'";
  const readAll = async (options: { signal: AbortSignal; queryId: string }) => {
    for await (const _ of client.stream(sql, {}, options));
  };
  for (const ask of [(options: Parameters<typeof readAll>[0]) => client.select(sql, {}, options), readAll]) {
    const controller = new AbortController();
    const refused = assert.rejects(ask({ signal: controller.signal, queryId: 'begun' }), /not wanted/);
    while ((await client.select(running)).length === 0) await delay(5);
    // Long enough for the head of the answer.
    await delay(1_500);
    const began = performance.now();
    controller.abort(new Error('not wanted'));
    await refused;
    while ((await client.select(running)).length > 0) await delay(5);
    assert.ok(performance.now() - began < 5_000);
  }
});

test('killQueries waits until none is left', async (t) => {
  const { client } = await startTestClickHouse(t);
  const sql = 'SELECT sum(sipHash64(number)) FROM system.numbers';
  const running = "SELECT count() AS n FROM system.processes WHERE startsWith(query_id, 'a%_')";
  const queries = ['a%_1', 'a%_2'].map((queryId) =>
    assert.rejects(client.select(sql, {}, { queryId }), { name: 'StoreError', code: 394 }),
  );
  const other = new AbortController();
  const spared = client.select(sql, {}, { queryId: 'ab_1', signal: other.signal });
  while ((await client.select<{ n: number }>(running))[0]!.n < 2) await delay(5);
  await client.killQueries('a%_');
  assert.deepEqual(await client.select(running), [{ n: 0 }]);
  await Promise.all(queries);
  other.abort(new Error('enough'));
  await assert.rejects(spared, /enough/);
  await client.killQueries('nothing runs under this name');
});

test('a block of rows is inserted from its chunks', async (t) => {
  const { client } = await startTestClickHouse(t);
  await client.command('CREATE TABLE t (`a b` UInt64) ENGINE = MergeTree ORDER BY tuple()');
  const values = [1n, 2n, 2n ** 64n - 1n];
  await client.insertNative('t', ['a b'], nativeBlock('a b', values), { queryId: 'i1', timeoutMs: 5_000 });
  const rows = await client.select<{ a: string }>('SELECT toString(`a b`) AS a FROM t ORDER BY `a b`');
  assert.deepEqual(
    rows.map((row) => BigInt(row.a)),
    values,
  );
});

test('refused: ClickHouse said no, and nothing was written', async (t) => {
  const { client } = await startTestClickHouse(t);
  await client.command(
    'CREATE TABLE t (a UInt64, CONSTRAINT small CHECK a < 10) ENGINE = MergeTree ORDER BY a',
  );
  const options = { queryId: 'i2', timeoutMs: 5_000 };
  const insert = (table: string, body: Uint8Array[]) => client.insertNative(table, ['a'], body, options);
  await assert.rejects(insert('t', nativeBlock('a', [1n, 10n])), { kind: 'refused', code: 469 });
  await assert.rejects(insert('nowhere', nativeBlock('a', [1n])), { kind: 'refused', code: 60 });
  await assert.rejects(client.select('SELEC'), { kind: 'refused', code: 62 });
  const cut = nativeBlock('a', [1n, 2n]);
  cut[1] = cut[1]!.subarray(0, 12);
  await assert.rejects(insert('t', cut), { name: 'StoreError' });
  assert.deepEqual(await client.select('SELECT count() AS n FROM t'), [{ n: 0 }]);
});

test('unavailable: the request never left', async (t) => {
  const server = await startFakeServer(t, (_, response) => response.end());
  const { port } = new URL(server.endpoint.url);
  const closed = http.createServer().listen(0, '127.0.0.1');
  await once(closed, 'listening');
  const free = (closed.address() as AddressInfo).port;
  closed.close();
  await once(closed, 'close');
  assert.notEqual(Number(port), free);
  const nobody = clientFor(t, async () => ({
    url: `http://127.0.0.1:${free}`,
    username: 'app',
    password: 'x',
  }));
  const options = { queryId: 'i3', timeoutMs: 5_000 };
  await assert.rejects(nobody.insertNative('t', ['a'], [], options), { kind: 'unavailable', code: null });
  await assert.rejects(nobody.select('SELECT 1'), { kind: 'unavailable', code: null });
  await assert.rejects(nobody.ping(), { kind: 'unavailable' });

  const restarting = clientFor(t, () => new Promise(() => {}));
  await assert.rejects(restarting.insertNative('t', ['a'], [], { ...options, timeoutMs: 20 }), {
    kind: 'unavailable',
  });
  await assert.rejects(restarting.ping(20), { kind: 'unavailable' });
});

test('unknown outcome: it was sent, and no clear answer came', async (t) => {
  const options = { queryId: 'i4', timeoutMs: 5_000 };
  const behaviours: Record<string, http.RequestListener> = {
    'reset before the answer': async (request) => {
      await consume(request);
      request.socket.resetAndDestroy();
    },
    'half an answer': async (request, response) => {
      await consume(request);
      response.writeHead(200, { 'content-length': 10 });
      response.write('half', () => request.socket.destroy());
    },
    'a proxy that lost the server': async (request, response) => {
      await consume(request);
      response.writeHead(502).end('Bad gateway');
    },
    'an error that may come after a write': async (request, response) => {
      await consume(request);
      response
        .writeHead(500, { 'x-clickhouse-exception-code': '319' })
        .end('Code: 319. DB::Exception: who knows');
    },
  };
  for (const [name, behaviour] of Object.entries(behaviours)) {
    const { endpoint } = await startFakeServer(t, behaviour);
    const client = clientFor(t, async () => endpoint);
    const insert = client.insertNative('t', ['a'], nativeBlock('a', [1n]), options);
    await assert.rejects(insert, { name: 'StoreError', kind: 'unknown_outcome' }, name);
  }
  const { endpoint } = await startFakeServer(t, () => {});
  const silent = clientFor(t, async () => endpoint);
  const insert = silent.insertNative('t', ['a'], nativeBlock('a', [1n]), { ...options, timeoutMs: 100 });
  await assert.rejects(insert, { kind: 'unknown_outcome', code: 159 });
});

test('trap: every request carries async_insert=0, whatever the caller says', async (t) => {
  const urls: URL[] = [];
  const { endpoint } = await startFakeServer(t, async (request, response) => {
    urls.push(new URL(request.url!, 'http://x'));
    await consume(request);
    response.end();
  });
  const client = clientFor(t, async () => endpoint);
  const settings = { max_threads: 3 };
  await client.select('SELECT 1', {}, { settings });
  await client.command('CREATE', {}, { settings });
  const insert = { queryId: 'i5', timeoutMs: 5_000, settings: { ...settings, async_insert: 1 } };
  await client.insertNative('t', ['a', 'b'], [new Uint8Array(3)], insert);
  for (const { searchParams } of urls) {
    assert.deepEqual(searchParams.getAll('async_insert'), ['0']);
    assert.deepEqual(searchParams.getAll('database'), ['sluice']);
    assert.deepEqual(searchParams.getAll('max_threads'), ['3']);
  }
  assert.equal(urls[2]!.searchParams.get('query'), 'INSERT INTO t (`a`, `b`) FORMAT Native');
  assert.equal(urls[2]!.searchParams.get('query_id'), 'i5');
});

test('it follows the endpoint, and drops the sockets of the one before', async (t) => {
  const seen: number[] = [];
  const answer =
    (number: number): http.RequestListener =>
    async (request, response) => {
      seen.push(number);
      await consume(request);
      response.end();
    };
  const first = await startFakeServer(t, answer(1));
  const second = await startFakeServer(t, answer(2));
  let endpoint = first.endpoint;
  const client = clientFor(t, async () => endpoint);
  const insert = () => client.insertNative('t', ['a'], [], { queryId: 'i6', timeoutMs: 5_000 });
  await insert();
  await client.command('X');
  const closed = [...first.sockets].map((socket) => once(socket, 'close'));
  assert.equal(closed.length, 2);
  endpoint = second.endpoint;
  await insert();
  await client.command('X');
  assert.deepEqual(seen, [1, 1, 2, 2]);
  await Promise.all(closed);
});

test('after close nothing is sent', async (t) => {
  const client = clientFor(t, async () => assert.fail('asked for an endpoint'));
  await client.close();
  await assert.rejects(client.select('SELECT 1'), { kind: 'unavailable' });
  await assert.rejects(client.insertNative('t', [], [], { queryId: 'i7', timeoutMs: 100 }), {
    kind: 'unavailable',
  });
});
