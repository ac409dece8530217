/** What the README promises of the command: `npm start`, its words, its signals, its exit codes. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { accessSync, constants, existsSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { delimiter, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { Harness } from '../faults/harness.ts';
import { until } from '../faults/verify.ts';
import { makeTestFolder } from '../support/clickhouse.ts';
import { freePort } from '../support/ports.ts';
import {
  type Ended,
  end,
  findService,
  killSession,
  npmStart,
  ownSettings,
  processesOf,
  ROOT,
  type Running,
  run,
  type Settings,
} from './started.ts';

const SLUICE = join(ROOT, 'bin/sluice.mjs');
const skip = process.platform === 'linux' ? false : 'processes are looked up in /proc';

/** Nothing that a failed test started may outlive it. */
function guard(t: TestContext, running: Running): Running {
  t.after(() => killSession(running));
  return running;
}

const sluice = (words: readonly string[], settings: Pick<Settings, 'env'>) =>
  run(process.execPath, [SLUICE, ...words], settings);

async function send({ port }: Settings, count: number): Promise<void> {
  const events = Array.from({ length: count }, (_, i) => ({
    event_id: randomUUID(),
    event_name: 'page_view',
    user_id: `u${i}`,
  }));
  const answer = await fetch(`http://127.0.0.1:${port}/events`, {
    method: 'POST',
    body: JSON.stringify(events),
  });
  assert.equal(answer.status, 202, await answer.text());
}

async function countEvents({ port }: Settings): Promise<number> {
  const answer = await fetch(`http://127.0.0.1:${port}/metrics?metric=events`);
  const { series } = (await answer.json()) as { series: { total: number }[] };
  return series[0]?.total ?? 0;
}

/** The lines under "sluice is ready", by their names. */
function readLines(said: string): Record<string, string> {
  const lines = [...said.matchAll(/^ {2}(\w[\w ]*?) {2,}(\S.*)$/gm)];
  return Object.fromEntries(lines.map(([, name, value]) => [name!, value!]));
}

function assertGone(running: Running, { code, said }: Ended): void {
  assert.equal(code, 0, said);
  assert.match(said, /sluice has stopped\./);
  assert.deepEqual(processesOf(running), []);
}

test('npm start says what is true, and each way of stopping it loses nothing', { skip }, async (t) => {
  const settings = await ownSettings(makeTestFolder());
  let sent = 0;
  const sendSome = async () => {
    await send(settings, 100);
    sent += 100;
  };
  const start = async () => {
    const running = guard(t, await npmStart(settings));
    await until('everything is there', async () => (await countEvents(settings)) === sent);
    return running;
  };

  await t.test('every line of the terminal', async () => {
    const running = await start();
    const lines = readLines(running.said());
    const page = await fetch(lines.Dashboard!);
    assert.equal(page.status, 200);
    assert.match(await page.text(), /<html/);
    assert.equal((await fetch(lines['API docs']!)).status, 200);
    const prometheus = await fetch(lines.Prometheus!);
    assert.match(await prometheus.text(), /^analytics_events_inserted_total /m);
    assert.match(lines.Ingest!, new RegExp(`^POST http://127.0.0.1:${settings.port}/events `));
    assert.match(lines.Access!, /open to anyone on this machine.*loopback only/);
    assert.equal(lines.Roles, 'ingest, pipeline, query, live');
    assert.ok(existsSync(lines.Data!));
    assert.match(lines.ClickHouse!, /^embedded, \d+\.\d+/);
    assert.match(lines.Node!, /^v2[6-9]\./);
    await sendSome();
    assertGone(running, await end(running, 'SIGTERM', running.child.pid!));
  });

  await t.test('SIGTERM to the service', async () => {
    const running = await start();
    const { service } = findService(running);
    await sendSome();
    assertGone(running, await end(running, 'SIGTERM', service));
  });

  await t.test('Ctrl-C, which reaches the whole process group', async () => {
    const running = await start();
    await sendSome();
    assertGone(running, await end(running, 'SIGINT', -running.child.pid!));
  });

  await t.test('kill -9 of the service takes ClickHouse along', async () => {
    const running = await start();
    const { service, clickhouse } = findService(running);
    await sendSome();
    await end(running, 'SIGKILL', service);
    await until(
      'ClickHouse is gone',
      async () => !processesOf(running).some(({ pid }) => pid === clickhouse),
    );
    assert.deepEqual(processesOf(running), []);
  });

  await t.test('SIGTERM while it starts', async () => {
    const running = guard(t, run('npm', ['start'], settings));
    await until(
      'the port answers',
      async () => (await fetch(`http://127.0.0.1:${settings.port}/ready`)).ok || true,
    );
    const { code } = await end(running, 'SIGTERM', running.child.pid!);
    assert.equal(code, 0);
    assert.deepEqual(processesOf(running), []);
  });

  await t.test('after all of that', async () => {
    const running = await start();
    assert.equal(sent, 400);
    assertGone(running, await end(running, 'SIGTERM', running.child.pid!));
  });
});

