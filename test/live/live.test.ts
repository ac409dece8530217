import assert from 'node:assert/strict';
import { test } from 'node:test';
import { StoreError } from '../../src/store/store-error.ts';
import { emptyStore, openGateway } from './gateway.ts';

const start = { event_name: 'video_start', user_id: 'ann', session_id: 's', video_id: 'v' };

test('a start without ClickHouse begins with nothing, and takes what comes', async (t) => {
  let tries = 0;
  const client = {
    ...emptyStore,
    // biome-ignore lint/correctness/useYield: it fails before the first row.
    async *stream() {
      tries++;
      throw new StoreError('unavailable', null, 'gone');
    },
  };
  const gateway = await openGateway(t, { client, rebuildWithinMs: 20 });
  assert.ok(tries > 0);
  const listener = await gateway.connect();
  gateway.publish([start]);
  await listener.next('realtime_metrics', (p) => p.concurrent_viewers === 1);
  assert.equal(gateway.live.stats().views, 1);
});
