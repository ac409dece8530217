import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import type { LogRecord } from '../../src/log/log.ts';
import type { Batch } from '../../src/pipeline/batch.ts';
import { SessionMemory } from '../../src/pipeline/steps/sessions.ts';
import { createSteps } from '../../src/pipeline/steps.ts';
import { Writer, type WriterOptions } from '../../src/pipeline/writer.ts';
import type { StoreClient } from '../../src/store/client.ts';
import type { EventStore } from '../../src/store/events.ts';
import { createRecompute } from '../../src/store/recompute.ts';
import { verifyRecount } from '../faults/verify.ts';
import { type Fault, FaultyStore, faults } from './faulty-store.ts';
import {
  batchOf,
  createContext,
  createWindow,
  insertBatch,
  NOON,
  openOwnTables,
  openTables,
  recomputeSome,
  recordOf,
  rowsOf,
  TOPIC,
  uuid7,
} from './rig.ts';

const RUNS = Number(process.env.WRITER_RUNS ?? 5);
const LEASE_MS = 600;
const MONTH = 30 * 24 * 3_600_000;

interface Site {
  readonly client: StoreClient;
  readonly store: FaultyStore;
}

async function openSite(open = openTables): Promise<Site> {
  const { client, endpoint } = await open();
  return { client, store: new FaultyStore(client, endpoint) };
}

function createWriter(
  store: FaultyStore,
  memory = new SessionMemory(0, { turnMs: 1e12, actorsMax: 1e6 }),
  more: Partial<WriterOptions> = {},
): Writer {
  return new Writer({
    erased: null,
    source: { topic: TOPIC, partition: 0 },
    store,
    steps: createSteps(memory),
    observer: { step() {} },
    leaseMs: LEASE_MS,
    generation: () => store.generation,
    backOff: async () => {},
    now: Date.now,
    async sleep(ms) {
      await store.waiting();
      await sleep(ms);
    },
    heldUntil: () => Infinity,
    ...more,
  });
}

let made = 0;

/** Records with events of this month and the one before, so that a block has two parts; some without a session. */
function someRecords(firstOffset: number, records = 3): LogRecord[] {
  return Array.from({ length: records }, (_, i) =>
    recordOf(
      firstOffset + i,
      Array.from({ length: 4 }, (_, n) => ({
        event_id: uuid7(++made),
        event_name: 'video_heartbeat',
        timestamp: NOON - (n % 2) * MONTH + n * 1_000,
        user_id: `u${made % 3}`,
        video_id: 'v',
        ...(n === 0 ? { session_id: 's' } : {}),
        properties: { watch_ms: 1_000 },
      })),
    ),
  );
}

const contextOfAll = () => createContext({ dedupe: createWindow({ start: 0, entriesMax: 1 << 20 }) });

/** Lands what the batch has of this month only, as a server does that ended between two parts. */
async function landOnePart(store: EventStore, records: readonly LogRecord[]): Promise<void> {
  const batch = batchOf(records, contextOfAll());
  const { index, timestamp } = batch.builder;
  const out = batch.spans.map((span) => {
    const indexes = new Set<number>();
    for (let row = span.firstRow; row < span.firstRow + span.rows; row++)
      if (timestamp[row]! < NOON) indexes.add(index[row]!);
    return [span, indexes] as const;
  });
  batch.rebuild(new Map(out));
  await insertBatch(Object.assign(Object.create(store), { faults: [] }), batch);
}

async function verifyOnce(client: StoreClient, expected: readonly string[]): Promise<void> {
  const rows = await client.select<{ place: string }>(
    "SELECT concat(toString(log_offset), '/', toString(log_index), ' ', toString(event_id)) AS place FROM events",
  );
  assert.deepEqual(rows.map((row) => row.place).sort(), [...expected].sort());
}

/** No row may land in a bucket that nobody announced for so long. */
async function verifyMarks(client: StoreClient): Promise<void> {
  const unannounced = await client.select(
    `SELECT app_id, bucket, max(lease) AS row, max(mark) AS mark FROM (
       SELECT app_id, toStartOfFiveMinutes(timestamp) AS bucket, lease_until AS lease, toDateTime64(0, 3) AS mark FROM events
       UNION ALL SELECT app_id, bucket, toDateTime64(0, 3), lease_until FROM bucket_state
     ) GROUP BY ALL HAVING row > mark`,
  );
  assert.deepEqual(unannounced, []);
}

async function writeWith(site: Site, writer: Writer, met: readonly Fault[], offset: number): Promise<Batch> {
  const records = someRecords(offset);
  const batch = batchOf(records, contextOfAll());
  site.store.faults.push(...met);
  site.store.landPart = () => landOnePart(site.store, records);
  await writer.write(batch);
  assert.deepEqual(site.store.faults, [], 'every fault was met');
  return batch;
}

test('nothing of a writer that was stopped, and goes on after its source was given away', async () => {
  const { client, store } = await openSite();
  const slept = Date.now();
  await sleep(LEASE_MS + 50);
  const ended = new Error('the assignment ended');
  const refusals: unknown[] = [];
  const writer = createWriter(store, undefined, {
    heldUntil: () => slept,
    async backOff(_, error) {
      refusals.push(error);
      throw ended;
    },
  });
  const batch = batchOf(someRecords(0), contextOfAll());
  await assert.rejects(writer.write(batch), ended);
  assert.match(String(refusals[0]), /lease/);
  assert.deepEqual(await client.select('SELECT 1 FROM events'), []);
  assert.ok((await writer.lease()) < Date.now(), 'nor may the ledger be written');
});

