import { startKafka } from '../test/support/kafka.ts';

/** A Kafka broker of the bench's own, with the topics that the service wants. */
export interface BenchBroker {
  readonly pid: number;
  /** For the service. */
  readonly env: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

const PARTITIONS = 4;

export async function startBroker(partitions = PARTITIONS): Promise<BenchBroker> {
  const kafka = await startKafka();
  await kafka.createTopic('analytics.v1', partitions);
  for (const topic of ['analytics.dlq.v1', 'analytics.derived.v1']) await kafka.createTopic(topic, 1);
  return {
    pid: kafka.pids[0]!,
    env: { ANALYTICS_KAFKA_BROKERS: kafka.brokers.join(',') },
    stop: () => kafka.dispose(),
  };
}
