import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createStoreClient } from '../../../src/store/client.ts';
import type { EmbeddedClickHouse, EmbeddedOptions } from '../../../src/store/embedded/embedded.ts';
import { superviseClickHouse } from '../../../src/store/embedded/supervisor.ts';
import { makeTestFolder, silentLog } from '../../support/clickhouse.ts';

const options = { dir: 'unused', memoryBytesMax: 2 ** 30, database: 'sluice', log: silentLog };

test('a killed engine comes back with its data, and the client follows it', async (t) => {
  const supervisor = await superviseClickHouse({ ...options, dir: makeTestFolder() });
  const client = createStoreClient({
    endpoint: async () => {
      const { url, app } = await supervisor.ready();
      return { url, ...app };
    },
    database: 'sluice',
    log: silentLog,
  });
  t.after(async () => {
    await client.close();
    await supervisor.close();
  });
  await client.command('CREATE DATABASE sluice', {}, { database: 'system' });
  await client.command(
    'CREATE TABLE t ENGINE = MergeTree ORDER BY a AS SELECT number AS a FROM numbers(1000)',
  );
  const before = supervisor.current();
  assert.equal(before.generation, 1);

  const restarted = new Promise<number>((done) =>
    supervisor.onRestart((running) => done(running.generation)),
  );
  const inFlight = client.select('SELECT sleep(3)');
  process.kill(before.pid, 'SIGKILL');
  await assert.rejects(inFlight, { name: 'StoreError', code: null });
  assert.equal(await restarted, 2);
  const now = supervisor.current();
  assert.notEqual(now.url, before.url);
  assert.notEqual(now.app.password, before.app.password);
  assert.deepEqual(supervisor.state(), {
    status: 'running',
    reason: null,
    since: supervisor.state().since,
    generation: 2,
  });
  assert.deepEqual(await client.select('SELECT count() AS n FROM t'), [{ n: 1000 }]);
});

interface FakeEngine {
  die(): void;
  closed: boolean;
}

/** Opens engines that are not there; the starts whose number is in `failing` fail. */
function createFakeEngines(failing: readonly number[]) {
  const engines: FakeEngine[] = [];
  let starts = 0;
  async function openEngine(opened: EmbeddedOptions): Promise<EmbeddedClickHouse> {
    starts += 1;
    if (failing.includes(starts)) throw new Error(`start ${starts} failed`);
    const number = starts;
    const engine: FakeEngine = {
      die: () => opened.onExit?.({ code: null, signal: 'SIGKILL', expected: false }),
      closed: false,
    };
    engines.push(engine);
    return {
      url: `http://127.0.0.1:${number}`,
      app: { username: 'app', password: '' },
      adhoc: { username: 'adhoc', password: '' },
      tcpPort: null,
      pid: number,
      version: '26',
      confinement: { active: true, detail: '' },
      startedAt: 0,
      startMs: 0,
      close: async () => {
        engine.closed = true;
      },
    };
  }
  return { engines, openEngine };
}

test('it keeps trying, says why, and whoever waits gets the one that runs', async () => {
  const fake = createFakeEngines([2, 3]);
  const supervisor = await superviseClickHouse(options, fake.openEngine);
  fake.engines[0]!.die();
  const { status, reason } = supervisor.state();
  assert.deepEqual([status, reason], ['restarting', 'Its process was ended by SIGKILL.']);
  const running = await supervisor.ready();
  assert.equal(running.generation, 4);
  assert.equal(running.url, 'http://127.0.0.1:4');
  await supervisor.close();
  assert.ok(fake.engines[1]!.closed);
});

test('a first start that fails is the caller’s to handle', async () => {
  const fake = createFakeEngines([1]);
  await assert.rejects(superviseClickHouse(options, fake.openEngine), /start 1 failed/);
});

test('close ends a restart that is under way, and those who wait for it', async () => {
  const fake = createFakeEngines([]);
  const supervisor = await superviseClickHouse(options, fake.openEngine);
  fake.engines[0]!.die();
  const waiting = supervisor.ready();
  const refused = assert.rejects(waiting, { code: 'closed' });
  await supervisor.close();
  await refused;
  assert.equal(supervisor.state().status, 'closed');
  assert.equal(fake.engines.length, 1);
  await assert.rejects(supervisor.ready(), { code: 'closed' });
});
