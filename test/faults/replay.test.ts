/** Replay on shards, and whoever is killed meanwhile. */
import { test } from 'node:test';
import { checkRepair, FROM_THE_BEGIN, REPAIR_ENV } from '../e2e/repair.ts';
import { startTestService } from '../support/service.ts';
import { startTestCluster } from '../support/shards.ts';
import { reckon, withScene } from './round.ts';
import { until } from './verify.ts';

test('what was damaged on two shards is told, and a swap makes it what it was while ingest goes on', async (t) => {
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
