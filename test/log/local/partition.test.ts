import assert from 'node:assert/strict';
import { cp, open, readdir, readFile, rename, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { it } from 'node:test';
import fc from 'fast-check';
import { LogDamagedError } from '../../../src/log/local/damage.ts';
import { nodeFiles } from '../../../src/log/local/files.ts';
import type { TornTail } from '../../../src/log/local/partition.ts';
import { segmentName } from '../../../src/log/local/segment.ts';
import type { LogRecord } from '../../../src/log/log.ts';
import { hold, record, text } from '../../contract/log.ts';
import { appendText, createFaultyFiles, makeFolder, openAt, readAll, TOPIC } from './faulty-files.ts';

type Damage = { kind: 'cut' | 'flip' | 'zero' | 'garbage' | 'garbage behind'; where: number; length: number };

const damages: fc.Arbitrary<Damage> = fc.record({
  kind: fc.constantFrom('cut', 'flip', 'zero', 'garbage', 'garbage behind'),
  where: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
  length: fc.integer({ min: 1, max: 200 }),
});

function applyDamage(file: Buffer, from: number, damage: Damage): Buffer {
  const at = from + Math.floor(damage.where * (file.length - from));
  const end = Math.min(file.length, at + damage.length);
  const copy = Buffer.from(file);
  if (damage.kind === 'cut') return copy.subarray(0, at);
  if (damage.kind === 'flip') copy[at] = (copy[at] as number) ^ (1 << (damage.length % 8));
  if (damage.kind === 'zero') copy.fill(0, at, end);
  if (damage.kind === 'garbage') for (let i = at; i < end; i++) copy[i] = (i * 31 + damage.length) & 255;
  if (damage.kind === 'garbage behind') return Buffer.concat([copy, copy.subarray(at, end)]);
  return copy;
}

it('a torn last group is cut off; all before it stay, and the log goes on', {
  timeout: 120_000,
}, async () => {
  const groups = fc.array(
    fc.array(fc.string({ unit: 'grapheme', maxLength: 80 }), { minLength: 1, maxLength: 8 }),
    {
      minLength: 1,
      maxLength: 5,
    },
  );
  await fc.assert(
    fc.asyncProperty(groups, damages, async (written, damage) => {
      const dir = await makeFolder();
      const path = `${dir}/${TOPIC}/0/${segmentName(0)}`;
      const log = await openAt(dir);
      for (const group of written.slice(0, -1)) await appendText(log, ...group);
      const acked = (await stat(path)).size;
      await appendText(log, ...(written.at(-1) as string[]));
      await log.close();
      await writeFile(path, applyDamage(await readFile(path), acked, damage));

      const torn: TornTail[] = [];
      const again = await openAt(dir, { onTornTail: (tail) => torn.push(tail) });
      const kept = written.slice(0, -1).flat();
      const found = text(await readAll(again));
      assert.deepEqual(found.slice(0, kept.length), kept);
      assert.deepEqual(
        found,
        written.flat().slice(0, found.length),
        'what is left of the last group is its beginning',
      );
      await appendText(again, 'next');
      await again.close();
      const third = await openAt(dir, { onTornTail: () => assert.fail('the tail was repaired once') });
      assert.deepEqual(text(await readAll(third)), [...found, 'next']);
      await third.close();
      await rm(dir, { recursive: true });
    }),
    { numRuns: 100 },
  );
});

async function flip(path: string, position: number): Promise<void> {
  const file = await open(path, 'r+');
  const byte = Buffer.alloc(1);
  await file.read(byte, 0, 1, position);
  byte[0] = (byte[0] as number) ^ 16;
  await file.write(byte, 0, 1, position);
  await file.close();
}

/** Five segments of two records each: 0-1, 2-3 ... 8-9. */
async function writeSegments(dir: string): Promise<string[]> {
  const log = await openAt(dir, { segmentBytes: 250 });
  for (let i = 0; i < 10; i++) await appendText(log, `${i}`.padEnd(60, '.'));
  await log.close();
  const names = (await readdir(`${dir}/${TOPIC}/0`)).sort();
  assert.deepEqual(names, [0, 2, 4, 6, 8].map(segmentName));
  return names.map((name) => `${dir}/${TOPIC}/0/${name}`);
}

it('damage before acknowledged records of the last segment is an error, not a torn tail', async () => {
  const dir = await makeFolder();
  const log = await openAt(dir);
  for (let i = 0; i < 5; i++) await appendText(log, `${i}`.padEnd(60, '.'));
  await log.close();
  const path = `${dir}/${TOPIC}/0/${segmentName(0)}`;
  await flip(path, 250);
  await assert.rejects(openAt(dir), (error: Error) => {
    assert.ok(error instanceof LogDamagedError);
    assert.equal(error.file, path);
    assert.deepEqual([error.offset, error.position], [2, 200]);
    assert.match(error.message, /damaged at byte 200.*offset 2 to 2 .*rename it to .*\.salvage/);
    return true;
  });
  // The operator gives the damaged record up.
  await rename(path, path.replace('.log', '.salvage'));
  const salvaged = await openAt(dir);
  await appendText(salvaged, 'next');
  assert.deepEqual(
    (await readWithHoles(salvaged)).map(({ offset }) => offset),
    [0, 1, 3, 4, 5],
  );
  await salvaged.close();
  const again = await openAt(dir);
  assert.deepEqual(
    (await readWithHoles(again)).map(({ offset }) => offset),
    [0, 1, 3, 4, 5],
  );
  await again.close();
});

/** Reads up to the end, holes or not. */
async function readWithHoles(log: Awaited<ReturnType<typeof openAt>>) {
  const { assignment, membership } = await hold(log.topic(TOPIC), `holes-${Math.random()}`);
  const records: LogRecord[] = [];
  while ((records.at(-1)?.offset ?? -1) + 1 < assignment.endOffset()) {
    records.push(...(await assignment.read(1_000_000, 10_000)));
  }
  await membership.stop();
  return records;
}

const sealedDamage: Record<string, (path: string) => Promise<void>> = {
  'a flipped byte': (path) => flip(path, 100 + 70),
  'a cut file': (path) => truncate(path, 150),
  'a file cut between records': (path) => truncate(path, 100),
  zeros: async (path) => {
    const bytes = await readFile(path);
    await writeFile(path, bytes.fill(0, 100));
  },
};

for (const [what, damage] of Object.entries(sealedDamage)) {
  it(`${what} in a sealed segment: reading says which file and offset; a rename gives the records up`, async () => {
    const dir = await makeFolder();
    const paths = await writeSegments(dir);
    await damage(paths[1] as string);
    const log = await openAt(dir, { segmentBytes: 250 });
    const { assignment, membership } = await hold(log.topic(TOPIC), 'g');
    const records: LogRecord[] = [];
    const failed = await (async () => {
      for (;;) records.push(...(await assignment.read(1_000, 1_000)));
    })().catch((error: unknown) => error);
    assert.ok(failed instanceof LogDamagedError, String(failed));
    assert.deepEqual([failed.file, failed.offset, failed.position], [paths[1], 3, 100]);
    assert.deepEqual(
      records.map(({ offset }) => offset),
      [0, 1, 2],
    );
    await assert.rejects(
      assignment.read(1_000, 1_000),
      LogDamagedError,
      'it is not passed over the second time either',
    );
    await membership.stop();
    await log.close();

    await rename(paths[1] as string, (paths[1] as string).replace('.log', '.salvage'));
    const salvaged = await openAt(dir, { segmentBytes: 250 });
    assert.deepEqual(
      (await readWithHoles(salvaged)).map(({ offset }) => offset),
      [0, 1, 2, 4, 5, 6, 7, 8, 9],
    );
    await salvaged.close();
  });
}

it('a disk that lost what it had confirmed is reported, and no offset is used twice', async () => {
  const dir = await makeFolder();
  const log = await openAt(dir);
  for (let i = 0; i < 4; i++) await appendText(log, `${i}`);
  const { assignment, membership } = await hold(log.topic(TOPIC), 'g');
  await assignment.commit(4, '');
  await membership.stop();
  await log.close();
  await truncate(`${dir}/${TOPIC}/0/${segmentName(0)}`, 50);
  const errors: Error[] = [];
  const again = await openAt(dir, { onError: (error) => errors.push(error) });
  assert.match(errors[0]?.message ?? '', /ends at offset 1, but a group has read up to 4/);
  await appendText(again, 'next');
  const held = await hold(again.topic(TOPIC), 'g');
  assert.deepEqual(
    (await held.assignment.read(1_000, 10_000)).map(({ offset }) => offset),
    [4],
  );
  await again.close();
});

it('opening reads the last segment only; a seek into a sealed one does not read it all', async () => {
  const dir = await makeFolder();
  const segmentBytes = 4 * 1024 * 1024;
  const log = await openAt(dir, { segmentBytes });
  for (let i = 0; i < 130; i++) {
    await log
      .topic(TOPIC)
      .append(Array.from({ length: 10 }, (_, j) => record(0, Buffer.alloc(10_000, i * 10 + j))));
  }
  await log.close();
  let bytesRead = 0;
  const { files, fault } = createFaultyFiles();
  fault.read = (fd, buffer, position) => {
    bytesRead += buffer.length;
    return nodeFiles.read(fd, buffer, position);
  };
  const again = await openAt(dir, { segmentBytes, files });
  assert.ok(bytesRead <= segmentBytes, `opening read ${bytesRead} bytes`);
  const { assignment, membership } = await hold(again.topic(TOPIC), 'g');
  assignment.seek(200);
  assert.equal((await assignment.read(1_000, 10_000))[0]?.offset, 200);
  for (const offset of [300, 100, 399, 5, 250]) {
    bytesRead = 0;
    assignment.seek(offset);
    assert.equal((await assignment.read(1_000, 10_000))[0]?.offset, offset);
    assert.ok(bytesRead < 1_000_000, `the seek to ${offset} read ${bytesRead} bytes`);
  }
  await membership.stop();
  await again.close();
});

it('a copy of the folder is the same log', async () => {
  const dir = await makeFolder();
  const log = await openAt(dir, { segmentBytes: 250 });
  for (let i = 0; i < 10; i++) await appendText(log, `${i}`);
  const copy = `${await makeFolder()}/copy`;
  await cp(dir, copy, { recursive: true, filter: (path) => !path.endsWith('.sock') });
  const other = await openAt(copy);
  assert.deepEqual(text(await readAll(other)), text(await readAll(log)));
  await Promise.all([log.close(), other.close()]);
});

it('fewer partitions than on disk, and a broken file of commits, are errors that say so', async () => {
  const dir = await makeFolder();
  await (await openAt(dir, { topics: [{ name: TOPIC, partitions: 3 }] })).close();
  await assert.rejects(
    openAt(dir),
    /has a partition [12], but records is to have 1.*Set the number of partitions to 3/,
  );
  await writeFile(`${dir}/${TOPIC}/groups/g.json`, '{"group":');
  await assert.rejects(openAt(dir, { topics: [{ name: TOPIC, partitions: 3 }] }), /g\.json.*cannot be read/);
});
