/** Looks whether what is stored is what was acknowledged, and whether what is counted is what is stored. */
import assert from 'node:assert/strict';
import type { StoreClient } from '../../src/store/client.ts';
import { bucketStatesSql, foldViewsSql, VIEW_COLUMNS } from '../../src/store/sql/views.ts';
import type { Sent } from './load.ts';

const GAP_LIMIT_MS = 30_000;

/** Resolves when the condition holds; the deadline is for the case that it never will. */
export async function until(
  what: string,
  condition: () => Promise<boolean>,
  deadlineMs = 90_000,
): Promise<void> {
  const began = performance.now();
  let last: unknown = null;
  for (;;) {
    try {
      if (await condition()) return;
    } catch (error) {
      last = error;
    }
    if (performance.now() - began > deadlineMs)
      throw new Error(`not within ${deadlineMs} ms: ${what}`, { cause: last });
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/**
 * Waits until everything acknowledged went through the pipeline. To count is not enough: what was taken and never
 * answered is stored as well, and would make up for what is still on its way.
 */
export async function untilDrained(client: StoreClient, { acked }: Sent): Promise<void> {
  await until('all acknowledged events are stored', async () => {
    const [row] = await client.select<{ stored: number }>('SELECT uniqExact(event_id) AS stored FROM events');
    if (row!.stored < acked.size) return false;
    const stored = new Set((await storedCounts(client)).map(({ event_id }) => event_id));
    return acked.isSubsetOf(stored);
  });
}

const storedCounts = (client: StoreClient) =>
  client.select<{ event_id: string; n: number }>(
    'SELECT event_id, count() AS n FROM events GROUP BY event_id',
  );

export async function verifyStored(client: StoreClient, sent: Sent): Promise<void> {
  const rows = await storedCounts(client);
  const counts = new Map(rows.map((row) => [row.event_id, row.n]));
  const doubled = rows.filter((row) => row.n > 1);
  const missing = [...sent.acked].filter((id) => !counts.has(id));
  const foreign = rows.filter((row) => !sent.tried.has(row.event_id));
  assert.deepEqual(missing.slice(0, 5), [], `${missing.length} acknowledged events are missing`);
  assert.deepEqual(doubled.slice(0, 5), [], `${doubled.length} events are stored more than once`);
  assert.deepEqual(foreign.slice(0, 5), [], 'events that nobody sent');
}

/** What the API says, whatever it reads it from, is what raw says. */
export async function verifyAnswers(url: string, client: StoreClient): Promise<void> {
  const [raw] = await client.select<{ events: number; from: number; to: number }>(
    `SELECT count() AS events, toUnixTimestamp64Milli(min(timestamp)) AS from,
            toUnixTimestamp64Milli(max(timestamp)) + 1 AS to FROM events WHERE NOT is_bot`,
  );
  const { events, from, to } = raw!;
  const range = new URLSearchParams({ from: new Date(from).toISOString(), to: new Date(to).toISOString() });
  const answer = await fetch(`${url}/metrics?metric=events&${range}`);
  const body = (await answer.json()) as { series: { total: number }[] };
  assert.equal(answer.status, 200, JSON.stringify(body));
  assert.equal(body.series[0]?.total ?? 0, events, 'the API and the raw table disagree');
}

/** The ledger says what the raw table holds, and nothing is unaccounted for. */
export async function verifyLedger(client: StoreClient): Promise<void> {
  const difference = await client.select(
    `SELECT app_id, minute, sum(l) AS ledger, sum(r) AS raw FROM (
       SELECT app_id, minute, stored AS l, 0 AS r FROM ledger
       UNION ALL SELECT app_id, toStartOfMinute(received_at), 0, count() FROM events GROUP BY 1, 2
     ) GROUP BY app_id, minute HAVING ledger != raw`,
  );
  assert.deepEqual(difference, [], 'the ledger and the raw table disagree');
  const unbalanced = await client.select(
    'SELECT * FROM ledger WHERE received != stored + duplicate + filtered + quarantined + erased',
  );
  assert.deepEqual(unbalanced, [], 'the ledger does not balance');
}

/** Every recomputed table equals a recount of raw. */
export async function verifyRecount(client: StoreClient, deadlineMs?: number): Promise<void> {
  const isClean = async () => {
    const [row] = await client.select<{ n: number }>(
      'SELECT count() AS n FROM (SELECT 1 FROM bucket_state GROUP BY app_id, bucket, shardNum() HAVING max(lease_until) >= max(as_of))',
    );
    return row!.n === 0;
  };
  await until('no bucket is dirty', isClean, deadlineMs);
  for (const [table, difference] of Object.entries(differences(client.sharded))) {
    const isEqual = async () => {
      assert.deepEqual(await client.select(difference), [], `${table} is not what raw says`);
      return true;
    };
    // Days follow behind the buckets that make them.
    if (table === 'user_engagement_daily') await until(`${table} is what raw says`, isEqual, deadlineMs);
    else await isEqual();
  }
}

/** Of several shards, `views` holds parts of views too, which only a reader knows. */
function differences(sharded: boolean): Record<string, string> {
  const columns = VIEW_COLUMNS.join(', ');
  const recount = `SELECT ${columns} FROM (${foldViewsSql(`(${bucketStatesSql('events', '1', GAP_LIMIT_MS)})`, GAP_LIMIT_MS)})`;
  const symmetric = (a: string, b: string) =>
    `SELECT * FROM (SELECT *, sum(side) AS s FROM (SELECT *, 1 AS side FROM (${a}) UNION ALL SELECT *, -1 AS side FROM (${b})) GROUP BY ALL HAVING s != 0) LIMIT 3`.replace(
      'SELECT *, sum(side) AS s',
      'SELECT * EXCEPT side, sum(side) AS s',
    );
  const bucket = 'toDateTime(toStartOfFiveMinutes(timestamp)) AS bucket';
  return {
    views: symmetric(recount, `SELECT ${columns} FROM ${sharded ? 'current_views' : 'views FINAL'}`),
    event_counts_5m: symmetric(
      `SELECT app_id, event_name, ${bucket}, count() AS events, uniqCombined64If(actor, actor != '') AS users FROM events WHERE NOT is_bot GROUP BY ALL`,
      'SELECT app_id, event_name, bucket, sum(events) AS events, uniqCombined64Merge(users) AS users FROM event_counts_5m FINAL GROUP BY ALL',
    ),
    actor_buckets: symmetric(
      `SELECT app_id, actor, ${bucket}, count() AS events, countIf(event_name = 'page_view') AS page_views,
         countIf(event_name IN ('error', 'video_error')) AS errors
       FROM events WHERE NOT is_bot AND actor != '' GROUP BY ALL`,
      'SELECT app_id, actor, bucket, sum(events) AS events, sum(page_views) AS page_views, sum(errors) AS errors FROM (SELECT * FROM actor_buckets FINAL) GROUP BY ALL HAVING events > 0',
    ),
    video_rollup_5m: symmetric(
      `SELECT app_id, video_id, ${bucket}, count() AS impressions, uniqCombined64(actor) AS reach FROM events
       WHERE event_name = 'view_end' AND watch_ms >= 600 AND NOT instant_skip AND NOT is_bot GROUP BY ALL`,
      'SELECT app_id, video_id, bucket, sum(impressions) AS impressions, uniqCombined64Merge(reach) AS reach FROM video_rollup_5m FINAL GROUP BY ALL',
    ),
    video_metrics_hourly: symmetric(
      `SELECT app_id, video_id, toDateTime(toStartOfHour(started_at)) AS hour, count() AS views, round(sum(watch_ms) / 1000, 3) AS watched FROM (${recount}) WHERE NOT is_bot GROUP BY ALL`,
      'SELECT app_id, video_id, hour, sum(views) AS views, round(sum(watch_time_seconds), 3) AS watched FROM video_metrics_hourly FINAL GROUP BY ALL HAVING views > 0',
    ),
    user_engagement_daily: symmetric(
      "SELECT app_id, toDate(timestamp) AS date, actor AS user_id, count() AS events FROM events WHERE NOT is_bot AND actor != '' GROUP BY ALL",
      'SELECT app_id, date, user_id, sum(events) AS events FROM user_engagement_daily FINAL GROUP BY ALL HAVING events > 0',
    ),
  };
}
