import { type ChoiceSetting, type FlagSetting, number, type Setting, secret, text } from './setting.ts';

const MiB = 2 ** 20;
const GiB = 2 ** 30;
/** ClickHouse's TTL is reckoned in a DateTime, which ends in 2106: a longer one would wrap around and delete everything. */
const RETENTION_DAYS_MAX = 20_000;

/** ClickHouse. */
export const storeSettings = {
  chUrl: text(
    'ANALYTICS_CH_URL',
    '',
    'ClickHouse over HTTP; several, comma-separated, are one shard each. Empty: the embedded one. CLICKHOUSE_HOST and CLICKHOUSE_PORT are read too.',
  ),
  chCluster: text(
    'ANALYTICS_CH_CLUSTER',
    '',
    'Name that the servers know these shards by (`remote_servers`), in the same order. Needed for several URLs, and for replicas.',
  ),
  chReplicated: {
    kind: 'flag',
    env: ['ANALYTICS_CH_REPLICATED'],
    default: false,
    doc: 'Tables are made with Replicated engines, ON CLUSTER, on every replica of the cluster (needs Keeper).',
  } satisfies FlagSetting,
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
    'Sessions, views, rollups and daily statistics.',
  ),
  retentionErrorsDays: number(
    'ANALYTICS_RETENTION_ERRORS_DAYS',
    'days',
    30,
    1,
    RETENTION_DAYS_MAX,
    'How far back the table errors looks; not further than raw events.',
  ),
  retentionHourlyDays: number(
    'ANALYTICS_RETENTION_HOURLY_DAYS',
    'days',
    30,
    1,
    RETENTION_DAYS_MAX,
    'How far back the table hourly_session_metrics looks.',
  ),
} as const satisfies Record<string, Setting>;
