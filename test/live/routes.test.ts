import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openGateway } from './gateway.ts';

const start = { event_name: 'video_start', user_id: 'ann', session_id: 's', video_id: 'v' };

test('the numbers and their last while', async (t) => {
  let clock = Date.now();
  const gateway = await openGateway(t, { now: () => clock });
  const get = async (path: string) => (await fetch(`${gateway.server.url}${path}`)).json();
  gateway.publish([start], 'tube');
  gateway.publish([start, { event_name: 'error' }], 'kids');
  clock += 1_000;
  assert.deepEqual(await get('/api/metrics/realtime'), {
    time: new Date(clock).toISOString(),
    concurrent_viewers: 2,
    active_streams: 2,
    bandwidth_gbps: 0,
    events_per_second: 0.05,
    error_rate: 1 / 3,
  });
  const one = (await get('/api/metrics/realtime?app_id=tube')) as Record<string, unknown>;
  assert.equal(one.concurrent_viewers, 1);
  assert.equal(one.error_rate, 0);
  const listener = await gateway.connect();
  clock += 10_000;
  await listener.next('realtime_metrics', ({ time }) => time === new Date(clock).toISOString());
  const { points } = (await get('/v1/realtime/history?app_id=kids')) as { points: Record<string, unknown>[] };
  assert.equal(points.at(-1)!.time, new Date(clock).toISOString());
  assert.equal(points.at(-1)!.concurrent_viewers, 1);
});

test('callers see their apps, and others see nothing', async (t) => {
  const gateway = await openGateway(t, {
    authorize(request) {
      const key = request.headers['x-api-key'];
      if (key === undefined) return { granted: false, code: 'missing_credential', detail: 'Send a key.' };
      return { granted: true, id: 'test', apps: key === 'none' ? [] : ['tube'] };
    },
  });
  gateway.publish([start], 'kids');
  for (const path of ['/api/metrics/realtime', '/v1/realtime/history']) {
    const ask = (key: string, question = '') =>
      fetch(`${gateway.server.url}${path}${question}`, { headers: { 'x-api-key': key } });
    const refused = await fetch(`${gateway.server.url}${path}`);
    assert.equal(refused.status, 401);
    assert.equal(((await refused.json()) as { code: string }).code, 'missing_credential');
    assert.equal((await ask('mine', '?app_id=kids')).status, 403);
    assert.equal((await ask('none')).status, 200);
  }
  const answer = await fetch(`${gateway.server.url}/api/metrics/realtime`, {
    headers: { 'x-api-key': 'none' },
  });
  assert.equal(((await answer.json()) as { concurrent_viewers: number }).concurrent_viewers, 0);
});
