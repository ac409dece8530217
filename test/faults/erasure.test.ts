/** A person is erased while ingest goes on, from one server and from shards, and whoever is killed; and it stays so. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ReplayState } from '../../src/replay-routes.ts';
import type { StoreClient } from '../../src/store/client.ts';
import { ERASURE_ENV, type ErasureAnswer, erase, finished, NOTHING, verifyBooks } from '../e2e/erasures.ts';
import { startTestService, type TestService } from '../support/service.ts';
import { startTestCluster } from '../support/shards.ts';
import { Load } from './load.ts';
import { withScene } from './round.ts';
import { until } from './verify.ts';

/** Whom the load has among others. */
const PERSON = 'p5';

async function replayAll(url: string): Promise<ReplayState> {
  const begun = await fetch(`${url}/v1/replay`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ from: 0, swap: true }),
  });
  assert.equal(begun.status, 202, await begun.text());
  let state: ReplayState | null = null;
  await until('the replay ends', async () => {
    state = (await (await fetch(`${url}/v1/replay`)).json()) as ReplayState;
    return state.state !== 'running';
  });
  return state!;
}

const rowsOf = async (client: StoreClient, id: string, before: string) => {
  const [row] = await client.select<{ n: number }>(
    `SELECT count() AS n FROM events WHERE (user_id = {id:String} OR anonymous_id = {id:String})
       AND received_at < parseDateTime64BestEffort({before:String}, 3)`,
    { id, before },
  );
  return row!.n;
};

/** Everything acknowledged is stored once, but for what the person sent before. */
async function verifyOthers(client: StoreClient, load: Load, before: string): Promise<void> {
  await until('what was taken is stored', async () => {
    const rows = await client.select<{ event_id: string; n: number }>(
      'SELECT event_id, count() AS n FROM events GROUP BY event_id',
    );
    const stored = new Map(rows.map((row) => [row.event_id, row.n]));
    assert.deepEqual(
      rows.filter(({ n }) => n > 1),
      [],
      'stored twice',
    );
    return [...load.sent.acked].every((id) => stored.has(id) || load.people.get(id) === PERSON);
  });
  assert.equal(await rowsOf(client, PERSON, before), 0);
}

async function checkErasure(service: TestService): Promise<void> {
  const load = new Load({ url: service.url, connections: 3, batch: 40, pauseMs: 5 });
  load.start();
  try {
    await checkUnder(load, service);
  } finally {
    await load.stop(false);
  }
}

async function checkUnder(load: Load, service: TestService): Promise<void> {
  const { client } = service.store!;
  await until('there are events', async () => {
    const [row] = await client.select<{ n: number }>('SELECT count() AS n FROM events');
    return row!.n > 4_000;
  });
  const done = await erase(service.url, PERSON);
  const acked = load.sent.acked.size;
  assert.ok(done.before!.events! > 10 && done.before!.sessions! > 0 && done.before!.views! > 0);
  assert.deepEqual(done.after, NOTHING);
  assert.ok(done.removed_events >= done.before!.events!);
  assert.ok(done.recomputed.days.length >= 3);
  await until('ingest went on', async () => load.sent.acked.size > acked + 500);
  await load.stop(true);
  await verifyOthers(client, load, done.requested_at);
  const later = new Date(Date.now() + 60_000).toISOString();
  assert.ok((await rowsOf(client, PERSON, later)) > 0, 'what came afterwards is new, and counted');
  await verifyBooks(service.url, client);
  const { totals } = await service.get<{ totals: Record<string, number> }>('/v1/ledger');
  assert.ok(totals.erased === done.removed_events, JSON.stringify(totals));
  assert.equal(totals.unaccounted, 0);

  const replayed = await replayAll(service.url);
  assert.equal(replayed.error, null);
  const { days, examples } = replayed.progress!.difference!;
  for (const day of days) assert.deepEqual([day.missing, day.surplus], [0, 0], 'the log has nothing to add');
  // A session that went on over the erasure begins with what is left of it, once that is decided on anew.
  for (const { event_id } of examples) assert.equal(load.people.get(event_id), PERSON);
  await verifyOthers(client, load, done.requested_at);
  await verifyBooks(service.url, client);
}

test('a person is gone while ingest goes on, and a replay does not bring them back', async (t) => {
  const service = await startTestService(ERASURE_ENV);
  t.after(() => service.stop());
  await checkErasure(service);
});

test('the same on three shards', async (t) => {
  const cluster = await startTestCluster(3, t);
  const service = await startTestService({ ...cluster.env, ...ERASURE_ENV, ANALYTICS_CH_AUTO_CREATE: '1' });
  t.after(() => service.stop());
  await checkErasure(service);
});

test('kill -9 in the middle of an erasure: the next process goes on with it', async () => {
  await withScene({ env: { ...ERASURE_ENV } }, async ({ harness, load }) => {
    await harness.start();
    load.start();
    await until('there are events', async () => load.sent.acked.size > 3_000);
    const url = () => harness.url;
    const begun = fetch(`${url()}/v1/subjects/${PERSON}`, { method: 'DELETE' }).catch(() => null);
    await until('it is written down', async () => {
      const { data } = (await (await fetch(`${url()}/v1/subjects/erasures`)).json()) as { data: unknown[] };
      return data.length === 1;
    });
    for (let round = 0; round < 4; round++) {
      await new Promise((resolve) => setTimeout(resolve, Math.random() * (round === 0 ? 800 : 4_000)));
      await harness.killBoth();
      await harness.start();
    }
    await begun;
    const { data } = (await (await fetch(`${url()}/v1/subjects/erasures`)).json()) as {
      data: ErasureAnswer[];
    };
    const done = await finished(url(), data[0]!.erasure_id);
    assert.deepEqual(done.after, NOTHING);
    await load.stop(true);
    await verifyOthers(harness.client, load, done.requested_at);
    await verifyBooks(url(), harness.client);
  });
});
