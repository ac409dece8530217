import { setTimeout as delay } from 'node:timers/promises';
import { quoted } from './sql/quoted.ts';

/**
 * What follows a swap of raw rows: everything counted from the touched buckets has to be recomputed, and what was counted
 * from rows that are gone has to go, since a recompute replaces rows and never removes one.
 */

/** The name of the table says to recomputes that views and hours are being removed. */
const NAMED = 'replay_views';
const SETTLES = `SELECT count() > 0 FROM system.tables WHERE database = currentDatabase() AND name = '${NAMED}'`;
/** Condition: nothing is being removed. */
export const NOTHING_SETTLES = `(${SETTLES}) = 0`;
/** 0 in a statement that begins before anything is removed; fails one that begins meanwhile. */
export const NOT_WHILE_SETTLING = `assumeNotNull((SELECT throwIf((${SETTLES}), 'a replay is being settled: recompute later')))`;
/** What the ids of a recompute's statements begin with. */
export const RECOMPUTE_QUERY = 'sluice-recompute-';
const POLL_MS = 20;

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
 * 1. hold recomputes: from states of before they would count a view in an hour that nobody names   2. name the views and
 * hours that rows were counted in   3. mark, so that answers come from raw   4. remove what was counted, each level after
 * the one it is made of   5. mark again, for a recompute that was held half-way   6. forget
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
  await holdRecomputes(store);
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
  await remove('views', `(${VIEW}) IN (SELECT ${VIEW} FROM ${NAMED})`);
  const hours = `(app_id, hour) IN (SELECT app_id, hour FROM ${NAMED})`;
  await remove('views_by_hour', `(${VIEW}) IN (SELECT ${VIEW} FROM ${NAMED})`);
  for (const table of ['video_metrics_hourly', 'view_hours']) await remove(table, hours);
  await mark();
  await store.command(`DROP TABLE IF EXISTS ${NAMED} SYNC`);
  await remove('replay_marks', where);
}

/** Of what a recompute does each statement is either done when this resolves, or begins later and fails. */
async function holdRecomputes(store: MarksStore): Promise<void> {
  await store.command(
    `CREATE TABLE IF NOT EXISTS ${NAMED} (app_id String, video_id String, view_id String, hour DateTime('UTC'))
     ENGINE = MergeTree ORDER BY (app_id, video_id, view_id)`,
  );
  const running = `SELECT 1 FROM system.processes WHERE startsWith(query_id, '${RECOMPUTE_QUERY}') AND current_database = currentDatabase() LIMIT 1`;
  while ((await store.select(running)).length > 0) await delay(POLL_MS);
}

/**
 * Keeps the views with rows in the noted buckets, and the hours in which they were counted, until the end; and notes every
 * bucket that those hours and views are made of, so that all of it is counted anew.
 */
async function nameViews(store: MarksStore, noted: string): Promise<void> {
  const touched = `SELECT ${VIEW} FROM view_buckets WHERE (app_id, bucket) IN (SELECT app_id, bucket FROM replay_marks WHERE ${noted})`;
  await store.command(
    `INSERT INTO ${NAMED} SELECT ${VIEW}, toStartOfHour(started_at) FROM views FINAL WHERE (${VIEW}) IN (${touched})`,
  );
  await store.command(
    `INSERT INTO replay_marks (app_id, bucket) SELECT DISTINCT app_id, bucket FROM view_buckets
     WHERE (${VIEW}) IN (SELECT ${VIEW} FROM ${NAMED})
       OR (app_id, toStartOfHour(bucket)) IN (SELECT app_id, hour FROM ${NAMED})`,
  );
}
