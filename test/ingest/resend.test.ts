import assert from 'node:assert/strict';
import { test } from 'node:test';
import { HttpProblem } from '../../src/http/problem.ts';
import { createResend } from '../../src/ingest/resend.ts';
import type { ResentEvent } from '../../src/letters/judge.ts';
import { LogUnavailableError, type NewRecord, RecordTooLargeError, type Topic } from '../../src/log/log.ts';
import { readMeta } from '../../src/pipeline/record-meta.ts';

const NOW = Date.UTC(2026, 2, 31, 12);
const context = {
  defaultApp: 'default',
  foreign: { ageMaxMs: 86_400_000, aheadMaxMs: 3_600_000, now: () => NOW },
};

const event: ResentEvent = {
  letterId: '00000000-0000-5000-8000-000000000001',
  line: Buffer.from('{"event_id":"e","event_name":"seek"}\n'),
  keyHash: 10,
  receivedAt: NOW - 1_000_000,
  sentAt: NOW - 1_000_500,
  app: 'web',
  userAgent: 'agent',
  country: 'DE',
  path: '/events',
};

function topicThat(append: (records: readonly NewRecord[]) => Promise<void>): Topic {
  return { name: 'analytics.v1', partitions: 4, append } as Partial<Topic> as Topic;
}

test('an event goes where it would have gone, in the envelope it came in, as of now for the log', async () => {
  const records: NewRecord[] = [];
  const topic = topicThat(async (more) => void records.push(...more));
  const resend = createResend({ topic, ackTimeoutMs: 1000, now: () => NOW });
  await resend([
    event,
    { ...event, keyHash: 7, app: '', sentAt: null, userAgent: '', country: '', path: '' },
  ]);
  assert.deepEqual(
    records.map(({ partition, timestamp, key }) => [partition, timestamp, key]),
    [
      [2, NOW, null],
      [3, NOW, null],
    ],
  );
  const [first, second] = records.map((record) => ({ ...record, offset: 0 }));
  assert.deepEqual(Buffer.from(first!.value).toString(), Buffer.from(event.line).toString());
  assert.deepEqual(readMeta(first!, context), {
    receivedAt: event.receivedAt,
    sentAt: event.sentAt,
    app: 'web',
    userAgent: 'agent',
    country: 'DE',
    count: 1,
    filtered: 0,
    allowed: null,
  });
  assert.ok(first!.headers.some(([name, value]) => name === 'dlq.id' && value === event.letterId));
  assert.equal(readMeta(second!, context).app, 'default');
});

test('a log that cannot take them, or not in time, is a 503', async () => {
  const failing = topicThat(() => Promise.reject(new LogUnavailableError('full', 500)));
  const hanging = topicThat(() => new Promise(() => {}));
  for (const topic of [failing, hanging]) {
    const resend = createResend({ topic, ackTimeoutMs: 5, now: () => NOW });
    await assert.rejects(
      resend([event]),
      (error) => error instanceof HttpProblem && error.code === 'log_unavailable',
    );
  }
});

test('what no log takes is a 413, which says what to do', async () => {
  const topic = topicThat(() => Promise.reject(new RecordTooLargeError('Raise max.message.bytes.')));
  await assert.rejects(
    createResend({ topic, ackTimeoutMs: 5, now: () => NOW })([event]),
    (error) =>
      error instanceof HttpProblem &&
      error.code === 'body_too_large' &&
      /send fewer events.*Raise max\.message\.bytes/.test(error.message),
  );
});
