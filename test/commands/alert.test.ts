import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openCatalog } from '../../src/catalog/catalog.ts';
import { makeTestFolder } from '../support/clickhouse.ts';
import { startTestService } from '../support/service.ts';

const PROGRAM = fileURLToPath(new URL('../../bin/sluice.mjs', import.meta.url));

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function start(dataDir: string) {
  return {
    run: (...words: string[]) =>
      new Promise<Ended>((resolve) => {
        const env = {
          PATH: process.env.PATH!,
          ANALYTICS_DATA_DIR: dataDir,
          ANALYTICS_WEBHOOK_SECRET: 'whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=',
        };
        execFile(
          process.execPath,
          [PROGRAM, 'alert', ...words],
          { env, cwd: dataDir },
          (error, stdout, stderr) =>
            resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
        );
      }),
    write(rules: unknown): string {
      const path = join(dataDir, 'alerts.json');
      writeFileSync(path, typeof rules === 'string' ? rules : JSON.stringify(rules));
      return path;
    },
  };
}

const few = { name: 'few plays', metric: 'events', comparison: '<', threshold: 10, window_seconds: 600 };
const many = {
  name: 'many',
  app_id: 'tube',
  metric: 'views',
  comparison: '>=',
  threshold: 0.5,
  for_seconds: 60,
  filters: [{ field: 'country', op: 'eq', value: 'DE' }],
  webhook_url: 'https://example.com/hook',
};

test('sluice alert works on the catalogue', async () => {
  const dataDir = makeTestFolder();
  const { run, write } = start(dataDir);
  const bare = await run('list');
  assert.equal(bare.code, 0, bare.stderr);
  const builtIns = bare.stdout.trim().split('\n');
  assert.ok(builtIns.length >= 2 && builtIns.every((line) => line.endsWith('(built in)')), bare.stdout);

  const made = await run('set', write([few, many]));
  assert.deepEqual(made, {
    code: 0,
    stdout: 'few plays  ok  events in 600 s < 10\nmany  ok  views of tube in 300 s >= 0.5 for 60 s\n',
    stderr: '',
  });
  assert.equal((await run('list')).stdout, `${bare.stdout}${made.stdout}`);

  // What is shown can be sent back, and replaces the rule as a whole.
  const shown = JSON.parse((await run('show', 'many')).stdout) as Record<string, unknown>;
  assert.deepEqual({ ...shown, ...many }, shown);
  assert.deepEqual([shown.kind, shown.evaluation], ['rule', 'not_yet']);
  const again = await run('set', write({ ...shown, enabled: false, for_seconds: 0 }), '--json');
  const [changed] = JSON.parse(again.stdout) as Record<string, unknown>[];
  assert.deepEqual(
    [changed!.enabled, changed!.for_seconds, changed!.webhook_url],
    [false, 0, many.webhook_url],
  );
  assert.match((await run('list')).stdout, /\nmany {2}disabled {2}views of tube/);

  assert.deepEqual(await run('delete', 'few plays'), {
    code: 0,
    stdout: 'few plays: deleted.\n',
    stderr: '',
  });
  assert.deepEqual(await run('delete', 'few plays'), {
    code: 1,
    stdout: '',
    stderr: "sluice: there is no alert 'few plays'.\n",
  });
  assert.equal((await run('show', 'few plays')).code, 1);

  const catalog = await openCatalog({ dir: join(dataDir, 'catalog') });
  const entries = await catalog.audit.list({ limit: 10 });
  await catalog.close();
  assert.deepEqual(
    entries.map(({ action, target }) => [action, target]),
    [
      ['sluice alert delete', 'few plays'],
      ['sluice alert set', 'many'],
      ['sluice alert set', 'many'],
      ['sluice alert set', 'few plays'],
    ],
  );
});

test('what is wrong is named, and nothing of the file is kept', async () => {
  const { run, write } = start(makeTestFolder());
  const builtIn = ((await run('list')).stdout.split('  ') as [string])[0];
  for (const [rules, why] of [
    ['{', /JSON/],
    [{ ...few, name: '' }, /alert 1: name/],
    [[few, { ...many, metric: 'joy' }], /alert 2: metric/],
    [[few, few], /alert 2: name: "few plays" is there twice/],
    [[few, { ...many, threshold: '1' }], /alert 2: threshold/],
    [[few, { ...many, surplus: 1 }], /alert 2: there is no field "surplus"/],
    [
      [few, { ...many, webhook_url: 'http://127.0.0.1/' }],
      /alert 2: webhook_url: 127\.0\.0\.1 is a loopback/,
    ],
    [[few, { ...many, name: builtIn }], /alert 2: .*is built in/],
    [[few, null], /alert 2: name/],
    [Array.from({ length: 201 }, (_, n) => ({ ...few, name: `n${n}` })), /more than 200 rules/],
  ] as const) {
    const refused = await run('set', write(rules));
    assert.deepEqual([refused.code, refused.stdout], [1, ''], JSON.stringify(rules).slice(0, 100));
    assert.match(refused.stderr, why);
  }
  const { stdout } = await run('list');
  assert.ok(!stdout.includes('few plays') && !stdout.includes('n0 '), stdout);
  const stays = await run('delete', builtIn);
  assert.equal(stays.code, 1);
  assert.match(stays.stderr, /is built in/);
  assert.match((await run('set', 'nowhere.json')).stderr, /nowhere\.json/);
  for (const words of [
    [],
    ['show'],
    ['set'],
    ['delete'],
    ['list', 'more'],
    ['show', 'few', 'plays'],
    ['put', 'x'],
  ]) {
    const wrong = await run(...words);
    assert.deepEqual([wrong.code, wrong.stdout], [2, ''], words.join(' '));
    assert.match(wrong.stderr, /Try --help/);
  }
  const help = await run('--help');
  assert.match(help.stdout, /^Usage: sluice alert/);
});

test('a running service sees it, and its states are seen', { timeout: 120_000 }, async (t) => {
  const service = await startTestService({ ANALYTICS_ALERT_EVERY_MS: '300' });
  t.after(() => service.stop());
  const { run, write } = start(service.dataDir);
  assert.equal((await run('set', write(few))).code, 0);
  const state = async () => (JSON.parse((await run('show', few.name)).stdout) as { state: string }).state;
  const deadline = performance.now() + 30_000;
  while ((await state()) !== 'firing') assert.ok(performance.now() < deadline, 'it fires');
  const { data } = await service.get<{ data: { name: string; state: string }[] }>('/v1/alerts');
  assert.equal(data.find(({ name }) => name === few.name)?.state, 'firing');
  assert.match((await run('list')).stdout, /few plays {2}firing/);
});
