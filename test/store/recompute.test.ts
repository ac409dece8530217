import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LogRecord } from '../../src/log/log.ts';
import type { StoreClient } from '../../src/store/client.ts';
import { createRecompute } from '../../src/store/recompute.ts';
import type { RecomputeStore } from '../../src/store/split-views.ts';
import { currentViewsSql } from '../../src/store/sql/current.ts';
import { bucketStatesSql, foldViewsSql, VIEW_COLUMNS } from '../../src/store/sql/views.ts';
import { verifyRecount } from '../faults/verify.ts';
import { createOracle, type Delivery } from '../oracle/oracle.ts';
import { createRandom, type Random } from '../oracle/random.ts';
import {
  insertRecords,
  NOON,
  openTables,
  recomputeSome,
  recordOf,
  type Tables,
  TOPIC,
} from '../pipeline/rig.ts';

const ROUNDS = Number(process.env.RECOMPUTE_ROUNDS ?? 1);
/** Statements of a round, with those of the engagement's days and of the end. */
const STATEMENTS = 8;
const GAP_LIMIT_MS = 30_000;
const MINUTE = 60_000;

const columns = VIEW_COLUMNS.join(', ');
const recount = foldViewsSql(`(${bucketStatesSql('events', '1', GAP_LIMIT_MS)})`, GAP_LIMIT_MS);
const scope = { apps: '1', views: '1', where: '1', gapLimitMs: GAP_LIMIT_MS };

/** The answer that a query gives now, against one fold of all that is stored. */
async function verifyCurrent(client: StoreClient, moment: string): Promise<void> {
  const [now, raw] = await Promise.all(
    [currentViewsSql(scope), recount].map((sql) =>
      client.select(`SELECT ${columns} FROM (${sql}) ORDER BY app_id, video_id, view_id`),
    ),
  );
  assert.deepEqual(now, raw, moment);
}

function startRecompute(store: RecomputeStore, rowsMax = 1_000_000) {
  return createRecompute({ store, gapLimitMs: GAP_LIMIT_MS, rowsMax, engagementEveryMs: 0 });
}

async function recomputeAll(store: RecomputeStore): Promise<void> {
  const recompute = startRecompute(store);
  // The lease of the last mark ends with the next millisecond.
  for (let idle = 0; idle < 2; ) idle = (await recompute.round()).buckets === 0 ? idle + 1 : 0;
}

let nextId = 0;

/** Events around noon, of few views that reach over buckets, hours and midnight, in no order. */
function someEvents(random: Random, base: number): object[] {
  const names = [
    'video_start',
    'video_progress',
    'video_heartbeat',
    'video_pause',
    'video_resume',
    'view_end',
    'seek',
    'page_view',
    'error',
  ];
  return Array.from({ length: 1 + random.below(25) }, () => {
    const video = `v${random.below(2)}`;
    return {
      event_id: `00000000-0000-4000-8000-${(++nextId).toString(16).padStart(12, '0')}`,
      event_name: random.pick(names),
      app_id: `app${random.below(2)}`,
      timestamp:
        base + random.pick([-70, -65, -6, -1, 0, 1, 4, 5, 58, 61]) * MINUTE + random.below(40) * 1_000,
      user_id: `u${random.below(3)}`,
      session_id: 's',
      video_id: video,
      view_id: `${video}-${random.below(3)}`,
      properties: {
        ...(random.chance(0.5) ? { watch_ms: random.below(5_000) } : {}),
        ...(random.chance(0.2) ? { duration_ms: random.pick([0, 30_000, 60_000]) } : {}),
        ...(random.chance(0.1) ? { completed: true } : {}),
      },
    };
  });
}

let nextOffset = 0;

/** Marks and rows as the writer writes them. The mark's lease is over at once, as all rows are there. */
async function land({ client, store }: Tables, events: readonly object[]): Promise<void> {
  const record: LogRecord = recordOf(nextOffset++, events);
  await insertRecords(store, [record]);
  await store.markStored({ topic: TOPIC, partition: 0, from: record.offset, until: record.offset + 1 });
  await client.select('SELECT 1');
}

/** The store, with a look after each statement that writes; `after` may throw, like a crash. */
function watched(client: StoreClient, after: (written: number) => Promise<void>): RecomputeStore {
  let written = 0;
  return {
    select: (sql, params, options) => client.select(sql, params, options),
    async command(sql, params, options) {
      await client.command(sql, params, options);
      await after(++written);
    },
  };
}

/** Each view's numbers, in the oracle's words. */
async function verifyViews(client: StoreClient, deliveries: readonly Delivery[]): Promise<void> {
  const oracle = createOracle(deliveries);
  const expected = oracle.views.map((v) => ({
    app_id: v.app_id,
    video_id: v.video_id,
    start: v.startedAt,
    viewer: v.viewer,
    watch_ms: Math.round(v.watchMs * 1_000),
    duration_ms: v.durationMs,
    completed: v.completed,
    events: v.events.length,
  }));
  const stored = await client.select<(typeof expected)[number]>(
    `SELECT app_id, video_id, toUnixTimestamp64Milli(started_at) AS start, viewer, toInt64(round(watch_ms * 1000)) AS watch_ms,
       duration_ms, completed, events FROM views FINAL`,
  );
  const inOrder = (views: readonly object[]) => views.map((v) => JSON.stringify(v)).sort();
  assert.deepEqual(inOrder(stored), inOrder(expected));
}

