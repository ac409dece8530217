import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openViewMoments, type ViewMoment } from '../../src/store/view-moments.ts';
import { GAP_LIMIT_MS, type QueryService, startQueryService, type TestRow } from '../query/service.ts';
import { silentLog } from '../support/clickhouse.ts';

const START = Date.UTC(2026, 2, 1, 12);

const row = (n: number): TestRow => ({
  app_id: 'a',
  event_name: 'video_start',
  timestamp: START + n * 1_000,
  video_id: 'v',
  view_id: `w${n}`,
  log_offset: n,
});

/** With the statements that it sends, so that what is shared can be told. */
function watch({ store }: QueryService, freshMs = 0) {
  const commands: string[] = [];
  const moments = openViewMoments({
    store: {
      select: store.select.bind(store),
      command(sql, ...rest) {
        commands.push(sql.trim().split(/\s+/, 3).join(' '));
        return store.command(sql, ...rest);
      },
    },
    gapLimitMs: GAP_LIMIT_MS,
    freshMs,
    log: silentLog,
  });
  return { moments, fills: () => commands.filter((sql) => sql.startsWith('INSERT')).length / 2 };
}

async function countOf({ store }: QueryService, { table, intact }: ViewMoment): Promise<number> {
  const [found] = await store.select<{ n: number }>(`SELECT count() AS n FROM ${table} WHERE ${intact}`);
  return found!.n;
}

const tablesOf = async ({ store }: QueryService) =>
  await store.select<{ name: string }>(
    `SELECT name FROM system.tables WHERE database = currentDatabase() AND startsWith(name, 'view_moment_')`,
  );

test('moments', async (t) => {
  const service = await startQueryService(t);

  await t.test('a moment in which nothing landed is the one before', async () => {
    const { moments, fills } = watch(service);
    await service.insert([row(1), row(2)]);
    assert.equal(await moments.use((moment) => countOf(service, moment)), 2);
    assert.equal(await moments.use((moment) => countOf(service, moment)), 2);
    assert.equal(fills(), 1);
    await service.insert([row(3)]);
    assert.equal(await moments.use((moment) => countOf(service, moment)), 3);
    assert.equal(fills(), 2);
    await moments.close();
  });

  await t.test(
    'those who come while one is made share the next, which has all that was there when they came',
    async () => {
      const { moments, fills } = watch(service);
      const first = moments.use((moment) => countOf(service, moment));
      await service.insert([row(4)]);
      const rest = await Promise.all(
        Array.from({ length: 20 }, () => moments.use((moment) => countOf(service, moment))),
      );
      assert.ok([3, 4].includes(await first));
      assert.deepEqual(new Set(rest), new Set([4]));
      assert.ok(fills() <= 2, String(fills()));
      await moments.close();
    },
  );

  await t.test(
    'a table that lost its rows, as a restart of the server leaves it, is made again',
    async () => {
      const { moments } = watch(service);
      let tables: string[] = [];
      await moments.use(async (moment) => void tables.push(moment.table));
      await service.store.command(`TRUNCATE TABLE ${tables[0]}`);
      assert.equal(await moments.use((moment) => countOf(service, moment)), 4);
      tables = [];
      await moments.use(async (moment) => void tables.push(moment.table));
      await service.store.command(`DROP TABLE ${tables[0]} SYNC`);
      assert.equal(await moments.use((moment) => countOf(service, moment)), 4);
      await moments.close();
    },
  );

  await t.test('a question that fails for itself is not asked again', async () => {
    const { moments } = watch(service);
    let asked = 0;
    const wrong = moments.use(() => {
      asked++;
      return service.store.select('SELECT nothing_of_that_name');
    });
    await assert.rejects(wrong, /nothing_of_that_name/);
    assert.equal(asked, 1);
    await moments.close();
  });

  await t.test('a failure to make one reaches those who wait, and the next may succeed', async () => {
    let broken = true;
    const moments = openViewMoments({
      store: {
        select: service.store.select.bind(service.store),
        command: async (sql, ...rest) => {
          if (broken && sql.startsWith('INSERT')) throw new Error('no room');
          await service.store.command(sql, ...rest);
        },
      },
      gapLimitMs: GAP_LIMIT_MS,
      log: silentLog,
    });
    await assert.rejects(
      moments.use((moment) => countOf(service, moment)),
      /no room/,
    );
    broken = false;
    assert.equal(await moments.use((moment) => countOf(service, moment)), 4);
    await moments.close();
  });

  await t.test('a question may take its time while others move on', async () => {
    const { moments } = watch(service);
    const { promise: held, resolve: letGo } = Promise.withResolvers<void>();
    const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
    const slow = moments.use(async (moment) => {
      begin();
      await held;
      return await countOf(service, moment);
    });
    await begun;
    await service.insert([row(5)]);
    assert.equal(await moments.use((moment) => countOf(service, moment)), 5);
    letGo();
    assert.equal(await slow, 4);
    await moments.close();
  });

  await t.test('one is used for as long as it is fresh, and renewed before it is too old', async () => {
    const { moments, fills } = watch(service, 600_000);
    const count = () => moments.use((moment) => countOf(service, moment));
    const before = await count();
    await service.insert([row(100)]);
    assert.equal(await count(), before);
    moments.expire();
    assert.equal(await count(), before + 1);
    assert.equal(fills(), 2);
    await moments.close();
    const brief = watch(service, 40);
    const seen = async () => await brief.moments.use((moment) => countOf(service, moment));
    assert.equal(await seen(), before + 1);
    await service.insert([row(101)]);
    while ((await seen()) < before + 2) await new Promise(setImmediate);
    assert.equal(brief.fills(), 2);
    await brief.moments.close();
  });

  await t.test('no table is left behind', async () => {
    await service.moments.close();
    assert.deepEqual(await tablesOf(service), []);
  });
});
