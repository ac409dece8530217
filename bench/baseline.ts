/**
 * What one would write without thinking twice, to measure against: Fastify, JSON.parse, a few checks, a batch in
 * memory, JSONEachRow to the same ClickHouse. It acknowledges what a crash would lose, knows no duplicates, refuses
 * a batch for one bad event and recomputes nothing.
 */
import { createClient } from '@clickhouse/client';
import Fastify from 'fastify';
import { openEmbeddedClickHouse } from '../src/store/embedded/embedded.ts';
import type { SubjectCommand, SubjectMessage } from './subject.ts';

const BATCH_ROWS = 10_000;
const FLUSH_MS = 500;
const columns =
  'event_id UUID, event_name LowCardinality(String), app_id LowCardinality(String), timestamp DateTime64(3), user_id String, ' +
  'session_id String, video_id String, view_id String, properties String, context String';

interface Event {
  event_id?: unknown;
  event_name?: unknown;
  timestamp?: unknown;
  properties?: object;
  context?: object;
}

const log = { info() {}, warn() {} };
const engine = await openEmbeddedClickHouse({
  dir: process.env.BENCH_DIR!,
  memoryBytesMax: 4 * 2 ** 30,
  database: 'default',
  log,
});
const client = createClient({
  url: engine.url,
  ...engine.app,
  clickhouse_settings: { date_time_input_format: 'best_effort' },
});
await client.command({
  query: `CREATE TABLE events (${columns}) ENGINE = MergeTree ORDER BY (app_id, event_name, timestamp)`,
});

// The service itself begins here.
const app = Fastify({ bodyLimit: 2 ** 20 });
let batch: object[] = [];

async function flush(): Promise<void> {
  if (batch.length === 0) return;
  const values = batch;
  batch = [];
  await client.insert({ table: 'events', values, format: 'JSONEachRow' });
}

function readEvent(event: Event): object {
  if (typeof event.event_id !== 'string' || event.event_id.length !== 36) throw new Error('event_id');
  if (typeof event.event_name !== 'string' || event.event_name === '') throw new Error('event_name');
  if (typeof event.timestamp !== 'string' || Number.isNaN(Date.parse(event.timestamp)))
    throw new Error('timestamp');
  const { properties = {}, context = {} } = event;
  return { ...event, properties: JSON.stringify(properties), context: JSON.stringify(context) };
}

app.post('/events', async (request, reply) => {
  const events = request.body as Event[];
  for (const event of events) batch.push(readEvent(event));
  if (batch.length >= BATCH_ROWS) void flush();
  return reply.code(202).send({ accepted: events.length });
});
const timer = setInterval(() => void flush(), FLUSH_MS);
const url = await app.listen({ port: 0, host: '127.0.0.1' });
// And ends here.

async function stop(): Promise<void> {
  clearInterval(timer);
  await app.close();
  await flush();
  await client.close();
  await engine.close();
  process.exit(0);
}

process.on('message', (command: SubjectCommand) => {
  if (command === 'stop') void stop();
});
process.on('disconnect', () => void stop());
const endpoint = { url: engine.url, ...engine.app };
process.send!({
  type: 'facts',
  facts: {
    url,
    metricsUrl: null,
    endpoint,
    database: 'default',
    clickhousePid: engine.pid,
    clickhouse: `embedded, ${engine.version}`,
  },
} satisfies SubjectMessage);
