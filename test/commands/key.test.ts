import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { digestOf } from '../../src/access/keys.ts';
import { openCatalog } from '../../src/catalog/catalog.ts';
import { makeTestFolder } from '../support/clickhouse.ts';

const PROGRAM = fileURLToPath(new URL('../../bin/sluice.mjs', import.meta.url));

test('sluice key and sluice app work on the catalogue', async () => {
  const dataDir = makeTestFolder();
  const run = (...words: string[]) =>
    new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
      const env = { PATH: process.env.PATH!, ANALYTICS_DATA_DIR: dataDir };
      execFile(process.execPath, [PROGRAM, ...words], { env, cwd: dataDir }, (error, stdout, stderr) =>
        resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr }),
      );
    });

  const made = await run('key', 'create', '--scopes', 'read,admin', '--name', 'ops');
  assert.equal(made.code, 0, made.stderr);
  assert.match(made.stdout, /^slk_[\w-]{43}\n$/);
  assert.match(made.stderr, /key_\w+ {2}slk_\S{4}… {2}read,admin {2}every app {2}ops\n/);
  assert.ok(!made.stderr.includes(made.stdout.trim()));
  const asJson = await run('key', 'create', '--scopes', 'ingest', '--apps', 'tube, kids', '--json');
  const key = JSON.parse(asJson.stdout) as { key: string; key_id: string; apps: string[]; scopes: string[] };
  assert.deepEqual([key.scopes, key.apps], [['ingest'], ['tube', 'kids']]);

  const rotated = await run('key', 'rotate', key.key_id, '--json');
  const next = JSON.parse(rotated.stdout) as typeof key;
  assert.notEqual(next.key, key.key);
  const listed = await run('key', 'list');
  assert.equal(listed.stdout.trim().split('\n').length, 2);
  assert.ok(!listed.stdout.includes(next.key));
  assert.deepEqual(await run('key', 'revoke', key.key_id), {
    code: 0,
    stdout: `${key.key_id}: revoked.\n`,
    stderr: '',
  });
  assert.equal((await run('key', 'revoke', key.key_id)).code, 1);
  assert.equal((await run('key', 'rotate', 'key_none')).code, 1);
  assert.equal((await run('key', 'list')).stdout.trim().split('\n').length, 1);
  assert.match((await run('key', 'list', '--revoked')).stdout, /\(revoked \d{4}-/);

  assert.deepEqual(await run('app', 'create', 'tube', '--name', 'Tube'), {
    code: 0,
    stdout: 'tube: made.\n',
    stderr: '',
  });
  assert.equal((await run('app', 'create', 'tube')).code, 1);
  assert.equal((await run('app', 'list')).stdout, 'tube  Tube\n');

  for (const words of [
    ['key'],
    ['key', 'create'],
    ['key', 'create', '--scopes', 'root'],
    ['key', 'create', '--scopes', 'read', '--apps', ','],
    ['key', 'rotate'],
    ['key', 'list', 'more'],
    ['app'],
    ['app', 'create'],
    ['app', 'create', 'a,b'],
    ['app', 'create', 'a', 'b'],
  ]) {
    const wrong = await run(...words);
    assert.deepEqual([wrong.code, wrong.stdout], [2, ''], words.join(' '));
    assert.match(wrong.stderr, /Try --help/);
  }
  for (const command of ['key', 'app']) assert.match((await run(command, '--help')).stdout, /Usage: sluice/);

  const catalog = await openCatalog({ dir: join(dataDir, 'catalog') });
  const found = await catalog.keys.find(digestOf(made.stdout.trim()));
  assert.deepEqual([found!.scopes, found!.apps, found!.name], [['read', 'admin'], null, 'ops']);
  assert.equal(await catalog.keys.find(digestOf(next.key)), null);
  const trail = await catalog.audit.list({ limit: 20 });
  assert.deepEqual(trail.map(({ action }) => action).sort(), [
    'sluice app create',
    'sluice key create',
    'sluice key create',
    'sluice key revoke',
    'sluice key rotate',
  ]);
  assert.ok(trail.every(({ by, target }) => by.startsWith('cli:') && !target!.startsWith('slk_')));
  await catalog.close();
});
