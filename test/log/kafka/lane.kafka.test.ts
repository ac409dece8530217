/** Every acknowledged record is in the log, once, whatever happens to the brokers meanwhile. */
import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { openKafkaLog } from '../../../src/log/kafka/kafka.ts';
import { type Log, LogUnavailableError, RecordTooLargeError, type Topic } from '../../../src/log/log.ts';
import { readCount, record, text } from '../../contract/log.ts';
import { startKafka, type TestKafka } from '../../support/kafka.ts';
import { missingForKafka } from '../../support/kafka-needs.ts';

const PARTITIONS = 3;
const SENDERS = 30;
const ACK_TIMEOUT_MS = 5_000;

describe('appends while brokers fail', { skip: missingForKafka() ?? false, timeout: 300_000 }, () => {
  it('kill -9 of the only broker, and again', async (test) => {
    const { kafka, log } = await open(test, 1);
    const { topic } = await load(log, async (until) => {
      for (const acks of [200, 600]) {
        await until(acks);
        await kafka.kill();
        await kafka.start();
      }
      await until(1_500);
    });
    await hasEveryAckOnce(topic);
  });

  it('kill -9 of each of three brokers in turn', async (test) => {
    const { kafka, log } = await open(test, 3);
    const { topic } = await load(log, async (until) => {
      let acks = 300;
      for (const node of kafka.nodes) {
        await until(acks);
        await node.kill();
        await until(acks + 200);
        await node.start();
        acks += 500;
      }
      await until(acks);
    });
    await hasEveryAckOnce(topic);
  });

  it('a broker that freezes and comes back: what was sent before and again is there once', async (test) => {
    const { kafka, log } = await open(test, 1);
    const { topic, refused } = await load(log, async (until, refusals) => {
      await until(300);
      kafka.freeze();
      await refusals(1);
      kafka.thaw();
      await until(1_000);
    });
    assert.ok(refused > 0, 'nobody waits for ever');
    await hasEveryAckOnce(topic);
  });

  it('two of three brokers away: nothing is taken, and it works again when one is back', async (test) => {
    const { kafka, log } = await open(test, 3);
    const topic = log.topic('t');
    await topic.append([record(0, 'before')]);
    await Promise.all([kafka.nodes[1]!.kill(), kafka.nodes[2]!.kill()]);
    const began = performance.now();
    await assert.rejects(topic.append([record(0, 'a'), record(1, 'b')]), LogUnavailableError);
    assert.ok(performance.now() - began < ACK_TIMEOUT_MS * 2);
    await kafka.nodes[1]!.start();
    await appendAtLast(topic, 'after');
    assert.deepEqual(log.health(), { ok: true, reason: null });
  });

  it('the only broker away: refused within the deadline, said in health, works again by itself', async (test) => {
    const { kafka, log } = await open(test, 1);
    const topic = log.topic('t');
    await topic.append([record(0, 'before')]);
    await kafka.kill();
    await assert.rejects(topic.append([record(0, 'lost')]), (error) => {
      assert.ok(error instanceof LogUnavailableError);
      assert.match(error.message, /Nothing listens at/);
      assert.ok(error.retryAfterMs > 0);
      return true;
    });
    assert.match(log.health().reason ?? '', /Nothing/);
    await kafka.start();
    await appendAtLast(topic, 'after');
    assert.deepEqual(log.health(), { ok: true, reason: null });
  });

  it('a log that is opened while the broker is away works when it comes', async (test) => {
    const kafka = await startKafka({ test });
    await kafka.createTopic('t', PARTITIONS);
    await kafka.kill();
    const log = await openKafkaLog(logOptions(kafka));
    test.after(() => log.close());
    assert.equal(log.health().ok, false);
    await assert.rejects(log.topic('t').append([record(0, 'early')]), LogUnavailableError);
    const got = Promise.withResolvers<string>();
    const joining = log.topic('t').join('early', async (assignment) => {
      const [first] = await assignment.read(1_000, 60_000);
      if (first) got.resolve(text([first])[0]!);
    });
    await kafka.start();
    await appendAtLast(log.topic('t'), 'at last');
    assert.equal(await got.promise, 'at last');
    await (await joining).stop();
  });

  it('a record that the topic does not take is refused for good, and its company is not', async (test) => {
    const kafka = await startKafka({ properties: { 'message.max.bytes': 200_000 }, test });
    await kafka.createTopic('t', 1);
    const log = await openKafkaLog({ ...logOptions(kafka), compression: 'none' });
    test.after(() => log.close());
    const topic = log.topic('t');
    const large = 'x'.repeat(300_000);
    const [first, second, third] = await Promise.allSettled([
      topic.append([record(0, 'x'.repeat(150_000))]),
      topic.append([record(0, 'y'.repeat(150_000))]),
      topic.append([record(0, large)]),
    ]);
    assert.deepEqual([first.status, second.status], ['fulfilled', 'fulfilled'], 'halved until it is taken');
    assert.equal(third.status, 'rejected');
    const { reason } = third as PromiseRejectedResult;
    assert.ok(reason instanceof RecordTooLargeError);
    assert.match(reason.message, /max\.message\.bytes/);
  });
});