test('a second start on the same folder, and a port that is taken, fail with advice', { skip }, async (t) => {
  const settings = await ownSettings(makeTestFolder());
  const first = guard(t, sluice(['start'], settings));
  await first.says('sluice is ready');
  const ports = await ownSettings('unused');
  const env = { ...ports.env, ANALYTICS_DATA_DIR: settings.env.ANALYTICS_DATA_DIR };

  await t.test('the same folder', async () => {
    const second = guard(t, sluice(['start'], { env }));
    const { code, said } = await second.ended;
    assert.equal(code, 1, said);
    assert.match(said, new RegExp(`in use by process ${first.child.pid}\\b`));
    assert.match(said, /ANALYTICS_DATA_DIR/);
    assert.doesNotMatch(said, /^ {4}at /m, 'no stack for what an operator can put right');
    assert.deepEqual(processesOf(second), []);
  });

  for (const [name, variable] of [
    ['the API port', 'PORT'],
    ['the metrics port', 'ANALYTICS_METRICS_PORT'],
  ] as const) {
    await t.test(name, async () => {
      const blocker = createServer().listen(0, '127.0.0.1');
      await once(blocker, 'listening');
      const { port } = blocker.address() as AddressInfo;
      const own = await ownSettings(makeTestFolder(), { [variable]: String(port) });
      const second = guard(t, sluice(['start'], own));
      const { code, said } = await second.ended;
      blocker.close();
      assert.equal(code, 1, said);
      assert.match(said, new RegExp(`\\b${port}\\b`));
      assert.match(said, new RegExp(variable));
      assert.doesNotMatch(said, /^ {4}at /m, 'no stack for what an operator can put right');
      assert.deepEqual(processesOf(second), []);
    });
  }

  await t.test('the first one does not mind', async () => {
    await send(settings, 1);
    assertGone(first, await end(first, 'SIGTERM', first.child.pid!));
  });
});

/** A Node on the PATH that is older than the service wants. */
function findOlderNode(): string | null {
  for (const folder of (process.env.PATH ?? '').split(delimiter)) {
    const node = join(folder, 'node');
    try {
      accessSync(node, constants.X_OK);
      const version = execFileSync(node, ['--version'], { encoding: 'utf8' });
      if (Number(/^v(\d+)/.exec(version)?.[1]) < 26) return node;
    } catch {
      // None here, or none that runs.
    }
  }
  return null;
}

const olderNode = findOlderNode();

test('an older Node hands over', {
  skip: olderNode === null ? 'no older Node on the PATH' : skip,
}, async (t) => {
  const settings = await ownSettings(makeTestFolder());
  const running = guard(t, run(olderNode!, [SLUICE, 'start'], settings));
  await running.says('sluice is ready');
  assert.match(readLines(running.said()).Node ?? '', /^v2[6-9]\./);
  await send(settings, 10);
  assertGone(running, await end(running, 'SIGTERM', running.child.pid!));

  const wrong = guard(t, run(olderNode!, [SLUICE, 'nonsense'], settings));
  assert.equal((await wrong.ended).code, 2);
});

test('status and demo say by their exit codes how it is', { skip }, async (t) => {
  const dir = makeTestFolder();
  const harness = new Harness({ dir, port: await freePort() });
  t.after(() => harness.close());
  const env = { ...process.env, PORT: String(harness.port) };
  const says = async (...words: string[]) => await guard(t, sluice(words, { env })).ended;

  const none = await says('status');
  assert.equal(none.code, 1);
  assert.match(none.said, /nothing answers at http:\/\/127\.0\.0\.1:\d+ .*Is the service running\?/);

  await harness.start();
  const well = await says('status', '--url', harness.url);
  assert.equal(well.code, 0, well.said);
  assert.match(well.said, /is ok\n {2}log +ok\n {2}clickhouse +ok\n {2}pipeline +ok/);
  const json = await says('status', '--json');
  assert.equal((JSON.parse(json.said) as { status: string }).status, 'ok');

  const state = ['--url', harness.url, '--state', join(dir, 'demo.json')];
  const demo = await says('demo', ...state, '--duration', '5', '--rate', '200', '--verify');
  assert.equal(demo.code, 0, demo.said);
  assert.match(demo.said, /all \d+ numbers agree/);

  // Clean buckets are answered from tables, the others from raw: the number has to be wrong in both.
  for (const table of ['events', 'event_counts_5m'])
    await harness.client.command(`DELETE FROM ${table} WHERE event_name = 'page_view'`);
  const wrong = await says('demo', ...state, '--verify');
  assert.equal(wrong.code, 1, wrong.said);
  assert.match(wrong.said, /DIFFERS/);
});
