import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { buildDashboard } from '../../scripts/build-dashboard.ts';

const SCRIPT_BYTES_MAX = 150_000;

it('builds a page whose first script is at most 150 kB after gzip', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-dashboard-'));
  try {
    const built = await buildDashboard(folder);
    assert.ok(built.files.includes('index.html'));
    assert.ok(built.scriptGzipBytes > 0);
    assert.ok(built.scriptGzipBytes <= SCRIPT_BYTES_MAX, `${built.scriptGzipBytes} bytes`);
    const page = await readFile(join(folder, 'index.html'), 'utf8');
    assert.doesNotMatch(page, /https?:\/\//, 'nothing is loaded from elsewhere');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
