/** Derived events under kills: of every view and every error one, none twice, whatever died when. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { readDerived } from '../../src/derived/event.ts';
import { openLocalLog } from '../../src/log/local/local.ts';
import type { LogRecord } from '../../src/log/log.ts';
import { expectedIds } from './derived-ids.ts';
import { moment, ROUNDS, untilTaken, withScene } from './round.ts';
import { until, untilDrained } from './verify.ts';

const DERIVED = 'analytics.derived.v1';

/** Everything on the topic, as any reader of the log sees it. */
async function readTopic(dataDir: string): Promise<LogRecord[]> {
  const log = await openLocalLog({
    dir: join(dataDir, 'log'),
    topics: [{ name: DERIVED, partitions: 1 }],
    minFreeBytes: 0,
  });
  try {
    const records: LogRecord[] = [];
    const writer = await log.topic(DERIVED).openSoleWriter(0);
    await writer.readBack(0, async (some) => void records.push(...some));
    return records;
  } finally {
    await log.close();
  }
}

test(`${ROUNDS} kills of the service, of ClickHouse or of both: each derived event is there once`, async () => {
  const env = {
    ANALYTICS_DERIVED_EVERY_MS: '20',
    ANALYTICS_DERIVED_SILENCE_MS: '3000',
  };
  await withScene({ env, load: { connections: 2, batch: 20 } }, async ({ dir, harness, load }) => {
    await harness.start();
    load.start();
    for (let round = 0; round < ROUNDS; round++) {
      await untilTaken(load);
      await moment(1_500);
      if (round % 3 === 2) await harness.killClickHouse();
      else {
        await (round % 3 === 0 ? harness.killService() : harness.killBoth());
        await harness.start();
      }
    }
    await untilTaken(load);
    await load.stop(true);
    await untilDrained(harness.client, load.sent);
    const expected = await expectedIds(harness.client);
    assert.ok(expected.length > 100, `${expected.length} derived events`);
    await until('every derived event is recorded', async () => {
      const [row] = await harness.client.select<{ n: number }>(
        'SELECT count() AS n FROM derived_events FINAL',
      );
      return row!.n >= expected.length;
    });
    await harness.stop();
    const records = await readTopic(join(dir, 'data'));
    const ids = records.map((record) => readDerived(record)!.event_id).sort();
    assert.equal(new Set(ids).size, ids.length, 'one is there twice');
    assert.deepEqual(ids, expected);
  });
});
