/**
 * A process that appends without end to the log in its first argument and prints the number of each record once it
 * is acknowledged; killed by a test. Its second argument is the first number.
 */
import { openLocalLog } from '../../../src/log/local/local.ts';

const [dir = '', first = '0'] = process.argv.slice(2);
const log = await openLocalLog({
  dir,
  topics: [{ name: 'records', partitions: 2 }],
  segmentBytes: 200_000,
  minFreeBytes: 0,
});
const topic = log.topic('records');
let next = Number(first);

async function appendForever(partition: number): Promise<never> {
  for (;;) {
    const number = next++;
    const value = Buffer.from(`${number}:`.padEnd(20 + ((number * 7919) % 9_000), '.'));
    await topic.append([{ partition, key: null, headers: [['n', `${number}`]], value, timestamp: number }]);
    process.stdout.write(`${partition} ${number}\n`);
  }
}

process.stdout.write('ready\n');
await Promise.all(Array.from({ length: 16 }, (_, i) => appendForever(i % 2)));
