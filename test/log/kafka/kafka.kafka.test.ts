import { randomBytes } from 'node:crypto';
import { after, before, describe } from 'node:test';
import { openKafkaLog } from '../../../src/log/kafka/kafka.ts';
import { describeLogContract } from '../../contract/log.ts';
import { startKafka, type TestKafka } from '../../support/kafka.ts';
import { missingForKafka } from '../../support/kafka-needs.ts';

const CLASSIC = 'groups as before KIP-848';

for (const [name, properties] of [
  ['groups by KIP-848', {}],
  [CLASSIC, { 'group.coordinator.rebalance.protocols': 'classic' }],
] as const) {
  describe(`Kafka, ${name}`, { skip: missingForKafka() ?? false }, () => {
    let kafka: TestKafka;
    before(async () => {
      kafka = await startKafka({ properties: name === CLASSIC ? properties : {} });
    });
    after(() => kafka.dispose());

    describeLogContract(`Kafka, ${name}`, async (partitions) => {
      const topic = `records-${randomBytes(4).toString('hex')}`;
      await kafka.createTopic(topic, partitions);
      const open = () =>
        openKafkaLog({ brokers: kafka.brokers, clientId: 'test', topics: [topic], sessionTimeoutMs: 6_000 });
      let log = await open();
      return {
        get log() {
          return log;
        },
        topic,
        async reopen() {
          await log.close();
          log = await open();
          return log;
        },
        dispose: () => log.close(),
      };
    });
  });
}