const crashed = new Error('the process is gone');

test('at every moment of a round an answer is exact, and at the end the tables are', async () => {
  const tables = await openTables();
  const { client } = tables;
  const random = createRandom(Number(process.env.RECOMPUTE_SEED ?? 1));
  const deliveries: Delivery[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    for (let part = 0; part < 2; part++) {
      const events = someEvents(random, random.chance(0.7) ? NOON : NOON + 12 * 60 * MINUTE);
      deliveries.push(...events.map((event) => ({ event, receivedAt: NOON, app: 'tube' })));
      await land(tables, events);
      await verifyCurrent(client, `round ${round}, rows landed`);
    }
    // Sometimes rows land within the round, sometimes it covers some of the buckets only.
    const landsAt = 1 + random.below(STATEMENTS);
    const store = watched(client, async (written) => {
      if (written === landsAt && random.chance(0.7)) {
        const events = someEvents(random, NOON);
        deliveries.push(...events.map((event) => ({ event, receivedAt: NOON, app: 'tube' })));
        await land(tables, events);
      }
      await verifyCurrent(client, `round ${round}, after statement ${written}`);
    });
    await startRecompute(store, random.pick([1, 20, 1_000])).round();
  }
  await recomputeAll(client);
  await verifyCurrent(client, 'at the end');
  await verifyRecount(client);
  await verifyViews(client, deliveries);
});

test('a crash after any statement of a round leaves nothing that the next rounds do not make good', async () => {
  const tables = await openTables();
  const { client } = tables;
  const random = createRandom(7);
  // By default one crash before the hours are written, and one before the end.
  for (let at = ROUNDS > 1 ? 1 : 2; at <= STATEMENTS; at += ROUNDS > 1 ? 1 : 5) {
    // Late ones, that move the begin of views to the hour and the day before.
    await land(tables, someEvents(random, NOON + 12 * 60 * MINUTE));
    await recomputeAll(client);
    await land(tables, someEvents(random, NOON + 11 * 60 * MINUTE - 3 * MINUTE));
    const store = watched(client, async (written) => {
      if (written === at) throw crashed;
    });
    await assert.rejects(startRecompute(store).round(), crashed);
    await verifyCurrent(client, `after a crash at ${at}`);
    await recomputeAll(client);
    await verifyRecount(client);
    await verifyDays(client);
  }
});

/** What the days say of views, against the views. */
async function verifyDays(client: StoreClient): Promise<void> {
  const [stored, raw] = await Promise.all([
    client.select(
      `SELECT app_id, date, user_id, sum(views) AS n, round(sum(watch_time_seconds), 3) AS watched
       FROM user_engagement_daily FINAL GROUP BY ALL HAVING n > 0 ORDER BY ALL`,
    ),
    client.select(
      `SELECT app_id, toDate(started_at) AS date, viewer AS user_id, count() AS n, round(sum(watch_ms) / 1000, 3) AS watched
       FROM (${recount}) WHERE NOT is_bot AND viewer != '' GROUP BY ALL ORDER BY ALL`,
    ),
  ]);
  assert.deepEqual(stored, raw);
}

/** One event of one view. */
function beat(seconds: number): object {
  return {
    event_id: `00000000-0000-4000-9000-${(++nextId).toString(16).padStart(12, '0')}`,
    event_name: 'video_heartbeat',
    app_id: 'app0',
    timestamp: NOON + seconds * 1_000,
    user_id: 'u',
    video_id: 'v',
    view_id: 'w',
    properties: { watch_ms: 1_000 },
  };
}

test('rows that land in a bucket while it is recomputed leave it dirty', async () => {
  const tables = await openTables();
  const { client } = tables;
  for (const landsAt of [1, 6]) {
    await land(tables, [beat(0)]);
    const store = watched(client, async (written) => {
      if (written === landsAt) await land(tables, [beat(1)]);
    });
    await startRecompute(store).round();
    await verifyCurrent(client, `landed after statement ${landsAt}`);
  }
  await recomputeAll(client);
  await verifyRecount(client);
});

test('a bucket in which announced rows may still land is left for later', async () => {
  const { client, store } = await openTables();
  await store.mark([{ app: 'app0', bucket: NOON / 1000 }], (await store.serverTime()) + 60_000);
  assert.deepEqual(await startRecompute(client).round(), { buckets: 0, more: false });
});

