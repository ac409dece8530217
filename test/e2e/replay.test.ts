/** Replay: raw is damaged, the log says so, and a swap makes it good, while ingest goes on and whoever is killed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { reckon, withScene } from '../faults/round.ts';
import { until } from '../faults/verify.ts';
import { startTestService } from '../support/service.ts';
import { startTestCluster } from '../support/shards.ts';
import { checkRepair, FROM_THE_BEGIN, REPAIR_ENV, replay } from './repair.ts';

test('what was damaged is told, and a swap makes it what it was while ingest goes on', async (t) => {
  const service = await startTestService(REPAIR_ENV);
  t.after(() => service.stop());
  await checkRepair(service);
  // Beyond what there is, and what makes no sense.
  const refused = await fetch(`${service.url}/v1/replay`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ from: 'yesterday' }),
  });
  assert.equal(refused.status, 400);
  const later = await replay(service.url, { from: new Date(Date.now() + 60_000).toISOString() });
  assert.deepEqual([later.state, later.progress!.records], ['done', 0]);
  const nowhere = await replay(service.url, { from: 0, partition: 7 });
  assert.match(nowhere.error!, /has no partition 7/);
  const nothing = await replay(service.url, { from: 0, topic: 'octane.events' });
  assert.match(nothing.error!, /does not read the topic octane.events, only analytics.v1/);
});

test('the same on two shards', async (t) => {
  const cluster = await startTestCluster(2, t);
  const service = await startTestService({ ...cluster.env, ...REPAIR_ENV, ANALYTICS_CH_AUTO_CREATE: '1' });
  t.after(() => service.stop());
  await checkRepair(service);
});

test('kill -9 in the middle of replays leaves nothing that counts', async () => {
  await withScene({ env: { ANALYTICS_INSERT_LEASE_MS: '1000' } }, async (scene) => {
    const { harness, load } = scene;
    await harness.start();
    load.start();
    await until('there are events', async () => load.sent.acked.size > 3_000);
    for (let round = 0; round < 4; round++) {
      await fetch(`${harness.url}/v1/replay`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ ...FROM_THE_BEGIN, swap: true }),
      });
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 1_200));
      await harness.killBoth();
      await harness.start();
    }
    await reckon(scene);
  });
});
