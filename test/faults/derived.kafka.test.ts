/** Derived events at Kafka, with producers and consumers of another hand: kills of the service, and of the broker. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { test } from 'node:test';
import {
  Consumer,
  FetchIsolationLevels,
  type Message,
  MessagesStreamModes,
  Producer,
} from '@platformatic/kafka';
import { startKafka } from '../support/kafka.ts';
import { missingForKafka } from '../support/kafka-needs.ts';
import { expectedIds } from './derived-ids.ts';
import { moment, ROUNDS, untilTaken, withScene } from './round.ts';
import { until, untilDrained } from './verify.ts';

const EVENTS = 'analytics.v1';
const OCTANE = 'octane.events';
const DERIVED = 'analytics.derived.v1';
const DEAD = 'analytics.dlq.v1';

/** A topic from its beginning to its end, as a `read_committed` consumer of another program sees it. */
async function readCommitted(brokers: string[], topic: string, count: number): Promise<Message[]> {
  const consumer = new Consumer({ clientId: 'other', groupId: randomUUID(), bootstrapBrokers: brokers });
  const stream = await consumer.consume({
    topics: [topic],
    mode: MessagesStreamModes.EARLIEST,
    isolationLevel: FetchIsolationLevels.READ_COMMITTED,
    maxWaitTime: 100,
  });
  const found: Message[] = [];
  // A hundred rounds leave tens of thousands of them: only silence is the end.
  const quiet = setTimeout(() => stream.destroy(), 60_000);
  try {
    for await (const message of stream) {
      found.push(message as Message);
      quiet.refresh();
      // Whoever would be there twice comes right behind the others.
      if (found.length === count) setTimeout(() => stream.destroy(), 1_500);
    }
  } catch (error) {
    if (!stream.destroyed) throw error;
  }
  clearTimeout(quiet);
  await consumer.close(true);
  return found;
}

const view = (n: number) => ({ app_id: 'openstream', user_id: `o${n}`, session_id: `os${n}` });
const event = (n: number, event_name: string, more: object = {}) =>
  JSON.stringify({
    ...view(n),
    event_name,
    timestamp: new Date().toISOString(),
    properties: { video_id: 'live', ...more },
  });

/** What another program writes: other forms, other codecs, nulls. */
async function produceForeign(brokers: string[], from: number, count: number): Promise<number> {
  const producer = new Producer({
    clientId: 'foreign',
    bootstrapBrokers: brokers,
    retries: 50,
    retryDelay: 200,
  });
  let bad = 0;
  for (let n = from; n < from + count; n++) {
    const values: (Buffer | null)[] = [
      Buffer.from(event(n, 'video_start')),
      Buffer.from(
        `[${event(n, 'video_heartbeat', { watch_ms: 1000 })},\n${event(n, 'video_error', { code: 1 })}]`,
      ),
      Buffer.from(`${event(n, 'view_end', { watch_ms: 1000 })}\n`),
    ];
    if (n % 5 === 0) values.push(null, Buffer.from('no json'));
    bad += values.length - 3;
    await producer.send({
      messages: values.map((value) => ({
        topic: OCTANE,
        partition: n % 3,
        key: Buffer.from(String(n)),
        value: value as Buffer,
        headers: new Map([[Buffer.from('x-raw'), Buffer.from([0, 255, 1])]]),
      })),
      compression: (['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const)[n % 5],
    });
  }
  await producer.close();
  return bad;
}

const missing = missingForKafka();

test(`${ROUNDS} kills with Kafka: each derived event is there once for read_committed readers`, {
  skip: missing ?? false,
}, async (t) => {
  const kafka = await startKafka({ test: t });
  for (const [topic, partitions] of [
    [EVENTS, 3],
    [OCTANE, 3],
    [DERIVED, 1],
    [DEAD, 1],
  ] as const)
    await kafka.createTopic(topic, partitions);
  const env = {
    ANALYTICS_KAFKA_BROKERS: kafka.brokers.join(','),
    ANALYTICS_KAFKA_TOPICS: `${EVENTS},${OCTANE}=native:octane`,
    ANALYTICS_KAFKA_SESSION_TIMEOUT_MS: '6000',
    ANALYTICS_DERIVED_EVERY_MS: '20',
    ANALYTICS_DERIVED_SILENCE_MS: '10000',
  };
  await withScene({ env, load: { connections: 2, batch: 20 } }, async ({ harness, load }) => {
    await harness.start();
    load.start();
    let bad = 0;
    for (let round = 0; round < ROUNDS; round++) {
      await untilTaken(load);
      bad += await produceForeign(kafka.brokers, round * 10, 10);
      await moment(3_000);
      if (round % 3 === 2) {
        await kafka.kill();
        await kafka.start();
      } else {
        await harness.killService();
        await harness.start();
      }
    }
    await untilTaken(load);
    await load.stop(true);
    await untilDrained(harness.client, load.sent);
    await until('what others produced is stored, each once', async () => {
      const [row] = await harness.client.select<{ n: number; ids: number }>(
        `SELECT count() AS n, uniqExact(event_id) AS ids FROM events WHERE startsWith(log_topic, '${OCTANE}@')`,
      );
      assert.equal(row!.n, row!.ids);
      assert.ok(row!.n <= ROUNDS * 40);
      return row!.n === ROUNDS * 40;
    });
    await until('what is no event is a dead letter, each once', async () => {
      const [row] = await harness.client.select<{ n: number }>(
        `SELECT count() AS n FROM dead_letters FINAL WHERE source_topic = '${OCTANE}'`,
      );
      return row!.n === bad;
    });
    const expected = await expectedIds(harness.client);
    await until('every derived event is recorded', async () => {
      const [row] = await harness.client.select<{ n: number }>(
        'SELECT count() AS n FROM derived_events FINAL',
      );
      return row!.n >= expected.length;
    });
    await harness.stop();
    const messages = await readCommitted(kafka.brokers, DERIVED, expected.length);
    const ids = messages
      .map(({ value }) => (JSON.parse(String(value)) as { event_id: string }).event_id)
      .sort();
    assert.equal(new Set(ids).size, ids.length, 'one is there twice');
    assert.deepEqual(ids, expected);
    const letters = await readCommitted(kafka.brokers, DEAD, bad);
    const reasonOf = ({ headers }: Message) =>
      [...headers].find(([name]) => String(name) === 'dlq.reason')?.[1].toString();
    const reasons = new Set(letters.map(reasonOf));
    assert.deepEqual([...reasons], ['invalid_json']);
  });
});
