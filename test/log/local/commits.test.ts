import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { it } from 'node:test';
import { Commits } from '../../../src/log/local/commits.ts';
import { nodeFiles } from '../../../src/log/local/files.ts';
import { createFaultyFiles, failure, makeFolder } from './faulty-files.ts';

async function openCommits(dir: string, files = nodeFiles): Promise<Commits> {
  const commits = new Commits(files, dir);
  await commits.load();
  return commits;
}

it('commits that arrive during a write are written together, and all are durable when they resolve', async () => {
  const dir = await makeFolder();
  let renames = 0;
  const { files, fault } = createFaultyFiles();
  fault.rename = (from, to) => {
    renames++;
    return nodeFiles.rename(from, to);
  };
  const commits = await openCommits(dir, files);
  await commits.ensure('g');
  await Promise.all(
    Array.from({ length: 30 }, (_, i) => commits.commit('g', i % 3, Math.floor(i / 3), `${i}`)),
  );
  assert.ok(renames <= 3, `${renames} writes for 30 commits`);
  const again = await openCommits(dir);
  assert.deepEqual(
    [0, 1, 2].map((partition) => again.get('g', partition)),
    [27, 28, 29].map((i) => ({ offset: 9, metadata: `${i}` })),
  );
});

it('a commit that could not be written rejects and changes nothing; the next one works', async () => {
  const dir = await makeFolder();
  const { files, fault } = createFaultyFiles();
  const commits = await openCommits(dir, files);
  await commits.ensure('g');
  await commits.commit('g', 0, 5, '');
  fault.rename = () => Promise.reject(failure('ENOSPC'));
  await assert.rejects(commits.commit('g', 0, 9, ''), /ENOSPC/);
  assert.equal(commits.get('g', 0).offset, 5);
  delete fault.rename;
  await commits.commit('g', 0, 7, '');
  assert.equal((await openCommits(dir)).get('g', 0).offset, 7);
});

it('offsets do not go back, names that are no names are refused', async () => {
  const commits = await openCommits(await makeFolder());
  await commits.ensure('g');
  await commits.commit('g', 0, 5, '');
  await commits.commit('g', 0, 5, 'same');
  await assert.rejects(commits.commit('g', 0, 4, ''), RangeError);
  await assert.rejects(commits.ensure('../x'), RangeError);
  await assert.rejects(commits.ensure(''), RangeError);
});

it('a group whose first file could not be written is not known durably, and joining again writes it', async () => {
  const dir = await makeFolder();
  const { files, fault } = createFaultyFiles();
  const commits = await openCommits(dir, files);
  fault.rename = () => Promise.reject(failure('EIO'));
  await assert.rejects(commits.ensure('a:b'), /EIO/);
  delete fault.rename;
  await commits.ensure('a:b');
  assert.deepEqual(
    (await readdir(dir)).filter((name) => name.endsWith('.json')),
    ['a%3Ab.json'],
  );
  assert.deepEqual((await openCommits(dir)).floor(0), { group: 'a:b', offset: 0 });
});
