import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRecompute } from '../../src/store/recompute.ts';
import { settleReplays } from '../../src/store/replay-marks.ts';
import type { RecomputeStore } from '../../src/store/split-views.ts';
import { verifyRecount } from '../faults/verify.ts';
import { insertRecords, NOON, openTables, recordOf, TOPIC } from '../pipeline/rig.ts';

const HOUR = 3_600_000;
const sync = { settings: { lightweight_deletes_sync: 2, mutations_sync: 2 } };

function startRecompute(store: RecomputeStore) {
  return createRecompute({ store, gapLimitMs: 30_000, rowsMax: 1e6, engagementEveryMs: 1e9 });
}

test('a recompute that was half-way when rows were removed counts nothing that is gone', async () => {
  const tables = await openTables();
  const { client } = tables;
  const recomputeAll = async () => {
    const recompute = startRecompute(client);
    for (let idle = 0; idle < 2; ) idle = (await recompute.round()).buckets === 0 ? idle + 1 : 0;
  };
  const land = async (offset: number, event_id: string, timestamp: number) => {
    const event = {
      event_id,
      event_name: 'video_start',
      timestamp,
      user_id: 'u',
      video_id: 'v',
      view_id: 'w',
    };
    await insertRecords(tables.store, [recordOf(offset, [event])]);
    await tables.store.markStored({ topic: TOPIC, partition: 0, from: offset, until: offset + 1 });
  };
  await land(0, '00000000-0000-4000-8000-000000000001', NOON);
  await recomputeAll();
  const other = startRecompute(client);
  await other.round();
  // A surplus row, with which the view began an hour earlier.
  await land(1, '00000000-0000-4000-8000-000000000002', NOON - HOUR);

  // The round stops when the states of its buckets are written, and goes on when it is told to.
  let goOn = () => {};
  const told = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  let stopped = () => {};
  const halfWay = new Promise<void>((resolve) => {
    stopped = resolve;
  });
  const slowly = startRecompute({
    select: (sql, params, options) => client.select(sql, params, options),
    async command(sql, params, options) {
      if (sql.startsWith('INSERT INTO views ')) {
        stopped();
        await told;
      }
      await client.command(sql, params, options);
    },
  });
  const round = slowly.round().then(
    () => 'done',
    (error: Error) => error.message,
  );
  await halfWay;

  await client.command(
    "INSERT INTO replay_marks (app_id, bucket) SELECT app_id, toStartOfFiveMinutes(timestamp) FROM events WHERE toString(event_id) LIKE '%2'",
  );
  await client.command("DELETE FROM events WHERE toString(event_id) LIKE '%2'", {}, sync);
  await settleReplays({
    select: (sql) => client.select(sql),
    async command(sql, params, options) {
      // The worst moment: what is to be removed has been named, and nothing is removed yet.
      if (sql.startsWith('DELETE FROM view_buckets')) {
        assert.deepEqual(await other.round(), { buckets: 0, more: false });
        goOn();
        assert.match(await round, /a replay is being settled/);
      }
      await client.command(sql, params, options);
    },
  });
  await recomputeAll();
  await verifyRecount(client);
  assert.deepEqual(
    await client.select('SELECT hour, views FROM video_metrics_hourly FINAL WHERE views > 0'),
    [{ hour: '2026-05-15 12:00:00', views: 1 }],
  );
});
