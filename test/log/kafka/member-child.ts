/** A member of a group in a process of its own: says what it reads, commits when it is told to, and says what came of it. */
import { openKafkaLog } from '../../../src/log/kafka/kafka.ts';
import type { Assignment } from '../../../src/log/log.ts';
import { text } from '../../contract/log.ts';

process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));

const [brokers, topic, group, sessionTimeoutMs] = process.argv.slice(2);
const log = await openKafkaLog({
  brokers: brokers!.split(','),
  clientId: 'member',
  topics: [topic!],
  sessionTimeoutMs: Number(sessionTimeoutMs),
});
const held = new Map<number, Assignment>();
process.on('message', async ({ partition, offset }: { partition: number; offset: number }) => {
  const committed = await held
    .get(partition)!
    .commit(offset, '')
    .then(
      () => true,
      () => false,
    );
  process.send!({ kind: 'commit', committed });
});
await log.topic(topic!).join(group!, async (assignment) => {
  held.set(assignment.partition, assignment);
  process.send!({ kind: 'given', partition: assignment.partition });
  while (!assignment.signal.aborted) {
    const records = await assignment.read(1_000_000, 1_000);
    if (records.length > 0) process.send!({ kind: 'read', values: text(records) });
  }
  process.send!({ kind: 'taken', partition: assignment.partition });
});
