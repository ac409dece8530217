/** The service over ClickHouse by URL: one server for every role by itself, and shards. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readConfig } from '../../src/config.ts';
import { until } from '../faults/verify.ts';
import { startTestService } from '../support/service.ts';
import { startTestCluster } from '../support/shards.ts';

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
