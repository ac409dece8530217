/**
 * Random histories through the whole road, with faults, stops and starts, against the oracle: what is stored, what was
 * left out, and what is counted. HISTORY_ROUNDS and HISTORY_SEED for more of them.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openKernel } from '../../src/event/kernel/wasm.ts';
import type { Kernel } from '../../src/event/kernel.ts';
import type { Membership } from '../../src/log/log.ts';
import { createRecompute } from '../../src/store/recompute.ts';
import { verifyLedger, verifyRecount } from '../faults/verify.ts';
import { generateHistory, isBot } from '../oracle/history.ts';
import { createOracle, type Delivery, type Oracle } from '../oracle/oracle.ts';
import { createRandom, type Random } from '../oracle/random.ts';
import { type Fault, faults } from './faulty-store.ts';
import { referenceKernel } from './rig.ts';
import { type Delivered, gather, openRoad, RETENTION_MS, type TestRoad } from './road.ts';

const ROUNDS = Number(process.env.HISTORY_ROUNDS ?? 1);
const SEED = Number(process.env.HISTORY_SEED ?? 1);
const MINUTE = 60_000;

interface Row {
  readonly event_id: string;
  readonly app_id: string;
  readonly event_name: string;
  readonly at: number;
  readonly actor: string;
  readonly session_id: string;
  readonly session_assigned: boolean;
  readonly video_id: string;
  readonly view_id: string;
  readonly is_bot: boolean;
}

/** One name on either side for the other, and the same one always. */
class Pairing {
  readonly #there = new Map<string, string>();
  readonly #back = new Map<string, string>();

