import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type LocalLog, openLocalLog } from '../../../src/log/local/local.ts';
import type { LogRecord } from '../../../src/log/log.ts';
import { aborted } from '../../contract/log.ts';
import { makeFolder } from './faulty-files.ts';

const APPENDER = fileURLToPath(new URL('./appender.ts', import.meta.url));
const PARTITIONS = 2;

/** Runs the appender until it acknowledged `acks` records, kills it, and returns all that it acknowledged. */
async function appendAndKill(
  dir: string,
  first: number,
  acks: number,
): Promise<{ partition: number; number: number }[]> {
  const child = spawn(process.execPath, [APPENDER, dir, String(first)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const exited = once(child, 'exit');
  const acked: { partition: number; number: number }[] = [];
  for await (const line of createInterface({ input: child.stdout })) {
    if (line === 'ready') continue;
    const [partition, number] = line.split(' ').map(Number) as [number, number];
    // The kill cuts the last line where it likes.
    if (Number.isInteger(number)) acked.push({ partition, number });
    if (acked.length === acks) child.kill('SIGKILL');
  }
  assert.deepEqual((await exited)[1], 'SIGKILL');
  return acked.slice(0, -1);
}

async function readEverything(log: LocalLog): Promise<LogRecord[][]> {
  const byPartition: LogRecord[][] = [];
  const all = Promise.withResolvers<void>();
  let ended = 0;
  const membership = await log.topic('records').join('reader', async (assignment) => {
    const records: LogRecord[] = [];
    byPartition[assignment.partition] = records;
    while (records.length < assignment.endOffset())
      records.push(...(await assignment.read(1_000_000, 1_000)));
    if (++ended === PARTITIONS) all.resolve();
    await aborted(assignment.signal);
  });
  await all.promise;
  await membership.stop();
  return byPartition;
}

it('killed at any moment: every acknowledged record is there, once, in order', {
  timeout: 120_000,
}, async () => {
  const dir = await makeFolder();
  const acked: { partition: number; number: number }[] = [];
  for (let round = 0; round < 5; round++) {
    const acks = 50 + Math.floor(Math.random() * 1_500);
    acked.push(...(await appendAndKill(dir, round * 1_000_000, acks)));
  }
  const log = await openLocalLog({
    dir,
    topics: [{ name: 'records', partitions: PARTITIONS }],
    minFreeBytes: 0,
  });
  const byPartition = await readEverything(log);
  for (const [partition, records] of byPartition.entries()) {
    const numbers = records.map(({ timestamp }) => timestamp);
    assert.equal(new Set(numbers).size, numbers.length, 'once');
    assert.deepEqual(
      numbers,
      numbers.toSorted((a, b) => a - b),
      'in order',
    );
    assert.ok(
      records.every(({ value, timestamp, headers }) => {
        const whole = value.length === Math.max(`${timestamp}:`.length, 20 + ((timestamp * 7919) % 9_000));
        return whole && headers[0]?.[1] === String(timestamp);
      }),
    );
    const present = new Set(numbers);
    const lost = acked.filter((ack) => ack.partition === partition && !present.has(ack.number));
    assert.deepEqual(lost, []);
  }
  await log.close();
});
