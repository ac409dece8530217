/**
 * Events of dead letters, back into the log: the same topic, the same partition by key, the same envelope as when they
 * first came. In: events that the kernel has passed, with their ids. Out: durable records, or a problem. What can be
 * lost: nothing; what went through before an error is found again by its id.
 */
import type { Resend, ResentEvent } from '../letters/judge.ts';
import type { NewRecord, Topic } from '../log/log.ts';
import { problemOf, withDeadline } from './intake.ts';
import { createRecord } from './split.ts';

export interface ResendOptions {
  readonly topic: Topic;
  readonly ackTimeoutMs: number;
  /** Epoch ms. */
  readonly now: () => number;
}

/** What it makes throws HttpProblem `log_unavailable`, `body_too_large`. */
export function createResend({ topic, ackTimeoutMs, now }: ResendOptions): Resend {
  return async (events) => {
    const records = events.map((event) => recordOf(event, topic.partitions, now()));
    try {
      await withDeadline(topic.append(records), ackTimeoutMs);
    } catch (error) {
      throw problemOf(error);
    }
  };
}

/** A record each, since each has an envelope of its own. */
function recordOf(event: ResentEvent, partitions: number, now: number): NewRecord {
  const { line, keyHash, path, letterId } = event;
  const outline = { ...event, source: path === '' ? 'dead-letters' : path, traceparent: null };
  const record = createRecord(
    { partition: keyHash % partitions, value: line, count: 1 },
    partitions,
    event,
    outline,
  );
  // The log keeps it from today on, however long ago it was first received.
  return { ...record, headers: [...record.headers, ['dlq.id', letterId]], timestamp: now };
}
