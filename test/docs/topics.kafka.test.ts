/** The reader in docs/topics.md, in another language, as it stands there. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { openKafkaLog } from '../../src/log/kafka/kafka.ts';
import { makeTestFolder } from '../support/clickhouse.ts';
import { kafkaCommand } from '../support/kafka/jars.ts';
import { startKafka } from '../support/kafka.ts';
import { missingForKafka } from '../support/kafka-needs.ts';

const TOPIC = 'analytics.v1';

test('the reader in Java sees every event, with its app', { skip: missingForKafka() ?? false }, async (t) => {
  const document = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'topics.md'), 'utf8');
  const source = /```java\n(.*?)```/s.exec(document)![1]!;
  const file = join(makeTestFolder(), 'ReadEvents.java');
  writeFileSync(file, source);

  const kafka = await startKafka({ test: t });
  await kafka.createTopic(TOPIC, 2);
  const log = await openKafkaLog({ brokers: kafka.brokers, clientId: 'test', topics: [TOPIC] });
  t.after(() => log.close());
  const record = (partition: number, app: string, ...events: object[]) => ({
    partition,
    key: null,
    headers: [['app', app]] as const,
    value: Buffer.from(events.map((event) => `${JSON.stringify(event)}\n`).join('')),
    timestamp: Date.now(),
  });
  await log.topic(TOPIC).append([record(0, 'tube', { n: 1 }, { n: 2 }), record(1, 'kids', { n: 'drei 🎬' })]);

  const [java = '', ...words] = kafkaCommand(file, [kafka.brokers[0]!, TOPIC]);
  const reader = spawn(java, words, { stdio: ['ignore', 'pipe', 'inherit'] });
  const seen: string[] = [];
  const lines = createInterface(reader.stdout);
  const late = setTimeout(() => reader.kill('SIGKILL'), 120_000);
  // The client's own log comes along.
  for await (const line of lines) if (/^\w+\t\{/.test(line) && seen.push(line) === 3) break;
  clearTimeout(late);
  const gone = once(reader, 'exit');
  reader.kill('SIGKILL');
  await gone;
  assert.deepEqual(seen.sort(), ['kids\t{"n":"drei 🎬"}', 'tube\t{"n":1}', 'tube\t{"n":2}']);
});
