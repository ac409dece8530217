import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { ConfigError, readConfig } from '../../src/config.ts';
import { ROOT } from '../e2e/started.ts';
import { makeTestFolder } from '../support/clickhouse.ts';
import { type ReceivedSpan, startReceiver } from '../support/otlp.ts';
import { startTestService } from '../support/service.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const CALLER = 'b7ad6b7169203331';
const traceparent = `00-${TRACE}-${CALLER}-01`;
const event = { event_name: 'video_start', user_id: 'ann', session_id: 's', video_id: 'v' };

async function startTraced(t: TestContext, env: Record<string, string> = {}) {
  const receiver = await startReceiver(t);
  const service = await startTestService({
    OTEL_EXPORTER_OTLP_ENDPOINT: receiver.url,
    OTEL_BSP_SCHEDULE_DELAY: '20',
    ...env,
  });
  let stopped: Promise<void> | null = null;
  const stop = () => {
    stopped ??= service.stop();
    return stopped;
  };
  t.after(stop);
  return { receiver, service, stop };
}

const isAbout = (span: ReceivedSpan, name: string, value: string) => span.attributes[name] === value;

test('the spans of one event, from HTTP through the log to the insert', async (t) => {
  const { receiver, service } = await startTraced(t, {
    OTEL_SERVICE_NAME: 'videos',
    OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=a%20test,service.name=other',
    OTEL_EXPORTER_OTLP_HEADERS: 'authorization=Bearer%20xyz',
  });
  const answer = await service.post('/events', [event], { traceparent });
  assert.equal(answer.status, 202);
  const request = await receiver.next(({ name }) => name === 'POST /events');
  assert.equal(request.trace, TRACE, 'it goes on the trace of the caller');
  assert.equal(request.parent, CALLER);
  assert.equal(request.kind, 2);
  assert.equal(request.attributes['http.response.status_code'], 202);
  assert.equal(request.resource['service.name'], 'videos');
  assert.equal(request.resource['deployment.environment.name'], 'a test');
  assert.equal(receiver.headers[0]!.authorization, 'Bearer xyz');

  const append = await receiver.next(({ name }) => name === 'send analytics.v1');
  assert.deepEqual([append.trace, append.parent, append.kind], [TRACE, request.id, 4]);
  assert.equal(append.attributes['sluice.events'], 1);

  const batch = await receiver.next(({ name }) => name === 'process analytics.v1');
  assert.deepEqual(batch.links, [`${TRACE}-${append.id}`]);
  assert.equal(batch.kind, 5);
  assert.notEqual(batch.trace, TRACE, 'a batch holds events of many traces');
  assert.equal(batch.parent, '');
  assert.equal(batch.attributes['sluice.rows'], 1);

  const insert = await receiver.next((span) => isAbout(span, 'db.query.text', 'INSERT INTO events'));
  assert.deepEqual([insert.trace, insert.parent, insert.kind], [batch.trace, batch.id, 3]);
  assert.ok(batch.start <= insert.start && insert.end <= batch.end);
  assert.equal(insert.status, 0);
});

test('a batch is linked to each of its requests, whatever trace they are of', async (t) => {
  const { receiver, service } = await startTraced(t, { ANALYTICS_CONSUMER_FLUSH_MS: '1500' });
  for (let i = 0; i < 3; i++) await service.post('/events', [{ ...event, user_id: `u${i}` }]);
  const appends = new Set<string>();
  const batches: ReceivedSpan[] = [];
  while (new Set(batches.flatMap(({ links }) => links)).size < 3)
    batches.push(
      await receiver.next((span) => span.name === 'process analytics.v1' && !batches.includes(span)),
    );
  for (const span of receiver.spans)
    if (span.name === 'send analytics.v1') appends.add(`${span.trace}-${span.id}`);
  assert.equal(appends.size, 3);
  assert.deepEqual(new Set(batches.flatMap(({ links }) => links)), appends);
});

