import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Delivery } from '../oracle/oracle.ts';
import { NOON, openTables, referenceKernel, uuid7 } from './rig.ts';
import { openRoad, type RoadOptions, type TestRoad } from './road.ts';

const MINUTE = 60_000;

interface Said {
  readonly event_id?: string;
  readonly timestamp?: number;
  readonly user_id?: string;
  readonly app_id?: string;
}

const received = (receivedAt: number, event: Said): Delivery => ({
  event: { event_name: 'x', ...event },
  receivedAt,
  app: 'tube',
});

/** A road whose clock says noon when it begins. */
async function openAtNoon(
  t: { after(fn: () => Promise<void>): void },
  more: Partial<RoadOptions> = {},
): Promise<TestRoad> {
  const shift = NOON - Date.now();
  return await openRoad(t, {
    kernel: referenceKernel,
    partitions: 1,
    now: () => Date.now() + shift,
    ...more,
  });
}

async function storedIds(road: TestRoad): Promise<string[]> {
  const rows = await road.client.select<{ id: string }>(
    'SELECT toString(event_id) AS id FROM events ORDER BY id',
  );
  return rows.map((row) => row.id);
}

async function fates(road: TestRoad): Promise<unknown> {
  const [line] = await road.client.select(
    `SELECT toUInt32(sum(l.stored)) AS stored, toUInt32(sum(l.duplicate)) AS duplicate,
       toUInt32(sum(l.quarantined)) AS quarantined FROM ledger AS l`,
  );
  return line;
}

test('an event sent again while ClickHouse is away for longer than the window', async (t) => {
  const road = await openAtNoon(t, { limits: { dedupeWindowMs: MINUTE, batchRowsMax: 2 } });
  const away = Promise.withResolvers<void>();
  const { insert } = road.store;
  let attempts = 0;
  road.store.insert = async (...args) => {
    attempts++;
    await away.promise;
    await insert.apply(road.store, args);
  };
  const first = received(NOON, { event_id: uuid7(1), timestamp: NOON });
  await road.deliver([first]);
  const membership = await road.join();
  while (attempts === 0) await new Promise(setImmediate);
  // The first batch is on its way. In the next ones ids go by until the window has forgotten the first.
  for (let minute = 1; minute <= 5; minute++) {
    const at = NOON + minute * MINUTE;
    await road.deliver([received(at, { event_id: uuid7(100 + minute), timestamp: at })]);
  }
  await road.deliver([{ ...first, receivedAt: NOON + 6 * MINUTE }]);
  // And one that is sent again within the batch that piles up meanwhile.
  const again = received(NOON + MINUTE, { event_id: uuid7(101), timestamp: NOON + MINUTE });
  await road.deliver([{ ...again, receivedAt: NOON + 20 * MINUTE }]);
  away.resolve();
  await road.untilDrained();
  await membership.stop();
  assert.deepEqual(
    await storedIds(road),
    [1, 101, 102, 103, 104, 105].map((n) => uuid7(n)),
  );
  assert.deepEqual(await fates(road), { stored: 6, duplicate: 2, quarantined: 0 });
});

test('an event from a clock that runs ahead, sent again after the window, also over a restart', async (t) => {
  const road = await openAtNoon(t, { limits: { dedupeWindowMs: 2 * MINUTE } });
  const ahead = { event_id: uuid7(1), timestamp: NOON + 20 * MINUTE };
  const later = async (minute: number, event: Said) => {
    await road.deliver([received(NOON + minute * MINUTE, event)]);
    await road.untilDrained();
  };
  const membership = await road.join();
  await later(0, ahead);
  for (const minute of [2, 4, 6, 19])
    await later(minute, { event_id: uuid7(100 + minute), timestamp: NOON + minute * MINUTE });
  // The window begins minutes after the first receipt now, and before the time that the event claims.
  await later(20, ahead);
  assert.deepEqual(
    await storedIds(road),
    [1, 102, 104, 106, 119].map((n) => uuid7(n)),
  );
  await membership.stop();
  await road.deliver([received(NOON + 20 * MINUTE + 10_000, ahead)]);
  await road.drain();
  assert.deepEqual(await fates(road), { stored: 5, duplicate: 2, quarantined: 0 });
});

test('a collision is one after a restart as well, and over a crash between insert and commit', async (t) => {
  const road = await openAtNoon(t);
  const one = { event_id: uuid7(1), timestamp: NOON };
  await road.deliver([received(NOON, one)]);
  await road.drain();
  await road.deliver([
    received(NOON + 1, { ...one, user_id: 'else' }),
    received(NOON + 1, { event_id: uuid7(2) }),
  ]);
  const membership = await road.join();
  const crashed = Promise.withResolvers<void>();
  road.onLedger = async () => {
    void membership.stop();
    crashed.resolve();
    throw new Error('the process is gone');
  };
  await crashed.promise;
  await membership.stop();
  assert.equal(await road.lag(), 1, 'nothing was committed');
  road.onLedger = async () => {};
  await road.drain();
  assert.deepEqual(await storedIds(road), [uuid7(1), uuid7(2)]);
  assert.deepEqual(await fates(road), { stored: 2, duplicate: 0, quarantined: 1 });
  await road.bury();
  assert.deepEqual(await road.client.select('SELECT reason FROM dead_letters FINAL'), [
    { reason: 'id_collision' },
  ]);
});

