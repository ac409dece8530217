import { Admin, ConfigResourceTypes, IncrementalAlterConfigOperationTypes } from '@platformatic/kafka';
import { answerOf, faultOf, responseOf } from './faults.ts';
import { connectionOptions, type KafkaAddress, REQUEST_TIMEOUT_MS } from './options.ts';

/** Makes topics, or brings those that are there to what is asked for. Done twice, the second time does nothing. */

export interface TopicPlan {
  readonly name: string;
  /** null: as it is. */
  readonly partitions: number | null;
  /** Copies of each record of a new topic; null leaves it to the brokers. */
  readonly replication: number | null;
  /** null: as it is. */
  readonly retentionMs: number | null;
  /** What a new topic gets where nothing else is asked for. */
  readonly whenNew: { readonly partitions: number; readonly retentionMs: number };
}

export interface TopicOutcome {
  readonly name: string;
  readonly partitions: number;
  readonly did: 'created' | 'raised' | 'kept';
}

/** A request and its records in one batch; Kafka's own 1 MB would refuse the larger bodies that ingest takes. */
const MESSAGE_BYTES_MAX = 16 * 1024 * 1024;
/** With so many copies, one may be away, and what is acknowledged has two still. */
const COPIES_FOR_TWO_IN_SYNC = 3;

export async function createTopics(
  address: KafkaAddress,
  plans: readonly TopicPlan[],
): Promise<TopicOutcome[]> {
  const admin = new Admin({
    clientId: address.clientId,
    bootstrapBrokers: [...address.brokers],
    ...connectionOptions(address, REQUEST_TIMEOUT_MS),
    timeout: REQUEST_TIMEOUT_MS,
    retries: 3,
    retryDelay: 300,
  });
  try {
    const outcomes: TopicOutcome[] = [];
    for (const plan of plans) outcomes.push(await createTopic(admin, plan));
    return outcomes;
  } catch (error) {
    throw error instanceof RangeError ? error : faultOf(error, address);
  } finally {
    await admin.close();
  }
}

async function createTopic(admin: Admin, plan: TopicPlan): Promise<TopicOutcome> {
  const { name, replication, retentionMs, whenNew } = plan;
  const partitions = plan.partitions ?? whenNew.partitions;
  const configs = [
    { name: 'cleanup.policy', value: 'delete' },
    { name: 'max.message.bytes', value: String(MESSAGE_BYTES_MAX) },
    { name: 'retention.ms', value: String(retentionMs ?? whenNew.retentionMs) },
    ...((replication ?? 0) >= COPIES_FOR_TWO_IN_SYNC ? [{ name: 'min.insync.replicas', value: '2' }] : []),
  ];
  try {
    await admin.createTopics({ topics: [name], partitions, replicas: replication ?? -1, configs });
    return { name, partitions, did: 'created' };
  } catch (error) {
    const answer = answerOf(error);
    if (answer === 'INVALID_REPLICATION_FACTOR')
      throw new RangeError(refusal(name, replication, error), { cause: error });
    if (answer !== 'TOPIC_ALREADY_EXISTS') throw error;
  }
  if (retentionMs !== null) await setRetention(admin, name, retentionMs);
  return await raisePartitions(admin, plan);
}

async function raisePartitions(admin: Admin, { name, partitions }: TopicPlan): Promise<TopicOutcome> {
  const { topics } = await admin.metadata({ topics: [name], forceUpdate: true });
  const has = topics.get(name)!.partitionsCount;
  if (partitions === null || has === partitions) return { name, partitions: has, did: 'kept' };
  if (has > partitions) {
    throw new RangeError(
      `'${name}' has ${has} partitions, and Kafka takes none away. Ask for ${has} or more, or make another topic.`,
    );
  }
  await admin.createPartitions({ topics: [{ name, count: partitions, assignments: null as never }] });
  return { name, partitions, did: 'raised' };
}

async function setRetention(admin: Admin, name: string, retentionMs: number): Promise<void> {
  await admin.incrementalAlterConfigs({
    resources: [
      {
        resourceType: ConfigResourceTypes.TOPIC,
        resourceName: name,
        configs: [
          {
            name: 'retention.ms',
            configOperation: IncrementalAlterConfigOperationTypes.SET,
            value: String(retentionMs),
          },
        ],
      },
    ],
  });
}

function refusal(name: string, replication: number | null, error: unknown): string {
  const said = responseOf<{ topics?: { errorMessage?: string | null }[] }>(error)?.topics?.[0]?.errorMessage;
  const asked = replication === null ? "the brokers' default" : String(replication);
  return `'${name}' cannot have ${asked} copies: ${said ?? 'there are fewer brokers'}. Give --replication up to the number of brokers.`;
}
