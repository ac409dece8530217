import type { StoreClient } from './client.ts';

/**
 * How long rows are kept. Tables are made with the retention of their first start; this brings them to the present
 * settings. ClickHouse drops what is older in its next merges, it is not rewritten at once.
 */

export interface Retention {
  readonly eventsDays: number;
  readonly sessionsDays: number;
  /** Of the views `errors` and `hourly_session_metrics`: how far back they look. */
  readonly errorsDays: number;
  readonly hourlyDays: number;
}

/** Table -> the expression that its rows' age is measured by, and the setting that limits it. */
const AGES: Readonly<Record<string, { readonly age: string; readonly days: 'eventsDays' | 'sessionsDays' }>> =
  {
    events: { age: 'toDateTime(timestamp)', days: 'eventsDays' },
    bucket_state: { age: 'bucket', days: 'sessionsDays' },
    view_buckets: { age: 'bucket', days: 'eventsDays' },
    views: { age: 'toDateTime(started_at)', days: 'sessionsDays' },
    views_by_hour: { age: 'hour', days: 'sessionsDays' },
    view_hours: { age: 'hour', days: 'sessionsDays' },
    video_rollup_5m: { age: 'bucket', days: 'sessionsDays' },
    event_counts_5m: { age: 'bucket', days: 'eventsDays' },
    video_metrics_hourly: { age: 'hour', days: 'sessionsDays' },
    actor_buckets: { age: 'bucket', days: 'eventsDays' },
    funnel_counts: { age: 'date', days: 'eventsDays' },
    kept_sessions: { age: 'day', days: 'sessionsDays' },
    user_engagement_daily: { age: 'date', days: 'sessionsDays' },
    ledger_blocks: { age: 'toDateTime(version)', days: 'eventsDays' },
    ledger_erased: { age: 'minute', days: 'eventsDays' },
    split_views: { age: 'bucket', days: 'sessionsDays' },
    shard_layouts: { age: 'toDateTime(at)', days: 'eventsDays' },
    derived_events: { age: 'toDateTime(version)', days: 'sessionsDays' },
    dead_letters: { age: 'toDateTime(received_at)', days: 'eventsDays' },
    dead_letter_states: { age: 'toDateTime(received_at)', days: 'eventsDays' },
  };

export const RETAINED_TABLES: readonly string[] = Object.keys(AGES);

/** Returns the tables that it changed. */
export async function applyRetention(
  client: StoreClient,
  retention: Pick<Retention, 'eventsDays' | 'sessionsDays'>,
): Promise<string[]> {
  const tables = await client.select<{ name: string; engine_full: string }>(
    'SELECT name, engine_full FROM system.tables WHERE database = currentDatabase() AND has({names:Array(String)}, name)',
    { names: RETAINED_TABLES },
  );
  const changed: string[] = [];
  for (const { name, engine_full } of tables) {
    const { age, days } = AGES[name]!;
    const wanted = retention[days];
    if (engine_full.includes(`toIntervalDay(${wanted})`)) continue;
    await client.command(
      `ALTER TABLE ${name} MODIFY TTL ${age} + INTERVAL ${wanted} DAY`,
      {},
      { settings: { materialize_ttl_after_modify: 0 } },
    );
    changed.push(name);
  }
  return changed;
}
