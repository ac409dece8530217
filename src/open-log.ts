import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from './config.ts';
import { openKafkaLog } from './log/kafka/kafka.ts';
import type { Compression, KafkaAddress, SaslMechanism } from './log/kafka/options.ts';
import { openLocalLog } from './log/local/local.ts';
import type { Log } from './log/log.ts';
import type { Logger } from './telemetry/logger.ts';
import { DEAD_LETTER_TOPIC } from './topics.ts';

/** Of the time that a sender is given: the rest is for the answer, which says why. */
const ACK_SHARE = 0.9;

/** The log that the settings name: at Kafka, or on this machine's disk. */
export async function openLog(config: Config, dataDir: string, logger: Logger): Promise<Log> {
  const onError = (error: Error): void => logger.error({ err: error }, 'the log failed behind the scenes');
  if (config.kafkaBrokers.length > 0) {
    return await openKafkaLog({
      ...(await readKafkaAddress(config)),
      topics: [config.topic, DEAD_LETTER_TOPIC],
      compression: config.kafkaCompression as Compression,
      ackTimeoutMs: Math.round(config.ingestAckTimeoutMs * ACK_SHARE),
      sessionTimeoutMs: config.kafkaSessionTimeoutMs,
      onError,
    });
  }
  return await openLocalLog({
    dir: join(dataDir, 'log'),
    topics: [
      { name: config.topic, partitions: config.logPartitions },
      { name: DEAD_LETTER_TOPIC, partitions: 1 },
    ],
    segmentBytes: config.logSegmentBytes,
    retentionMs: config.logRetentionDays * 86_400_000,
    retentionBytes: config.logRetentionBytes,
    minFreeBytes: config.minFreeBytes,
    onError,
    onTornTail: (torn) => logger.warn({ torn }, 'a crash had torn the last write to the log; it was cut off'),
  });
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
