import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from './config.ts';
import { openKafkaLog } from './log/kafka/kafka.ts';
import { openLocalLog } from './log/local/local.ts';
import type { Log } from './log/log.ts';
import type { Logger } from './telemetry/logger.ts';

/** The log of this installation: at Kafka when brokers are given, else on the local disk. */

export const DEAD_LETTER_TOPIC = 'analytics.dlq.v1';

export async function openLog(config: Config, dataDir: string, logger: Logger): Promise<Log> {
  if (config.kafkaBrokers.length === 0) return await openLogHere(config, dataDir, logger);
  await refuseToForget(config, dataDir, logger);
  return await openLogAtKafka(config, logger);
}

export async function openLogAtKafka(config: Config, logger: Logger): Promise<Log> {
  return await openKafkaLog({
    brokers: config.kafkaBrokers,
    clientId: config.clientId,
    topics: [config.topic, DEAD_LETTER_TOPIC],
    ackTimeoutMs: config.ingestAckTimeoutMs,
    onError: (error) => logger.error({ err: error }, 'the log failed behind the scenes'),
  });
}

export async function openLogHere(config: Config, dataDir: string, logger: Logger): Promise<Log> {
  return await openLocalLog({
    dir: localLogFolder(dataDir),
    topics: [
      { name: config.topic, partitions: config.logPartitions },
      { name: DEAD_LETTER_TOPIC, partitions: 1 },
    ],
    segmentBytes: config.logSegmentBytes,
    retentionMs: config.logRetentionDays * 86_400_000,
    retentionBytes: config.logRetentionBytes,
    minFreeBytes: config.minFreeBytes,
    onError: (error) => logger.error({ err: error }, 'the log failed behind the scenes'),
    onTornTail: (torn) => logger.warn({ torn }, 'a crash had torn the last write to the log; it was cut off'),
  });
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
