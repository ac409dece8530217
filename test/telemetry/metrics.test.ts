import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMetrics } from '../../src/telemetry/metrics.ts';
import { startMetricsServer } from '../../src/telemetry/metrics-server.ts';

const seedMetrics = {
  analytics_events_consumed_total: 'counter',
  analytics_batch_flush_seconds: 'histogram',
  analytics_events_inserted_total: 'counter',
  analytics_pipeline_errors_total: 'counter',
  analytics_service_events_processed_total: 'counter',
  analytics_service_event_processing_duration_seconds: 'histogram',
  analytics_service_websocket_connections: 'gauge',
  analytics_service_kafka_consumer_lag: 'gauge',
};

test('the metrics of the seeds, by name and type, on a port of their own', async (t) => {
  const metrics = createMetrics({ processDefaults: true });
  metrics.eventsInserted.add(3);
  metrics.consumerLag.set({ topic: 'analytics.v1', partition: '0' }, 7);
  const server = await startMetricsServer({ host: '127.0.0.1', port: 0, registry: metrics.registry });
  t.after(() => server.stop());
  const base = `http://127.0.0.1:${server.port}`;
  for (const path of ['/metrics', '/']) {
    const reply = await fetch(base + path);
    assert.match(reply.headers.get('content-type')!, /^text\/plain/);
    const text = await reply.text();
    for (const [name, type] of Object.entries(seedMetrics))
      assert.match(text, new RegExp(`# TYPE ${name} ${type}\n`));
    assert.match(text, /\nanalytics_events_inserted_total 3\n/);
    assert.match(text, /\nanalytics_events_consumed_total 0\n/);
    assert.match(text, /analytics_service_kafka_consumer_lag\{topic="analytics.v1",partition="0"\} 7\n/);
    assert.match(text, /process_cpu_seconds_total/);
  }
  assert.equal((await fetch(`${base}/other`)).status, 404);
  assert.equal((await fetch(`${base}/metrics`, { method: 'POST' })).status, 405);
});

test('tallies are counters that cost an addition', async () => {
  const { ingest, registry } = createMetrics({ processDefaults: false });
  ingest.accepted.add(5);
  ingest.accepted.add(2);
  ingest.rejected.add('missing_event_name', 2);
  ingest.rejected.add('missing_event_name', 1);
  for (let look = 0; look < 2; look++) {
    const text = await registry.metrics();
    assert.match(text, /\nanalytics_ingest_events_accepted_total 7\n/);
    assert.match(text, /\nanalytics_ingest_events_rejected_total\{code="missing_event_name"\} 3\n/);
  }
});
