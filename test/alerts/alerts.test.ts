/** Processes that share a catalogue, and are killed: what is told comes once. */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { openCatalog } from '../../src/catalog/catalog.ts';
import { until } from '../faults/verify.ts';
import { makeTestFolder } from '../support/clickhouse.ts';
import { openTestReceiver } from './receiver.ts';

const CHILD = join(import.meta.dirname, 'child.ts');

async function startChild(t: TestContext, dir: string): Promise<ChildProcess> {
  const child = spawn(process.execPath, [CHILD, dir], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  return child;
}

async function kill(child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit');
  child.kill('SIGKILL');
  await ended;
}

async function open(t: TestContext) {
  const dir = makeTestFolder();
  const catalog = await openCatalog({ dir });
  t.after(() => catalog.close());
  const receiver = await openTestReceiver(t);
  // Whole at each moment, for those who read it meanwhile.
  const set = (value: number) => {
    writeFileSync(join(dir, 'next'), String(value));
    renameSync(join(dir, 'next'), join(dir, 'value'));
  };
  set(0);
  await catalog.alerts.put('busy', {
    title: null,
    app_id: null,
    metric: 'events',
    filters: [],
    bots: false,
    window_seconds: 60,
    comparison: '>',
    threshold: 5,
    for_seconds: 0,
    webhook_url: receiver.url,
    enabled: true,
  });
  const types = () => receiver.calls.map(({ body }) => (JSON.parse(body) as { type: string }).type);
  const looks = async () => (await catalog.alertWatch.states())[0]?.evaluated_at ?? null;
  /** Until somebody looked that many times from now on. */
  const untilLooked = async (times: number) => {
    for (let i = 0; i < times; i++) {
      const before = await looks();
      await until('somebody looks', async () => (await looks()) !== before, 20_000);
    }
  };
  const untilHistory = (length: number) =>
    until(
      `${length} changes`,
      async () => (await catalog.alertWatch.history({ limit: 50, name: 'busy' })).length === length,
      20_000,
    );
  return { dir, catalog, receiver, set, types, untilLooked, untilHistory };
}

const FIRES = 'AlertFiring';
const ENDS = 'AlertResolved';

test('three processes tell of each change once, whichever of them is killed', {
  timeout: 120_000,
}, async (t) => {
  const { dir, receiver, set, types, untilLooked } = await open(t);
  const children = await Promise.all([1, 2, 3].map(() => startChild(t, dir)));
  await untilLooked(3);
  set(9);
  await until('it is told', async () => types().length === 1, 20_000);
  await untilLooked(10);
  assert.deepEqual(types(), [FIRES]);
  // One after the other, whoever holds the lease.
  await kill(children[0]!);
  await untilLooked(5);
  set(0);
  await until('its end is told', async () => types().length === 2, 20_000);
  await kill(children[1]!);
  await untilLooked(5);
  set(9);
  await until('it is told again', async () => types().length === 3, 20_000);
  await untilLooked(10);
  assert.deepEqual(types(), [FIRES, ENDS, FIRES]);
  assert.equal(new Set(receiver.calls.map(({ id }) => id)).size, 3);
});

test('what was told is not told again after kill -9, and what was not is', {
  timeout: 120_000,
}, async (t) => {
  const { dir, catalog, receiver, set, types, untilLooked, untilHistory } = await open(t);
  let child = await startChild(t, dir);
  await untilLooked(2);
  set(9);
  await until(
    'it is told, and known to be',
    async () => (await catalog.alertWatch.history({ limit: 1, name: null }))[0]?.webhooks.delivered === 1,
    20_000,
  );
  await kill(child);
  child = await startChild(t, dir);
  await untilLooked(5);
  assert.deepEqual(types(), [FIRES]);
  // The receiver stands still; the process dies while it waits for it, and then comes the next change.
  receiver.answer = null;
  set(0);
  await until('it is being told', async () => types().length === 2, 20_000);
  await untilHistory(2);
  await kill(child);
  receiver.answer = 200;
  child = await startChild(t, dir);
  set(9);
  await until('all is told', async () => types().length === 4, 30_000);
  await untilLooked(5);
  assert.deepEqual(types(), [FIRES, ENDS, ENDS, FIRES]);
  const ids = receiver.calls.map(({ id }) => id);
  assert.equal(ids[1], ids[2]);
  assert.equal(new Set(ids).size, 3);
});

test('over many kills at any moment each change is told, in order, once but for what was under way', {
  timeout: 180_000,
}, async (t) => {
  const { dir, catalog, receiver, set, types, untilLooked } = await open(t);
  let children = await Promise.all([1, 2].map(() => startChild(t, dir)));
  for (let round = 0; round < 6; round++) {
    set(round % 2 === 0 ? 9 : 0);
    const victim = children[round % 2]!;
    // At another moment each time, before and after the change is recorded and told.
    if (round % 3 > 0) await until('it is told', async () => types().length > 0, 20_000);
    if (round % 3 > 1) await untilLooked(1);
    await kill(victim);
    children = [...children.filter((child) => child !== victim), await startChild(t, dir)];
    await until(
      'the change is known',
      async () => (await catalog.alertWatch.history({ limit: 50, name: 'busy' })).length === round + 1,
      30_000,
    );
  }
  await until(
    'all is told',
    async () =>
      (await catalog.alertWatch.history({ limit: 50, name: 'busy' })).every(
        ({ webhooks }) => webhooks.delivered === 1,
      ),
    30_000,
  );
  const first = new Map(
    receiver.calls.map(({ id, body }) => [id, (JSON.parse(body) as { type: string }).type]),
  );
  assert.deepEqual([...first.values()], [FIRES, ENDS, FIRES, ENDS, FIRES, ENDS]);
  assert.ok(receiver.calls.length <= 6 + 6, `${receiver.calls.length} requests`);
});
