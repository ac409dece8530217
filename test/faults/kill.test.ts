/** kill -9 of the service, and of its ClickHouse, at random moments under load: nothing lost, nothing doubled. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { freePort } from '../support/ports.ts';
import { Harness } from './harness.ts';
import { Load } from './load.ts';
import { until, untilDrained, verifyLedger, verifyRecount, verifyStored } from './verify.ts';

const ROUNDS = Number(process.env.FAULT_ROUNDS ?? 10);

async function withHarness(run: (harness: Harness, load: Load) => Promise<void>): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'sluice-faults-'));
  const harness = new Harness(dir, await freePort());
  const load = new Load({ url: harness.url, connections: 4, batch: 40, pauseMs: 5 });
  let passed = false;
  try {
    await harness.start();
    await run(harness, load);
    passed = true;
  } finally {
    await load.stop(false);
    await harness.stop();
    if (passed) await rm(dir, { recursive: true, force: true });
    else console.error(`kept for a look: ${dir}`);
  }
}

const moment = (most: number) => new Promise((resolve) => setTimeout(resolve, Math.random() * most));

test(`${ROUNDS} kills of the service under load`, async () => {
  await withHarness(async (harness, load) => {
    load.start();
    for (let round = 0; round < ROUNDS; round++) {
      await moment(1_500);
      await harness.killService();
      await harness.start();
      const acked = load.sent.acked.size;
      await until('events are taken again', async () => load.sent.acked.size > acked);
      if (round % 5 === 4) await checkAll(harness, load);
    }
    await load.stop(true);
    await checkAll(harness, load);
    assert.ok(load.sent.acked.size > ROUNDS * 40, 'there was load');
  });
});

test(`${ROUNDS} kills of ClickHouse under load`, async () => {
  await withHarness(async (harness, load) => {
    load.start();
    for (let round = 0; round < ROUNDS; round++) {
      await moment(1_500);
      const refused = load.statuses.get(503) ?? 0;
      await harness.killClickHouse();
      const acked = load.sent.acked.size;
      await until('events are taken meanwhile', async () => load.sent.acked.size > acked);
      assert.equal(load.statuses.get(503) ?? 0, refused, 'ingest did not notice');
      if (round % 5 === 4) await checkAll(harness, load);
    }
    await load.stop(true);
    await checkAll(harness, load);
  });
});

/** Under load, so that the checks that need rest come only after everything acknowledged so far is in. */
async function checkAll(harness: Harness, load: Load): Promise<void> {
  await load.stop(true);
  await untilDrained(harness.client, load.sent);
  await until('the ledger has caught up', async () => {
    await verifyLedger(harness.client);
    return true;
  });
  await verifyStored(harness.client, load.sent);
  await verifyRecount(harness.client);
  load.start();
}
