/** The service over ClickHouse by URL: one server for every role by itself, and shards of which one is killed under load. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readConfig } from '../../src/config.ts';
import type { StoreClient } from '../../src/store/client.ts';
import { Load } from '../faults/load.ts';
import {
  until,
  untilDrained,
  verifyAnswers,
  verifyLedger,
  verifyRecount,
  verifyStored,
} from '../faults/verify.ts';
import { startTestService } from '../support/service.ts';
import { startTestCluster } from '../support/shards.ts';

const ROUNDS = Number(process.env.FAULT_ROUNDS ?? 4);

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

test('one server by URL serves each role by itself', async (t) => {
  const cluster = await startTestCluster(1, t);
  const migrated = await startTestService({ ...cluster.env, ANALYTICS_CH_AUTO_CREATE: '1' });
  const now = new Date().toISOString();
  const sent = await migrated.post('/events', [{ event_name: 'page_view', user_id: 'ann', timestamp: now }]);
  assert.equal(sent.status, 202);
  await until('it is stored', async () => {
    const [row] = await migrated.store!.client.select<{ n: number }>('SELECT count() AS n FROM events');
    return row!.n === 1;
  });
  await migrated.stop();
  for (const role of ['ingest', 'pipeline', 'query', 'live']) {
    const service = await startTestService({ ...cluster.env, ANALYTICS_ROLES: role });
    t.after(() => service.stop());
    assert.equal((await fetch(`${service.url}/ready`)).status, 200, role);
    if (role === 'query') {
      const answer = await service.get<{ series: { total: number }[] }>('/metrics?metric=events');
      assert.equal(answer.series[0]!.total, 1);
      const facts = await service.get<{ store: { kind: string; rows: number } }>('/v1/pipeline');
      assert.deepEqual([facts.store.kind, facts.store.rows], ['remote', 1]);
    }
    if (role === 'live') await service.get('/api/metrics/realtime');
    await service.stop();
  }
});

test('what would be wrong is refused at the start, and said', async (t) => {
  const cluster = await startTestCluster(2, t);
  const start = (env: Record<string, string>) =>
    startTestService({ ...cluster.env, ANALYTICS_LOG_PARTITIONS: '2', ...env });
  await assert.rejects(start({}), /lacks 0001_events\.sql.*sluice migrate/s);
  const service = await start({ ANALYTICS_CH_AUTO_CREATE: '1' });
  const events = Array.from({ length: 20 }, (_, i) => ({ event_name: 'page_view', user_id: `u${i}` }));
  await service.post('/events', events);
  await until('all are stored', async () => {
    const [row] = await service.store!.client.select<{ n: number }>('SELECT count() AS n FROM events');
    return row!.n === events.length;
  });
  await service.stop();
  const [first, second] = cluster.shards.map(({ url }) => url) as [string, string];
  await assert.rejects(start({ ANALYTICS_CH_URL: `${second},${first}` }), /was in place 2 before/);
  await assert.rejects(start({ ANALYTICS_CH_URL: first, ANALYTICS_CH_CLUSTER: '' }), /names 1 of 2 shards/);
  await assert.rejects(start({ ANALYTICS_CH_CLUSTER: 'nobody' }), /has 0 shards/);
  await assert.rejects(
    start({ ANALYTICS_LOG_PARTITIONS: '1' }),
    /ANALYTICS_LOG_PARTITIONS is 1 for 2 shards/,
  );
  await assert.rejects(start({ ANALYTICS_CH_PASSWORD: 'wrong' }), /Shard 1 of 2 at http.*does not answer/s);
  await cluster.shards[1]!.kill();
  await assert.rejects(start({}), new RegExp(`Shard 2 of 2 at ${second} does not answer`));
  await cluster.shards[1]!.start();
  assert.throws(
    () => readConfig({ ANALYTICS_CH_URL: `${first},${second}` }),
    /ANALYTICS_CH_CLUSTER no cluster/,
  );
});
