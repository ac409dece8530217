import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Admin, ConfigResourceTypes } from '@platformatic/kafka';
import { startKafka, type TestKafka } from '../support/kafka.ts';
import { missingForKafka } from '../support/kafka-needs.ts';

const PROGRAM = join(import.meta.dirname, '../../bin/sluice.mjs');

describe('sluice topics create', { skip: missingForKafka() ?? false, timeout: 120_000 }, () => {
  let kafka: TestKafka;
  let admin: Admin;
  before(async () => {
    kafka = await startKafka();
    admin = new Admin({ clientId: 'test', bootstrapBrokers: kafka.brokers, retryDelay: 100, retries: 20 });
  });
  after(async () => {
    await admin.close();
    await kafka.dispose();
  });

  function sluice(...words: string[]): Promise<{ code: number; said: string }> {
    const env = { ...process.env, ANALYTICS_KAFKA_BROKERS: kafka.brokers.join() };
    return new Promise((resolve) => {
      execFile(process.execPath, [PROGRAM, 'topics', ...words], { env }, (error, stdout, stderr) =>
        resolve({ code: error ? Number(error.code) : 0, said: stdout + stderr }),
      );
    });
  }

  async function partitionsOf(topic: string): Promise<number | undefined> {
    const { topics } = await admin.metadata({ topics: [topic], forceUpdate: true });
    return topics.get(topic)?.partitionsCount;
  }

  async function configOf(topic: string, name: string): Promise<unknown> {
    const [found] = await admin.describeConfigs({
      resources: [
        { resourceType: ConfigResourceTypes.TOPIC, resourceName: topic, configurationKeys: [name] },
      ],
    });
    return found!.configs.find((config) => config.name === name)?.value;
  }

  it('makes all of them, keeps what is there, raises when asked for more, refuses fewer', async () => {
    const made = await sluice('create', '--partitions', '4', '--retention-days', '30');
    assert.deepEqual(
      [made.code, made.said],
      [
        0,
        'analytics.v1: made, 4 partitions\nanalytics.derived.v1: made, 1 partition\nanalytics.dlq.v1: made, 1 partition\n',
      ],
    );
    assert.equal(await configOf('analytics.v1', 'retention.ms'), String(30 * 86_400_000));
    assert.equal(await configOf('analytics.v1', 'max.message.bytes'), String(16 * 2 ** 20));

    const again = await sluice('create');
    assert.equal(again.code, 0);
    assert.match(again.said, /analytics\.v1: there already, 4 partitions/);
    assert.equal(await configOf('analytics.v1', 'retention.ms'), String(30 * 86_400_000), 'kept');

    const raised = await sluice('create', '--partitions', '6', '--retention-days', '7');
    assert.match(raised.said, /analytics\.v1: raised, 6 partitions/);
    assert.equal(await configOf('analytics.v1', 'retention.ms'), String(7 * 86_400_000));
    while ((await partitionsOf('analytics.v1')) !== 6) await new Promise((resolve) => setImmediate(resolve));

    const fewer = await sluice('create', '--partitions', '5');
    assert.equal(fewer.code, 1);
    assert.match(fewer.said, /'analytics\.v1' has 6 partitions, and Kafka takes none away/);
  });

  it('more copies than brokers, wrong words and no brokers are told', async () => {
    process.env.ANALYTICS_KAFKA_TOPIC = 'another.v1';
    const copies = await sluice('create', '--replication', '3');
    delete process.env.ANALYTICS_KAFKA_TOPIC;
    assert.equal(copies.code, 1);
    assert.match(copies.said, /'another\.v1' cannot have 3 copies: .+ Give --replication up to/);
    for (const words of [[], ['destroy'], ['create', '--partitions', '0'], ['create', '--partitions', 'x']])
      assert.equal((await sluice(...words)).code, 2, words.join(' '));
    assert.match((await sluice('--help')).said, /Usage: sluice topics create/);
  });
});
