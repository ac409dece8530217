/** Erasing a person leaves nothing of them: in no table, in no file. */
import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { until, verifyRecount } from '../faults/verify.ts';
import { startTestService } from '../support/service.ts';
import { ERASURE_ENV, erase, NOTHING, verifyBooks } from './erasures.ts';

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
  const service = await startTestService({ ...ERASURE_ENV, ANALYTICS_DERIVED: '1' });
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
