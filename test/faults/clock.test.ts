/** The service's clock jumps by hours, forward and back: each event still counts once, and nothing stands still. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { reckonStored, type Scene, untilTaken, withScene } from './round.ts';
import { until, verifyAnswers, verifyRecount, verifyStored } from './verify.ts';

const HOUR_MS = 3_600_000;
const JUMPS_HOURS = [3, 0, -2, 5, 0];
/** Several leases of the harness. */
const STOPPED_MS = 5_000;
const PATIENCE_MS = 12_000;

const clockFile = (dir: string) => join(dir, 'clock');

async function jump(dir: string, hours: number): Promise<void> {
  const offset = String(hours * HOUR_MS);
  await writeFile(clockFile(dir), offset);
  await until('the jump was made', async () => (await readFile(`${clockFile(dir)}.seen`, 'utf8')) === offset);
}

async function withClock(run: (scene: Scene) => Promise<void>): Promise<void> {
  const preload = [new URL('./shifted-clock.ts', import.meta.url).href];
  const prepare = (dir: string) => writeFile(clockFile(dir), '0');
  await withScene({ preload, prepare }, async (scene) => {
    await scene.harness.start();
    scene.load.start();
    await until('every partition has written', () => haveWritten(scene.harness));
    await run(scene);
  });
}

/** A round of each way in which it may have to find its place again; and one without. */
async function disturb({ harness }: Scene, round: number): Promise<void> {
  if (round % 3 === 0) await harness.killClickHouse();
  if (round % 3 !== 1) return;
  await harness.killService();
  await harness.start();
}

for (const kills of [false, true]) {
  test(`each event counts once, and every answer is right, over jumps${kills ? ' and kills' : ''}`, async () => {
    await withClock(async (scene) => {
      const { dir, harness, load } = scene;
      for (const [round, hours] of JUMPS_HOURS.entries()) {
        await jump(dir, hours);
        load.repeatEarlier();
        await untilTaken(load);
        if (kills) await disturb(scene, round);
        await untilTaken(load);
        await load.stop(true);
        await reckonStored(harness.client, load);
        await verifyAnswers(harness.url, harness.client);
        load.start();
      }
    });
  });
}

test('after a jump forward an insert in doubt is settled by the end of its lease', async () => {
  await withClock(async ({ dir, harness, load }) => {
    await jump(dir, 3);
    await untilTaken(load);
    harness.signalClickHouse('SIGSTOP');
    await delay(STOPPED_MS);
    harness.signalClickHouse('SIGCONT');
    await load.stop(true);
    await until('all is stored', () => isStored(harness, load), PATIENCE_MS);
    await verifyStored(harness.client, load.sent);
  });
});

test('after a jump forward what is counted is recomputed as soon as ever', async () => {
  await withClock(async ({ dir, harness, load }) => {
    await jump(dir, 3);
    await untilTaken(load);
    await load.stop(true);
    await reckonStored(harness.client, load);
    await verifyRecount(harness.client, PATIENCE_MS);
  });
});

test('realtime follows a clock that is set back', async () => {
  await withClock(async ({ dir, harness }) => {
    await jump(dir, 3);
    await until(
      'it is three hours ahead',
      async () => (await aheadMs(harness.url)) > 2 * HOUR_MS,
      PATIENCE_MS,
    );
    await jump(dir, 0);
    await until('it is back', async () => Math.abs(await aheadMs(harness.url)) < 60_000, PATIENCE_MS);
  });
});

/** From then on they have an idea of the server's clock, by their own. */
async function haveWritten({ client }: Scene['harness']): Promise<boolean> {
  const [row] = await client.select<{ n: number }>('SELECT uniqExact(log_partition) AS n FROM events');
  return row!.n === 3;
}

async function isStored({ client }: Scene['harness'], { sent }: Scene['load']): Promise<boolean> {
  const [row] = await client.select<{ stored: number }>('SELECT uniqExact(event_id) AS stored FROM events');
  return row!.stored >= sent.acked.size;
}

/** How far the end of realtime's last 60 seconds is ahead of the right time. */
async function aheadMs(url: string): Promise<number> {
  const answer = await fetch(`${url}/api/metrics/realtime`);
  const { time, events_per_second } = (await answer.json()) as { time: string; events_per_second: number };
  assert.ok(events_per_second >= 0);
  return Date.parse(time) - Date.now();
}