test('events without an id of their own are stored as often as they are sent', async (t) => {
  const road = await openAtNoon(t);
  await road.deliver(Array.from({ length: 5 }, () => received(NOON, {})));
  await road.drain();
  assert.equal((await storedIds(road)).length, 5);
});

test('a log that begins anew beside an old ClickHouse: its events are events', async (t) => {
  const tables = await openTables();
  const road = await openAtNoon(t, { tables });
  await road.deliver([1, 2, 3].map((n) => received(NOON + n, { event_id: uuid7(n), timestamp: NOON })));
  await road.drain();
  const empty = await openAtNoon(t, { tables });
  await empty.deliver(
    [11, 12, 13, 14].map((n) => received(NOON + n, { event_id: uuid7(n), timestamp: NOON })),
  );
  await empty.drain();
  assert.deepEqual(
    await storedIds(road),
    [1, 2, 3, 11, 12, 13, 14].map((n) => uuid7(n)),
  );
  // And its places are told apart from the old ones when an insert is in doubt.
  empty.store.faults.push('unanswered', 'lost');
  await empty.deliver([received(NOON + 15, { event_id: uuid7(15), timestamp: NOON })]);
  await empty.drain();
  assert.equal((await storedIds(road)).length, 8);
});

test('a late event joins the session that was assigned long ago', async (t) => {
  const shift = NOON + 6 * 60 * MINUTE - Date.now();
  const road = await openAtNoon(t, { now: () => Date.now() + shift });
  const seen = (n: number, minute: number) => ({
    event_id: uuid7(n),
    timestamp: NOON + minute * MINUTE,
    user_id: "o'neill",
  });
  await road.deliver([received(NOON, seen(1, 0)), received(NOON, seen(2, 90))]);
  await road.drain();
  await road.deliver([
    received(NOON + 6 * 60 * MINUTE, seen(3, 29)),
    received(NOON + 6 * 60 * MINUTE, seen(4, 61)),
  ]);
  await road.drain();
  const rows = await road.client.select<{ s: string }>(
    'SELECT session_id AS s FROM events ORDER BY event_id',
  );
  const [first, second, third, fourth] = rows.map((row) => row.s);
  assert.notEqual(first, second);
  assert.deepEqual([third, fourth], [first, second]);
});

test('a partition goes on after the store, the log and a listener have failed it', async (t) => {
  const road = await openAtNoon(t);
  const { serverTime, recentIds, present } = road.store;
  const failsOnce = <A extends unknown[], R>(work: (...args: A) => Promise<R>) => {
    let calls = 0;
    return async (...args: A): Promise<R> => {
      if (++calls === 1) throw new Error('not now');
      return await work.apply(road.store, args);
    };
  };
  road.store.serverTime = failsOnce(serverTime);
  road.store.recentIds = failsOnce(recentIds);
  road.store.present = failsOnce(present);
  let ledgers = 0;
  road.onLedger = async () => {
    if (++ledgers === 1) throw new Error('not now');
  };
  await road.deliver([received(NOON, { event_id: uuid7(1) }), received(NOON + 1, { event_id: uuid7(2) })]);
  await road.drain();
  assert.deepEqual(await storedIds(road), [uuid7(1), uuid7(2)]);
  assert.deepEqual(await fates(road), { stored: 2, duplicate: 0, quarantined: 0 });
  assert.ok(road.failures.some((failure) => failure.startsWith('open')));
  assert.ok(road.failures.some((failure) => failure.startsWith('ledger')));
});

test('on a server that is not ours the new owner waits for the leases of the one before', async (t) => {
  const road = await openAtNoon(t, { ownServer: false, limits: { leaseMs: 500 } });
  await road.deliver([received(NOON, { event_id: uuid7(1) })]);
  await road.drain();
  const [ended, present] = ['end inserts', 'present'].map((call) => road.store.calls.indexOf(call));
  assert.ok(ended! >= 0 && ended! < present!, 'what still ran was ended, then looked at');
  assert.deepEqual(await storedIds(road), [uuid7(1)]);
});

test('offsets that are read again by another group are the same rows and the same ledger', async (t) => {
  const road = await openAtNoon(t, { limits: { batchRowsMax: 1, readBytesMax: 1 } });
  const one = { event_id: uuid7(1), timestamp: NOON };
  const all = [
    received(NOON, one),
    received(NOON + 1, one),
    received(NOON + 2, { ...one, user_id: 'else' }),
    received(NOON + 3, {}),
  ];
  for (const delivery of all) {
    await road.deliver([delivery]);
    await road.drain();
  }
  const before = [await storedIds(road), await fates(road)];
  await road.drain('others');
  assert.deepEqual([await storedIds(road), await fates(road)], before);
});
