import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { readVersion } from '../src/version.ts';
import { makeTestFolder } from './support/clickhouse.ts';
import { freePort } from './support/ports.ts';

const PROGRAM = fileURLToPath(new URL('../bin/sluice.mjs', import.meta.url));
/** A Node of another age, which has to hand over to the one that came with the package. */
const OTHER_NODES = ['/usr/bin/node', '/usr/local/bin/node'].filter((path) => existsSync(path));

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** In a folder of its own, with nothing of this test's environment but the path. */
function start(words: readonly string[], env: Record<string, string> = {}, node = process.execPath) {
  const child = spawn(node, [PROGRAM, ...words], {
    cwd: makeTestFolder(),
    env: { PATH: process.env.PATH!, ...env },
  });
  const ended = Promise.all([once(child, 'exit'), text(child.stdout), text(child.stderr)]).then(
    ([[code], stdout, stderr]): Ended => ({ code: code as number | null, stdout, stderr }),
  );
  return { child, ended };
}

const run = (...args: Parameters<typeof start>) => start(...args).ended;

test('help and version', async () => {
  const [help, bare, version] = await Promise.all([run(['--help']), run([]), run(['--version'])]);
  assert.equal(help.code, 0);
  assert.equal(help.stderr, '');
  for (const command of ['start', 'demo', 'migrate', 'status', 'dlq', 'settings'])
    assert.match(help.stdout, new RegExp(`^  ${command} `, 'm'));
  assert.deepEqual(bare, { ...help, code: 2 }, 'no word is a wrong word');
  assert.deepEqual(version, { code: 0, stdout: `${readVersion()}\n`, stderr: '' });
});

test("each command's own help", async () => {
  const commands = ['start', 'demo', 'migrate', 'status', 'dlq'];
  const answers = await Promise.all(commands.map((command) => run([command, '--help'])));
  for (const [i, { code, stdout }] of answers.entries()) {
    assert.equal(code, 0);
    assert.match(stdout, new RegExp(`sluice ${commands[i]}`));
  }
});

test('wrong words: exit code 2, and what would be right', async () => {
  const [unknown, inherited, option] = await Promise.all([
    run(['strat']),
    run(['constructor']),
    run(['start', '--no-such']),
  ]);
  assert.equal(unknown.code, 2);
  assert.match(unknown.stderr, /there is no command 'strat'/);
  assert.match(unknown.stderr, /Usage: sluice/);
  assert.equal(inherited.code, 2);
  assert.equal(option.code, 2);
  assert.match(option.stderr, /--no-such/);
  assert.match(option.stderr, /--help/);
  for (const { stdout } of [unknown, inherited, option]) assert.equal(stdout, '');
});

test('wrong settings: exit code 2, all of them, and where to look', async () => {
  const wrong = { PORT: 'many', ANALYTICS_INSERT_LEASE_MS: '1' };
  const answers = await Promise.all([
    run(['start'], wrong),
    run(['migrate'], wrong),
    run(['start', '--roles', 'cook']),
  ]);
  for (const { code, stderr } of answers) {
    assert.equal(code, 2);
    assert.match(stderr, /`sluice settings` lists every setting/);
    assert.ok(!stderr.includes('    at '), 'no stack');
  }
  assert.match(answers[0]!.stderr, /2 faults/);
  assert.match(answers[0]!.stderr, /PORT is 'many'/);
  assert.match(answers[0]!.stderr, /ANALYTICS_INSERT_LEASE_MS is 1/);
  assert.match(answers[2]!.stderr, /ANALYTICS_ROLES has 'cook'/);
});

test('settings are a table, whatever is set', async () => {
  const { code, stdout } = await run(['settings'], { PORT: 'many' });
  assert.equal(code, 0);
  assert.match(stdout, /^\| `PORT`/m);
});

test('status of nothing: exit code 1, and what to do', async () => {
  const { code, stderr } = await run(['status', '--url', `http://127.0.0.1:${await freePort()}`]);
  assert.equal(code, 1);
  assert.match(stderr, /Is the service running\?/);
});

for (const node of OTHER_NODES) {
  test(`by ${node}: the same answers, exit codes and signals`, async () => {
    const [version, unknown, settings] = await Promise.all([
      run(['--version'], {}, node),
      run(['strat'], {}, node),
      run(['start'], { PORT: 'many' }, node),
    ]);
    assert.deepEqual(version, { code: 0, stdout: `${readVersion()}\n`, stderr: '' });
    assert.equal(unknown.code, 2);
    assert.equal(settings.code, 2);
    assert.match(settings.stderr, /PORT is 'many'/);
  });
}

test('start, status, SIGTERM: exit codes 0, on an older Node too', async () => {
  const port = await freePort();
  const env = { PORT: String(port), ANALYTICS_METRICS_PORT: '0', LOG_LEVEL: 'silent' };
  const { child, ended } = start(['start'], env, OTHER_NODES[0]);
  const ready = new Promise<void>((resolve) => {
    let said = '';
    child.stderr.on('data', (chunk) => {
      said += chunk;
      if (said.includes('sluice is ready')) resolve();
    });
  });
  await Promise.race([ready, ended.then(({ stderr }) => assert.fail(stderr))]);
  const status = await run(['status', '--json'], { PORT: String(port) });
  assert.equal(status.code, 0, status.stdout + status.stderr);
  assert.equal((JSON.parse(status.stdout) as { status: string }).status, 'ok');
  child.kill('SIGTERM');
  const { code, stderr } = await ended;
  assert.equal(code, 0, stderr);
  assert.match(stderr, /sluice has stopped/);
});
