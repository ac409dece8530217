/** A disk that is really full: 503 with Retry-After, nothing acknowledged is lost, and it goes on by itself. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { reckon, type Scene, untilTaken, withScene } from './round.ts';
import { until } from './verify.ts';

const MiB = 2 ** 20;

function mount(folder: string, bytes: number): void {
  mkdirSync(folder, { recursive: true });
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'sluice-test', folder], { stdio: 'pipe' });
}

function unmount(folder: string): void {
  execFileSync('umount', [folder], { stdio: 'pipe' });
}

/** Why no small disk can be made here; false when one can. */
function cannotMount(): string | false {
  if (process.platform !== 'linux') return 'small disks are mounted on Linux only';
  const folder = mkdtempSync(join(tmpdir(), 'sluice-mount-'));
  try {
    mount(folder, MiB);
    unmount(folder);
    return false;
  } catch (error) {
    return `NOT TESTED: a full disk needs the right to mount one (${(error as Error).message.trim()})`;
  } finally {
    rmdirSync(folder);
  }
}

const skip = cannotMount();
if (skip) console.error(skip);

const ballast = (folder: string) => join(folder, 'ballast');

/** Writes until just `leaveBytes` are free; 0: until not a byte more goes in. */
function fill(folder: string, leaveBytes: number): void {
  const { bavail, bsize } = statfsSync(folder);
  const most = bavail * bsize - leaveBytes;
  const block = Buffer.alloc(Math.min(MiB, most), 1);
  try {
    for (let written = 0; written < most; written += block.length)
      writeFileSync(ballast(folder), block, { flag: 'a' });
    while (leaveBytes === 0) writeFileSync(ballast(folder), Buffer.alloc(512, 1), { flag: 'a' });
  } catch (error) {
    assert.equal((error as NodeJS.ErrnoException).code, 'ENOSPC');
  }
}

const free = (folder: string) => rmSync(ballast(folder));

async function untilRefused({ load }: Scene): Promise<void> {
  const before = load.statuses.get(503) ?? 0;
  await until('events are refused', async () => (load.statuses.get(503) ?? 0) > before);
  assert.equal(load.lastRefusal?.code, 'log_unavailable');
  assert.match(load.lastRefusal.retryAfter ?? '', /^[1-9]\d*$/);
}

async function healthOf(url: string): Promise<{ status: number; log: string | undefined }> {
  const answer = await fetch(`${url}/health`);
  const { parts } = (await answer.json()) as { parts: { name: string; state: string }[] };
  return { status: answer.status, log: parts.find(({ name }) => name === 'log')?.state };
}

test("the log's disk is full", { skip }, async () => {
  const logOf = (dir: string) => join(dir, 'data', 'log');
  const options = {
    env: { ANALYTICS_MIN_FREE_BYTES: '0', ANALYTICS_LOG_SEGMENT_BYTES: String(MiB) },
    load: { pauseMs: 20 },
    prepare: async (dir: string) => mount(logOf(dir), 96 * MiB),
    cleanUp: async (dir: string) => unmount(logOf(dir)),
  };
  await withScene(options, async (scene) => {
    const { dir, harness, load } = scene;
    await harness.start();
    load.start();
    await untilTaken(load);
    fill(logOf(dir), 0);
    await untilRefused(scene);
    await until('health says so', async () => (await healthOf(harness.url)).status === 503);
    free(logOf(dir));
    await untilTaken(load);
    await until('health says that too', async () => (await healthOf(harness.url)).log === 'ok');
    fill(logOf(dir), 0);
    await untilRefused(scene);
    await harness.killService();
    await harness.start();
    await untilRefused(scene);
    free(logOf(dir));
    await untilTaken(load);
    await reckon(scene);
  });
});

test('the disk of log and ClickHouse together is full', { skip }, async () => {
  const dataOf = (dir: string) => join(dir, 'data');
  const options = {
    env: { ANALYTICS_MIN_FREE_BYTES: String(64 * MiB), ANALYTICS_LOG_SEGMENT_BYTES: String(MiB) },
    load: { pauseMs: 20 },
    prepare: async (dir: string) => mount(dataOf(dir), 512 * MiB),
    cleanUp: async (dir: string) => unmount(dataOf(dir)),
  };
  await withScene(options, async (scene) => {
    const { dir, harness, load } = scene;
    await harness.start();
    load.start();
    await untilTaken(load);
    // Below what it leaves free ingest stops, while ClickHouse still has air.
    fill(dataOf(dir), 32 * MiB);
    await untilRefused(scene);
    free(dataOf(dir));
    await untilTaken(load);
    // Not a byte left: what was taken and not stored yet has to wait in the log.
    fill(dataOf(dir), 0);
    await untilRefused(scene);
    free(dataOf(dir));
    await untilTaken(load);
    await reckon(scene);
  });
});
