/** What the broker answers to the requests that carry records. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { initProducerIdV1 } from '@platformatic/kafka';
import { encodeBatch } from '../../../src/log/kafka/batch.ts';
import { Cluster, pause } from '../../../src/log/kafka/cluster.ts';
import { produce } from '../../../src/log/kafka/requests.ts';
import { record } from '../../contract/log.ts';
import { startKafka } from '../../support/kafka.ts';
import { missingForKafka } from '../../support/kafka-needs.ts';

const DAY_MS = 86_400_000;

describe('a batch sent again', { skip: missingForKafka() ?? false, timeout: 120_000 }, () => {
  it('over kill -9 of the broker is known by its number, unless its records are of the past', async (test) => {
    const kafka = await startKafka({ test });
    await kafka.createTopic('t', 2);
    const { brokers } = kafka;
    const cluster = new Cluster({ brokers, clientId: 'test' });
    test.after(() => cluster.close());
    const producer = await identify(cluster);
    const now = Date.now();
    const send = async (partition: number, sequence: number): Promise<number> => {
      const timestamp = partition === 0 ? now : now - 2 * DAY_MS;
      const records = ['a', 'b'].map((value) => record(partition, value, { timestamp }));
      const batch = await encodeBatch(records, { ...producer, sequence, transactional: false }, 'none');
      const { leaders } = await cluster.refresh('t');
      const connections = cluster.openConnections();
      const request = { topic: 't', partition, batch, transactionalId: null, timeoutMs: 3_000 };
      const { responses } = await cluster.request(connections, leaders[partition]!, produce, request);
      return Number(responses[0]!.partitionResponses[0]!.baseOffset);
    };
    const offsets = async (sequence: number) => [await send(0, sequence), await send(1, sequence)];
    assert.deepEqual(await offsets(0), [0, 0]);
    assert.deepEqual(await offsets(2), [2, 2]);
    assert.deepEqual(await offsets(2), [2, 2], 'while the broker lives');
    await kafka.kill();
    await kafka.start();
    assert.deepEqual(await offsets(2), [2, 4], 'why records carry the time of their append');
  });
});

async function identify(cluster: Cluster): Promise<{ id: bigint; epoch: number }> {
  for (;;) {
    try {
      const { producerId, producerEpoch } = await cluster.ask(initProducerIdV1.api, null, 0);
      return { id: producerId, epoch: producerEpoch };
    } catch {
      // The coordinator is loading.
      await pause();
    }
  }
}
