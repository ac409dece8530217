import { coordinateEventId, formatUuid } from '../event/kernel/uuid.ts';
import type { Header, Topic } from '../log/log.ts';
import type { Batch } from './batch.ts';

/** A dead letter's payload is cut at this size. */
export const DEAD_LETTER_BYTES_MAX = 1_000_000;

const TOLD_BY_ROW = ['id_collision', 'plan_violation'];

/** Appends what the batch refused to the dead letters' topic. Written again after a crash, it has the same ids. */
export async function buryDead(
  batch: Batch,
  { name, origin }: Pick<Topic, 'name' | 'origin'>,
  deadLetters: Topic,
): Promise<void> {
  if (batch.dead.length === 0) return;
  const timestamp = Date.now();
  const records = batch.dead.map(({ span, index, reason, detail, raw }) => {
    const { partition, offset } = span.record;
    const headers: Header[] = [
      ['dlq.id', formatUuid(coordinateEventId(origin, partition, offset, index))],
      ['dlq.reason', reason],
      ['dlq.detail', detail],
      ['dlq.topic', name],
      ['dlq.partition', String(partition)],
      ['dlq.offset', String(offset)],
      ['dlq.index', String(index)],
      ['dlq.received_at', String(span.meta.receivedAt)],
      ['dlq.app', span.meta.app],
      ['dlq.truncated', String(raw.length > DEAD_LETTER_BYTES_MAX)],
    ];
    // What a replay cannot tell from the event itself. What is told by its row has a time that is repaired already.
    const { sentAt, userAgent, country } = span.meta;
    if (sentAt !== null && !TOLD_BY_ROW.includes(reason)) headers.push(['dlq.sent_at', String(sentAt)]);
    if (userAgent !== '') headers.push(['dlq.ua', userAgent]);
    if (country !== '') headers.push(['dlq.country', country]);
    const value = raw.subarray(0, DEAD_LETTER_BYTES_MAX);
    return { partition: offset % deadLetters.partitions, key: null, headers, value, timestamp };
  });
  await deadLetters.append(records);
}
