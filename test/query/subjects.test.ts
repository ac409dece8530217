/** `DELETE /v1/subjects/:id`: who may, in which apps, and what is answered. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { startErasureRunner } from '../../src/query/erasure-runner.ts';
import { openAccess, startQueryApp, startQueryService } from './service.ts';

async function startSubjects(t: TestContext) {
  const service = await startQueryService(t);
  let changes = 0;
  const failures: unknown[] = [];
  const runner = startErasureRunner({
    catalog: service.catalog,
    client: service.store,
    shards: [service.store],
    uncommitted: async () => [],
    fenceMs: 0,
    keptMs: 86_400_000,
    changed: () => changes++,
    failed: (error) => failures.push(error),
    now: Date.now,
  });
  t.after(() => runner.stop());
  const erasure = { runner, logKeptMs: null };
  const open = (apps: readonly string[] | null) =>
    startQueryApp(t, { ...service.options, erasure, access: openAccess({ apps }) });
  return { ...service, open, failures, changes: () => changes };
}

const person = (fields: Record<string, unknown>, n: number) => ({
  event_name: 'page_view',
  app_id: 'a',
  timestamp: Date.now() - 60_000 - n,
  received_at: Date.now() - 60_000,
  log_offset: n,
  event_id: `00000000-0000-7000-8000-${String(n).padStart(12, '0')}`,
  ...fields,
});

test('only in the apps of the caller, and only those see it', async (t) => {
  const { open, insert, store, failures, changes } = await startSubjects(t);
  const ids = ["o'brien", 'bob', "o'brien", "o'brien"];
  await insert(ids.map((user_id, n) => person({ user_id, app_id: n < 3 ? 'a' : 'b' }, n)));
  const [mine, all, others] = [await open(['a']), await open(null), await open(['b'])];
  const path = `/v1/subjects/${encodeURIComponent("o'brien")}`;
  const forbidden = await mine.inject({ method: 'DELETE', url: `${path}?app_id=b` });
  assert.deepEqual([forbidden.statusCode, forbidden.json().code], [403, 'app_forbidden']);

  const begun = await mine.inject({ method: 'DELETE', url: path, headers: { prefer: 'respond-async' } });
  assert.equal(begun.statusCode, 202);
  const { erasure_id } = begun.json();
  assert.equal(begun.headers.location, `/v1/subjects/erasures/${erasure_id}`);
  const done = await mine.inject({ method: 'DELETE', url: path });
  assert.deepEqual(
    [done.statusCode, done.json().state, done.json().app_ids],
    [200, 'done', ['a']],
    String(failures[0]),
  );
  const first = (await mine.inject(begun.headers.location as string)).json();
  assert.deepEqual([first.before.events, first.after.events, first.removed_events], [2, 0, 2]);
  assert.equal(
    first.recomputed.days.every((day: { app_id: string }) => day.app_id === 'a'),
    true,
  );
  const left = await store.select<{ app_id: string; user_id: string }>(
    'SELECT app_id, user_id FROM events ORDER BY ALL',
  );
  assert.deepEqual(left, [
    { app_id: 'a', user_id: 'bob' },
    { app_id: 'b', user_id: "o'brien" },
  ]);
  assert.ok(changes() >= 2, 'answers from before are not given again');

  assert.equal((await others.inject(begun.headers.location as string)).statusCode, 404);
  assert.deepEqual((await others.inject('/v1/subjects/erasures')).json().data, []);
  assert.equal((await all.inject('/v1/subjects/erasures')).json().data.length, 2);
  assert.equal((await all.inject('/v1/subjects/erasures?limit=1')).json().data.length, 1);
  const everywhere = await all.inject({ method: 'DELETE', url: path });
  assert.deepEqual([everywhere.json().before.events, everywhere.json().app_ids], [1, null]);
  const audit = (await all.inject('/v1/audit')).json().data as { action: string; target: string }[];
  assert.equal(audit.length, 3);
  for (const { target } of audit) assert.match(target, /^subject [0-9a-f]{16}, erasure [0-9a-f]{16}$/);
});

test('what is no id is refused', async (t) => {
  const { open } = await startSubjects(t);
  const app = await open(null);
  const refuse = async (id: string, status: number, code: string) => {
    const { statusCode, body } = await app.inject({ method: 'DELETE', url: `/v1/subjects/${id}` });
    assert.deepEqual([statusCode, JSON.parse(body).code], [status, code], body);
  };
  await refuse('a%00b', 400, 'invalid_request');
  await refuse('x'.repeat(257), 400, 'invalid_request');
  assert.equal((await app.inject('/v1/subjects/erasures/nothing')).statusCode, 404);
  const reader = await startQueryApp(t, {
    ...(await startQueryService(t)).options,
    erasure: {} as never,
    access: openAccess({ scopes: ['read'] }),
  });
  const refused = await reader.inject({ method: 'DELETE', url: '/v1/subjects/x' });
  assert.deepEqual([refused.statusCode, refused.json().code], [403, 'wrong_scope']);
});

test('views older than raw go too, and their hours are counted anew', async (t) => {
  const { open, store } = await startSubjects(t);
  const app = await open(null);
  for (const [table, hour, value] of [
    ['views', '', ''],
    ['views_by_hour', ', hour', ', toStartOfHour(now() - INTERVAL 200 DAY)'],
  ])
    await store.command(
      `INSERT INTO ${table} (app_id, video_id, view_id, started_at, ended_at, viewer, watch_ms, completed, events, version${hour})
       SELECT 'a', 'film', concat('v', toString(number)), now64(3) - INTERVAL 200 DAY, now64(3) - INTERVAL 200 DAY,
         if(number = 0, 'ann', 'bob'), 1000, false, 1, now64(3)${value} FROM numbers(3)`,
    );
  await store.command(
    `INSERT INTO video_metrics_hourly (app_id, video_id, hour, views, viewers, watch_time_seconds, version)
     SELECT 'a', 'film', toStartOfHour(now() - INTERVAL 200 DAY), 3, uniqCombined64State(toString(number)), 3, now64(3) FROM numbers(3)`,
  );
  await store.command(
    `INSERT INTO user_engagement_daily (app_id, date, user_id, events, version)
     SELECT 'a', today() - 200, arrayJoin(['ann', 'bob']), 1, now64(3)`,
  );
  await store.command(
    `INSERT INTO kept_sessions (app_id, session_id, start_key, day, user_id, anonymous_id, actor, version)
     SELECT arrayJoin(['a', 'b']), user, bitShiftLeft(toUInt128(toUnixTimestamp(now() - INTERVAL 200 DAY)) * 1000, 86),
       today() - 200, if(user = 'device', '', user), if(user = 'device', 'ann', ''), user, now64(3)
     FROM (SELECT arrayJoin(['ann', 'device', 'bob']) AS user)`,
  );
  const done = await app.inject({ method: 'DELETE', url: '/v1/subjects/ann' });
  assert.equal(done.statusCode, 200, done.body);
  assert.deepEqual(await store.select('SELECT app_id, session_id FROM kept_sessions FINAL ORDER BY app_id'), [
    { app_id: 'a', session_id: 'bob' },
    { app_id: 'b', session_id: 'bob' },
  ]);
  const viewers = await store.select<{ viewer: string }>('SELECT viewer FROM views FINAL');
  assert.deepEqual(
    viewers.map(({ viewer }) => viewer),
    ['bob', 'bob'],
  );
  const [hour] = await store.select<{ views: number; seconds: number; viewers: number }>(
    `SELECT sum(views) AS views, sum(watch_time_seconds) AS seconds, uniqCombined64Merge(viewers) AS viewers
     FROM (SELECT * FROM video_metrics_hourly FINAL)`,
  );
  assert.deepEqual(hour, { views: 2, seconds: 2, viewers: 1 });
  assert.deepEqual(await store.select('SELECT DISTINCT viewer FROM views_by_hour FINAL'), [
    { viewer: 'bob' },
  ]);
  assert.deepEqual(
    await store.select("SELECT sum(views) AS views FROM view_hours FINAL WHERE field = 'video_id'"),
    [{ views: 2 }],
  );
  const days = await store.select<{ user_id: string }>('SELECT user_id FROM user_engagement_daily FINAL');
  assert.deepEqual(
    days.map(({ user_id }) => user_id),
    ['bob'],
  );
});
