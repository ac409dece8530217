import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Listener } from '../live/gateway.ts';
import { makeTestFolder } from '../support/clickhouse.ts';
import { startTestService, type TestService } from '../support/service.ts';

async function ask(service: TestService, path: string, init?: RequestInit) {
  const answer = await fetch(service.url + path, init);
  const text = await answer.text();
  const code = text.startsWith('{') ? (JSON.parse(text) as { code?: string }).code : undefined;
  return { status: answer.status, code, text };
}

const event = { event_name: 'video_start', user_id: 'ann', session_id: 's', video_id: 'v' };

test('a process serves what its roles serve, and says so of the rest', async (t) => {
  const dir = makeTestFolder();
  const service = await startTestService({ ANALYTICS_ROLES: 'ingest', ANALYTICS_DATA_DIR: dir });
  t.after(() => service.stop());
  assert.equal((await service.post('/events', [event])).status, 202);
  for (const path of ['/', '/metrics?metric=events', '/v1/pipeline', '/api/metrics/realtime', '/v1/events']) {
    const { status, code } = await ask(service, path);
    assert.deepEqual([path, status, code], [path, 404, 'role_not_here']);
  }
  const socket = new Listener(`${service.url.replace('http', 'ws')}/ws`, {});
  await assert.rejects(socket.opened, (error: Error & { body: string }) => /role_not_here/.test(error.body));
  assert.equal((await ask(service, '/nowhere')).code, 'not_found');
  assert.equal((await ask(service, '/ready')).status, 200);
  assert.equal((await ask(service, '/openapi.json')).status, 200);
  const { parts } = await service.get<{ parts: { name: string }[] }>('/health');
  assert.deepEqual(
    parts.map(({ name }) => name),
    ['log'],
  );
  assert.match((await (await fetch(service.metricsUrl)).text()).toString(), /events_accepted_total 1/);
  // ClickHouse is for those who ask it or fill it.
  assert.equal(service.store, null);
  assert.ok(!existsSync(join(dir, 'clickhouse')));
});

test('one who asks answers of all, from the log and ClickHouse, and takes no events', async (t) => {
  const dir = makeTestFolder();
  const whole = await startTestService({ ANALYTICS_DATA_DIR: dir });
  assert.equal((await whole.post('/events', [event, event])).status, 202);
  for (;;) {
    const { totals } = await whole.get<{ totals: { stored: number } }>(range('/v1/ledger'));
    if (totals.stored === 2) break;
  }
  await whole.stop();
  const service = await startTestService({ ANALYTICS_DATA_DIR: dir, ANALYTICS_ROLES: 'query,live' });
  t.after(() => service.stop());
  assert.equal((await ask(service, '/events', { method: 'POST', body: '{}' })).code, 'role_not_here');
  const facts = await service.get<{
    roles: string[];
    log: { partitions: { lag_records: number; end_offset: number }[] };
    rates: { insert_eps: number };
  }>('/v1/pipeline');
  assert.deepEqual(facts.roles, ['query', 'live']);
  assert.deepEqual(
    facts.log.partitions.map(({ lag_records, end_offset }) => [lag_records, end_offset]),
    [[0, 1]],
  );
  assert.ok(facts.rates.insert_eps >= 0);
  const { totals } = await service.get<{ totals: object }>(range('/v1/ledger'));
  assert.partialDeepStrictEqual(totals, { received: 2, stored: 2, in_flight: 0 });
  const realtime = await service.get<{ events_per_second: number }>('/api/metrics/realtime');
  assert.equal(realtime.events_per_second, 2 / 60);
  // Nobody of this process owns a partition, so nobody reports its lag.
  const prometheus = await (await fetch(service.metricsUrl)).text();
  assert.doesNotMatch(prometheus, /^analytics_service_kafka_consumer_lag\{/m);
  const { parts } = await service.get<{ parts: { name: string }[] }>('/health');
  assert.deepEqual(parts.map(({ name }) => name).sort(), ['catalogue', 'clickhouse', 'live tail', 'log']);
});

function range(path: string): string {
  const now = Date.now();
  const at = (ms: number) => new Date(now + ms).toISOString();
  return `${path}?from=${at(-3_600_000)}&to=${at(3_600_000)}`;
}
