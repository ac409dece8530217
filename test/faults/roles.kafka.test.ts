/**
 * The roles apart, over Kafka and one ClickHouse by URL: two processes that take events, two that store them, one that
 * answers. In each round one of them, the broker or ClickHouse is killed, or frozen for longer than its lease and its
 * place in the group last, often while another is killed. Senders retry at whichever process they find.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { DEAD_LETTER_TOPIC, DERIVED_TOPIC } from '../../src/topics.ts';
import { startKafka } from '../support/kafka.ts';
import { missingForKafka } from '../support/kafka-needs.ts';
import { freePort } from '../support/ports.ts';
import { startTestCluster } from '../support/shards.ts';
import { Harness } from './harness.ts';
import { Load } from './load.ts';
import { moment, RECKON_EVERY, ROUNDS, reckonStored, untilTaken } from './round.ts';
import { verifyAnswers, verifyRecount } from './verify.ts';

const TOPIC = 'events';
const PARTITIONS = 4;
/** Twice as long as a lease and a session last. */
const FREEZE_MS = 4_000;

/** Whatever can fail by itself. */
interface Target {
  readonly name: string;
  /** Killed, and started again. */
  kill(): Promise<void>;
  freeze(): void;
  thaw(): void;
}

function processTarget(name: string, harness: Harness): Target {
  return {
    name,
    async kill() {
      await harness.killService();
      await harness.start();
    },
    freeze: () => harness.signalService('SIGSTOP'),
    thaw: () => harness.signalService('SIGCONT'),
  };
}

const oneOf = <T>(list: readonly T[]): T => list[Math.floor(Math.random() * list.length)]!;

/** One fault, or one within another. Resolves with what was done. */
async function strike(targets: readonly Target[]): Promise<string> {
  const first = oneOf(targets);
  if (Math.random() < 0.5) {
    await first.kill();
    return `${first.name} killed`;
  }
  first.freeze();
  let done = `${first.name} frozen`;
  try {
    const second = oneOf(targets.filter((target) => target !== first));
    if (Math.random() < 0.3) {
      // What depends on the frozen one may start only when that is back.
      const killed = second.kill();
      done += `, ${second.name} killed meanwhile`;
      await moment(FREEZE_MS);
      first.thaw();
      await killed;
    } else await new Promise((resolve) => setTimeout(resolve, Math.random() * FREEZE_MS));
  } finally {
    first.thaw();
  }
  return done;
}

test(`${ROUNDS} kills and freezes of roles apart, of the broker and of ClickHouse`, {
  skip: missingForKafka() ?? false,
}, async (t) => {
  const kafka = await startKafka({ test: t, properties: { 'group.consumer.session.timeout.ms': 2_000 } });
  for (const [topic, partitions] of [
    [TOPIC, PARTITIONS],
    [DEAD_LETTER_TOPIC, 1],
    [DERIVED_TOPIC, 1],
  ] as const)
    await kafka.createTopic(topic, partitions);
  const cluster = await startTestCluster(1, t);
  const client = cluster.client(0, 'analytics');
  const dir = await mkdtemp(join(tmpdir(), 'sluice-faults-'));
  const harnesses: Harness[] = [];
  async function open(role: string): Promise<Harness> {
    const harness = new Harness({
      dir,
      port: await freePort(),
      env: {
        ...cluster.env,
        ANALYTICS_CH_AUTO_CREATE: '1',
        ANALYTICS_ROLES: role,
        ANALYTICS_DATA_DIR: join(dir, `${role}-${harnesses.length}`),
        ANALYTICS_KAFKA_BROKERS: kafka.brokers.join(),
        ANALYTICS_KAFKA_TOPIC: TOPIC,
        ANALYTICS_KAFKA_SESSION_TIMEOUT_MS: '2000',
        ANALYTICS_INGEST_ACK_TIMEOUT_MS: '3000',
      },
    });
    harnesses.push(harness);
    await harness.start();
    return harness;
  }
  const query = await open('query');
  const pipelines = [await open('pipeline'), await open('pipeline')];
  const ingests = [await open('ingest'), await open('ingest')];
  const [server] = cluster.shards;
  const targets: Target[] = [
    ...ingests.map((harness, i) => processTarget(`ingest ${i}`, harness)),
    ...pipelines.map((harness, i) => processTarget(`pipeline ${i}`, harness)),
    {
      name: 'broker',
      kill: async () => {
        await kafka.kill();
        await kafka.start();
      },
      freeze: kafka.freeze,
      thaw: kafka.thaw,
    },
    {
      name: 'ClickHouse',
      async kill() {
        await server!.kill();
        await server!.start();
      },
      freeze: () => server!.signal('SIGSTOP'),
      thaw: () => server!.signal('SIGCONT'),
    },
  ];
  const urls = ingests.map((harness) => harness.url);
  const load = new Load({ url: urls, connections: 4, batch: 40, pauseMs: ROUNDS >= 100 ? 150 : 30 });
  t.after(async () => {
    await load.stop(false);
    for (const harness of harnesses) await harness.close();
    if (t.passed) await rm(dir, { recursive: true, force: true });
    else console.error(`kept for a look: ${dir}`);
  });

  for (let round = 1; round <= ROUNDS; round++) {
    load.start();
    await moment(1_000);
    const done = await strike(targets);
    await untilTaken(load);
    for (const harness of harnesses)
      assert.ok(harness.alive, `round ${round}, ${done}: a process ended by itself`);
    if (round % RECKON_EVERY !== 0) continue;
    await load.stop(true);
    try {
      await reckonStored(client, load);
    } catch (error) {
      throw new Error(`round ${round}: ${done}`, { cause: error });
    }
  }
  await load.stop(true);
  await reckonStored(client, load);
  await verifyRecount(client);
  await verifyAnswers(query.url, client);
});
