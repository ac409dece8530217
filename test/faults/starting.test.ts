/** Requests that arrive before it listens, while it starts and while it stops: a 202 is kept, all else is a refusal. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { reckonStored, untilTaken, withScene } from './round.ts';
import { verifyRecount } from './verify.ts';

const RESTARTS = 5;

test(`a sender that does not wait, over ${RESTARTS} restarts`, async () => {
  await withScene({ load: { retries: false, batch: 5, pauseMs: 0 } }, async ({ harness, load }) => {
    load.start();
    await harness.start();
    for (let restart = 0; restart < RESTARTS; restart++) {
      await untilTaken(load);
      if (restart % 2 === 0) await harness.stop();
      else await harness.killService();
      await harness.start();
    }
    await untilTaken(load);
    await load.stop(false);
    await reckonStored(harness.client, load);
    await verifyRecount(harness.client);

    const { acked, refused } = load.sent;
    assert.deepEqual([...load.statuses.keys()].sort(), [0, 202, 503].slice(0, load.statuses.size));
    const rows = await harness.client.select<{ event_id: string }>('SELECT event_id FROM events');
    const liars = rows.filter(({ event_id }) => refused.has(event_id) && !acked.has(event_id));
    assert.deepEqual(liars.slice(0, 5), [], `${liars.length} events were refused and taken`);
    for (const code of load.refusalCodes) assert.ok(['starting', 'closing'].includes(code), code);
  });
});
