import assert from 'node:assert/strict';
import { it } from 'node:test';
import { LogUnavailableError } from '../../../src/log/log.ts';
import { appendText, createFaultyFiles, makeFolder, openAt } from './faulty-files.ts';

it('too little free disk: nothing is taken until there is enough; it is looked at once a second', async () => {
  const { files, fault } = createFaultyFiles();
  let now = 0;
  let free = 1_000;
  let samples = 0;
  fault.freeBytes = async () => {
    samples++;
    return free;
  };
  const log = await openAt(await makeFolder(), { files, minFreeBytes: 500, now: () => now });
  await appendText(log, 'one');
  free = 400;
  await appendText(log, 'two');
  assert.equal(samples, 1);
  now = 1_000;
  // By the last sample there is enough: this one is taken, and starts the sample that the next one waits for.
  await appendText(log, 'three');
  await assert.rejects(appendText(log, 'four'), (error: Error) => {
    assert.ok(error instanceof LogUnavailableError);
    assert.match(error.message, /400 bytes left, less than the 500/);
    return true;
  });
  assert.equal(samples, 2);
  assert.equal(log.health().ok, false);
  free = 600;
  await assert.rejects(appendText(log, 'five'), LogUnavailableError);
  now = 2_000;
  await appendText(log, 'six');
  assert.equal(samples, 3);
  assert.equal(log.health().ok, true);
  await log.close();
});

it('a clock that is set back does not keep the last sample alive', async () => {
  const { files, fault } = createFaultyFiles();
  let now = 3_600_000;
  let free = 400;
  fault.freeBytes = async () => free;
  const log = await openAt(await makeFolder(), { files, minFreeBytes: 500, now: () => now });
  await assert.rejects(appendText(log, 'one'), LogUnavailableError);
  free = 600;
  now = 0;
  await appendText(log, 'two');
  await log.close();
});
