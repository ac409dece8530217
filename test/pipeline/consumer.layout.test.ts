/**
 * Partitions are added while two processes of ingest disagree about their number, and senders try both: every event counts
 * once. ORACLE_ROUNDS sets how many histories (default 4), ORACLE_SEED where they begin.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openKernel } from '../../src/event/kernel/wasm.ts';
import { createRecords } from '../../src/ingest/split.ts';
import type { NewRecord } from '../../src/log/log.ts';
import { createRandom, type Random } from '../oracle/random.ts';
import { TOPIC, uuid7 } from './rig.ts';
import { openRoad } from './road.ts';

const ROUNDS = Number(process.env.ORACLE_ROUNDS ?? 4);
const SEED = Number(process.env.ORACLE_SEED ?? 1);
const [FEW, MANY] = [2, 6];

test('two processes of ingest disagree, and each event is sent to both', async (t) => {
  const kernel = await openKernel();
  let ids = 0;
  const now = Date.now();
  const event = (random: Random) => ({
    event_id: uuid7(++ids, now),
    event_name: 'page_view',
    // Some have no actor: then the id decides where they go.
    ...(random.chance(0.8) && { user_id: `u${random.below(40)}` }),
    timestamp: now,
  });
  /** As an ingest that knows of so many partitions takes them. */
  const take = (events: readonly object[], partitions: number): NewRecord[] => {
    const lines = events.map((one) => `${JSON.stringify(one)}\n`).join('');
    const scan = kernel.scanner.scan(Buffer.from(lines), {
      receivedAt: now,
      mode: 'ndjson',
      defaultName: null,
      maxEvents: events.length,
      oldestAllowed: 0,
      newestAllowed: Number.MAX_SAFE_INTEGER,
      nextIds: () => assert.fail('each has an id'),
      sentAt: null,
    });
    const outline = {
      receivedAt: now,
      app: 'tube',
      userAgent: '',
      country: '',
      source: '/events',
      traceparent: null,
    };
    return createRecords(scan, partitions, outline);
  };
  for (let round = 0; round < ROUNDS; round++) {
    await t.test(`seed ${SEED + round}`, async (t) => {
      const random = createRandom((SEED + round) * 104_729);
      const road = await openRoad(t, { kernel, partitions: MANY });
      const topic = road.log.topic(TOPIC);
      const before = Array.from({ length: 30 }, () => event(random));
      await topic.append(take(before, FEW));
      if (random.chance(0.7)) await road.drain();

      const events = Array.from({ length: 200 }, () => event(random));
      const sends = events.flatMap((one) => [
        { one, partitions: FEW },
        { one, partitions: MANY },
        ...(random.chance(0.3) ? [{ one: random.pick(before), partitions: random.pick([FEW, MANY]) }] : []),
      ]);
      let membership = await road.join();
      const waiting = sends.toSorted(() => random.next() - 0.5);
      while (waiting.length > 0) {
        const batch = waiting.splice(0, 1 + random.below(12));
        // Both are under way at once, in either order.
        const both = [FEW, MANY].toSorted(() => random.next() - 0.5);
        await Promise.all(
          both.map((partitions) => {
            const own = batch.filter((send) => send.partitions === partitions).map(({ one }) => one);
            return own.length === 0 ? null : topic.append(take(own, partitions));
          }),
        );
        if (random.chance(0.1)) {
          await membership.stop();
          membership = await road.join();
        }
      }
      await road.untilDrained();
      await membership.stop();
      const [stored] = await road.client.select<{ rows: number; ids: number }>(
        'SELECT count() AS rows, uniqExact(event_id) AS ids FROM events',
      );
      const distinct = before.length + events.length;
      assert.deepEqual(stored, { rows: distinct, ids: distinct }, road.failures.join('\n'));
      const [ledger] = await road.client.select<{ received: number; left: number }>(
        `SELECT sum(l.received) AS received,
           sum(toInt64(l.received) - l.stored - l.duplicate - l.filtered - l.quarantined) AS left FROM ledger AS l`,
      );
      assert.equal(ledger!.left, 0);
      assert.ok(ledger!.received >= before.length + sends.length);
    });
  }
});
