/** The service's clock jumps by hours, forward and back: each event still counts once, and nothing stands still. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { reckon, type Scene, untilTaken, withScene } from './round.ts';
import { until } from './verify.ts';

const HOUR_MS = 3_600_000;
const JUMPS_HOURS = [3, 0, -2, 5, 0];

const clockFile = (dir: string) => join(dir, 'clock');

async function jump(dir: string, hours: number): Promise<void> {
  const offset = String(hours * HOUR_MS);
  await writeFile(clockFile(dir), offset);
  await until('the jump was made', async () => (await readFile(`${clockFile(dir)}.seen`, 'utf8')) === offset);
}

/** A round of each way in which it may have to find its place again. */
async function disturb({ harness }: Scene, round: number): Promise<void> {
  if (round % 3 === 0) await harness.killClickHouse();
  if (round % 3 !== 1) return;
  await harness.killService();
  await harness.start();
}

for (const restarts of [false, true]) {
  test(`the clock jumps by hours${restarts ? ', with kills after it' : ''}`, async (t) => {
    const preload = [new URL('./shifted-clock.ts', import.meta.url).href];
    const prepare = (dir: string) => writeFile(clockFile(dir), '0');
    await withScene({ preload, prepare }, async (scene) => {
      const { dir, harness, load } = scene;
      await harness.start();
      load.start();
      for (const [round, hours] of JUMPS_HOURS.entries()) {
        await untilTaken(load);
        await jump(dir, hours);
        load.repeatEarlier();
        await untilTaken(load);
        if (restarts) await disturb(scene, round);
        await untilTaken(load);
        await until('realtime goes on', () => isMoving(harness.url));
        await reckon(scene);
        t.diagnostic(`at ${hours} h: ${load.sent.acked.size} events`);
        load.start();
      }
      await reckon(scene);
      assert.deepEqual(
        [...load.statuses.keys()].filter((status) => ![0, 202, 503].includes(status)),
        [],
      );
    });
  });
}

/** Under load the last 60 seconds hold events, and end at the service's own idea of now. */
async function isMoving(url: string): Promise<boolean> {
  const answer = await fetch(`${url}/api/metrics/realtime`);
  const { events_per_second } = (await answer.json()) as { events_per_second: number };
  return events_per_second > 0;
}
