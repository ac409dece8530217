/** Shards of which one is killed under load. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { StoreClient } from '../../src/store/client.ts';
import { startTestService } from '../support/service.ts';
import { startTestCluster } from '../support/shards.ts';
import { Load } from './load.ts';
import { ROUNDS } from './round.ts';
import { until, untilDrained, verifyAnswers, verifyLedger, verifyRecount, verifyStored } from './verify.ts';

/** Rows lie where their partition says, and nowhere else. */
async function verifyPlaces(shards: readonly StoreClient[]): Promise<void> {
  for (const [i, shard] of shards.entries()) {
    const rows = await shard.select<{ partition: number; rows: number }>(
      'SELECT log_partition AS partition, count() AS rows FROM events GROUP BY partition',
    );
    assert.ok(rows.length > 0, `shard ${i} has rows`);
    assert.deepEqual(
      rows.filter(({ partition }) => partition % shards.length !== i),
      [],
    );
  }
}

test(`${ROUNDS} kills of a shard under load: exactly once on each, and every answer is a recount of all`, async (t) => {
  const cluster = await startTestCluster(2, t);
  const service = await startTestService({
    ...cluster.env,
    ANALYTICS_CH_AUTO_CREATE: '1',
    ANALYTICS_LOG_PARTITIONS: '3',
    ANALYTICS_ENGAGEMENT_EVERY_MS: '0',
  });
  t.after(() => service.stop());
  const store = service.store!;
  const load = new Load({ url: service.url, connections: 4, batch: 40, pauseMs: 10 });
  load.start();
  const stored = async (shard: StoreClient) =>
    (await shard.select<{ n: number }>('SELECT count() AS n FROM events'))[0]!.n;
  for (let round = 0; round < ROUNDS; round++) {
    const victim = round % 2;
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 1_000));
    await cluster.shards[victim]!.kill();
    const other = store.shards[1 - victim]!;
    const before = await stored(other);
    await until('the other shard goes on', async () => (await stored(other)) > before);
    const answer = await fetch(`${service.url}/metrics?metric=events`);
    const problem = (await answer.json()) as { code: string; detail: string };
    assert.equal(answer.status, 503, JSON.stringify(problem));
    assert.equal(problem.code, 'store_unavailable');
    assert.match(problem.detail, new RegExp(`Shard ${victim + 1} of 2`));
    await cluster.shards[victim]!.start();
  }
  await load.stop(true);
  assert.deepEqual([...load.statuses.keys()], [202], 'ingest never noticed');
  await untilDrained(store.client, load.sent);
  await until('the ledger has caught up', async () => {
    await verifyLedger(store.client);
    return true;
  });
  await verifyStored(store.client, load.sent);
  await verifyPlaces(store.shards);
  await verifyRecount(store.client);
  await verifyAnswers(service.url, store.client);
});