test('a question is a span, and its statement a child; a round of recomputing too', async (t) => {
  const { receiver, service } = await startTraced(t);
  await service.post('/events', [event]);
  const from = new Date(Date.now() - 3_600_000).toISOString();
  const to = new Date().toISOString();
  const path = `/metrics?metric=events&from=${from}&to=${to}`;
  assert.equal((await fetch(service.url + path, { headers: { traceparent } })).status, 200);
  const request = await receiver.next(({ name }) => name === 'GET /metrics');
  assert.deepEqual([request.trace, request.parent, request.kind], [TRACE, CALLER, 2]);
  const statement = await receiver.next(({ parent }) => parent === request.id);
  assert.equal(statement.attributes['db.system.name'], 'clickhouse');
  assert.match(String(statement.attributes['db.query.text']), /^SELECT/);
  const round = await receiver.next(({ name }) => name === 'recompute');
  await receiver.next(({ parent }) => parent === round.id);
  assert.equal((await fetch(`${service.url}/health`)).status, 200);
});

test('what the caller does not keep is not kept here, and a sampler keeps a share of the rest', async (t) => {
  const { receiver, service, stop } = await startTraced(t, {
    OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
    OTEL_TRACES_SAMPLER_ARG: '0',
  });
  await service.post('/events', [event], { traceparent: `00-${TRACE}-${CALLER}-00` });
  await service.post('/events', [event]);
  await service.post('/events', [event], { traceparent });
  const batch = await receiver.next(({ name }) => name === 'process analytics.v1');
  assert.equal(batch.links.length, 1);
  await stop();
  assert.equal(receiver.spans.filter(({ name }) => name === 'POST /events').length, 1);
});

test('spans that wait are sent when the service stops, and a receiver that is away holds up nothing', async (t) => {
  const { receiver, service, stop } = await startTraced(t, { OTEL_BSP_SCHEDULE_DELAY: '600000' });
  await service.post('/events', [event]);
  assert.equal(receiver.spans.length, 0);
  await stop();
  assert.ok(receiver.spans.some(({ name }) => name === 'POST /events'));

  const lonely = await startTestService({ OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' });
  t.after(() => lonely.stop());
  assert.equal((await lonely.post('/events', [event])).status, 202);
});

// Not even our own use of it. prom-client brings @opentelemetry/api along in any case.
test('without a wish for traces nothing of the SDK is loaded', async () => {
  const script = `
    import { registerHooks } from 'node:module';
    const loaded = [];
    registerHooks({ load(url, context, next) { if (/@opentelemetry\\/(?!api\\/)|open-telemetry/.test(url)) loaded.push(url); return next(url, context); } });
    const { readConfig } = await import('./src/config.ts');
    const { startService } = await import('./src/service.ts');
    const { createLogger } = await import('./src/telemetry/logger.ts');
    const service = await startService(readConfig(process.env), createLogger({ level: 'silent' }));
    const body = JSON.stringify([${JSON.stringify(event)}]);
    const { status } = await fetch(service.url + '/events', { method: 'POST', body, headers: { traceparent: '${traceparent}' } });
    await service.stop();
    console.log(JSON.stringify({ status, loaded: loaded.length }));`;
  const run = async (env: Record<string, string>) => {
    const own = { PORT: '0', ANALYTICS_METRICS_PORT: '0', ANALYTICS_DATA_DIR: makeTestFolder(), ...env };
    const { PATH } = process.env;
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script], {
      cwd: ROOT,
      env: { PATH, ...own } as NodeJS.ProcessEnv,
    });
    return JSON.parse(stdout) as { status: number; loaded: number };
  };
  assert.deepEqual(await run({}), { status: 202, loaded: 0 });
  const off = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:9' };
  assert.deepEqual(await run({ ...off, OTEL_SDK_DISABLED: 'true' }), { status: 202, loaded: 0 });
  assert.deepEqual(await run({ ...off, OTEL_TRACES_EXPORTER: 'none' }), { status: 202, loaded: 0 });
  // The count itself counts.
  assert.ok((await run(off)).loaded > 10);
});

test('what cannot be done is said at the start, where traces are asked for', () => {
  const asked = { OTEL_TRACES_EXPORTER: 'otlp' };
  for (const wrong of [
    { OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' },
    { OTEL_TRACES_SAMPLER_ARG: 'half' },
    { OTEL_EXPORTER_OTLP_ENDPOINT: 'collector' },
  ]) {
    assert.throws(() => readConfig({ ...asked, ...wrong }), ConfigError);
    readConfig({ ...wrong, OTEL_SDK_DISABLED: 'true' });
  }
});