test('without faults: mark, then insert; no other word to the server', async () => {
  const site = await openSite();
  const writer = createWriter(site.store);
  const expected = rowsOf(await writeWith(site, writer, [], 0));
  assert.deepEqual(site.store.calls, ['mark', 'insert']);
  await verifyOnce(site.client, expected);
  await verifyMarks(site.client);
});

for (const fault of faults) {
  test(`an insert that is ${fault}: afterwards each row is there once`, async () => {
    const site = await openSite();
    const records = someRecords(0);
    const expected = rowsOf(batchOf(records, contextOfAll()));
    const batch = batchOf(records, contextOfAll());
    site.store.faults.push(fault);
    site.store.landPart = () => landOnePart(site.store, records);
    await createWriter(site.store).write(batch);
    await verifyOnce(site.client, expected);
    await verifyMarks(site.client);
    const [first] = site.store.calls.filter((call) => call.startsWith('insert'));
    assert.equal(first, `insert ${fault}`);
    assert.deepEqual(site.store.refusals, fault === 'arrives after the lease' ? [469] : []);
    const ended = site.store.calls.indexOf('end inserts');
    if (fault === 'killed') assert.equal(ended, -1, 'nothing of a server that is gone can land');
    // An insert that began before its lease was over is ended only after that.
    else
      assert.ok(ended > site.store.calls.lastIndexOf('wait') && ended < site.store.calls.indexOf('present'));
  });
}

test('any faults one after the other, over several batches', async () => {
  const site = await openSite();
  const writer = createWriter(site.store);
  const expected: string[] = [];
  let offset = 0;
  const sequence = fc.array(fc.constantFrom(...faults), { maxLength: 3 });
  const property = fc.asyncProperty(sequence, async (met) => {
    const records = someRecords(offset);
    offset += records.length;
    expected.push(...rowsOf(batchOf(records, contextOfAll())));
    site.store.faults.length = 0;
    site.store.faults.push(...met);
    site.store.landPart = () => landOnePart(site.store, records);
    await writer.write(batchOf(records, contextOfAll()));
    await verifyOnce(site.client, expected);
    await verifyMarks(site.client);
  });
  await fc.assert(property, { numRuns: RUNS, endOnFailure: true });
});

test('sessions are the same whatever becomes of the inserts', async () => {
  const site = await openSite();
  const records = someRecords(0, 6);
  const memory = new SessionMemory(0, { turnMs: 1e12, actorsMax: 1e6 });
  const expected = batchOf(records, contextOfAll());
  await createWriter(site.store, memory).write(expected);
  const sessions = () =>
    site.client.select('SELECT event_id, session_id, view_id FROM events ORDER BY event_id');
  const undisturbed = await sessions();
  await site.client.command('TRUNCATE TABLE events SETTINGS mutations_sync = 2');
  site.store.faults.push('lost', 'unanswered');
  const again = new SessionMemory(0, { turnMs: 1e12, actorsMax: 1e6 });
  await createWriter(site.store, again).write(batchOf(records, contextOfAll()));
  assert.deepEqual(await sessions(), undisturbed);
});

test('a doubt that arises on a server that was started meanwhile is no less a doubt', async () => {
  const site = await openSite();
  const records = someRecords(0);
  // The server is restarted before the insert is sent; the insert goes to the new one.
  site.store.faults.push('arrives while waiting');
  const { mark } = site.store;
  site.store.mark = async (...args) => {
    await mark.apply(site.store, args);
    site.store.generation++;
    site.store.mark = mark;
  };
  await createWriter(site.store).write(batchOf(records, contextOfAll()));
  assert.ok(site.store.calls.includes('end inserts'), 'the new server may be at work on it');
  await verifyOnce(site.client, rowsOf(batchOf(records, contextOfAll())));
});

test('rows that land after a recompute took their bucket for clean are counted all the same', async () => {
  const site = await openSite(openOwnTables);
  // A server that is slow between its check of the lease and its commit is a server without the check.
  await site.client.command('ALTER TABLE events DROP CONSTRAINT lease');
  const recompute = createRecompute({
    store: site.client,
    gapLimitMs: 30_000,
    rowsMax: 1e6,
    engagementEveryMs: 0,
  });
  site.store.faults.push('arrives after the lease');
  const { endInserts } = site.store;
  site.store.endInserts = async (source) => {
    // The mark outlives the insert's lease by some: the recompute waits for its end.
    await recomputeSome(recompute);
    await endInserts.call(site.store, source);
  };
  await createWriter(site.store).write(batchOf(someRecords(0), contextOfAll()));
  assert.deepEqual(site.store.refusals, []);
  await recomputeSome(recompute);
  await verifyRecount(site.client);
});

test('the first batch waits for a server that does not answer yet', async () => {
  const site = await openSite();
  const { serverTime } = site.store;
  let asked = 0;
  site.store.serverTime = async () => {
    if (++asked <= 2) throw new Error('not yet');
    return await serverTime.call(site.store);
  };
  const expected = rowsOf(await writeWith(site, createWriter(site.store), [], 0));
  await verifyOnce(site.client, expected);
});

test('a batch of nothing is nothing', async () => {
  const { store } = await openSite();
  await createWriter(store).write(batchOf([recordOf(0, ['{"'])]));
  assert.deepEqual(store.calls, []);
});