  check(one: string, other: string, what: string): void {
    assert.equal(this.#there.get(one) ?? other, other, what);
    assert.equal(this.#back.get(other) ?? one, one, what);
    this.#there.set(one, other);
    this.#back.set(other, one);
  }
}

async function verifyRows(road: TestRoad, oracle: Oracle, places: readonly Delivered[]): Promise<void> {
  const rows = await road.client.select<Row>(
    `SELECT event_id, app_id, event_name, toUnixTimestamp64Milli(timestamp) AS at, actor, session_id, session_assigned,
       video_id, view_id, is_bot FROM events`,
  );
  const byId = new Map(rows.map((row) => [`${row.app_id} ${row.event_id}`, row]));
  assert.equal(byId.size, rows.length, 'an id is stored twice');
  const expected = oracle.accepted.events.map((e) => `${e.app_id} ${places[e.order]!.id}`);
  assert.deepEqual([...byId.keys()].sort(), expected.sort());
  const [sessions, views] = [new Pairing(), new Pairing()];
  for (const event of oracle.accepted.events) {
    const row = byId.get(`${event.app_id} ${places[event.order]!.id}`)!;
    const { event_name, at, actor, session_assigned, video_id, is_bot } = event;
    // Whoever is known by an assigned session alone does not exist: an actor comes first.
    const said = { event_name, at, actor, session_assigned, video_id, is_bot };
    const { app_id, event_id: _, session_id, view_id, ...stored } = row;
    assert.deepEqual(stored, said);
    if (!event.session_assigned) assert.equal(session_id, event.session_id);
    sessions.check(
      `${event.app_id} ${event.session_id}`,
      `${app_id} ${session_id}`,
      `session of ${row.event_id}`,
    );
    assert.equal(view_id === '', event.view === '');
    if (view_id !== '')
      views.check(event.view, JSON.stringify([app_id, video_id, view_id]), `view of ${row.event_id}`);
  }
}

async function verifyFates(road: TestRoad, oracle: Oracle, places: readonly Delivered[]): Promise<void> {
  await verifyLedger(road.client);
  const lines = await road.client.select<{
    app_id: string;
    stored: number;
    duplicate: number;
    quarantined: number;
  }>(
    `SELECT app_id, toUInt32(sum(l.stored)) AS stored, toUInt32(sum(l.duplicate)) AS duplicate,
       toUInt32(sum(l.quarantined)) AS quarantined FROM ledger AS l GROUP BY app_id`,
  );
  const ledger = oracle.ledger();
  for (const app of new Set([...Object.keys(ledger), ...lines.map((line) => line.app_id)])) {
    const line = lines.find((l) => l.app_id === app);
    assert.equal(line?.stored ?? 0, ledger[app]?.stored ?? 0, `stored of ${app}`);
    assert.equal(line?.duplicate ?? 0, ledger[app]?.duplicate ?? 0, `duplicates of ${app}`);
  }
  await road.bury();
  const letters = await road.client.select<{ id: string }>('SELECT id FROM dead_letters FINAL');
  const stored = new Set(oracle.accepted.events.map((event) => event.order));
  assert.equal(new Set(letters.map((letter) => letter.id)).size, letters.length);
  const buried = new Set(letters.map((letter) => letter.id));
  const refusedByIngest = places.filter((place) => place.deadId === null).length;
  const quarantined = Object.values(ledger).reduce((sum, line) => sum + line.quarantined, 0);
  assert.equal(letters.length, quarantined - refusedByIngest);
  for (const [order, { deadId }] of places.entries())
    if (stored.has(order)) assert.ok(!buried.has(deadId!), 'a stored event has a dead letter');
  const known = new Set(places.map((place) => place.deadId));
  for (const id of buried) assert.ok(known.has(id), 'a dead letter of no event');
  assert.equal(
    lines.reduce((sum, line) => sum + line.quarantined, 0),
    letters.length,
  );
}

async function verifyViews(road: TestRoad, oracle: Oracle): Promise<void> {
  const recompute = createRecompute({
    store: road.client,
    gapLimitMs: 30_000,
    rowsMax: 1e6,
    engagementEveryMs: 0,
  });
  // The leases of the last marks are waited for.
  const dirty =
    'SELECT 1 FROM bucket_state GROUP BY app_id, bucket HAVING max(lease_until) >= max(as_of) LIMIT 1';
  while ((await road.client.select(dirty)).length > 0) await recompute.round();
  await verifyRecount(road.client);
  const views = await road.client.select<Record<string, unknown>>(
    `SELECT app_id, video_id, toUnixTimestamp64Milli(started_at) AS start, viewer, toInt64(round(watch_ms * 1000)) AS watched,
       duration_ms, completed, events FROM views FINAL WHERE NOT is_bot`,
  );
  const expected = oracle.views.map((v) => ({
    app_id: v.app_id,
    video_id: v.video_id,
    start: v.startedAt,
    viewer: v.viewer,
    watched: Math.round(v.watchMs * 1_000),
    duration_ms: v.durationMs,
    completed: v.completed,
    events: v.events.length,
  }));
  const inOrder = (list: readonly object[]) => list.map((v) => JSON.stringify(v)).sort();
  assert.deepEqual(inOrder(views), inOrder(expected));
}

/** Without an actor and a session each event goes its own way, and the order within a view is nobody's. */
function hasKey({ event }: Delivery): boolean {
  const fields = (event ?? {}) as Record<string, unknown>;
  return Boolean(fields.user_id || fields.anonymous_id || fields.session_id);
}

/** Stops at a random moment, or between insert and commit, or after a while of faults. */
async function disturb(road: TestRoad, random: Random): Promise<void> {
  const some: Fault[] = random.chance(0.3)
    ? [random.pick(faults.filter((fault) => fault !== 'partial'))]
    : [];
  road.store.faults.push(...some);
  let membership: Membership | null = null;
  let left = 1 + random.below(3);
  const crashed = Promise.withResolvers<void>();
  road.onLedger = async () => {
    if (--left > 0) return;
    void membership?.stop();
    crashed.resolve();
    throw new Error('the process is gone');
  };
  membership = await road.join();
  const moment = random.chance(0.5)
    ? new Promise<void>((resolve) => setTimeout(resolve, random.below(90)))
    : null;
  await Promise.race([moment ?? crashed.promise, crashed.promise, road.untilDrained()]);
  await membership.stop();
  road.onLedger = async () => {};
  road.store.faults.length = 0;
}

async function runHistory(
  t: { after(fn: () => Promise<void>): void },
  kernel: Kernel,
  partitions: number,
  seed: number,
): Promise<void> {
  const random = createRandom(seed);
  const history = generateHistory(seed, { retentionMs: RETENTION_MS });
  const all = gather(history.deliveries, random).filter((delivery) => partitions === 1 || hasKey(delivery));
  if (all.length === 0) return;
  const clock = random.pick([all[0]!.receivedAt, history.now]) - Date.now();
  const road = await openRoad(t, {
    kernel,
    partitions,
    now: () => Date.now() + clock,
    limits: {
      batchRowsMax: random.pick([1, 7, 1_000]),
      readBytesMax: random.pick([1, 3_000, 1 << 20]),
      dedupeWindowMs: random.pick([MINUTE, 15 * MINUTE]),
      dedupeEntriesMax: random.pick([8, 1 << 20]),
    },
  });
  const places: Delivered[] = [];
  const parts = 1 + random.below(3);
  const size = Math.ceil(all.length / parts);
  for (let from = 0; from < all.length; from += size) {
    places.push(...(await road.deliver(all.slice(from, from + size))));
    await disturb(road, random);
  }
  await road.drain();
  const oracle = createOracle(all, { retentionMs: RETENTION_MS, isBot });
  await verifyRows(road, oracle, places);
  await verifyFates(road, oracle, places);
  await verifyViews(road, oracle);

  // The same offsets again, as if nothing had ever been committed.
  await road.drain('another group');
  await verifyRows(road, oracle, places);
  await verifyFates(road, oracle, places);
}

for (let round = 0; round < ROUNDS; round++) {
  for (const [kind, open] of [
    ['reference', async () => referenceKernel],
    ['wasm', openKernel],
  ] as const) {
    for (const partitions of [1, 3]) {
      const seed = SEED + round * 4 + partitions + (kind === 'wasm' ? 1_000_000 : 0);
      test(`history ${seed}, ${kind} kernel, partitions: ${partitions}`, async (t) => {
        await runHistory(t, await open(), partitions, seed);
      });
    }
  }
}
