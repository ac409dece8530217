/** Replay from Kafka: what was damaged is told, and a swap makes it what it was while ingest goes on. */
import { test } from 'node:test';
import { DEAD_LETTER_TOPIC, DERIVED_TOPIC } from '../../src/topics.ts';
import { startKafka } from '../support/kafka.ts';
import { missingForKafka } from '../support/kafka-needs.ts';
import { startTestService } from '../support/service.ts';
import { startTestCluster } from '../support/shards.ts';
import { checkRepair, REPAIR_ENV } from './repair.ts';

test('a replay with swap over Kafka', { skip: missingForKafka() ?? false }, async (t) => {
  const kafka = await startKafka({ test: t });
  for (const topic of [DEAD_LETTER_TOPIC, DERIVED_TOPIC]) await kafka.createTopic(topic, 1);
  async function start(topic: string, env: Record<string, string> = {}) {
    await kafka.createTopic(topic, 2);
    return await startTestService({
      ...REPAIR_ENV,
      ANALYTICS_KAFKA_BROKERS: kafka.brokers.join(','),
      ANALYTICS_KAFKA_TOPIC: topic,
      ANALYTICS_KAFKA_GROUP_ID: topic,
      ...env,
    });
  }

  await t.test('into one server', async (t) => {
    const service = await start('one');
    t.after(() => service.stop());
    await checkRepair(service);
  });

  await t.test('into two shards', async (t) => {
    const cluster = await startTestCluster(2, t);
    const service = await start('two', { ...cluster.env, ANALYTICS_CH_AUTO_CREATE: '1' });
    t.after(() => service.stop());
    await checkRepair(service);
  });
});
