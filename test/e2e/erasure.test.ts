/** Erasing a person: gone from raw, from everything counted and from the disk, while others go on; and it stays so. */
import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { ReplayState } from '../../src/replay-routes.ts';
import type { StoreClient } from '../../src/store/client.ts';
import { Load } from '../faults/load.ts';
import { withScene } from '../faults/round.ts';
import { until, verifyAnswers, verifyLedger, verifyRecount } from '../faults/verify.ts';
import { startTestService, type TestService } from '../support/service.ts';
import { startTestCluster } from '../support/shards.ts';

interface ErasureAnswer {
  readonly erasure_id: string;
  readonly state: string;
  readonly requested_at: string;
  readonly before: Record<string, number> | null;
  readonly after: Record<string, number> | null;
  readonly removed_events: number;
  readonly recomputed: {
    readonly days: readonly { app_id: string; day: string }[];
    readonly pending_buckets: number;
  };
  readonly log_erased_by: string | null;
}

const ENV = {
  ANALYTICS_LOG_PARTITIONS: '3',
  ANALYTICS_ENGAGEMENT_EVERY_MS: '0',
  ANALYTICS_INSERT_LEASE_MS: '1000',
};
const NOTHING = { events: 0, sessions: 0, views: 0, dead_letters: 0, derived_events: 0 };
/** Whom the load has among others. */
const PERSON = 'p5';

async function erase(url: string, id: string, query = ''): Promise<ErasureAnswer> {
  const answer = await fetch(`${url}/v1/subjects/${encodeURIComponent(id)}${query}`, { method: 'DELETE' });
  const body = (await answer.json()) as ErasureAnswer;
  assert.ok(answer.status === 200 || answer.status === 202, JSON.stringify(body));
  return await finished(url, body.erasure_id);
}

async function finished(url: string, id: string): Promise<ErasureAnswer> {
  let state: ErasureAnswer | null = null;
  await until('the erasure is done', async () => {
    state = (await (await fetch(`${url}/v1/subjects/erasures/${id}`)).json()) as ErasureAnswer;
    return state.state === 'done';
  });
  return state!;
}

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

async function verifyBooks(url: string, client: StoreClient): Promise<void> {
  await until('the ledger has caught up', async () => {
    await verifyLedger(client);
    return true;
  });
  await verifyRecount(client);
  await verifyAnswers(url, client);
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
  await until('there are events', async () => load.sent.acked.size > 4_000);
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
  const service = await startTestService(ENV);
  t.after(() => service.stop());
  await checkErasure(service);
});

test('the same on three shards', async (t) => {
  const cluster = await startTestCluster(3, t);
  const service = await startTestService({ ...cluster.env, ...ENV, ANALYTICS_CH_AUTO_CREATE: '1' });
  t.after(() => service.stop());
  await checkErasure(service);
});

test('no address is stored, whoever says it', async (t) => {
  const service = await startTestService({ ANALYTICS_TRUSTED_PROXIES: '127.0.0.1' });
  t.after(() => service.stop());
  const { client } = service.store!;
  const address = '203.0.113.77';
  const event = { event_name: 'page_view', user_id: 'u', context: { ip: address, os: 'X' } };
  const sent = await service.post('/events', [event], { 'x-forwarded-for': address });
  assert.equal(sent.status, 202);
  await until('it is stored', async () => (await client.select('SELECT 1 FROM events')).length === 1);
  const [row] = await client.select<{ text: string }>('SELECT toString(tuple(*)) AS text FROM events');
  assert.ok(row!.text.includes('"os":"X"') && !row!.text.includes(address), row!.text);
  assert.deepEqual(filesWith(join(service.dataDir, 'clickhouse'), address), []);
});

/** Files under the folder that hold the bytes. */
function filesWith(dir: string, text: string): string[] {
  const needle = Buffer.from(text);
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => {
      try {
        return readFileSync(path).includes(needle);
      } catch {
        // Parts come and go.
        return false;
      }
    });
}

