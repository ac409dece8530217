/** What foreign producers write: every compression, null keys and values, transactions that end well or not. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Producer } from '@platformatic/kafka';
import { openKafkaLog } from '../../../src/log/kafka/kafka.ts';
import type { Compression } from '../../../src/log/kafka/options.ts';
import type { Log } from '../../../src/log/log.ts';
import { hold, readAs, readCount, record, text } from '../../contract/log.ts';
import { startKafka, type TestKafka } from '../../support/kafka.ts';
import { missingForKafka } from '../../support/kafka-needs.ts';

describe('reading from Kafka', { skip: missingForKafka() ?? false, timeout: 120_000 }, () => {
  let kafka: TestKafka;
  const closers: (() => Promise<unknown>)[] = [];
  before(async () => {
    kafka = await startKafka();
  });
  after(async () => {
    for (const close of closers.reverse()) await close();
    await kafka.dispose();
  });

  async function openTopic(name: string, compression: Compression = 'zstd') {
    await kafka.createTopic(name, 1);
    const log: Log = await openKafkaLog({
      brokers: kafka.brokers,
      clientId: 'test',
      topics: [name],
      compression,
    });
    closers.push(() => log.close());
    return log.topic(name);
  }

  function producer(options: object = {}): Producer<Buffer, Buffer, Buffer, Buffer> {
    const made = new Producer({
      clientId: 'foreign',
      bootstrapBrokers: kafka.brokers,
      retryDelay: 100,
      ...options,
    });
    closers.push(() => made.close(true));
    return made;
  }

  for (const compression of ['zstd', 'lz4', 'gzip', 'snappy', 'none'] as const) {
    it(`${compression}: ours and a foreign producer's`, async () => {
      const topic = await openTopic(compression, compression);
      const values = Array.from({ length: 50 }, (_, i) => `${i} `.repeat(1 + ((i * 37) % 400)));
      await topic.append(values.map((value) => record(0, value)));
      await producer({ compression }).send({
        messages: values.map((value) => ({ topic: compression, partition: 0, value: Buffer.from(value) })),
        acks: -1,
      });
      assert.deepEqual(text(await readAs(topic, 'g', 100)), [...values, ...values]);
    });
  }

  it('a record without key, value and headers', async () => {
    const topic = await openTopic('tombstones');
    const message = { topic: 'tombstones', partition: 0, key: Buffer.from('k'), timestamp: 5n };
    await producer().send({ messages: [{ ...message, value: null as never }], acks: -1 });
    const [tombstone] = await readAs(topic, 'g', 1);
    assert.deepEqual([tombstone!.value.length, tombstone!.timestamp, tombstone!.headers], [0, 5, []]);
    assert.equal(Buffer.from(tombstone!.key!).toString(), 'k');
  });

  it('only what was committed, in order, and past the marks of transactions', async () => {
    const topic = await openTopic('transactions');
    const sender = producer({ idempotent: true, transactionalId: 'foreign' });
    const send = async (values: string[], end: 'commit' | 'abort'): Promise<void> => {
      const transaction = await sender.beginTransaction();
      for (const value of values)
        await transaction.send({
          messages: [{ topic: 'transactions', partition: 0, value: Buffer.from(value) }],
        });
      await transaction[end]();
    };
    await send(['a', 'b'], 'commit');
    await send(['lost 1', 'lost 2'], 'abort');
    await topic.append([record(0, 'plain')]);
    await send(['c'], 'commit');
    await send(['lost 3'], 'abort');
    const { assignment, membership } = await hold(topic, 'g');
    const records = await readCount(assignment, 4, 1);
    assert.deepEqual(text(records), ['a', 'b', 'plain', 'c']);
    assert.deepEqual(await assignment.read(1_000, 500), []);
    await assignment.commit(assignment.endOffset(), '');
    assert.deepEqual(
      (await topic.lag('g')).map(({ records }) => records),
      [0],
    );
    await membership.stop();
  });

  it('goes on with what is kept when retention took what comes next', async () => {
    const topic = await openTopic('trimmed');
    for (const value of ['a', 'b', 'c']) await topic.append([record(0, value)]);
    const { assignment, membership } = await hold(topic, 'g');
    assignment.seek(1_000);
    assert.deepEqual(text(await readCount(assignment, 3)), ['a', 'b', 'c'], 'beyond the end: another topic');
    await membership.stop();
  });
});
