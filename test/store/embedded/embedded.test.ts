import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { createStoreClient, type StoreClient } from '../../../src/store/client.ts';
import type { Credentials } from '../../../src/store/embedded/config.ts';
import {
  type EmbeddedClickHouse,
  type EmbeddedOptions,
  type EngineExit,
  openEmbeddedClickHouse,
} from '../../../src/store/embedded/embedded.ts';
import { makeTestFolder, silentLog } from '../../support/clickhouse.ts';

const dir = makeTestFolder();
let engine: EmbeddedClickHouse;
let app: StoreClient;
let adhoc: StoreClient;
const exits: EngineExit[] = [];

function optionsFor(folder: string): EmbeddedOptions {
  return { dir: folder, memoryBytesMax: 2 ** 30, database: 'sluice', log: silentLog };
}

function clientOf({ url }: EmbeddedClickHouse, user: Credentials, readOnly = false): StoreClient {
  const endpoint = async () => ({ url, ...user });
  return createStoreClient({ endpoint, database: 'sluice', log: silentLog, readOnly });
}

/** An orphan that ended may stay in the table of processes, as a zombie, until somebody asks for its exit code. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return process.platform !== 'linux' || !/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

async function until(condition: () => Promise<boolean> | boolean): Promise<void> {
  while (!(await condition())) await delay(10);
}

before(async () => {
  engine = await openEmbeddedClickHouse({ ...optionsFor(dir), onExit: (exit) => exits.push(exit) });
  app = clientOf(engine, engine.app);
  adhoc = clientOf(engine, engine.adhoc, true);
  await app.command('CREATE DATABASE sluice', {}, { database: 'system' });
  await app.command('CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a');
});

after(async () => {
  await app.close();
  await adhoc.close();
  await engine.close();
});

async function get(path: string, headers: Record<string, string>): Promise<{ status: number; text: string }> {
  const request = http.get(engine.url + path, { agent: false, headers });
  const [response] = (await once(request, 'response')) as [http.IncomingMessage];
  return { status: response.statusCode!, text: Buffer.concat(await response.toArray()).toString() };
}

function basic(user: Credentials): Record<string, string> {
  return { authorization: `Basic ${Buffer.from(`${user.username}:${user.password}`).toString('base64')}` };
}

test('it starts, and says what it is', (t) => {
  t.diagnostic(`start: ${engine.startMs} ms`);
  assert.match(engine.url, /^http:\/\/127\.0\.0\.1:\d+$/);
  assert.match(engine.version, /^26\./);
  assert.equal(engine.tcpPort, null);
});

test('trap 1: the engine runs on a real stack, so deep queries work', async () => {
  const depth = 200;
  const rows = await app.select<{ a: number }>(`SELECT ${'abs('.repeat(depth)}-7${')'.repeat(depth)} AS a`);
  assert.deepEqual(rows, [{ a: 7 }]);
});

test('trap 2: stray bytes on the port do not end it', async () => {
  const { port } = new URL(engine.url);
  for (const garbage of ['0123456789', '\x00\x01\x02\xff\n\r\x07', 'GET / HTTP/9.9\r\n\x00: \x00\r\n\r\n']) {
    for (const leave of ['resetAndDestroy', 'destroy', 'end'] as const) {
      // Half open: when the server ends first, Node would end too, and a reset of a socket that ends is lost in libuv
      // (EINVAL), which keeps the process from ending.
      const socket = net.connect({ port: Number(port), host: '127.0.0.1', allowHalfOpen: true });
      socket.on('error', () => {});
      socket.resume();
      // A reset by the server is an end like any other, and one of ours may fail since the server was first.
      const over = new Promise((resolve) => socket.once('close', resolve).once('error', resolve));
      await once(socket, 'connect');
      socket.write(garbage, 'latin1');
      // Connections are taken in their order, so by this answer the garbage is being read.
      await get('/ping', {});
      socket[leave]();
      await over;
    }
  }
  await app.ping();
  assert.deepEqual(exits, []);
});

test('trap 2: a client that resets in mid-insert does not end it, and nothing is written', async () => {
  const { port } = new URL(engine.url);
  const running = "SELECT 1 FROM system.processes WHERE query_id = 'cut'";
  const socket = net.connect(Number(port), '127.0.0.1');
  await once(socket, 'connect');
  const query = encodeURIComponent('INSERT INTO sluice.t FORMAT TSV');
  // Enough that the engine stops looking for the query's end in it, and begins.
  const rows = '1\n'.repeat(300_000);
  socket.write(
    `POST /?query_id=cut&query=${query} HTTP/1.1\r\nHost: x\r\nAuthorization: ${basic(engine.app).authorization}\r\n` +
      `Transfer-Encoding: chunked\r\n\r\n${rows.length.toString(16)}\r\n${rows}\r\n`,
  );
  await until(async () => (await app.select(running)).length === 1);
  socket.resetAndDestroy();
  await until(async () => (await app.select(running)).length === 0);
  assert.deepEqual(await app.select('SELECT count() AS n FROM t'), [{ n: 0 }]);
  assert.deepEqual(exits, []);
});

test('trap 3: without the credentials of a known user nothing but /ping is served', async () => {
  const query = `query=${encodeURIComponent('SELECT currentUser()')}`;
  const { username, password } = engine.app;
  const refused: [path: string, headers: Record<string, string>][] = [
    [`/?${query}`, {}],
    ['/play', {}],
    ['/dashboard', {}],
    [`/?user=default&${query}`, {}],
    [`/?user=${username}&password=${password}&${query}`, {}],
    [`/?${query}`, { 'x-clickhouse-user': 'default', 'x-clickhouse-key': '' }],
    [`/?${query}`, basic({ username: 'default', password: '' })],
    [`/?${query}`, basic({ username, password: 'wrong' })],
    [`/?${query}`, { authorization: `${basic(engine.app).authorization}x` }],
  ];
  for (const [path, headers] of refused) assert.equal((await get(path, headers)).status, 404, path);
  assert.deepEqual(await get('/ping', {}), { status: 200, text: 'Ok.\n' });
  assert.deepEqual(await get(`/?${query}`, basic(engine.app)), { status: 200, text: 'app\n' });
});

test('trap 3: known credentials gain nothing by the user without a password', async () => {
  const ask = (sql: string, more = {}) =>
    get(`/?user=default&query=${encodeURIComponent(sql)}`, { ...basic(engine.adhoc), ...more });
  assert.equal((await ask('SELECT 1', { 'x-clickhouse-user': 'default' })).status, 403);
  for (const sql of [
    'SELECT * FROM sluice.t',
    'SELECT * FROM system.users',
    'CREATE TABLE sluice.u (a Int8)',
  ]) {
    assert.match((await ask(sql)).text, /Code: 497\./, sql);
  }
});

test('trap 4: SQL cannot read files outside the folder', async (t) => {
  if (!engine.confinement.active) return t.skip(engine.confinement.detail);
  for (const file of [
    '/etc/passwd',
    `/proc/${process.pid}/environ`,
    join(dir, 'log', 'child.log'),
    join(dir, 'lock'),
  ]) {
    for (const client of [app, adhoc]) {
      await assert.rejects(
        client.select('SELECT file({file:String}) AS text', { file }),
        /Permission denied/,
        file,
      );
    }
  }
});

test('trap 4: no file with secrets is left, and none in its environment', async () => {
  const runs = readdirSync(join(dir, 'run'));
  assert.deepEqual(
    runs.flatMap((run) => readdirSync(join(dir, 'run', run))),
    ['control.fifo'],
  );
  const [row] = await app.select<{ text: string }>("SELECT file('/proc/self/environ') AS text");
  const names = row!.text.split('\0').map((pair) => pair.split('=')[0]);
  assert.deepEqual(
    names.filter((name) => name !== '' && !/^(HOME|TZ|NODE_|UV_)/.test(name!)),
    [],
  );
});

test('the ad-hoc user reads one database, and can neither write nor lift its limits', async () => {
  assert.deepEqual(await adhoc.select('SELECT count() AS n FROM t'), [{ n: 0 }]);
  const denied: [sql: string, code: number][] = [
    ['INSERT INTO t SELECT 1', 497],
    ['DROP TABLE t', 497],
    ['SELECT * FROM system.users', 497],
    ['SELECT 1 SETTINGS max_execution_time = 0', 452],
    ['SELECT 1 SETTINGS max_memory_usage = 0', 452],
    ['SELECT 1 SETTINGS readonly = 0', 164],
    ["SELECT * FROM url('http://127.0.0.1/', 'CSV')", 497],
  ];
  for (const [sql, code] of denied) await assert.rejects(adhoc.command(sql), { kind: 'refused', code }, sql);
});

test('a second process on the folder is refused, and told who holds it', async () => {
  const second = openEmbeddedClickHouse({ ...optionsFor(dir), lockWaitMs: 100 });
  await assert.rejects(second, { code: 'locked', message: new RegExp(`in use by process ${process.pid} `) });
  await app.ping();
});

test('the engine dies with a parent that is killed, and a new one takes the folder over', async (t) => {
  const folder = makeTestFolder();
  const module = new URL('../../../src/store/embedded/embedded.ts', import.meta.url).href;
  const script = `
    const { openEmbeddedClickHouse } = await import(${JSON.stringify(module)});
    const log = { info() {}, warn() {} };
    const options = { dir: ${JSON.stringify(folder)}, memoryBytesMax: 2 ** 30, database: 'sluice', log };
    const engine = await openEmbeddedClickHouse(options);
    console.log(engine.pid);
    setInterval(() => {}, 1e6);`;
  const parent = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = await once(parent.stdout, 'data');
  const pid = Number(line);
  assert.ok(isAlive(pid));
  parent.kill('SIGKILL');
  const killedAt = performance.now();
  const heir = await openEmbeddedClickHouse(optionsFor(folder));
  t.diagnostic(`killed parent to new engine: ${Math.round(performance.now() - killedAt)} ms`);
  assert.ok(!isAlive(pid));
  await heir.close();
});

test('close ends it in order, once, and leaves no process; its data is there the next time', async (t) => {
  const folder = makeTestFolder();
  const first = await openEmbeddedClickHouse(optionsFor(folder));
  const writer = clientOf(first, first.app);
  await writer.command('CREATE DATABASE sluice', {}, { database: 'system' });
  await writer.command('CREATE TABLE kept ENGINE = MergeTree ORDER BY a AS SELECT 42 AS a');
  await writer.close();
  const startedAt = performance.now();
  assert.equal(first.close(), first.close());
  await first.close();
  t.diagnostic(`close: ${Math.round(performance.now() - startedAt)} ms`);
  assert.ok(!isAlive(first.pid));
  assert.deepEqual(readdirSync(join(folder, 'run')), []);

  const tcp = { port: 0 };
  const serverXml = '<macros><shard>s1</shard></macros>';
  const exited = Promise.withResolvers<EngineExit>();
  const options = { ...optionsFor(folder), tcp, serverXml, onExit: exited.resolve };
  const second = await openEmbeddedClickHouse(options);
  const reader = clientOf(second, second.app);
  const { username, password } = second.app;
  const remote = `remote('127.0.0.1:${second.tcpPort}', sluice.kept, '${username}', '${password}')`;
  const rows = await reader.select(`SELECT a, getMacro('shard') AS shard FROM ${remote}`);
  assert.deepEqual(rows, [{ a: 42, shard: 's1' }]);
  await reader.close();
  await second.close();
  assert.deepEqual(await exited.promise, { code: 0, signal: null, expected: true });
  assert.ok(existsSync(join(folder, 'data')));
});

test('unconfined it warns and goes on, and when it hangs it is killed', async () => {
  const warnings: object[] = [];
  const log = { info() {}, warn: (facts: object) => warnings.push(facts) };
  const folder = makeTestFolder();
  const hung = await openEmbeddedClickHouse({
    ...optionsFor(folder),
    log,
    landlock: false,
    closeTimeoutMs: 50,
  });
  assert.deepEqual(hung.confinement, { active: false, detail: 'switched off' });
  assert.deepEqual(warnings, [{ detail: 'switched off' }]);
  process.kill(hung.pid, 'SIGSTOP');
  await hung.close();
  assert.ok(!isAlive(hung.pid));
});

test('a start can be given up', async () => {
  const signal = AbortSignal.abort();
  await assert.rejects(openEmbeddedClickHouse({ ...optionsFor(makeTestFolder()), signal }), {
    code: 'closed',
  });
});
