import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { openLive } from '../../src/live/live.ts';
import type { Lag } from '../../src/log/log.ts';
import { startFollower } from '../../src/pipeline/follow.ts';
import { EventStore } from '../../src/store/events.ts';
import { generateHistory, isBot } from '../oracle/history.ts';
import { createOracle } from '../oracle/oracle.ts';
import { noPlans, referenceKernel, TOPIC } from '../pipeline/rig.ts';
import { openRoad, type TestRoad } from '../pipeline/road.ts';
import { silentLog } from '../support/clickhouse.ts';

const GROUP = 'test';
const limits = {
  dedupeWindowMs: 900_000,
  dedupeEntriesMax: 1 << 20,
  sessionActorsMax: 1 << 20,
  timestampAgeMaxMs: 400 * 86_400_000,
  timestampAheadMaxMs: 86_400_000,
  dnt: 'off' as const,
};

interface Replica {
  /** `<offset>/<index>` of every event it showed, by partition. */
  readonly shown: string[];
  numbers(): object;
  /** Resolves when it has read up to these ends. */
  until(lag: readonly Lag[]): Promise<void>;
}

/** A live replica as a process of that role has it: the state from ClickHouse, then every partition's tail. */
async function openReplica(
  t: TestContext,
  { log, client, failures }: TestRoad,
  now: () => number,
): Promise<Replica> {
  const topic = log.topic(TOPIC);
  const lag = await topic.lag(GROUP);
  const from = new Map(lag.map(({ partition, committed }) => [partition, committed]));
  const live = await openLive({
    client,
    publishedFrom: lag.map(({ partition, committed }) => ({
      topic: topic.origin,
      partition,
      before: committed,
    })),
    authorize: () => ({ granted: true, id: 'test', apps: null }),
    allowsOrigin: () => true,
    connections: { set() {} },
    log: silentLog,
    viewMemoryMs: 400 * 86_400_000,
    lookbackMs: 400 * 86_400_000,
    now,
    // The clock stands still: a snapshot taken in between would stay the latest.
    tickMs: 2 ** 30,
  });
  const shown: string[] = [];
  const done = new Map(from);
  let check = () => {};
  const follower = startFollower({
    topic,
    from,
    kernel: referenceKernel,
    plans: noPlans,
    store: new EventStore(client),
    limits,
    defaultApp: 'tube',
    failed: (stage, error) => failures.push(`${stage}: ${error}`),
    now,
    read(partition, next) {
      done.set(partition, next);
      check();
    },
    publish(batch) {
      for (const { record, firstRow, rows } of batch.spans)
        for (let row = firstRow; row < firstRow + rows; row++)
          shown.push(`${batch.source.partition}/${record.offset}/${batch.builder.index[row]}`);
      live.publish(batch);
    },
  });
  t.after(async () => {
    await follower.stop();
    await live.close();
  });
  return {
    shown,
    numbers() {
      const { time: _, ...numbers } = live.realtime.snapshot().of(null);
      return numbers;
    },
    until: (lag) =>
      new Promise((resolve) => {
        check = () => {
          if (lag.every(({ partition, end }) => done.get(partition)! >= end)) resolve();
        };
        check();
      }),
  };
}

test('replicas that start at any moment show what the oracle counts, each event once', async (t) => {
  for (const seed of [3, 11, 38]) {
    const history = generateHistory(seed, { bad: false, timezone: 'UTC', eventsMax: 150 });
    // All of it within half a minute, so that every start falls into the middle of everything.
    const deliveries = history.deliveries.map((delivery, i) => ({
      ...delivery,
      receivedAt: history.now + i * 200,
    }));
    const now = () => history.now + deliveries.length * 200;
    const third = Math.floor(deliveries.length / 3);
    const parts = [
      deliveries.slice(0, third),
      deliveries.slice(third, 2 * third),
      deliveries.slice(2 * third),
    ];
    // Everything so far once more, as clients do that saw no answer. What has no id is another event then.
    const again = deliveries
      .slice(0, 2 * third)
      .filter(({ event }) => (event as { event_id?: string }).event_id);
    const road = await openRoad(t, { kernel: referenceKernel, partitions: 3, now });
    const open = () => openReplica(t, road, now);
    await road.deliver(parts[0]!);
    await road.drain(GROUP);
    const replicas = [await open()];
    // What comes now is in the log and not in ClickHouse while the second replica starts.
    await road.deliver(parts[1]!);
    replicas.push(await open());
    const membership = await road.join(GROUP);
    // And now it is in both, in part.
    replicas.push(await open());
    await road.deliver(again);
    await road.deliver(parts[2]!);
    await road.untilDrained(GROUP);
    replicas.push(await open());
    await membership.stop();
    const lag = await road.log.topic(TOPIC).lag(GROUP);
    for (const replica of replicas) await replica.until(lag);
    const all = [...parts[0]!, ...parts[1]!, ...again, ...parts[2]!];
    const expected = createOracle(all, { isBot }).realtime(now());
    assert.ok(expected.events_per_second > 1);
    assert.deepEqual(road.failures, []);
    for (const [i, replica] of replicas.entries()) {
      assert.deepEqual(replica.numbers(), expected, `seed ${seed}, replica ${i}`);
      assert.equal(new Set(replica.shown).size, replica.shown.length);
    }
    const rows = await road.client.select<{ place: string }>(
      "SELECT concat_ws('/', log_partition, log_offset, log_index) AS place FROM events",
    );
    const stored = new Set(rows.map(({ place }) => place));
    assert.deepEqual(
      replicas[1]!.shown.filter((place) => !stored.has(place)),
      [],
    );
    assert.ok(replicas[1]!.shown.length >= parts[2]!.length / 2);
  }
});