const logOptions = (kafka: TestKafka) => ({
  brokers: kafka.brokers,
  clientId: 'test',
  topics: ['t'],
  ackTimeoutMs: ACK_TIMEOUT_MS,
  sessionTimeoutMs: 6_000,
});

async function open(test: TestContext, size: number): Promise<{ kafka: TestKafka; log: Log }> {
  const kafka = await startKafka({ size });
  await kafka.createTopic('t', PARTITIONS);
  const log = await openKafkaLog(logOptions(kafka));
  test.after(async () => {
    await log.close();
    await kafka.dispose();
  });
  return { kafka, log };
}

async function appendAtLast(topic: Topic, value: string): Promise<void> {
  for (;;) {
    try {
      await topic.append([record(0, value)]);
      return;
    } catch (error) {
      assert.ok(error instanceof LogUnavailableError, String(error));
    }
  }
}

interface Loaded {
  readonly acked: ReadonlySet<string>;
  readonly refused: number;
}

const loads = new WeakMap<Topic, Loaded>();

/** Many senders at once, until `act` is done; none sends the same twice. */
async function load(
  log: Log,
  act: (until: (acks: number) => Promise<void>, refusals: (count: number) => Promise<void>) => Promise<void>,
): Promise<{ topic: Topic; refused: number }> {
  const topic = log.topic('t');
  const acked = new Set<string>();
  const checks = new Set<() => void>();
  let refused = 0;
  let next = 0;
  let stopped = false;
  const until = (condition: () => boolean): Promise<void> =>
    new Promise((resolve) => {
      const check = (): void => {
        if (!condition()) return;
        checks.delete(check);
        resolve();
      };
      checks.add(check);
      check();
    });
  const send = async (): Promise<void> => {
    while (!stopped) {
      const ids = [next++, next++, next++].map(String);
      try {
        await topic.append(ids.map((id) => record(Number(id) % PARTITIONS, id.padEnd(500, '.'))));
        for (const id of ids) acked.add(id);
      } catch (error) {
        assert.ok(error instanceof LogUnavailableError, String(error));
        refused += 1;
      }
      for (const check of checks) check();
    }
  };
  const senders = Array.from({ length: SENDERS }, send);
  await act(
    (acks) => until(() => acked.size >= acks),
    (count) => until(() => refused >= count),
  );
  stopped = true;
  await Promise.all(senders);
  loads.set(topic, { acked, refused });
  return { topic, refused };
}

async function hasEveryAckOnce(topic: Topic): Promise<void> {
  const { acked } = loads.get(topic)!;
  const seen = new Map<string, number>();
  let left = PARTITIONS;
  const done = Promise.withResolvers<void>();
  const membership = await topic.join('check', async (assignment) => {
    const records = await readCount(assignment, assignment.endOffset());
    for (const value of text(records)) {
      const id = value.slice(0, value.indexOf('.'));
      seen.set(id, (seen.get(id) ?? 0) + 1);
    }
    if (--left === 0) done.resolve();
  });
  await done.promise;
  await membership.stop();
  const missing = [...acked].filter((id) => !seen.has(id));
  const twice = [...acked].filter((id) => (seen.get(id) ?? 0) > 1);
  assert.deepEqual({ missing, twice }, { missing: [], twice: [] }, `of ${acked.size} acknowledged`);
}
