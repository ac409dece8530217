/** The service with its catalogue in PostgreSQL and its answers in Redis, both real: shared, lost, and there again. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { StartError } from '../../src/start-error.ts';
import { freePort } from '../support/ports.ts';
import { postgresMissing, startPostgres } from '../support/postgres.ts';
import { redisMissing, startRedis } from '../support/redis.ts';
import { startTestService, type TestService } from '../support/service.ts';

interface Health {
  status: string;
  parts: { name: string; state: string; reason: string | null }[];
}

const video = { video_id: 'v', title: 'Shared', duration_seconds: 60 };

async function putVideo({ url }: TestService): Promise<{ status: number; code?: string }> {
  const headers = { 'content-type': 'application/json' };
  const answer = await fetch(`${url}/v1/videos`, { method: 'PUT', headers, body: JSON.stringify([video]) });
  return { status: answer.status, ...((await answer.json()) as { code?: string }) };
}

const partOf = async (service: TestService, name: string) =>
  ((await (await fetch(`${service.url}/health`)).json()) as Health).parts.find((part) => part.name === name)!;

async function until(done: () => Promise<boolean>): Promise<void> {
  while (!(await done())) await delay(20);
}

const viewsOf = async (service: TestService) =>
  (await service.get<{ views: number; title: string | null }>('/api/metrics/video/v')).views;

async function sendView(service: TestService, id: string): Promise<void> {
  const event = { event_name: 'video_start', user_id: id, session_id: id, video_id: 'v' };
  assert.equal((await service.post('/events', [event])).status, 202);
}

describe('PostgreSQL and Redis by URL', { skip: postgresMissing || redisMissing, timeout: 180_000 }, () => {
  test('two services share a catalogue, and neither needs it, or the cache, to take events', async (t) => {
    const postgres = await startPostgres(t);
    const port = await freePort();
    const redis = await startRedis(t, { port });
    const env = {
      ANALYTICS_PG_URL: await postgres.createDatabase(),
      ANALYTICS_PG_CONNECT_TIMEOUT_MS: '500',
      ANALYTICS_REDIS_URL: redis.url,
      ANALYTICS_ANSWER_FRESH_MS: '1000',
      ANALYTICS_CACHE_PAUSE_MS: '50',
      ANALYTICS_CACHE_TIMEOUT_MS: '1000',
    };
    const one = await startTestService(env);
    t.after(() => one.stop());
    const other = await startTestService(env);
    t.after(() => other.stop());

    assert.equal((await putVideo(one)).status, 200);
    assert.equal((await other.get<{ title: string }>('/api/metrics/video/v')).title, 'Shared');
    await until(async () => (await partOf(one, 'cache')).state === 'ok');
    await sendView(one, 'a');
    await until(async () => (await viewsOf(one)) === 1);
    const metrics = await (await fetch(one.metricsUrl)).text();
    assert.match(metrics, /analytics_cache_operations_total\{operation="set",outcome="done"\} [1-9]/);
    assert.match(metrics, /analytics_query_answers_total\{outcome="miss"\} [1-9]/);

    await redis.kill();
    await until(async () => (await partOf(one, 'cache')).state === 'degraded');
    await sendView(one, 'b');
    await until(async () => (await viewsOf(one)) === 2);
    const again = await startRedis(t, { port });
    await until(async () => (await partOf(one, 'cache')).state === 'ok');
    again.pause();
    await sendView(one, 'c');
    await until(async () => (await viewsOf(one)) === 3);
    again.resume();

    await postgres.kill();
    const refused = await putVideo(one);
    assert.deepEqual([refused.status, refused.code], [503, 'catalog_unavailable']);
    const { state, reason } = await partOf(one, 'catalogue');
    assert.equal(state, 'degraded');
    assert.match(reason!, /^PostgreSQL at 127\.0\.0\.1/);
    await sendView(one, 'd');
    assert.equal((await fetch(`${one.url}/health`)).status, 200);
    await postgres.restart();
    await until(async () => (await putVideo(one)).status === 200);
    assert.equal((await partOf(one, 'catalogue')).state, 'ok');
    await until(async () => (await viewsOf(one)) === 4);
  });

  test('a service whose PostgreSQL is away says so, and does not start', async () => {
    const port = await freePort();
    const starting = startTestService({ ANALYTICS_PG_URL: `postgres://me:hush@127.0.0.1:${port}/catalogue` });
    await assert.rejects(starting, (error: Error) => {
      assert.ok(error instanceof StartError);
      assert.match(
        error.message,
        /^PostgreSQL at 127\.0\.0\.1:\d+\/catalogue cannot be used.*ANALYTICS_PG_URL/,
      );
      assert.doesNotMatch(error.message, /hush/);
      return true;
    });
  });
});
