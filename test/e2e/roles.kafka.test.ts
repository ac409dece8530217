import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { after, before, describe, type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { WebSocket } from 'ws';
import type { ReplayState } from '../../src/replay-routes.ts';
import { verifyLedger } from '../faults/verify.ts';
import { Listener } from '../live/gateway.ts';
import { makeTestFolder, startTestClickHouse } from '../support/clickhouse.ts';
import { startKafka, type TestKafka } from '../support/kafka.ts';
import { missingForKafka } from '../support/kafka-needs.ts';
import { startTestService, type TestService } from '../support/service.ts';
import { ROOT } from './started.ts';

/** What every process of one installation is told. */
type Common = Readonly<Record<string, string>>;

const batchOf = (from: number, count: number) =>
  Array.from({ length: count }, (_, i) => ({
    event_id: `01980000-0000-7000-a000-${String(from + i).padStart(12, '0')}`,
    event_name: 'video_start',
    user_id: `u${from + i}`,
    session_id: `s${from + i}`,
    video_id: 'v',
    properties: { bitrate_kbps: 5_000 },
  }));

describe('roles apart, over Kafka', { skip: missingForKafka() ?? false }, () => {
  let kafka: TestKafka;
  before(async () => {
    kafka = await startKafka();
    for (const name of ['analytics.dlq.v1', 'analytics.derived.v1']) await kafka.createTopic(name, 1);
  });
  after(() => kafka.dispose());

  async function install(t: TestContext, partitions: number): Promise<Common> {
    const topic = `events-${randomBytes(4).toString('hex')}`;
    await kafka.createTopic(topic, partitions);
    const { endpoint, database } = await startTestClickHouse(t);
    return {
      ANALYTICS_KAFKA_BROKERS: kafka.brokers.join(','),
      ANALYTICS_KAFKA_TOPIC: topic,
      ANALYTICS_KAFKA_GROUP_ID: `group-${topic}`,
      ANALYTICS_CH_URL: endpoint.url,
      ANALYTICS_CH_USER: endpoint.username,
      ANALYTICS_CH_PASSWORD: endpoint.password,
      ANALYTICS_CH_DATABASE: database,
      ANALYTICS_CH_AUTO_CREATE: '1',
      ANALYTICS_INSERT_LEASE_MS: '1000',
    };
  }

  async function start(t: TestContext, common: Common, roles: string, more: Common = {}) {
    const service = await startTestService({
      ...common,
      ANALYTICS_DATA_DIR: makeTestFolder(),
      ...(roles === '' ? {} : { ANALYTICS_ROLES: roles }),
      ...more,
    });
    t.after(() => service.stop());
    return service;
  }

  test('every live replica shows the whole service, and every event once', async (t) => {
    const common = await install(t, 4);
    const query = await start(t, common, 'query');
    const ingest = [await start(t, common, 'ingest'), await start(t, common, 'ingest')];
    const first = await start(t, common, 'live');
    const pipelines = [await start(t, common, 'pipeline'), await start(t, common, 'pipeline')];
    for (const [i, service] of ingest.entries())
      assert.equal((await service.post('/events', batchOf(i * 50, 50))).status, 202);
    await untilStored(query, 100);
    // Rebuilt from ClickHouse, for the most part.
    const second = await start(t, common, 'live');
    const sockets = [first, second].map((service) => {
      const socket = new Listener(`${service.url.replace('http', 'ws')}/ws`, {});
      t.after(() => socket.socket.terminate());
      return socket;
    });
    const heard = sockets.map(() => [] as string[]);
    for (const [i, listener] of sockets.entries()) {
      listener.socket.on('message', (data) => {
        const { type, payload } = JSON.parse(String(data)) as { type: string; payload: { user_id: string } };
        if (type === 'analytics_event') heard[i]!.push(payload.user_id);
      });
      await listener.opened;
      await listener.subscribe({ event_name: 'video_start' });
    }
    // Some of them were sent before.
    for (const service of ingest) assert.equal((await service.post('/events', batchOf(95, 15))).status, 202);
    for (const listener of sockets)
      await listener.next('realtime_metrics', (metrics) => metrics.concurrent_viewers === 110);
    const numbers = [first, second].map(async (service) => {
      const { time: _, ...rest } =
        await service.get<Record<string, number | string>>('/api/metrics/realtime');
      return rest;
    });
    for (const of of await Promise.all(numbers))
      assert.deepEqual(of, {
        concurrent_viewers: 110,
        active_streams: 1,
        bandwidth_gbps: 0.55,
        events_per_second: 110 / 60,
        error_rate: 0,
      });
    const expected = Array.from({ length: 10 }, (_, i) => `u${100 + i}`).sort();
    for (const users of heard) assert.deepEqual(users.toSorted(), expected);
    await untilStored(query, 110);
    // Each partition's lag is told once, by its owner.
    const told = await Promise.all(
      pipelines.map(async ({ metricsUrl }) => {
        const text = await (await fetch(metricsUrl)).text();
        return text.match(/^analytics_service_kafka_consumer_lag\{.*partition="(\d+)"\}/gm) ?? [];
      }),
    );
    assert.equal(told.flat().length, 4);
    assert.equal(new Set(told.flat()).size, 4);
    assert.equal(WebSocket.OPEN, sockets[0]!.socket.readyState);
    const { rates, log } = await query.get<{ rates: { insert_eps: number }; log: { partitions: object[] } }>(
      '/v1/pipeline',
    );
    assert.ok(rates.insert_eps > 0);
    assert.equal(log.partitions.length, 4);
  });

  test('what the local log holds moves to Kafka, and counts once', async (t) => {
    const common = await install(t, 3);
    const dataDir = makeTestFolder();
    const alone = { ANALYTICS_DATA_DIR: dataDir, ANALYTICS_KAFKA_BROKERS: '' };
    // Some of it is stored, some is not yet.
    const whole = await start(t, common, '', alone);
    assert.equal((await whole.post('/events', batchOf(0, 40))).status, 202);
    assert.equal((await whole.post('/events', nameless('local'))).status, 202);
    await untilStored(whole, 42);
    await whole.stop();
    const taking = await start(t, common, 'ingest', alone);
    assert.equal((await taking.post('/events', batchOf(40, 25))).status, 202);
    await taking.stop();

    await assert.rejects(
      start(t, common, '', { ANALYTICS_DATA_DIR: dataDir }),
      /1 records .*sluice log move/s,
    );
    const { PATH } = process.env;
    const env = { PATH, ...common, ANALYTICS_DATA_DIR: dataDir } as NodeJS.ProcessEnv;
    const move = () =>
      promisify(execFile)(process.execPath, ['bin/sluice.mjs', 'log', 'move'], { cwd: ROOT, env });
    assert.match((await move()).stdout, /1 records moved/);
    assert.match((await move()).stdout, /0 records moved/);

    const service = await start(t, common, '', { ANALYTICS_DATA_DIR: dataDir });
    // Clients that saw no answer send again, what was stored from the local log and what was moved.
    assert.equal((await service.post('/events', batchOf(30, 40))).status, 202);
    // Ids that are made of places: the same offsets, of another log.
    for (let i = 0; i < 6; i++)
      assert.equal((await service.post('/events', nameless(`kafka ${i}`))).status, 202);
    const { client } = service.store!;
    await untilStored(service, 84);
    const [row] = await client.select<object>(
      'SELECT count() AS events, uniqExact(event_id) AS ids FROM events',
    );
    assert.deepEqual(row, { events: 84, ids: 84 });
    await verifyLedger(client);
    const replay = await runReplay(service);
    assert.deepEqual(
      replay.difference?.days.map(({ missing, different, surplus }) => missing + different + surplus),
      [0],
    );
  });
});

function range(path: string): string {
  const at = (ms: number) => new Date(Date.now() + ms).toISOString();
  return `${path}?from=${at(-3_600_000)}&to=${at(3_600_000)}`;
}

/** Two that bring no id. */
const nameless = (user_id: string) =>
  ['page_view', 'seek'].map((event_name) => ({ event_name, user_id, timestamp: Date.now() }));

async function runReplay(service: TestService) {
  const begun = await service.post('/v1/replay', { from: 0 });
  assert.equal(begun.status, 202);
  for (;;) {
    const state = await service.get<ReplayState>('/v1/replay');
    if (state.state !== 'running') return state.progress!;
  }
}

/** Waits until so many are stored and nothing waits. */
async function untilStored(service: TestService, events: number): Promise<void> {
  const deadline = performance.now() + 60_000;
  for (;;) {
    const { totals } = await service.get<{ totals: { stored: number; in_flight: number } }>(
      range('/v1/ledger'),
    );
    if (totals.stored >= events && totals.in_flight === 0) return;
    if (performance.now() > deadline) throw new Error(`not stored: ${JSON.stringify(totals)}`);
  }
}
