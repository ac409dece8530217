import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { it } from 'node:test';
import { nodeFiles } from '../../../src/log/local/files.ts';
import type { LocalLog } from '../../../src/log/local/local.ts';
import { segmentName } from '../../../src/log/local/segment.ts';
import { LogUnavailableError } from '../../../src/log/log.ts';
import { hold, record } from '../../contract/log.ts';
import { createFaultyFiles, failure, makeFolder, openAt, readAll, TOPIC } from './faulty-files.ts';

const VALUE = 'x'.repeat(60);
const SEGMENT_BYTES = 250;

/** Two records of 100 bytes a segment; record i has the timestamp i. */
async function fill(log: LocalLog, from: number, to: number): Promise<void> {
  for (let i = from; i < to; i++) await log.topic(TOPIC).append([record(0, VALUE, { timestamp: i })]);
}

async function bases(dir: string): Promise<number[]> {
  const names = await readdir(`${dir}/${TOPIC}/0`);
  return names.map((name) => Number(name.slice(0, 20))).sort((a, b) => a - b);
}

async function commitAs(log: LocalLog, group: string, offset: number): Promise<void> {
  const { assignment, membership } = await hold(log.topic(TOPIC), group);
  await assignment.commit(offset, '');
  await membership.stop();
}

it('by bytes: the oldest segments go, readers go on with the earliest kept, offsets do not change', async () => {
  const dir = await makeFolder();
  const log = await openAt(dir, { segmentBytes: SEGMENT_BYTES, retentionBytes: 600 });
  await fill(log, 0, 20);
  await log.retain();
  assert.deepEqual(await bases(dir), [14, 16, 18]);
  assert.deepEqual(
    (await readAll(log)).map(({ offset }) => offset),
    [14, 15, 16, 17, 18, 19],
  );
  await log.close();
  const again = await openAt(dir, { segmentBytes: SEGMENT_BYTES, retentionBytes: 600 });
  assert.equal((await readAll(again))[0]?.offset, 14);
  await again.close();
});

it('by age: segments whose records are all too old go, the active one stays', async () => {
  const dir = await makeFolder();
  let now = 0;
  const options = { segmentBytes: SEGMENT_BYTES, retentionMs: 100, now: () => now };
  const log = await openAt(dir, options);
  await fill(log, 0, 10);
  now = 105;
  await log.retain();
  assert.deepEqual(await bases(dir), [4, 6, 8]);
  await log.close();
  const again = await openAt(dir, options);
  now = 107;
  await again.retain();
  assert.deepEqual(await bases(dir), [6, 8], 'what it needs to know it reads from the files');
  now = 1_000_000;
  await again.retain();
  assert.deepEqual(await bases(dir), [8]);
  await again.close();
});

it('never removes what a known group has not committed, from its first join on', async () => {
  const dir = await makeFolder();
  let now = 0;
  const options = { segmentBytes: SEGMENT_BYTES, retentionMs: 100, now: () => now };
  const log = await openAt(dir, options);
  const { membership } = await hold(log.topic(TOPIC), 'slow');
  await membership.stop();
  await fill(log, 0, 10);
  await commitAs(log, 'fast', 10);
  now = 1_000_000;
  await log.retain();
  assert.deepEqual(await bases(dir), [0, 2, 4, 6, 8]);
  await log.close();
  const again = await openAt(dir, options);
  await again.retain();
  assert.deepEqual(await bases(dir), [0, 2, 4, 6, 8], 'the group is known after opening too');
  await commitAs(again, 'slow', 5);
  await again.retain();
  assert.deepEqual(await bases(dir), [4, 6, 8]);
  await again.close();
});

it('full of what a group has not read: appends are refused and name the group, until it commits', async () => {
  const dir = await makeFolder();
  const log = await openAt(dir, { segmentBytes: SEGMENT_BYTES, retentionBytes: 600 });
  await commitAs(log, 'pipeline', 0);
  await fill(log, 0, 7);
  await assert.rejects(fill(log, 7, 8), (error: Error) => {
    assert.ok(error instanceof LogUnavailableError);
    assert.match(error.message, /the group 'pipeline' has not read the oldest yet: it is at offset 0 of 7/);
    return true;
  });
  assert.match(log.health().reason ?? '', /'pipeline'/);
  await commitAs(log, 'pipeline', 2);
  await fill(log, 7, 8);
  assert.deepEqual(log.health(), { ok: true, reason: null });
  await log.close();
  assert.deepEqual(await bases(dir), [2, 4, 6]);
});

it('a reader in the middle of a removed segment reads it to its end', async () => {
  const dir = await makeFolder();
  const log = await openAt(dir, { segmentBytes: SEGMENT_BYTES, retentionBytes: 500 });
  await fill(log, 0, 5);
  const { assignment, membership } = await hold(log.topic(TOPIC), 'g');
  assert.equal((await assignment.read(1, 1_000)).length, 2);
  await assignment.commit(4, '');
  await fill(log, 5, 9);
  await log.retain();
  assert.deepEqual(await bases(dir), [4, 6, 8]);
  assert.equal((await assignment.read(1, 1_000))[0]?.offset, 4);
  await membership.stop();
  await log.close();
});

it('a file that cannot be removed is reported and tried again, and leaves no hole', async () => {
  const dir = await makeFolder();
  const { files, fault } = createFaultyFiles();
  const errors: Error[] = [];
  const onError = (error: Error): void => void errors.push(error);
  const log = await openAt(dir, { segmentBytes: SEGMENT_BYTES, retentionBytes: 600, files, onError });
  fault.unlink = async (path) => {
    if (path.endsWith(segmentName(0))) throw failure('EBUSY');
    await nodeFiles.unlink(path);
  };
  await fill(log, 0, 12);
  await log.retain();
  assert.ok(errors.some(({ message }) => message.startsWith('EBUSY')));
  assert.deepEqual(await bases(dir), [0, 2, 4, 6, 8, 10]);
  delete fault.unlink;
  await log.retain();
  assert.deepEqual(await bases(dir), [6, 8, 10]);
  await log.close();
});
