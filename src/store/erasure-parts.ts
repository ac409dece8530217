import { setTimeout as delay } from 'node:timers/promises';
import type { StoreClient } from './client.ts';

/**
 * Makes what was removed be gone from a server's disk. A mutation writes parts without the rows and keeps the old ones
 * for some minutes; a light delete only hides rows until a merge.
 */

/** Where names of people stand. */
const TABLES = [
  'events',
  'view_buckets',
  'views',
  'views_by_hour',
  'actor_buckets',
  'user_engagement_daily',
  'derived_events',
  'kept_sessions',
  'dead_letters',
  'dead_letter_states',
];
const IN_TABLES = `database = currentDatabase() AND table IN (${TABLES.map((table) => `'${table}'`).join(', ')})`;
const POLL_MS = 200;
const LONG_MS = 3_600_000;

/**
 * Resolves when nothing is left that was removed before the call: how soon a server lets old parts go is its own setting
 * (`old_parts_lifetime`, `cleanup_delay_period`). Rejects with StoreError, or the signal's reason.
 */
export async function purgeParts(client: StoreClient, signal: AbortSignal): Promise<void> {
  const hidden = await client.select<{ name: string }>(
    `SELECT DISTINCT table AS name FROM system.parts WHERE ${IN_TABLES} AND active AND has_lightweight_delete`,
  );
  for (const { name } of hidden)
    await client.command(
      `ALTER TABLE ${name} APPLY DELETED MASK`,
      {},
      { settings: { mutations_sync: 2 }, timeoutMs: LONG_MS },
    );
  const [clock] = await client.select<{ now: string }>('SELECT toString(now()) AS now');
  const left = `SELECT 1 FROM system.parts
    WHERE ${IN_TABLES} AND NOT active AND remove_time <= toDateTime('${clock!.now}') LIMIT 1`;
  while ((await client.select(left)).length > 0) await delay(POLL_MS, undefined, { signal });
}
