/** ClickHouse stands still, or dies again and again: ingest answers 202 all the time, and everything arrives once. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { ROUNDS, reckon, untilTaken, withScene } from './round.ts';

/** A minute in the full form; in the short one still several leases long. */
const STOPPED_MS = ROUNDS >= 100 ? 60_000 : 8_000;

test(`ClickHouse stands still for ${STOPPED_MS / 1000} s`, async () => {
  await withScene({ load: { pauseMs: 20 } }, async (scene) => {
    const { harness, load } = scene;
    await harness.start();
    load.start();
    await untilTaken(load);
    harness.signalClickHouse('SIGSTOP');
    try {
      await delay(STOPPED_MS);
      await untilTaken(load);
    } finally {
      harness.signalClickHouse('SIGCONT');
    }
    await reckon(scene);
    assert.deepEqual([...load.statuses.keys()], [202]);
  });
});

test('ClickHouse dies as soon as it is back, five times', async () => {
  await withScene({ load: { pauseMs: 20 } }, async (scene) => {
    const { harness, load } = scene;
    await harness.start();
    load.start();
    for (let death = 0; death < 5; death++) {
      await harness.killClickHouse();
      await untilTaken(load);
    }
    await reckon(scene);
    assert.deepEqual([...load.statuses.keys()], [202]);
  });
});

test('the service is stopped in order while ClickHouse stands still', async () => {
  await withScene({ load: { pauseMs: 20 } }, async (scene) => {
    const { harness, load } = scene;
    await harness.start();
    load.start();
    await untilTaken(load);
    harness.signalClickHouse('SIGSTOP');
    await untilTaken(load);
    await load.stop(false);
    await harness.stop();
    await harness.start();
    await reckon(scene);
  });
});
