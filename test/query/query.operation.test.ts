import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PipelineFacts } from '../../src/query/pipeline.ts';
import { StoreError } from '../../src/store/store-error.ts';
import { openViewMoments } from '../../src/store/view-moments.ts';
import { silentLog } from '../support/clickhouse.ts';
import { freshAnswers, openAccess, plainFacts, startQueryApp, startQueryService } from './service.ts';

const NOW = Date.UTC(2026, 2, 31, 12);
const uuid = (n: number) => `00000000-0000-7000-8000-${String(n).padStart(12, '0')}`;

interface Letters {
  data: { id: string; source: object; state: string; app_id: string | null }[];
  next_cursor: string | null;
}

test('ledger, dead letters and the pipeline', async (t) => {
  const service = await startQueryService(t, { now: () => NOW, inFlight: async () => 3 });

  await t.test('the ledger adds up, by minute and app', async () => {
    // The second block replaces the first, and leaves one event unaccounted for.
    for (const stored of [1, 5]) {
      await service.store.command(
        `INSERT INTO ledger_blocks (log_partition, first_offset, next_offset, app_id, minute, received, stored, duplicate, filtered, quarantined)
         VALUES (0, 0, 9, ['a', 'b', 'a'], ['2026-03-31 10:00:00', '2026-03-31 10:00:00', '2026-03-31 10:01:00'],
           [9, 2, 1], [${stored}, 2, 1], [1, 0, 0], [1, 0, 0], [1, 0, 0])`,
      );
    }
    interface Ledger {
      totals: Record<string, number>;
      data: Record<string, unknown>[];
    }
    const { totals, data } = await service.get<Ledger>('/v1/ledger');
    const sums = {
      received: 12,
      stored: 8,
      duplicate: 1,
      filtered: 1,
      quarantined: 1,
      erased: 0,
      in_flight: 3,
      unaccounted: 1,
    };
    assert.deepEqual(totals, sums);
    const places = data.map((row) => [row.minute, row.app_id, row.received, row.unaccounted]);
    assert.deepEqual(places, [
      ['2026-03-31T10:01:00.000Z', 'a', 1, 0],
      ['2026-03-31T10:00:00.000Z', 'a', 9, 1],
      ['2026-03-31T10:00:00.000Z', 'b', 2, 0],
    ]);
    const one = await service.get<Ledger>('/v1/ledger', {
      app_id: 'b',
      limit: '1',
      to: '2026-03-31T10:00:01Z',
    });
    assert.deepEqual([one.totals.received, one.totals.in_flight, one.data.length], [2, 0, 1]);
    assert.equal(
      (await service.get<Ledger>('/v1/ledger', { to: '2026-03-31T10:00:00Z' })).totals.received,
      0,
    );
  });

  await t.test('dead letters, page by page and by reason', async () => {
    const letters = Array.from({ length: 5 }, (_, n) => {
      const source = n === 0 ? "'', 0, 0, 0, '/events'" : `'analytics.v1', 1, ${n}, 2, ''`;
      const reason = n < 2 ? 'invalid_json' : 'id_collision';
      return `('${uuid(n)}', '${reason}', '', ${source}, '${n === 4 ? '' : 'a'}', '', '{"n":${n}', false, '2026-01-01 00:00:0${n % 3}')`;
    });
    const columns =
      'id, reason, detail, source_topic, source_partition, source_offset, source_index, source_path, app_id, event_id, payload, truncated, received_at';
    for (let again = 0; again < 2; again++) {
      await service.store.command(`INSERT INTO dead_letters (${columns}) VALUES ${letters.join(', ')}`);
    }
    const seen: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const page: Letters = await service.get<Letters>('/v1/dead-letters', {
        limit: '2',
        ...(cursor && { cursor }),
      });
      seen.push(...page.data.map((letter) => letter.id));
      cursor = page.next_cursor;
    }
    assert.deepEqual(seen, [2, 4, 1, 3, 0].map(uuid));
    const { data } = await service.get<Letters>('/v1/dead-letters', {
      reason: 'invalid_json',
      app_id: 'a',
      state: 'open',
    });
    assert.deepEqual(
      data.map((letter) => letter.source),
      [{ topic: 'analytics.v1', partition: 1, offset: 1, index: 2 }, { path: '/events' }],
    );
    assert.deepEqual((await service.get<Letters>('/v1/dead-letters', { state: 'replayed' })).data, []);
    const groups = await service.get<{ data: object[] }>('/v1/dead-letters/groups');
    assert.deepEqual(groups.data[0], {
      reason: 'id_collision',
      count: 3,
      open: 3,
      replayed: 0,
      discarded: 0,
      first_seen: '2026-01-01T00:00:00.000Z',
      last_seen: '2026-01-01T00:00:02.000Z',
    });
  });

  await t.test('the pipeline, with the database and without it', async () => {
    await service.insert([{ app_id: 'a', event_name: 'search', timestamp: NOW }]);
    type Pipeline = {
      store: { rows: number; bytes: number; state: string };
      buckets: { dirty: number; refreshed_at: string | null };
    };
    const before = await service.get<Pipeline>('/v1/pipeline');
    assert.deepEqual(before.buckets, { dirty: 1, refreshed_at: null });
    assert.deepEqual([before.store.rows, before.store.state, before.store.bytes > 0], [1, 'ok', true]);
    await service.recompute(1000).round();
    const after = await service.get<Pipeline>('/v1/pipeline');
    assert.equal(after.buckets.dirty, 0);
    assert.match(after.buckets.refreshed_at!, /^20\d\d-.*Z$/);

    const gone = async () => {
      throw new StoreError('unavailable', null, 'gone');
    };
    const store = { select: gone, command: gone, stream: gone as never };
    const { catalog } = service;
    const base = {
      access: openAccess(),
      answers: freshAnswers(),
      moments: openViewMoments({ store, gapLimitMs: 1, log: silentLog }),
      gapLimitMs: 1,
      conversionEvents: [],
      inFlight: async () => 0,
      pipelineFacts: () => plainFacts,
      letters: null,
      erasure: null,
      sql: null as never,
    };
    const app = await startQueryApp(t, { ...base, store, catalog, now: () => NOW });
    const alone = await app.inject('/v1/pipeline');
    assert.deepEqual([alone.statusCode, alone.json().store.state], [200, 'down']);
    const refused = await app.inject('/metrics?metric=views');
    assert.deepEqual([refused.statusCode, refused.json().code], [503, 'store_unavailable']);
    assert.equal(refused.headers['retry-after'], '2');
  });

  await t.test('the pipeline, for a caller of some apps, holds no number of others', async () => {
    await service.store.command('TRUNCATE TABLE ledger_blocks');
    // Of the last ten seconds, by the clock of the database; an old block, and one that was replaced, count for nothing.
    const block = (partition: number, version: string, received: string, stored: string) =>
      service.store.command(
        `INSERT INTO ledger_blocks (log_partition, first_offset, next_offset, app_id, minute, received, stored, duplicate, filtered, quarantined, version)
         VALUES (${partition}, 0, 99, ['a', 'b', 'a'], ['2026-03-31 11:00:00', '2026-03-31 11:00:00', '2026-03-31 11:01:00'],
           ${received}, ${stored}, [0, 0, 0], [0, 0, 0], [0, 0, 0], ${version})`,
      );
    await block(7, 'now64(3) - INTERVAL 1 SECOND', '[1000, 1000, 1000]', '[1000, 1000, 1000]');
    await block(7, 'now64(3)', '[30, 500, 10]', '[20, 400, 5]');
    await block(8, 'now64(3) - INTERVAL 1 MINUTE', '[1000, 1000, 1000]', '[1000, 1000, 1000]');
    await service.mark([{ app_id: 'b', timestamp: NOW }]);
    const facts: PipelineFacts = {
      ...plainFacts,
      log: {
        kind: 'local',
        partitions: [
          { topic: 't', partition: 0, end_offset: 501, committed: 498, lag_records: 3, lag_ms: 7 },
        ],
        bytes: 4_711,
      },
      steps: [{ name: 'parse', events: 12_345, seconds_per_million: 2, drops: { duplicate: 99 } }],
      rates: { ingest_eps: 777, insert_eps: 666 },
      freshness_ms: { p50: 5, p95: 6 },
    };
    const ask = async (apps: readonly string[] | null) => {
      const access = openAccess({ apps });
      const app = await startQueryApp(t, { ...service.options, access, pipelineFacts: () => facts });
      const { statusCode, body } = await app.inject('/v1/pipeline');
      assert.equal(statusCode, 200, body);
      return JSON.parse(body);
    };
    const all = await ask(null);
    assert.deepEqual([all.log, all.steps, all.rates], [facts.log, facts.steps, facts.rates]);
    assert.deepEqual([all.store.rows, all.buckets.dirty], [1, 1]);

    const one = await ask(['a', 'c']);
    assert.deepEqual(one.rates, { ingest_eps: 4, insert_eps: 2.5 });
    assert.deepEqual(one.log, {
      kind: 'local',
      partitions: [
        { topic: 't', partition: 0, end_offset: null, committed: null, lag_records: null, lag_ms: 7 },
      ],
      bytes: null,
    });
    assert.deepEqual(one.steps, [{ name: 'parse', events: null, seconds_per_million: 2, drops: null }]);
    assert.deepEqual(one.freshness_ms, facts.freshness_ms);
    assert.deepEqual([one.store.state, one.store.rows, one.store.bytes], ['ok', null, null]);
    // The bucket of `a` was recomputed above; that of `b` waits.
    assert.equal(one.buckets.dirty, 0);
    assert.match(one.buckets.refreshed_at, /^20/);
    const other = await ask(['b']);
    assert.deepEqual(other.rates, { ingest_eps: 50, insert_eps: 40 });
    assert.deepEqual(other.buckets, { dirty: 1, refreshed_at: null });
    const none = await ask([]);
    assert.deepEqual([none.rates, none.buckets.dirty], [{ ingest_eps: 0, insert_eps: 0 }, 0]);
  });
});
