import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { describe, it } from 'node:test';
import { Admin } from '@platformatic/kafka';
import { startKafka } from './kafka.ts';
import { missingForKafka } from './kafka-needs.ts';

describe('brokers for tests', { skip: missingForKafka() ?? false, timeout: 300_000 }, () => {
  for (const size of [1, 3]) {
    it(`${size}: start, keep topics over a kill, freeze and thaw, and leave nothing`, async (test) => {
      const kafka = await startKafka({ size });
      test.after(() => kafka.dispose());
      await kafka.createTopic('t', 2);
      await kafka.nodes[0]!.kill();
      await kafka.start();
      kafka.freeze();
      kafka.thaw();
      const admin = new Admin({
        clientId: 'test',
        bootstrapBrokers: kafka.brokers,
        retryDelay: 100,
        retries: 100,
      });
      const { topics } = await admin.metadata({ topics: ['t'], forceUpdate: true });
      await admin.close();
      assert.equal(topics.get('t')?.partitionsCount, 2);
      const { pids } = kafka;
      await kafka.dispose();
      for (const pid of pids) assert.throws(() => process.kill(pid, 0));
      assert.ok(kafka.nodes.every(({ folder }) => !existsSync(folder)));
    });
  }

  it('listen with SASL and TLS', async (test) => {
    const kafka = await startKafka({ secure: true, test });
    assert.equal(kafka.secure?.saslTls.length, 1);
  });
});