test('two recomputes at once, the first held up at any of its statements', async () => {
  const tables = await openTables();
  const { client } = tables;
  for (const heldAt of [1, 2, 6]) {
    await land(tables, [beat(heldAt * 3_600 + 600)]);
    const reached = Promise.withResolvers<void>();
    const goOn = Promise.withResolvers<void>();
    let begun = 0;
    const slow = startRecompute({
      select: (sql, params, options) => client.select(sql, params, options),
      async command(sql, params, options) {
        if (++begun === heldAt) {
          reached.resolve();
          await goOn.promise;
        }
        await client.command(sql, params, options);
      },
    }).round();
    await reached.promise;
    // The second takes the earlier bucket of the same view, and that alone.
    await land(tables, [beat(heldAt * 3_600)]);
    await startRecompute(client, 1).round();
    goOn.resolve();
    await slow;
    await verifyCurrent(client, `held at ${heldAt}`);
    await recomputeAll(client);
    await verifyRecount(client);
  }
});

test('many recomputes at once', async () => {
  const tables = await openTables();
  const { client } = tables;
  const random = createRandom(11);
  for (let round = 0; round < ROUNDS; round++) {
    await land(tables, someEvents(random, NOON));
    await land(tables, someEvents(random, NOON));
    await Promise.all([
      startRecompute(client, 5).round(),
      startRecompute(client, 1_000).round(),
      startRecompute(client, 1).round(),
    ]);
    await verifyCurrent(client, `round ${round}`);
  }
  await recomputeAll(client);
  await verifyRecount(client);
});

test('an hour and a day whose views have moved away become zero', async () => {
  const tables = await openTables();
  const { client } = tables;
  const midnight = NOON + 12 * 60 * MINUTE;
  const view = (n: number, at: number) => ({
    event_id: `00000000-0000-4000-a000-${n.toString(16).padStart(12, '0')}`,
    event_name: 'video_heartbeat',
    timestamp: at,
    user_id: 'u',
    video_id: 'v',
    view_id: 'w',
    properties: { watch_ms: 1_000 },
  });
  await land(tables, [view(1, midnight + MINUTE)]);
  await recomputeAll(client);
  await land(tables, [view(2, midnight - MINUTE)]);
  await recomputeAll(client);
  const hours = await client.select(
    'SELECT hour, views, watch_time_seconds AS s FROM video_metrics_hourly FINAL ORDER BY hour',
  );
  assert.deepEqual(hours, [
    { hour: '2026-05-15 23:00:00', views: 1, s: 2 },
    { hour: '2026-05-16 00:00:00', views: 0, s: 0 },
  ]);
  const days =
    'SELECT date, events, views, watch_time_seconds AS s FROM user_engagement_daily FINAL ORDER BY date';
  assert.deepEqual(await client.select(days), [
    { date: '2026-05-15', events: 1, views: 1, s: 2 },
    { date: '2026-05-16', events: 1, views: 0, s: 0 },
  ]);
  // What happens after midnight is watched on the day on which the view began.
  await land(tables, [view(3, midnight + 10 * MINUTE)]);
  await recomputeAll(client);
  assert.deepEqual(await client.select(days), [
    { date: '2026-05-15', events: 1, views: 1, s: 3 },
    { date: '2026-05-16', events: 2, views: 0, s: 0 },
  ]);
});

test('days that a crash left behind are found again, each by itself', async () => {
  const tables = await openTables();
  const { client } = tables;
  const event = (n: number, at: number) => ({
    event_id: `00000000-0000-4000-b000-${n.toString(16).padStart(12, '0')}`,
    event_name: 'x',
    timestamp: at,
    user_id: 'u',
  });
  const slowly = createRecompute({
    store: client,
    gapLimitMs: GAP_LIMIT_MS,
    rowsMax: 1e6,
    engagementEveryMs: 1e9,
  });
  await land(tables, [event(1, NOON)]);
  await recomputeSome(slowly);
  await land(tables, [event(2, NOON)]);
  await recomputeSome(slowly);
  // Another day is done after the first one was left waiting.
  await land(tables, [event(3, NOON + 24 * 60 * MINUTE)]);
  await recomputeSome(slowly);
  await startRecompute(client).round();
  assert.deepEqual(
    await client.select('SELECT date, events FROM user_engagement_daily FINAL ORDER BY date'),
    [
      { date: '2026-05-15', events: 2 },
      { date: '2026-05-16', events: 1 },
    ],
  );
});

test('a back-fill of more buckets and months than one round takes', async () => {
  const tables = await openTables();
  const events = Array.from({ length: 1_500 }, (_, i) => ({
    event_id: `00000000-0000-4000-c000-${i.toString(16).padStart(12, '0')}`,
    event_name: 'video_start',
    timestamp: Date.UTC(2014, 0, 1) + i * 2 * 24 * 60 * MINUTE,
    app_id: "it's",
    user_id: 'u',
    video_id: 'v',
    view_id: `w${i}`,
  }));
  await land(tables, events);
  const recompute = startRecompute(tables.client);
  let done = 0;
  let rounds = 0;
  for (let more = true; more; rounds++) {
    const round = await recompute.round();
    done += round.buckets;
    more = round.more;
  }
  assert.equal(done, events.length);
  assert.ok(rounds > 1);
  await verifyRecount(tables.client);
});
