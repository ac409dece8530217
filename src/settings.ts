/**
 * Every setting, declared once: its names in the environment, what it takes, its default and what it is for. The table
 * in docs/configuration.md is printed from here.
 */
import { type ChoiceSetting, type ListSetting, list, number, type Setting, secret, text } from './setting.ts';

export const ROLES = ['ingest', 'pipeline', 'query', 'live'] as const;
export type Role = (typeof ROLES)[number];

const GiB = 2 ** 30;
/** ClickHouse's TTL is reckoned in a DateTime, which ends in 2106: a longer one would wrap around and delete everything. */
const RETENTION_DAYS_MAX = 20_000;
const MiB = 2 ** 20;

export const settings = {
  // process
  host: text(
    'ANALYTICS_HOST',
    '127.0.0.1',
    'Address to listen on. Anything but loopback wants ANALYTICS_ADMIN_KEY.',
  ),
  port: number(
    ['PORT', 'ANALYTICS_PORT', 'ANALYTICS_INGEST_PORT'],
    'port',
    3002,
    0,
    65_535,
    'Port of the API, the dashboard and ingest; 0 takes a free one.',
  ),
  metricsPort: number(
    'ANALYTICS_METRICS_PORT',
    'port',
    8000,
    0,
    65_535,
    'Port of the Prometheus metrics; 0 takes a free one.',
  ),
  dataDir: text('ANALYTICS_DATA_DIR', './data', 'Folder of everything embedded: log, ClickHouse, catalogue.'),
  roles: {
    kind: 'list',
    env: ['ANALYTICS_ROLES'],
    default: ROLES,
    choices: ROLES,
    doc: 'What this process does.',
  } satisfies ListSetting,
  logLevel: {
    kind: 'choice',
    env: ['LOG_LEVEL', 'ANALYTICS_LOG_LEVEL'],
    choices: ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'],
    default: 'info',
    doc: 'Least severe level that is logged.',
  } satisfies ChoiceSetting,
  stopDeadlineMs: number(
    'ANALYTICS_STOP_DEADLINE_MS',
    'ms',
    8_000,
    100,
    600_000,
    'How long a stop may take; requests in flight get three quarters of it. Then what hangs is ended by force.',
  ),

  // who may call
  defaultApp: text(
    'ANALYTICS_DEFAULT_APP',
    'default',
    'App of events that name none and came without a key of an app.',
  ),
  ingestApiKey: secret(
    'ANALYTICS_INGEST_API_KEY',
    'Keys that ingest asks for: `key` or `key:app`, comma-separated. Empty: ingest is open.',
  ),
  adminKey: secret(
    'ANALYTICS_ADMIN_KEY',
    'Key of scope read and admin. Empty: open on loopback, closed elsewhere.',
  ),
  ingestAllowIps: list(
    'ANALYTICS_INGEST_ALLOW_IPS',
    'Addresses and CIDR ranges that may send events. Empty: all.',
  ),
  adminAllowIps: list(
    'ANALYTICS_ADMIN_ALLOW_IPS',
    'Addresses and CIDR ranges that may query and administer. Empty: all.',
  ),
  trustedProxies: list(
    'ANALYTICS_TRUSTED_PROXIES',
    'Proxies whose X-Forwarded-For and country headers are believed.',
  ),
  corsOrigins: list(
    'ANALYTICS_CORS_ORIGINS',
    'Origins that may call from a browser; `*` for all. Empty: every origin may send events, none may query.',
  ),
  tlsCertFile: text('ANALYTICS_TLS_CERT_FILE', '', 'PEM certificate; with the key the port speaks HTTPS.'),
  tlsKeyFile: text('ANALYTICS_TLS_KEY_FILE', '', 'PEM private key.'),

  // ingest
  geoDatabase: text(
    'ANALYTICS_GEO_DATABASE',
    '',
    'File in the MaxMind format (GeoLite2 Country, DB-IP …) that tells countries of addresses. Empty: none.',
  ),
  ingestRateLimit: number(
    'ANALYTICS_INGEST_RATE_LIMIT',
    'events/s',
    0,
    0,
    1e9,
    'Events per second and key, with bursts of two seconds. 0: no limit.',
  ),
  ingestBodyBytesMax: number(
    'ANALYTICS_INGEST_BODY_BYTES_MAX',
    'bytes',
    MiB,
    1024,
    64 * MiB,
    'A body, as sent and inflated.',
  ),
  ingestEventsMax: number(
    'ANALYTICS_INGEST_EVENTS_MAX',
    'events',
    1000,
    1,
    100_000,
    'Events in one request.',
  ),
  ingestBytesInFlightMax: number(
    'ANALYTICS_INGEST_BYTES_IN_FLIGHT_MAX',
    'bytes',
    128 * MiB,
    MiB,
    64 * GiB,
    'Bytes of bodies and records not yet durable; beyond it 503.',
  ),
  ingestRequestsInFlightMax: number(
    'ANALYTICS_INGEST_REQUESTS_IN_FLIGHT_MAX',
    'requests',
    8192,
    1,
    1e6,
    'Requests under way; beyond it 503.',
  ),
  ingestAckTimeoutMs: number(
    'ANALYTICS_INGEST_ACK_TIMEOUT_MS',
    'ms',
    10_000,
    100,
    600_000,
    'How long a sender waits for durability before it gets 503.',
  ),
  timestampAgeMaxDays: number(
    'ANALYTICS_TIMESTAMP_AGE_MAX_DAYS',
    'days',
    90,
    1,
    3650,
    'Older events are refused as timestamp_too_old. Raise it, with ANALYTICS_RETENTION_EVENTS_DAYS, to import history.',
  ),

  // log
  kafkaBrokers: list(
    'ANALYTICS_KAFKA_BROKERS',
    'Kafka or Redpanda brokers, host:port. Empty: the local log.',
  ),
  topic: text(['ANALYTICS_KAFKA_TOPIC', 'KAFKA_TOPIC'], 'analytics.v1', 'Topic of the events.'),
  clientId: text('ANALYTICS_KAFKA_CLIENT_ID', 'sluice', 'Client id at the brokers.'),
  groupId: text(
    ['ANALYTICS_KAFKA_GROUP_ID', 'KAFKA_GROUP_ID'],
    'sluice-pipeline',
    "The pipeline's consumer group.",
  ),
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

  // store
  chUrl: text(
    'ANALYTICS_CH_URL',
    '',
    'ClickHouse over HTTP. Empty: the embedded one. CLICKHOUSE_HOST and CLICKHOUSE_PORT are read too.',
  ),
  chDatabase: text(['ANALYTICS_CH_DATABASE', 'CLICKHOUSE_DATABASE'], 'analytics', 'Database.'),
  chUser: text(['ANALYTICS_CH_USER', 'CLICKHOUSE_USER'], 'default', 'User of a ClickHouse by URL.'),
  chPassword: secret(['ANALYTICS_CH_PASSWORD', 'CLICKHOUSE_PASSWORD'], 'Its password.'),
  chAutoCreate: {
    kind: 'choice',
    env: ['ANALYTICS_CH_AUTO_CREATE'],
    choices: ['', '0', '1'],
    default: '',
    doc: 'Create and migrate tables at start. Default: 1 when embedded, else 0 (`sluice migrate`).',
  } satisfies ChoiceSetting,
  chMemoryBytes: number(
    'ANALYTICS_CH_MEMORY_BYTES',
    'bytes',
    4 * GiB,
    512 * MiB,
    1e13,
    'Memory of the embedded ClickHouse.',
  ),
  retentionEventsDays: number(
    'ANALYTICS_RETENTION_EVENTS_DAYS',
    'days',
    90,
    1,
    RETENTION_DAYS_MAX,
    'Raw events, views by bucket, activity of actors, dead letters, ledger.',
  ),
  retentionSessionsDays: number(
    'ANALYTICS_RETENTION_SESSIONS_DAYS',
    'days',
    365,
    1,
    RETENTION_DAYS_MAX,
    'Views, rollups and daily statistics.',
  ),

  // pipeline
  batchRows: number(
    ['ANALYTICS_CONSUMER_BATCH', 'BATCH_SIZE'],
    'rows',
    200_000,
    1,
    1e6,
    'Most rows in one insert.',
  ),
  batchBytes: number(
    'ANALYTICS_CONSUMER_BATCH_BYTES',
    'bytes',
    96 * MiB,
    MiB,
    GiB,
    'Most bytes of columns in one insert.',
  ),
  flushMs: number(
    ['ANALYTICS_CONSUMER_FLUSH_MS', 'FLUSH_INTERVAL'],
    'ms',
    1_000,
    1,
    60_000,
    'Most age of a batch before it is inserted. FLUSH_INTERVAL is in seconds.',
    { FLUSH_INTERVAL: 1000 },
  ),
  leaseMs: number(
    'ANALYTICS_INSERT_LEASE_MS',
    'ms',
    15_000,
    500,
    600_000,
    'How long one insert may take; after it ClickHouse refuses the block.',
  ),
  dedupeWindowMinutes: number(
    'ANALYTICS_DEDUPE_WINDOW_MINUTES',
    'minutes',
    15,
    1,
    1440,
    'Event ids are kept in memory this long; of older ones a filter is kept, and ClickHouse is asked where it is not sure.',
  ),
  dedupeEntriesMax: number(
    'ANALYTICS_DEDUPE_ENTRIES_MAX',
    'ids',
    4_194_304,
    1024,
    2 ** 31,
    'Most ids in memory per partition (about 24 bytes each, and up to 32 for the filters of older ones).',
  ),
  sessionActorsMax: number(
    'ANALYTICS_SESSION_ACTORS_MAX',
    'actors',
    1_000_000,
    1024,
    1e8,
    'Most actors per partition whose assigned sessions are in memory.',
  ),
  gapLimitMs: number(
    'ANALYTICS_GAP_LIMIT_MS',
    'ms',
    30_000,
    1,
    3_600_000,
    'Silence within a view counts as watched up to this.',
  ),
  recomputeEveryMs: number(
    'ANALYTICS_RECOMPUTE_EVERY_MS',
    'ms',
    2_000,
    50,
    600_000,
    'Pause between two looks for buckets to recompute.',
  ),
  recomputeRowsMax: number(
    'ANALYTICS_RECOMPUTE_ROWS_MAX',
    'rows',
    4_000_000,
    1000,
    1e9,
    'Raw rows that one recompute reads, about.',
  ),
  engagementEveryMs: number(
    'ANALYTICS_ENGAGEMENT_EVERY_MS',
    'ms',
    600_000,
    0,
    86_400_000,
    "Pause between two recomputes of a day's user engagement.",
  ),

  // live
  wsSocketsMax: number(
    'ANALYTICS_WS_SOCKETS_MAX',
    'sockets',
    10_000,
    1,
    1e6,
    'WebSockets at once; beyond it 503.',
  ),
  wsEventsPerSecondMax: number(
    'ANALYTICS_WS_EVENTS_PER_SECOND_MAX',
    'events/s',
    20,
    0,
    10_000,
    'Events that one WebSocket gets at most.',
  ),
  viewsMax: number(
    'ANALYTICS_LIVE_VIEWS_MAX',
    'views',
    4_000_000,
    1024,
    1e9,
    'Views of the last minute that realtime metrics hold in memory.',
  ),
} as const satisfies Record<string, Setting>;

export type Settings = typeof settings;
