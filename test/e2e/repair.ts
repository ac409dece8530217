/** Raw is damaged on purpose, and a replay makes it good. */
import assert from 'node:assert/strict';
import type { ReplayState } from '../../src/replay-routes.ts';
import type { StoreClient } from '../../src/store/client.ts';
import { Load } from '../faults/load.ts';
import { until, untilDrained, verifyAnswers, verifyRecount, verifyStored } from '../faults/verify.ts';
import type { TestService } from '../support/service.ts';

const CONTENT = '* EXCEPT (lease_until, inserted_at)';
export const FROM_THE_BEGIN = { from: 0 };

interface Row {
  readonly log_partition: number;
  readonly log_offset: number;
  readonly log_index: number;
}

const rowsOf = (client: StoreClient, untilOffset: readonly number[]) =>
  client.select<Row>(
    `SELECT ${CONTENT} FROM events WHERE ${untilOffset.map((end, p) => `(log_partition = ${p} AND log_offset < ${end})`).join(' OR ')}
     ORDER BY log_partition, log_offset, log_index`,
  );

export async function replay(url: string, body: object): Promise<ReplayState> {
  const begun = await fetch(`${url}/v1/replay`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  assert.equal(begun.status, 202, await begun.clone().text());
  let state = (await begun.json()) as ReplayState;
  await until('the replay ends', async () => {
    state = (await (await fetch(`${url}/v1/replay`)).json()) as ReplayState;
    return state.state !== 'running';
  });
  return state;
}

const totals = (state: ReplayState, which: 'difference' | 'remaining' = 'difference') =>
  state.progress![which]!.days.reduce(
    (sum, day) => ({
      missing: sum.missing + day.missing,
      different: sum.different + day.different,
      surplus: sum.surplus + day.surplus,
    }),
    { missing: 0, different: 0, surplus: 0 },
  );

const sync = { settings: { mutations_sync: 2, lightweight_deletes_sync: 2 } };

/** Rows gone, changed, doubled, and some that nobody sent; and everything counted accordingly. */
async function damage(shards: readonly StoreClient[], ends: readonly number[]) {
  for (const client of shards) {
    const within = `(${ends.map((end, p) => `(log_partition = ${p} AND log_offset < ${end})`).join(' OR ')})`;
    const some = (n: number) => `${within} AND cityHash64(event_id) % 20 = ${n}`;
    const columns = (
      await client.select<{ name: string }>(
        "SELECT name FROM system.columns WHERE database = currentDatabase() AND table = 'events' AND default_kind = ''",
      )
    ).map(({ name }) => name);
    const copy = (changes: Record<string, string>) =>
      `INSERT INTO events (${columns.join(', ')}) SELECT ${columns.map((c) => changes[c] ?? c).join(', ')} FROM events`;
    const lease = { lease_until: 'now64(3) + INTERVAL 1 MINUTE' };
    await client.command(`DELETE FROM events WHERE ${some(0)}`, {}, sync);
    await client.command(
      `ALTER TABLE events UPDATE properties = '{"x":1}', completed = true, user_id = 'nobody' WHERE ${some(1)}`,
      {},
      sync,
    );
    await client.command(`${copy(lease)} WHERE ${some(2)}`);
    await client.command(
      `${copy({ ...lease, event_id: 'generateUUIDv4()', log_index: 'toUInt32(log_index + 100000)' })} WHERE ${some(3)}`,
    );
    // Where the sort key itself is wrong.
    await client.command(`${copy({ ...lease, timestamp: 'timestamp - INTERVAL 1 HOUR' })} WHERE ${some(4)}`);
    await client.command(
      `INSERT INTO bucket_state (app_id, bucket, lease_until) SELECT DISTINCT app_id, toStartOfFiveMinutes(timestamp), now64(3) FROM events`,
    );
    await client.command(
      `INSERT INTO bucket_state (app_id, bucket, lease_until) SELECT DISTINCT app_id, bucket, now64(3) FROM bucket_state`,
    );
  }
}

async function fill(service: TestService): Promise<{ load: Load; ends: number[] }> {
  const load = new Load({ url: service.url, connections: 3, batch: 40, pauseMs: 5 });
  load.start();
  await until('there are events', async () => load.sent.acked.size > 4_000);
  await load.stop(true);
  await untilDrained(service.store!.client, load.sent);
  const { log } = await service.get<{ log: { partitions: { end_offset: number; lag_records: number }[] } }>(
    '/v1/pipeline',
  );
  await until('all is committed', async () => {
    const now = await service.get<typeof pipeline>('/v1/pipeline');
    return now.log.partitions.every(({ lag_records }) => lag_records === 0);
  });
  const pipeline = { log };
  return { load, ends: log.partitions.map(({ end_offset }) => end_offset) };
}

/** The service has an empty store, and takes all that comes. */
export async function checkRepair(service: TestService): Promise<void> {
  const store = service.store!;
  const { load, ends } = await fill(service);
  const before = await rowsOf(store.client, ends);
  const same = await replay(service.url, FROM_THE_BEGIN);
  assert.equal(same.error, null);
  assert.deepEqual(totals(same), { missing: 0, different: 0, surplus: 0 }, 'nothing is wrong yet');
  assert.ok(same.progress!.records > 50 && same.progress!.read === same.progress!.records);

  await damage(store.shards, ends);
  load.start();
  const compared = await replay(service.url, FROM_THE_BEGIN);
  const wrong = totals(compared);
  assert.ok(wrong.missing > 50 && wrong.different > 150 && wrong.surplus > 50, JSON.stringify(wrong));
  const kinds = new Set(compared.progress!.difference!.examples.map(({ kind }) => kind));
  assert.deepEqual([...kinds].sort(), ['different', 'missing', 'surplus']);

  const acked = load.sent.acked.size;
  const swapped = await replay(service.url, { ...FROM_THE_BEGIN, swap: true });
  assert.equal(swapped.error, null);
  assert.deepEqual(totals(swapped, 'remaining'), { missing: 0, different: 0, surplus: 0 });
  assert.ok(load.sent.acked.size > acked, 'ingest went on');
  await load.stop(true);
  await untilDrained(store.client, load.sent);
  assert.deepEqual(await rowsOf(store.client, ends), before, 'each row of the range is what it was');
  await verifyStored(store.client, load.sent);
  await verifyRecount(store.client);
  await verifyAnswers(service.url, store.client);
}

/** Of a service that is repaired: quick, and comparable. */
export const REPAIR_ENV = {
  ANALYTICS_LOG_PARTITIONS: '2',
  ANALYTICS_ENGAGEMENT_EVERY_MS: '0',
  ANALYTICS_INSERT_LEASE_MS: '1000',
};
