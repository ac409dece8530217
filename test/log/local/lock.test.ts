import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openLock } from '../../../src/log/local/lock.ts';
import { makeFolder, openAt } from './faulty-files.ts';

const APPENDER = fileURLToPath(new URL('./appender.ts', import.meta.url));

it('a log is open once; the second hears who has it and what to do', async () => {
  const dir = await makeFolder();
  const log = await openAt(dir);
  await assert.rejects(
    openAt(dir),
    new RegExp(`in use by this process \\(${process.pid}\\).*ANALYTICS_DATA_DIR`),
  );
  await log.close();
  const again = await openAt(dir);
  await again.close();
  assert.deepEqual(
    (await readdir(dir)).filter((name) => name.startsWith('lock')),
    [],
  );
});

it('another process keeps it until it dies, however it dies', { timeout: 60_000 }, async () => {
  const dir = await makeFolder();
  const child = spawn(process.execPath, [APPENDER, dir], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  await assert.rejects(openLock(dir), new RegExp(`in use by process ${child.pid}`));
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
  assert.equal(
    (await readdir(dir)).filter((name) => name.startsWith('lock')).length,
    1,
    'its socket is still there',
  );
  const lock = await openLock(dir);
  await lock.release();
});

it('of many that come at once, one at most gets it', async () => {
  const dir = await makeFolder();
  for (let round = 0; round < 5; round++) {
    const results = await Promise.allSettled(Array.from({ length: 4 }, () => openLock(dir)));
    const locks = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    assert.ok(locks.length <= 1, `${locks.length} have the lock`);
    for (const lock of locks) await lock.release();
  }
  const lock = await openLock(dir);
  await lock.release();
});

it('a path longer than a socket address works; files that look alike are no lock', async () => {
  const dir = `${await makeFolder()}/${'long'.repeat(50)}`;
  await mkdir(dir);
  await writeFile(`${dir}/lock.1.sock`, '');
  const lock = await openLock(dir);
  await assert.rejects(openLock(dir), /in use/);
  await lock.release();
  const again = await openLock(dir);
  await again.release();
});
