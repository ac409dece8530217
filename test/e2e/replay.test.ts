/** Replay: raw is damaged, the log says so, and a swap makes it good while ingest goes on. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startTestService } from '../support/service.ts';
import { checkRepair, REPAIR_ENV, replay } from './repair.ts';

test('what was damaged is told, and a swap makes it what it was while ingest goes on', async (t) => {
  const service = await startTestService(REPAIR_ENV);
  t.after(() => service.stop());
  await checkRepair(service);
  // Beyond what there is, and what makes no sense.
  const refused = await fetch(`${service.url}/v1/replay`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ from: 'yesterday' }),
  });
  assert.equal(refused.status, 400);
  const later = await replay(service.url, { from: new Date(Date.now() + 60_000).toISOString() });
  assert.deepEqual([later.state, later.progress!.records], ['done', 0]);
  const nowhere = await replay(service.url, { from: 0, partition: 7 });
  assert.match(nowhere.error!, /has no partition 7/);
  const nothing = await replay(service.url, { from: 0, topic: 'octane.events' });
  assert.match(nothing.error!, /does not read the topic octane.events, only analytics.v1/);
});
