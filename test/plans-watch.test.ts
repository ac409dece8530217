import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Catalog, openCatalog } from '../src/catalog/catalog.ts';
import { PLAN_LEAD_MS } from '../src/catalog/plans.ts';
import { watchPlans } from '../src/plans-watch.ts';
import { createLogger } from '../src/telemetry/logger.ts';
import { makeTestFolder } from './support/clickhouse.ts';

const logger = createLogger({ level: 'silent' });
const { signal } = new AbortController();

test('who has read no plan yet waits, and nobody else does for long', async (t) => {
  const catalog = await openCatalog({ dir: makeTestFolder() });
  t.after(() => catalog.close());
  let now = Date.now();
  let away = true;
  const door = {
    async open(): Promise<Catalog> {
      if (away) throw new Error('away');
      return catalog;
    },
  };
  const watch = watchPlans(door, logger, () => now);
  t.after(() => watch.stop());
  const ending = new AbortController();
  const ended = watch.upTo(now, ending.signal);
  ending.abort(new Error('ended'));
  await assert.rejects(ended!, /ended/);
  const waiting = watch.upTo(now, signal);
  const plan = { mode: 'warn' as const, schema: { required: ['a'] }, description: null, owner: null };
  const { effective_at } = await catalog.plans.put({ event_name: 'buy', app_id: null }, plan);
  away = false;
  await waiting;
  assert.equal(watch.book.plans('buy'), true);
  // What was read a moment ago holds for a while, and then it is read again.
  assert.equal(watch.upTo(now, signal), null);
  await catalog.plans.put({ event_name: 'sell', app_id: null }, plan);
  now = Date.parse(effective_at) + PLAN_LEAD_MS;
  await watch.upTo(now, signal);
  assert.equal(watch.book.plans('sell'), true);
  assert.equal(watch.upTo(now + 86_400_000, signal), null, 'a sender from the future waits for nothing');
  // While the catalogue is away the known plans stay in force, and nobody waits.
  away = true;
  now += 10 * PLAN_LEAD_MS;
  await watch.upTo(now, signal);
  assert.equal(watch.upTo(now, signal), null);
  assert.equal(watch.book.plans('sell'), true);
});