test('every trace of a person goes, from the disk too, in the apps that are named', async (t) => {
  const service = await startTestService({ ...ENV, ANALYTICS_DERIVED: '1' });
  t.after(() => service.stop());
  const { client } = service.store!;
  // What does not compress is found as it is.
  const id = `person-${randomBytes(24).toString('hex')}`;
  const day = 86_400_000;
  const at = (ms: number) => new Date(Date.now() - ms).toISOString();
  const events = ['one', 'two'].flatMap((app_id) =>
    [0, day, 3 * day].flatMap((ago, i) => [
      {
        event_name: 'video_start',
        app_id,
        user_id: id,
        session_id: `s${i}`,
        view_id: `v${i}`,
        video_id: 'film',
        timestamp: at(ago + 9_000),
      },
      {
        event_name: 'view_end',
        app_id,
        user_id: id,
        session_id: `s${i}`,
        view_id: `v${i}`,
        video_id: 'film',
        timestamp: at(ago + 1_000),
        properties: { watch_ms: 8_000, completed: true },
      },
      {
        event_name: 'page_view',
        app_id,
        anonymous_id: id,
        timestamp: at(ago + 500),
        properties: { page: '/' },
      },
      {
        event_name: 'page_view',
        app_id,
        user_id: 'somebody',
        timestamp: at(ago + 500),
        properties: { page: '/' },
      },
    ]),
  );
  const bad = [
    { app_id: 'one', user_id: id, timestamp: at(0) },
    { app_id: 'one', distinct_id: id, properties: { a: '"\\' } },
    { app_id: 'two', user_id: id },
    { app_id: 'one', user_id: 'somebody', properties: { friend: id.slice(0, -1) } },
  ];
  const sent = await service.post<{ accepted: number; rejected: number }>('/events', [...events, ...bad]);
  assert.deepEqual([sent.status, sent.body.accepted, sent.body.rejected], [202, events.length, bad.length]);
  const count = async (table: string, where = '1') =>
    (await client.select<{ n: number }>(`SELECT count() AS n FROM ${table} WHERE ${where}`))[0]!.n;
  await until(
    'all is stored',
    async () => (await count('events')) === events.length && (await count('dead_letters')) === 4,
  );
  await until('all is derived', async () => (await count('derived_events')) >= 2);
  await verifyRecount(client);
  const folder = join(service.dataDir, 'clickhouse');
  assert.ok(filesWith(folder, id).length > 3, 'it can be found');

  const one = await erase(service.url, id, '?app_id=one');
  assert.deepEqual(one.before, { events: 9, sessions: 6, views: 3, dead_letters: 2, derived_events: 1 });
  assert.deepEqual(one.after, NOTHING);
  assert.equal(await count('events', `app_id = 'two'`), 12, 'the other app has everything');
  assert.equal(await count('events', `app_id = 'one'`), 3);
  assert.equal(await count('dead_letters'), 2);
  await verifyBooks(service.url, client);

  const all = await erase(service.url, id);
  assert.deepEqual(all.after, NOTHING);
  assert.equal(all.recomputed.pending_buckets, 0);
  assert.equal(all.recomputed.days.length, 3);
  assert.ok(Date.parse(all.log_erased_by!) > Date.now() + 6 * day);
  assert.equal(await count('events'), 6);
  assert.equal(await count('events', `user_id != 'somebody' SETTINGS apply_deleted_mask = 0`), 0);
  assert.equal(await count('views'), 0);
  for (const table of ['actor_buckets', 'view_buckets', 'user_engagement_daily', 'views'])
    assert.equal(
      await count(table, `toString(tuple(*)) LIKE '%person-%' SETTINGS apply_deleted_mask = 0`),
      0,
      table,
    );
  assert.deepEqual(filesWith(folder, id), [], 'no file of ClickHouse holds the name');
  assert.deepEqual(filesWith(join(service.dataDir, 'catalog'), id), [], 'nor does one of the catalogue');
  await verifyBooks(service.url, client);
  const audit = await service.get<{ data: { action: string; target: string }[] }>('/v1/audit');
  const entry = audit.data.find(({ action }) => action.startsWith('DELETE /v1/subjects'))!;
  assert.match(entry.target, /^subject [0-9a-f]{16}, erasure [0-9a-f]{16}$/);
  assert.ok(!JSON.stringify(audit).includes(id));

  // Somebody who comes back is somebody new.
  await service.post('/events', [
    { event_name: 'page_view', app_id: 'one', user_id: id, event_id: randomUUID() },
  ]);
  await until('it is stored', async () => (await count('events', `user_id = '${id}'`)) === 1);
});

test('kill -9 in the middle of an erasure: the next process goes on with it', async () => {
  await withScene({ env: { ...ENV } }, async ({ harness, load }) => {
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
