import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { runDemo } from '../../src/demo/demo.ts';
import { createOracle } from '../oracle/oracle.ts';
import { startFakeService } from './fake-service.ts';

async function setUp() {
  const service = await startFakeService();
  const folder = await mkdtemp(join(tmpdir(), 'demo-'));
  const state = join(folder, 'state.json');
  const run = async (...argv: string[]) => {
    let out = '';
    const write = (text: string) => {
      out += text;
    };
    const { signal } = new AbortController();
    const io = { stdout: { write }, stderr: { write }, signal };
    const code = await runDemo(['--url', service.url, '--state', state, ...argv], io);
    return { code, out };
  };
  return {
    service,
    state,
    run,
    async [Symbol.asyncDispose]() {
      await service.close();
      await rm(folder, { recursive: true });
    },
  };
}

test('what a run sent is verified, alone later, and counted on by the next run', async () => {
  await using demo = await setUp();
  const first = await demo.run('--duration', '500ms', '--rate', '400', '--verify');
  assert.equal(first.code, 0, first.out);
  assert.match(first.out, /all \d+ numbers agree/);
  assert.equal(demo.service.videos.length, 200);
  assert.ok(demo.service.deliveries.length >= 190);
  const alone = await demo.run('--verify');
  assert.equal(alone.code, 0, alone.out);
  const second = await demo.run('--duration', '300ms', '--rate', '400', '--verify');
  assert.equal(second.code, 0, second.out);
  assert.ok(demo.service.deliveries.every(({ event }) => !JSON.stringify(event).includes('tube-')));
});

test('a difference is shown and exits 1', async () => {
  await using demo = await setUp();
  demo.service.lie = (metric, value) => (metric === 'impressions' ? value + 1 : value);
  const { code, out } = await demo.run('--backfill-days', '0.1', '--verify');
  assert.equal(code, 1);
  assert.match(out, /tube\s+impressions\s+\S+\s+\S+\s+DIFFERS/);
  assert.match(out, /3 of \d+ numbers differ/);
});

test('requests that are pushed back or lost come again with the same ids and count once', async () => {
  await using demo = await setUp();
  demo.service.trouble = (request) => (request % 4 === 1 ? 'busy' : request % 4 === 2 ? 'lose' : 'none');
  const { code, out } = await demo.run('--backfill-days', '0.2', '--backfill-per-day', '20000', '--verify');
  assert.equal(code, 0, out);
  assert.match(out, /asked to wait, .* without answer/);
  const ledger = Object.values(createOracle(demo.service.deliveries).ledger());
  assert.ok(ledger.reduce((sum, line) => sum + line.duplicate, 0) > 300);
});

test('a service with events of others gets apps of its own; one that was emptied begins anew', async () => {
  await using demo = await setUp();
  await demo.run('--backfill-days', '0.05');
  await rm(demo.state);
  const other = await demo.run('--backfill-days', '0.05', '--verify');
  assert.equal(other.code, 0, other.out);
  const apps = Object.keys(JSON.parse(await readFile(demo.state, 'utf8')).apps);
  assert.match(apps[0]!, /^tube-/);
  demo.service.forget();
  const again = await demo.run('--backfill-days', '0.05', '--verify');
  assert.equal(again.code, 0, again.out);
});

test('what a user can put right is said in a sentence', async () => {
  await using demo = await setUp();
  assert.match((await demo.run('--help')).out, /--backfill-days/);
  const nothing = await demo.run('--verify');
  assert.equal(nothing.code, 1);
  assert.match(nothing.out, /run the demo first/);
  for (const [argv, advice] of [
    [['--rate', 'fast'], /--rate is a number/],
    [['--duration', 'long'], /--duration is a time like/],
    [['--url', 'nowhere'], /--url is an address/],
    [['--turbo'], /See sluice demo --help/],
  ] as const) {
    const { code, out } = await demo.run(...argv);
    assert.equal(code, 2);
    assert.match(out, advice);
  }
  const { code, out } = await demo.run('--url', 'http://127.0.0.1:1', '--duration', '1s');
  assert.equal(code, 1);
  assert.match(out, /Nothing answers at .*npm start/);
});
