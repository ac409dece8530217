import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from './config.ts';
import { openKafkaLog } from './log/kafka/kafka.ts';
import type { Compression, KafkaAddress, SaslMechanism } from './log/kafka/options.ts';
import { openLocalLog } from './log/local/local.ts';
import type { Log } from './log/log.ts';
import type { Logger } from './telemetry/logger.ts';
import { DEAD_LETTER_TOPIC, DERIVED_TOPIC, eventTopics } from './topics.ts';

/** The log of this installation: at Kafka when brokers are given, else on the local disk. */

/** Of the time that a sender is given: the rest is for the answer, which says why. */
const ACK_SHARE = 0.9;

export async function openLog(config: Config, dataDir: string, logger: Logger): Promise<Log> {
  if (config.kafkaBrokers.length === 0) return await openLogHere(config, dataDir, logger);
  await refuseToForget(config, dataDir, logger);
  return await openLogAtKafka(config, logger);
}

export async function openLogAtKafka(config: Config, logger: Logger): Promise<Log> {
  return await openKafkaLog({
    ...(await readKafkaAddress(config)),
    topics: neededTopics(config),
    compression: config.kafkaCompression as Compression,
    ackTimeoutMs: Math.round(config.ingestAckTimeoutMs * ACK_SHARE),
    sessionTimeoutMs: config.kafkaSessionTimeoutMs,
    onError: (error) => logger.error({ err: error }, 'the log failed behind the scenes'),
  });
}

export async function openLogHere(config: Config, dataDir: string, logger: Logger): Promise<Log> {
  return await openLocalLog({
    dir: localLogFolder(dataDir),
    topics: [
      ...eventTopics(config).map((name) => ({ name, partitions: config.logPartitions })),
      { name: DEAD_LETTER_TOPIC, partitions: 1 },
      { name: DERIVED_TOPIC, partitions: 1 },
    ],
    segmentBytes: config.logSegmentBytes,
    retentionMs: config.logRetentionDays * 86_400_000,
    retentionBytes: config.logRetentionBytes,
    minFreeBytes: config.minFreeBytes,
    onError: (error) => logger.error({ err: error }, 'the log failed behind the scenes'),
    onTornTail: (torn) => logger.warn({ torn }, 'a crash had torn the last write to the log; it was cut off'),
  });
}

/** What this process cannot do without. */
function neededTopics(config: Config): string[] {
  const { roleSet } = config;
  const needed = new Set<string>();
  if (roleSet.has('ingest')) needed.add(config.topic);
  const reads = roleSet.has('pipeline') || roleSet.has('live') || roleSet.has('query');
  if (reads) for (const { topic } of config.sources) needed.add(topic);
  if (roleSet.has('ingest') || roleSet.has('pipeline')) needed.add(DEAD_LETTER_TOPIC);
  if (roleSet.has('pipeline') || roleSet.has('live')) needed.add(DERIVED_TOPIC);
  return [...needed];
}

export function localLogFolder(dataDir: string): string {
  return join(dataDir, 'log');
}

/** The groups that the records of each topic wait for. */
export function readersOf(config: Config): readonly (readonly [topic: string, group: string])[] {
  return [
    [config.topic, config.groupId],
    [DEAD_LETTER_TOPIC, `${config.groupId}-dead-letters`],
  ];
}

/** What a local log holds that no pipeline has finished would never be counted once Kafka is the log. */
async function refuseToForget(config: Config, dataDir: string, logger: Logger): Promise<void> {
  if (!existsSync(join(localLogFolder(dataDir), config.topic))) return;
  const local = await openLogHere(config, dataDir, logger);
  let records = 0;
  try {
    for (const [topic, group] of readersOf(config))
      for (const lag of await local.topic(topic).lag(group)) records += lag.records;
  } finally {
    await local.close();
  }
  if (records > 0)
    throw new Error(
      `The local log in ${localLogFolder(dataDir)} holds ${records} records that are not in ClickHouse yet, and Kafka ` +
        'is to be the log from now on: they would never be counted. `sluice log move` takes them there.',
    );
}

/** Reads the files that the settings name. */
export async function readKafkaAddress(config: Config): Promise<KafkaAddress> {
  const read = async (path: string): Promise<string | undefined> =>
    path === '' ? undefined : await readFile(path, 'utf8');
  const [ca, cert, key] = await Promise.all(
    [config.kafkaTlsCaFile, config.kafkaTlsCertFile, config.kafkaTlsKeyFile].map(read),
  );
  return {
    brokers: config.kafkaBrokers,
    clientId: config.clientId,
    ...(config.kafkaTls ? { tls: { ...(ca ? { ca } : {}), ...(cert && key ? { cert, key } : {}) } } : {}),
    ...(config.kafkaSaslUsername === ''
      ? {}
      : {
          sasl: {
            mechanism: config.kafkaSaslMechanism as SaslMechanism,
            username: config.kafkaSaslUsername,
            password: config.kafkaSaslPassword,
          },
        }),
  };
}
