import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DerivedStore } from '../../../src/store/derived.ts';
import { askMetrics } from '../../../src/store/questions/metrics.ts';
import { SqlValues } from '../../../src/store/sql/values.ts';
import { GAP_LIMIT_MS, startQueryService } from '../../query/service.ts';

const START = Date.UTC(2026, 2, 1);
const BUCKET_MS = 300_000;

test('lists of any length', async (t) => {
  const service = await startQueryService(t);
  const { store } = service;

  await t.test('a list that fits is one value, a longer one several', () => {
    const values = new SqlValues();
    assert.equal(values.list('UInt32', [1, 2]), '{v1:Array(UInt32)}');
    assert.equal(values.texts([]), '{v2:Array(String)}');
    const long = values.texts(Array.from({ length: 3 }, (_, i) => `${i}`.padEnd(30_000, '\n')));
    assert.equal(long, 'arrayConcat({v3:Array(String)}, {v4:Array(String)})');
    assert.deepEqual(values.params['v1'], [1, 2]);
  });

  await t.test('the server reads them, whatever is in them', async () => {
    const values = new SqlValues();
    const texts = Array.from({ length: 1_000 }, (_, i) => `'${i}\\\n\t`.padEnd(256, 'ü'));
    const list = values.texts(texts);
    const [row] = await store.select<{ n: number; same: number }>(
      `SELECT length(${list}) AS n, countIf(text IN ${list}) AS same FROM (SELECT arrayJoin(${list}) AS text)`,
      values.params,
    );
    assert.deepEqual(row, { n: 1_000, same: 1_000 });
  });

  await t.test('questions over a month of dirty buckets of several apps are answered', async () => {
    await service.insert([
      {
        app_id: 'a',
        event_name: 'video_start',
        timestamp: START,
        video_id: 'v',
        view_id: 'w',
        log_offset: 1,
      },
    ]);
    await store.command(
      `INSERT INTO bucket_state (app_id, bucket, lease_until)
       SELECT app, toDateTime(${START / 1000} + number * 300, 'UTC'), now64(3) + INTERVAL 1 HOUR
       FROM (SELECT number, arrayJoin(['a', 'an app with a longer name', 'c']) AS app FROM numbers(31 * 288))`,
    );
    const range = { from: START, to: START + 31 * 288 * BUCKET_MS };
    const shared = {
      range,
      starts: null,
      groupBy: [],
      filters: [],
      apps: null,
      bots: false,
      exact: true,
      limit: 1,
    };
    for (const metric of ['events', 'views'] as const) {
      const { series } = await askMetrics(store, service.moments, {
        ...shared,
        metric,
        gapLimitMs: GAP_LIMIT_MS,
      });
      assert.equal(series[0]?.total, 1, metric);
    }
    const keys = Array.from({ length: 10_000 }, (_, i) => ({
      app_id: 'a',
      video_id: i === 0 ? 'v' : `video ${i}`,
      view_id: i === 0 ? 'w' : `view ${i}`.padEnd(100, '.'),
    }));
    const derived = new DerivedStore(store, GAP_LIMIT_MS);
    assert.deepEqual(
      (await derived.views(keys)).map((view) => view.view_id),
      ['w'],
    );
    assert.equal((await derived.published(keys)).size, 0);
  });
});
