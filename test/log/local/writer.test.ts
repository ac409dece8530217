import assert from 'node:assert/strict';
import { it } from 'node:test';
import fc from 'fast-check';
import { type LogFiles, nodeFiles } from '../../../src/log/local/files.ts';
import { LogUnavailableError } from '../../../src/log/log.ts';
import { record, text } from '../../contract/log.ts';
import {
  appendText,
  createFaultyFiles,
  failure,
  makeFolder,
  openAt,
  readAll,
  TOPIC,
} from './faulty-files.ts';

const durableOnSync: Partial<LogFiles> = { writesAreDurable: false };

/** Writes a part of the bytes, then fails as a full or broken disk does. */
function writePartThenFail(code: string, bytes: number): LogFiles['writev'] {
  return async (fd, buffers, position) => {
    await nodeFiles.writev(fd, [Buffer.concat(buffers).subarray(0, bytes)], position);
    throw failure(code);
  };
}

const faults: Record<string, { base?: Partial<LogFiles>; set: (fault: Partial<LogFiles>) => void }> = {
  'a full disk': { set: (fault) => Object.assign(fault, { writev: writePartThenFail('ENOSPC', 0) }) },
  'a full disk in mid-write': {
    set: (fault) => Object.assign(fault, { writev: writePartThenFail('ENOSPC', 70) }),
  },
  'a disk error': { set: (fault) => Object.assign(fault, { writev: writePartThenFail('EIO', 70) }) },
  'a failed sync': {
    base: durableOnSync,
    set: (fault) => Object.assign(fault, { sync: () => Promise.reject(failure('EIO')) }),
  },
  'a failed sync, and a cut that fails': {
    base: durableOnSync,
    set: (fault) =>
      Object.assign(fault, {
        sync: () => Promise.reject(failure('EIO')),
        truncate: () => Promise.reject(failure('EIO')),
      }),
  },
  'a file that cannot be opened again': {
    set: (fault) =>
      Object.assign(fault, {
        writev: writePartThenFail('EIO', 10),
        openForAppend: () => Promise.reject(failure('EMFILE')),
      }),
  },
};

for (const [what, { base, set }] of Object.entries(faults)) {
  it(`${what}: the appends of the group are refused, later ones work, nothing acknowledged is damaged`, async () => {
    const dir = await makeFolder();
    const { files, fault } = createFaultyFiles(base);
    const log = await openAt(dir, { files });
    await appendText(log, 'one', 'two');
    set(fault);
    for (let i = 0; i < 3; i++) {
      const refused = await Promise.allSettled([
        appendText(log, `lost ${i}`),
        appendText(log, `also lost ${i}`),
      ]);
      for (const result of refused) {
        assert.ok(result.status === 'rejected' && result.reason instanceof LogUnavailableError);
        assert.ok(result.reason.retryAfterMs > 0);
        assert.ok(result.reason.cause instanceof Error);
      }
    }
    assert.equal(log.health().ok, false);
    for (const name of Object.keys(fault)) delete fault[name as keyof LogFiles];
    await appendText(log, 'three');
    assert.deepEqual(log.health(), { ok: true, reason: null });
    assert.deepEqual(text(await readAll(log)), ['one', 'two', 'three']);
    await log.close();
    const again = await openAt(dir);
    assert.deepEqual(text(await readAll(again)), ['one', 'two', 'three']);
    await again.close();
  });
}

it('asking for health alone finds out that the disk works again', async () => {
  const { files, fault } = createFaultyFiles();
  const log = await openAt(await makeFolder(), { files });
  fault.writev = writePartThenFail('EIO', 5);
  await assert.rejects(appendText(log, 'lost'), LogUnavailableError);
  delete fault.writev;
  const repaired = Promise.withResolvers<void>();
  fault.sync = async (fd) => {
    await nodeFiles.sync(fd);
    repaired.resolve();
  };
  assert.match(log.health().reason ?? '', /records\/0 could not be written: EIO/);
  await repaired.promise;
  while (!log.health().ok) await new Promise((resolve) => setImmediate(resolve));
  await log.close();
});

it('short writes are completed', async () => {
  const { files, fault } = createFaultyFiles();
  const dir = await makeFolder();
  const log = await openAt(dir, { files });
  fault.writev = (fd, buffers, position) =>
    nodeFiles.writev(fd, [Buffer.concat(buffers).subarray(0, 1 + (position % 1_000))], position);
  const values = Array.from({ length: 30 }, (_, i) => `${i}`.repeat(i * 30));
  await Promise.all(values.map((value) => appendText(log, value)));
  await log.topic(TOPIC).append([record(0, Buffer.alloc(20_000, 'x'))]);
  await log.close();
  const again = await openAt(dir, { onTornTail: () => assert.fail() });
  assert.deepEqual(text(await readAll(again)), [...values, 'x'.repeat(20_000)]);
  await again.close();
});

