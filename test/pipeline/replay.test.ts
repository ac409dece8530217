/** A range of several topics read again: what is damaged is told and repaired, each place by its own topic. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openKernel } from '../../src/event/kernel/wasm.ts';
import { type ReplayProgress, runReplay } from '../../src/pipeline/replay.ts';
import { ReplayError, type ReplayRequest } from '../../src/pipeline/replay-ranges.ts';
import { readTopicSources } from '../../src/pipeline/sources.ts';
import { noPlans, uuid7 } from './rig.ts';
import { LIMITS, openSite, type Site } from './site.ts';

const LISTED = ['analytics.v1', 'octane.events=native:octane'];
const [NATIVE, FOREIGN] = ['analytics.v1', 'octane.events'] as const;
const RIGHT = { missing: 0, different: 0, surplus: 0 };
const kernel = await openKernel();

async function replay(site: Site, request: Partial<ReplayRequest> = {}): Promise<ReplayProgress> {
  return await runReplay(
    { from: { offset: 0 }, to: null, topic: null, partition: null, swap: false, ...request },
    {
      log: site.log,
      sources: readTopicSources(LISTED, '').sources,
      group: site.group,
      kernel,
      plans: noPlans,
      shards: [site.client],
      defaultApp: 'house',
      limits: { ...LIMITS, leaseMs: 200 },
      erasureKey: async () => new Uint8Array(32),
      retentionDays: 90,
      // A day later: what is decided must not depend on when it is decided.
      now: () => Date.now() + 86_400_000,
    },
    () => {},
    new AbortController().signal,
  );
}

const totals = (difference: ReplayProgress['difference']) =>
  difference!.days.reduce(
    (sum, day) => ({
      missing: sum.missing + day.missing,
      different: sum.different + day.different,
      surplus: sum.surplus + day.surplus,
    }),
    RIGHT,
  );

const rowsOf = (site: Site) =>
  site.client.select(
    `SELECT * EXCEPT (lease_until, inserted_at) FROM events
     ORDER BY log_topic, log_partition, log_offset, log_index`,
  );

const remove = (site: Site, where: string) =>
  site.client.command(
    `DELETE FROM events WHERE ${where}`,
    {},
    { settings: { lightweight_deletes_sync: 2, mutations_sync: 2 } },
  );

async function fill(site: Site): Promise<void> {
  const event = (n: number) =>
    JSON.stringify({ event_name: `e${n}`, user_id: `u${n % 2}`, event_id: uuid7(n, Date.now()) });
  for (let n = 0; n < 6; n++) {
    await site.put(NATIVE, event(n), { partition: n % 2 });
    // The same places in another topic; some of them say nothing that could be a time of receipt.
    await site.put(FOREIGN, `{"event":"bare","userId":"u${n}"}`, {
      partition: n % 2,
      timestamp: n < 3 ? -1 : Date.now(),
    });
  }
  await site.drain(...LISTED);
}

test('each topic of the list is read again, as it was read first', async (t) => {
  const site = await openSite(t, kernel);
  await fill(site);
  const before = await rowsOf(site);
  assert.equal(before.length, 12);
  const same = await replay(site);
  assert.deepEqual(
    same.ranges.map(({ topic, partition, from, until }) => [topic, partition, from, until]),
    [
      [NATIVE, 0, 0, 3],
      [NATIVE, 1, 0, 3],
      [FOREIGN, 0, 0, 3],
      [FOREIGN, 1, 0, 3],
    ],
  );
  assert.deepEqual(totals(same.difference), RIGHT);

  await remove(site, `startsWith(log_topic, '${FOREIGN}@') AND log_offset = 2`);
  await remove(site, `startsWith(log_topic, '${NATIVE}@') AND log_partition = 0 AND log_offset = 1`);
  assert.deepEqual(totals((await replay(site, { topic: FOREIGN })).difference), { ...RIGHT, missing: 2 });
  assert.deepEqual(totals((await replay(site, { topic: NATIVE, partition: 1 })).difference), RIGHT);
  const one = await replay(site, { topic: FOREIGN, swap: true });
  assert.deepEqual(totals(one.remaining), RIGHT);
  assert.equal((await rowsOf(site)).length, 11, 'the other topic is left alone');
  assert.deepEqual(totals((await replay(site, { swap: true })).remaining), RIGHT);
  assert.deepEqual(await rowsOf(site), before);
});

test('an event that lies in two topics, and is stored in none, is taken from one of them', async (t) => {
  const site = await openSite(t, kernel);
  const event = JSON.stringify({ event_name: 'a', app_id: 'tube', event_id: uuid7(1, Date.now()) });
  const timestamp = Date.now() - 1_000;
  await site.put(NATIVE, event, { timestamp });
  await site.drain(NATIVE);
  await site.put(FOREIGN, event, { timestamp: timestamp + 500 });
  await site.drain(...LISTED);
  await remove(site, '1');
  const swapped = await replay(site, { swap: true });
  assert.deepEqual(totals(swapped.difference), { ...RIGHT, missing: 1 });
  assert.deepEqual(totals(swapped.remaining), RIGHT);
  const rows = await site.client.select(
    "SELECT splitByChar('@', log_topic)[1] AS topic, event_name AS name FROM events",
  );
  assert.deepEqual(rows, [{ topic: NATIVE, name: 'a' }]);
});

test('what is named and is nowhere is refused', async (t) => {
  const site = await openSite(t, kernel);
  const refused = (request: Partial<ReplayRequest>, message: RegExp) =>
    assert.rejects(
      replay(site, request),
      (error) => error instanceof ReplayError && message.test(error.message),
    );
  await refused({ topic: 'web' }, /does not read the topic web, only analytics.v1, octane.events/);
  await refused({ topic: FOREIGN, partition: 2 }, /octane.events has no partition 2, only 0 to 1/);
});
