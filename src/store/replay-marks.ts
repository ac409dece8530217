import { setTimeout as delay } from 'node:timers/promises';
import { quoted } from './sql/quoted.ts';

/**
 * What follows a swap of raw rows: everything counted from the touched buckets has to be recomputed, and what was counted
 * from rows that are gone has to go, since a recompute replaces rows and never removes one.
 */

const VIEW = 'app_id, video_id, view_id';
const ROLLUPS = ['video_rollup_5m', 'event_counts_5m', 'actor_buckets'];
const READERS_MS = 2_000;
const SETTINGS = {
  lightweight_deletes_sync: 2,
  mutations_sync: 2,
  mutations_execute_subqueries_on_initiator: 1,
  allow_nondeterministic_mutations: 1,
};

/** What this needs of the store's client. */
interface MarksStore {
  select<Row>(sql: string): Promise<Row[]>;
  command(
    sql: string,
    params?: Record<string, never>,
    options?: { settings: Readonly<Record<string, number | string>> },
  ): Promise<void>;
}

/**
 * Takes up the buckets that replays have noted. `olderMs`: leaves alone those of a swap that may still be under way.
 * Harmless to repeat, and to break off: what is noted stays noted until all of it is done.
 *
 * 1. name the views and hours that rows were counted in   2. mark, so that answers come from raw   3. remove what was
 * counted, each level after the one it is made of   4. mark again, for a recompute that came between   5. forget
 */
export async function settleReplays(store: MarksStore, olderMs = 0): Promise<void> {
  const readNoted = async (where: string) => {
    const [row] = await store.select<{ until: string; n: number }>(
      `SELECT toString(max(at)) AS until, count() AS n FROM replay_marks WHERE ${where}`,
    );
    return { n: row!.n, where: `at <= toDateTime64(${quoted(row!.until)}, 3, 'UTC')` };
  };
  const found = await readNoted(`at <= now64(3) - toIntervalMillisecond(${olderMs})`);
  if (found.n === 0) return;
  await nameViews(store, found.where);
  const { where } = await readNoted('1');
  const buckets = `SELECT app_id, bucket FROM replay_marks WHERE ${where}`;
  const mark = () =>
    store.command(
      `INSERT INTO bucket_state (app_id, bucket, lease_until) SELECT DISTINCT app_id, bucket, now64(3) FROM replay_marks WHERE ${where}`,
    );
  const remove = (table: string, what: string) =>
    store.command(`DELETE FROM ${table} WHERE ${what}`, {}, { settings: SETTINGS });
  await mark();
  // A question that saw these buckets clean reads the tables a moment later.
  await delay(READERS_MS);
  for (const table of ['view_buckets', ...ROLLUPS]) await remove(table, `(app_id, bucket) IN (${buckets})`);
  await remove('views', `(${VIEW}) IN (SELECT ${VIEW} FROM replay_views)`);
  await remove('video_metrics_hourly', '(app_id, hour) IN (SELECT app_id, hour FROM replay_views)');
  await mark();
  await store.command('DROP TABLE IF EXISTS replay_views SYNC');
  await remove('replay_marks', where);
}

/**
 * Keeps the views with rows in the noted buckets, and the hours in which they were counted, until the end; and notes every
 * bucket that those hours and views are made of, so that all of it is counted anew.
 */
async function nameViews(store: MarksStore, noted: string): Promise<void> {
  await store.command(
    `CREATE TABLE IF NOT EXISTS replay_views (app_id String, video_id String, view_id String, hour DateTime('UTC'))
     ENGINE = MergeTree ORDER BY (app_id, video_id, view_id)`,
  );
  const touched = `SELECT ${VIEW} FROM view_buckets WHERE (app_id, bucket) IN (SELECT app_id, bucket FROM replay_marks WHERE ${noted})`;
  await store.command(
    `INSERT INTO replay_views SELECT ${VIEW}, toStartOfHour(started_at) FROM views FINAL WHERE (${VIEW}) IN (${touched})`,
  );
  await store.command(
    `INSERT INTO replay_marks (app_id, bucket) SELECT DISTINCT app_id, bucket FROM view_buckets
     WHERE (${VIEW}) IN (SELECT ${VIEW} FROM replay_views)
       OR (app_id, toStartOfHour(bucket)) IN (SELECT app_id, hour FROM replay_views)`,
  );
}
