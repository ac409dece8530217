/** Kills while plans change: each acknowledged event is stored once or quarantined once, as the plans of its moment say. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makeTestFolder } from '../support/clickhouse.ts';
import { freePort } from '../support/ports.ts';
import { Harness } from './harness.ts';
import { ROUNDS } from './round.ts';
import { until } from './verify.ts';

const KILLS = Math.max(4, ROUNDS);
const EVENTS_A_REQUEST = 20;
const uuid = (n: number) => `00000000-0000-4000-8000-${n.toString(16).padStart(12, '0')}`;

test('plans change, the service is killed', { timeout: 120_000 + KILLS * 60_000 }, async (t) => {
  const harness = new Harness({
    dir: makeTestFolder(),
    port: await freePort(),
    env: { ANALYTICS_CONSUMER_FLUSH_MS: '300' },
  });
  t.after(() => harness.close());
  await harness.start();
  const acked = new Set<string>();
  let sent = 0;
  let sending = true;
  const headers = { 'content-type': 'application/json' };

  async function sendOn(): Promise<void> {
    while (sending) {
      const events = Array.from({ length: EVENTS_A_REQUEST }, () => {
        const n = sent++;
        return {
          event_id: uuid(n),
          event_name: 'buy',
          user_id: 'u',
          properties: n % 2 === 0 ? { price: n } : {},
        };
      });
      // A request without an answer is sent again: the ids say that it is the same.
      for (let done = false; !done; ) {
        try {
          const body = JSON.stringify(events);
          const { status } = await fetch(`${harness.url}/events`, { method: 'POST', headers, body });
          done = status === 202;
        } catch {
          // It is being killed.
        }
        await new Promise((resolve) => setTimeout(resolve, done ? 5 : 50));
      }
      for (const { event_id } of events) acked.add(event_id);
    }
  }

  async function change(round: number): Promise<void> {
    const plan = {
      mode: round % 3 === 2 ? 'warn' : 'quarantine',
      schema: { required: round % 2 === 0 ? ['price'] : [] },
    };
    const { status } = await fetch(`${harness.url}/v1/plans/buy`, {
      method: 'PUT',
      headers,
      body: JSON.stringify(plan),
    });
    assert.equal(status, 200);
  }

  const load = [sendOn(), sendOn()];
  for (let round = 0; round < KILLS; round++) {
    await change(round);
    const count = acked.size;
    // Somewhere around the moment at which the plan comes into force.
    const after = performance.now() + 3_500 + ((round * 977) % 3_000);
    await until('more came', async () => acked.size > count + 200 && performance.now() > after);
    if (round % 2 === 0) await harness.killService();
    else await harness.killBoth();
    await harness.start();
  }
  sending = false;
  await Promise.all(load);
  const ledger = async () =>
    ((await (await fetch(`${harness.url}/v1/ledger`)).json()) as { totals: Record<string, number> }).totals;
  await until('all went through', async () => (await ledger()).in_flight === 0);
  const letters = async () =>
    await harness.client.select<{
      event_id: string;
      reason: string;
      source_topic: string;
      source_partition: number;
      source_offset: number;
      source_index: number;
    }>(
      'SELECT event_id, reason, source_topic, source_partition, source_offset, source_index FROM dead_letters FINAL',
    );
  const totals = await ledger();
  await until('the letters are in their table', async () => (await letters()).length >= totals.quarantined!);
  const stored = await harness.client.select<{ event_id: string; n: number }>(
    'SELECT toString(event_id) AS event_id, count() AS n FROM events GROUP BY event_id',
  );
  const dead = await letters();
  assert.deepEqual(new Set(dead.map(({ reason }) => reason)), new Set(['plan_violation']));
  assert.ok(
    stored.every(({ n }) => n === 1),
    'nothing is stored twice',
  );
  const known = new Set([...stored, ...dead].map(({ event_id }) => event_id));
  assert.deepEqual(
    [...acked].filter((id) => !known.has(id)),
    [],
    'nothing is lost',
  );
  // A letter has a place in the log, and that place has no row. (The same event sent again is another place.)
  assert.equal(dead.length, totals.quarantined, 'each letter is counted once, whatever was repeated');
  const [both] = await harness.client.select<{ n: number }>(
    `SELECT count() AS n FROM events WHERE (log_partition, log_offset, log_index) IN (
       SELECT source_partition, source_offset, source_index FROM dead_letters)`,
  );
  assert.equal(both!.n, 0);
  assert.ok(dead.length > 0 && stored.length > 0, `${stored.length} stored, ${dead.length} quarantined`);
  assert.equal(totals.received, totals.stored! + totals.duplicate! + totals.filtered! + totals.quarantined!);
  assert.equal(totals.stored, stored.length);
  // Who reads the log again decides the same.
  await fetch(`${harness.url}/v1/replay`, { method: 'POST', headers, body: '{"from":0}' });
  interface Replay {
    state: string;
    progress: { difference: { days: { missing: number; different: number; surplus: number }[] } };
  }
  let replay: Replay | null = null;
  await until('the log is compared', async () => {
    replay = (await (await fetch(`${harness.url}/v1/replay`)).json()) as Replay;
    return replay.state !== 'running';
  });
  for (const { missing, different, surplus } of replay!.progress.difference.days)
    assert.deepEqual({ missing, different, surplus }, { missing: 0, different: 0, surplus: 0 });
});