it('a segment that cannot be begun is begun later, and the old one does not grow past its name', async () => {
  const { files, fault } = createFaultyFiles();
  const dir = await makeFolder();
  const log = await openAt(dir, { files, segmentBytes: 500 });
  await appendText(log, 'a'.repeat(300));
  fault.syncFolder = () => Promise.reject(failure('EIO'));
  await assert.rejects(appendText(log, 'b'.repeat(300)), LogUnavailableError);
  await assert.rejects(appendText(log, 'small'), LogUnavailableError);
  delete fault.syncFolder;
  await appendText(log, 'small');
  await appendText(log, 'c'.repeat(300));
  await log.close();
  const again = await openAt(dir, { segmentBytes: 500 });
  assert.deepEqual(text(await readAll(again)), ['a'.repeat(300), 'small', 'c'.repeat(300)]);
  await again.close();
});

it('whatever fails whenever: what was acknowledged is there, once, in order', {
  timeout: 120_000,
}, async () => {
  const operations = fc.constantFrom(
    'writev',
    'sync',
    'truncate',
    'openForAppend',
    'syncFolder',
    'close',
    'read',
  );
  const plan = fc.array(fc.record({ operation: operations, after: fc.nat(25), part: fc.nat(300) }), {
    maxLength: 8,
  });
  await fc.assert(
    fc.asyncProperty(plan, fc.boolean(), async (failures, writesAreDurable) => {
      const dir = await makeFolder();
      const { files, fault } = createFaultyFiles({ writesAreDurable });
      const log = await openAt(dir, { files, segmentBytes: 2_000 });
      for (const { operation, after, part } of failures) arm(fault, operation as keyof LogFiles, after, part);
      const acked: string[] = [];
      for (let i = 0; i < 40; i++) {
        const values = [`${i}a`, `${i}b`.padEnd(i * 10, '.'), `${i}c`];
        const results = await Promise.allSettled(values.map((value) => appendText(log, value)));
        values.forEach((value, j) => void (results[j]?.status === 'fulfilled' && acked.push(value)));
      }
      for (const name of Object.keys(fault)) delete fault[name as keyof LogFiles];
      await appendText(log, 'last');
      assert.deepEqual(text(await readAll(log)), [...acked, 'last']);
      await log.close();
      const again = await openAt(dir, { onTornTail: () => assert.fail('nothing was torn') });
      assert.deepEqual(text(await readAll(again)), [...acked, 'last']);
      await again.close();
    }),
    { numRuns: 60 },
  );
});

/** Makes the nth call of an operation fail; a failing write may have written a part. */
function arm(fault: Partial<LogFiles>, operation: keyof LogFiles, after: number, part: number): void {
  let left = after;
  const real = (fault[operation] ?? nodeFiles[operation]) as (...args: unknown[]) => Promise<unknown>;
  const failing = async (...args: unknown[]): Promise<unknown> => {
    if (left-- !== 0) return real(...args);
    if (operation === 'close') await real(...args);
    if (operation === 'writev') {
      const [fd, buffers, position] = args as Parameters<LogFiles['writev']>;
      await nodeFiles.writev(fd, [Buffer.concat(buffers).subarray(0, part)], position);
    }
    throw failure(part % 2 === 0 ? 'ENOSPC' : 'EIO');
  };
  Object.assign(fault, { [operation]: failing });
}

it('records of a group that is not durable are not read', async () => {
  const { files, fault } = createFaultyFiles({ writesAreDurable: false });
  const log = await openAt(await makeFolder(), { files });
  const seen: string[] = [];
  const stop = new AbortController();
  const tail = log.topic(TOPIC).tail((records) => void seen.push(...text(records)), stop.signal);
  const syncing = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  fault.sync = async (fd) => {
    syncing.resolve();
    await release.promise;
    return nodeFiles.sync(fd);
  };
  const appended = appendText(log, 'x');
  await syncing.promise;
  assert.equal((await log.topic(TOPIC).lag('nobody'))[0]?.records, 0);
  assert.deepEqual(seen, []);
  release.resolve();
  await appended;
  assert.deepEqual(text(await readAll(log)), ['x']);
  stop.abort();
  await tail;
  await log.close();
});
