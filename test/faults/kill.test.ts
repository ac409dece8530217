/** kill -9 at random moments under load, of the service, of its ClickHouse, of both: nothing lost, nothing doubled. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StoreClient } from '../../src/store/client.ts';
import { moment, RECKON_EVERY, ROUNDS, reckon, type Scene, untilTaken, withScene } from './round.ts';
import { until } from './verify.ts';

/** Rounds of a fault under load, with a reckoning now and then and at the end. */
async function repeat(scene: Scene, rounds: number, fault: (round: number) => Promise<void>): Promise<void> {
  const { harness, load } = scene;
  await harness.start();
  load.start();
  for (let round = 1; round <= rounds; round++) {
    await moment(1_500);
    await fault(round);
    await untilTaken(load);
    if (round % RECKON_EVERY !== 0 || round === rounds) continue;
    await reckon(scene);
    load.start();
  }
  await reckon(scene);
  assert.ok(load.sent.acked.size > rounds * 40, 'there was load');
}

test(`${ROUNDS} kills of the service under load`, async () => {
  await withScene({}, async (scene) => {
    const { harness } = scene;
    await repeat(scene, ROUNDS, async () => {
      await harness.killService();
      await harness.start();
    });
  });
});

test(`${ROUNDS} kills of ClickHouse under load, which ingest does not notice`, async () => {
  await withScene({}, async (scene) => {
    const { harness, load } = scene;
    await repeat(scene, ROUNDS, async () => {
      await harness.killClickHouse();
      await untilTaken(load);
    });
    assert.deepEqual([...load.statuses.keys()], [202]);
  });
});

const BOTH = Math.ceil(ROUNDS / 2);

test(`${BOTH} kills of both at the same instant, with one partition`, async () => {
  await withScene({ env: { ANALYTICS_LOG_PARTITIONS: '1' } }, async (scene) => {
    const { harness } = scene;
    await repeat(scene, BOTH, async () => {
      await harness.killBoth();
      await harness.start();
    });
  });
});

const RECOMPUTING = Math.ceil(ROUNDS / 3);

test(`${RECOMPUTING} kills while it recomputes, of the service and of ClickHouse in turn`, async () => {
  const env = { ANALYTICS_RECOMPUTE_EVERY_MS: '50', ANALYTICS_INSERT_LEASE_MS: '1000' };
  await withScene({ env }, async (scene) => {
    const { harness } = scene;
    await repeat(scene, RECOMPUTING, async (round) => {
      await untilRecomputing(harness.client);
      if (round % 2 === 0) return harness.signalClickHouse('SIGKILL');
      await harness.killService();
      await harness.start();
    });
  });
});

/** Resolves in the middle of one of the statements that write what is counted. */
async function untilRecomputing(client: StoreClient): Promise<void> {
  await until('it recomputes', async () => {
    const [row] = await client.select<{ n: number }>(
      `SELECT count() AS n FROM system.processes
       WHERE match(query, '^\\s*INSERT INTO (view_buckets|views|video_|event_counts_|actor_buckets|user_engagement_)')`,
      {},
      { database: 'system' },
    );
    return row!.n > 0;
  });
}
