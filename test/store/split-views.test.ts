import assert from 'node:assert/strict';
import { test } from 'node:test';
import { verifyRecount } from '../faults/verify.ts';
import { createRandom } from '../oracle/random.ts';
import type { TestRow } from '../query/service.ts';
import { startShardedQueryService } from '../query/sharded-service.ts';

const NAMES = ['video_start', 'video_heartbeat', 'video_pause', 'video_resume', 'view_end', 'page_view'];
const HOUR_MS = 3_600_000;

test('views that go on under other actors are counted once, in every table', async (t) => {
  const service = await startShardedQueryService(t, 2);
  const random = createRandom(7);
  const from = Date.UTC(2026, 4, 15, 22);
  let offset = 0;
  const makeRow = (views: number): TestRow => {
    const name = random.pick(NAMES);
    return {
      app_id: random.pick(['tube', 'kids']),
      event_name: name,
      // Over midnight, so that views begin on one day and are told of on the other.
      timestamp: from + Math.floor(random.next() * 4 * HOUR_MS),
      user_id: `u${random.below(6)}`,
      session_id: `s${random.below(6)}`,
      video_id: 'v1',
      view_id: `view-${random.below(views)}`,
      watch_ms: random.chance(0.3) ? random.below(90_000) : null,
      duration_ms: 600_000,
      completed: random.chance(0.1),
      log_offset: offset++,
    };
  };
  const recompute = service.recompute(1_000_000);
  for (const views of [40, 8, 40, 8]) {
    await service.insert(Array.from({ length: 60 }, () => makeRow(views)));
    for (let rounds = random.below(5); rounds > 0; rounds--) await recompute.round();
  }
  const [views] = await service.store.select<{ split: number; all: number }>(
    'SELECT uniqExact(tuple(app_id, view_id)) AS all, uniqExactIf(tuple(app_id, view_id), shards > 1) AS split FROM (SELECT app_id, view_id, uniqExact(shardNum()) AS shards FROM events GROUP BY app_id, view_id)',
  );
  assert.ok(
    views!.split > 10 && views!.split < views!.all,
    `${views!.split} of ${views!.all} lie on both shards`,
  );
  // A shard's round may mark the other's buckets again, but not for ever.
  let idle = 0;
  for (let rounds = 0; idle < 4; rounds++) {
    assert.ok(rounds < 60, 'the shards come to an end');
    idle = (await recompute.round()).buckets === 0 ? idle + 1 : 0;
  }
  await verifyRecount(service.store);
  const [known] = await service.store.select<{ n: number }>(
    'SELECT uniqExact(tuple(app_id, view_id)) AS n FROM split_views',
  );
  assert.equal(known!.n, views!.split);
});
