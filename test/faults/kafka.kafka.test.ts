/** The whole service on a real Kafka: kills, freezes and outages of the service and the broker under load. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { createTopics } from '../../src/log/kafka/topics.ts';
import { DEAD_LETTER_TOPIC, DERIVED_TOPIC } from '../../src/topics.ts';
import { startKafka, type TestKafka } from '../support/kafka.ts';
import { missingForKafka } from '../support/kafka-needs.ts';
import { moment, ROUNDS, reckon, type Scene, untilTaken, withScene } from './round.ts';
import { until } from './verify.ts';

const SOME_ROUNDS = Math.max(2, Math.ceil(ROUNDS / 4));
/** A minute in the full form. */
const OUTAGE_MS = ROUNDS >= 100 ? 60_000 : 8_000;
/** The product promises it. */
const RECOVERY_MS = 15_000;
const PARTITIONS = 4;

describe('the service on Kafka', { skip: missingForKafka() ?? false }, () => {
  let kafka: TestKafka;
  let scenes = 0;
  before(async () => {
    kafka = await startKafka({ properties: { 'group.consumer.session.timeout.ms': 2_000 } });
    for (const topic of [DEAD_LETTER_TOPIC, DERIVED_TOPIC]) await kafka.createTopic(topic, 1);
  });
  after(() => kafka.dispose());

  async function withKafka(
    run: (scene: Scene & { readonly topic: string }) => Promise<void>,
    env: Record<string, string> = {},
  ): Promise<void> {
    const topic = `events-${++scenes}`;
    await kafka.createTopic(topic, PARTITIONS);
    const settings = {
      ANALYTICS_KAFKA_BROKERS: kafka.brokers.join(),
      ANALYTICS_KAFKA_TOPIC: topic,
      ANALYTICS_KAFKA_GROUP_ID: topic,
      ANALYTICS_KAFKA_SESSION_TIMEOUT_MS: '2000',
      ANALYTICS_INGEST_ACK_TIMEOUT_MS: '3000',
      ...env,
    };
    await withScene({ env: settings, load: { pauseMs: 20 } }, (scene) => run({ ...scene, topic }));
  }

  test(`${SOME_ROUNDS} kills of the service, of its ClickHouse and of the broker in turn`, async () => {
    await withKafka(async (scene) => {
      const { harness, load } = scene;
      await harness.start();
      load.start();
      for (let round = 0; round < SOME_ROUNDS; round++) {
        await moment(1_500);
        await harness.killService();
        await harness.start();
        await untilTaken(load);
        await moment(500);
        await harness.killClickHouse();
        await kafka.kill();
        await kafka.start();
        await untilTaken(load);
      }
      await reckon(scene);
    });
  });

  test(`the broker is away for ${OUTAGE_MS / 1000} s: 503 with Retry-After, then it goes on by itself`, async () => {
    await withKafka(async (scene) => {
      const { harness, load } = scene;
      await harness.start();
      load.start();
      await untilTaken(load);
      await kafka.kill();
      const gone = performance.now();
      await until('ingest refuses', async () => load.lastRefusal !== null);
      assert.equal(load.lastRefusal!.status, 503);
      assert.equal(load.lastRefusal!.code, 'log_unavailable');
      assert.ok(Number(load.lastRefusal!.retryAfter) > 0);
      const health = await fetch(`${harness.url}/health`);
      assert.match(await health.text(), /Nothing/);
      await until('the outage is over', async () => performance.now() - gone > OUTAGE_MS);
      await kafka.start();
      const acked = load.sent.acked.size;
      await until('ingest takes again', async () => load.sent.acked.size > acked, RECOVERY_MS);
      await reckon(scene);
    });
  });

  test('the broker freezes and comes back: what was sent meanwhile and again counts once', async () => {
    await withKafka(async (scene) => {
      const { harness, load } = scene;
      await harness.start();
      load.start();
      await untilTaken(load);
      kafka.freeze();
      await until('ingest refuses', async () => load.lastRefusal !== null);
      kafka.thaw();
      await untilTaken(load);
      await reckon(scene);
    });
  });

  test('started while the broker is away: it answers, and works when the broker comes', async () => {
    await withKafka(async (scene) => {
      const { harness, load } = scene;
      await kafka.kill();
      await harness.start();
      load.start();
      await until('ingest refuses', async () => load.lastRefusal !== null);
      assert.equal(load.lastRefusal!.code, 'log_unavailable');
      await kafka.start();
      await untilTaken(load);
      await reckon(scene);
    });
  });

  test('partitions are added under load, with retries before, meanwhile and after', async () => {
    await withKafka(async (scene) => {
      const { harness, load, topic } = scene;
      await harness.start();
      load.start();
      await untilTaken(load);
      const whenNew = { partitions: 1, retentionMs: 1 };
      for (const partitions of [7, 10]) {
        await moment(1_000);
        const plan = { name: topic, partitions, replication: null, retentionMs: null, whenNew };
        await createTopics({ brokers: kafka.brokers, clientId: 'admin' }, [plan]);
        await until(`events come in by partition ${partitions - 1}`, async () => {
          const [row] = await harness.client.select<{ last: number }>(
            'SELECT max(log_partition) AS last FROM events',
          );
          return row!.last === partitions - 1;
        });
        await untilTaken(load);
      }
      await reckon(scene);
    });
  });
});
