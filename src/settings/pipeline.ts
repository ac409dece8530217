import { type ListSetting, number, type Setting } from './setting.ts';

const MiB = 2 ** 20;
const GiB = 2 ** 30;

/** From the log to ClickHouse. */
export const pipelineSettings = {
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
  conversionEvents: {
    kind: 'list',
    env: ['ANALYTICS_CONVERSION_EVENTS'],
    default: ['conversion', 'purchase', 'signup', 'subscribe'],
    doc: 'Names of events that are conversions; so is every event with `properties.conversion = true`.',
  } satisfies ListSetting,
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
} as const satisfies Record<string, Setting>;
