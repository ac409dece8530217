import { list, number, type Setting, secret, text } from './setting.ts';

const MiB = 2 ** 20;
const GiB = 2 ** 30;

/** The log, local or Kafka. */
export const logSettings = {
  kafkaBrokers: list(
    ['ANALYTICS_KAFKA_BROKERS', 'KAFKA_BROKERS', 'KAFKA_BOOTSTRAP_SERVERS'],
    'Kafka or Redpanda brokers, host:port. Empty: the local log.',
  ),
  topic: text(['ANALYTICS_KAFKA_TOPIC', 'KAFKA_TOPIC'], 'analytics.v1', 'Topic of the events.'),
  clientId: text('ANALYTICS_KAFKA_CLIENT_ID', 'sluice', 'Client id at the brokers.'),
  groupId: text(
    ['ANALYTICS_KAFKA_GROUP_ID', 'KAFKA_GROUP_ID'],
    'sluice-pipeline',
    "The pipeline's consumer group.",
  ),
  kafkaSessionTimeoutMs: number(
    'ANALYTICS_KAFKA_SESSION_TIMEOUT_MS',
    'ms',
    45_000,
    1_000,
    1_800_000,
    'A process that is not heard for this long loses its partitions to others.',
  ),
  kafkaSaslMechanism: {
    kind: 'choice',
    env: ['ANALYTICS_KAFKA_SASL_MECHANISM'],
    choices: ['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'],
    default: 'SCRAM-SHA-256',
    doc: 'How the user is shown to the brokers. PLAIN shows the password: with TLS only.',
  },
  kafkaSaslUsername: text('ANALYTICS_KAFKA_SASL_USERNAME', '', 'User at the brokers. Empty: no SASL.'),
  kafkaSaslPassword: secret('ANALYTICS_KAFKA_SASL_PASSWORD', 'Password of that user.'),
  kafkaTls: {
    kind: 'flag',
    env: ['ANALYTICS_KAFKA_TLS'],
    default: false,
    doc: 'Whether to speak TLS with the brokers.',
  },
  kafkaTlsCaFile: text(
    'ANALYTICS_KAFKA_TLS_CA_FILE',
    '',
    'PEM with the authority of their certificates. Empty: those that Node knows.',
  ),
  kafkaTlsCertFile: text(
    'ANALYTICS_KAFKA_TLS_CERT_FILE',
    '',
    'PEM with our certificate, for brokers that ask for one.',
  ),
  kafkaTlsKeyFile: text('ANALYTICS_KAFKA_TLS_KEY_FILE', '', 'PEM with the key of that certificate.'),
  kafkaCompression: {
    kind: 'choice',
    env: ['ANALYTICS_KAFKA_COMPRESSION'],
    choices: ['zstd', 'lz4', 'gzip', 'snappy', 'none'],
    default: 'zstd',
    doc: 'How what ingest sends to the brokers is compressed.',
  },
  logPartitions: number(
    'ANALYTICS_LOG_PARTITIONS',
    'partitions',
    1,
    1,
    256,
    'Partitions of the local log. May grow, not shrink.',
  ),
  logSegmentBytes: number(
    'ANALYTICS_LOG_SEGMENT_BYTES',
    'bytes',
    64 * MiB,
    MiB,
    GiB,
    'Size of a segment file.',
  ),
  logRetentionDays: number(
    'ANALYTICS_LOG_RETENTION_DAYS',
    'days',
    7,
    1,
    3650,
    'Records are kept this long after they were processed.',
  ),
  logRetentionBytes: number(
    'ANALYTICS_LOG_RETENTION_BYTES',
    'bytes',
    20 * GiB,
    64 * MiB,
    1e15,
    'Size of a partition; the oldest processed segments go first.',
  ),
  minFreeBytes: number(
    'ANALYTICS_MIN_FREE_BYTES',
    'bytes',
    256 * MiB,
    0,
    1e15,
    'With less free disk, ingest answers 503, so that ClickHouse keeps air.',
  ),
} as const satisfies Record<string, Setting>;
