/** The built-in alerts of a whole service: what ingest refuses, what the log holds up, over a restart. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openTestReceiver } from '../alerts/receiver.ts';
import { until } from '../faults/verify.ts';
import { makeTestFolder } from '../support/clickhouse.ts';
import { startTestService } from '../support/service.ts';

interface Alerts {
  data: { name: string; state: string; value: number | null; evaluation: string }[];
}

test('ingest that refuses sets off the alert of its error rate, once, and it is known after a restart', {
  timeout: 120_000,
}, async (t) => {
  const receiver = await openTestReceiver(t);
  const env = {
    ANALYTICS_DATA_DIR: makeTestFolder(),
    ANALYTICS_ALERT_EVERY_MS: '100',
    ANALYTICS_ALERT_FOR_SECONDS: '0',
    ANALYTICS_ALERT_WEBHOOK_URLS: receiver.url,
    ANALYTICS_WEBHOOK_SECRET: 'a secret for tests',
    ANALYTICS_WEBHOOK_ALLOW_PRIVATE: '1',
  };
  let service = await startTestService(env);
  t.after(() => service.stop());
  const alertOf = async (name: string) =>
    (await service.get<Alerts>('/v1/alerts')).data.find((alert) => alert.name === name)!;
  const untilState = (name: string, state: string) =>
    until(`${name} is ${state}`, async () => (await alertOf(name)).state === state, 30_000);
  const firing = async () =>
    /^analytics_alerts_firing (\d+)$/m.exec(await (await fetch(service.metricsUrl)).text())?.[1];
  await until('both are looked at', async () => {
    const { data } = await service.get<Alerts>('/v1/alerts');
    return data.every(({ evaluation }) => evaluation !== 'not_yet');
  });
  assert.equal((await alertOf('ingestion-error-rate')).evaluation, 'no_data');
  assert.deepEqual([(await alertOf('processing-lag')).value, await firing()], [0, '0']);

  const good = Array.from({ length: 97 }, () => ({ event_name: 'seek', user_id: 'u' }));
  assert.equal((await service.post('/events', good)).status, 202);
  await until('what came is known', async () => (await alertOf('ingestion-error-rate')).value === 0, 30_000);
  const bad = Array.from({ length: 3 }, () => ({ event_name: 7 }));
  assert.equal((await service.post('/events', [...bad])).status, 400);
  await untilState('ingestion-error-rate', 'firing');
  // Half of the requests is more than 3 % of the events.
  assert.equal((await alertOf('ingestion-error-rate')).value, 0.5);
  await until('it is told', async () => receiver.calls.length === 1, 30_000);
  assert.equal(JSON.parse(receiver.calls[0]!.body).data.alert, 'ingestion-error-rate');
  assert.equal(await firing(), '1');

  await service.stop();
  service = await startTestService({ ...env, ANALYTICS_ALERT_ERROR_RATE_PERMILLE: '1000' });
  await untilState('ingestion-error-rate', 'ok');
  await until('its end is told', async () => receiver.calls.length === 2, 30_000);
  const { type, data } = JSON.parse(receiver.calls[1]!.body);
  assert.deepEqual([type, data.reason], ['AlertResolved', 'condition_ended']);
  assert.equal(await firing(), '0');
});

test('a pipeline that does not get on sets off the alert of its lag', { timeout: 120_000 }, async (t) => {
  const service = await startTestService({
    ANALYTICS_ALERT_EVERY_MS: '100',
    ANALYTICS_ALERT_FOR_SECONDS: '0',
    ANALYTICS_ALERT_LAG_MS: '1000',
    // A batch waits for company for so long.
    ANALYTICS_CONSUMER_FLUSH_MS: '4000',
  });
  t.after(() => service.stop());
  assert.equal((await service.post('/events', [{ event_name: 'seek', user_id: 'u' }])).status, 202);
  const lag = async () =>
    (await service.get<Alerts>('/v1/alerts')).data.find(({ name }) => name === 'processing-lag')!;
  await until('it fires', async () => (await lag()).state === 'firing', 30_000);
  assert.ok((await lag()).value! > 0);
  await until('it is over', async () => (await lag()).state === 'ok', 30_000);
});
