import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CatalogUnavailable } from '../../src/catalog/catalog-unavailable.ts';
import { until } from '../faults/verify.ts';
import { freshAnswers, openAccess, startQueryApp, startQueryService, type TestRow } from './service.ts';

const START = Date.UTC(2026, 2, 1, 12);
const LONG_MS = 3_600_000;

const rowsOf = (app_id: string, count: number, first = 0): TestRow[] =>
  Array.from({ length: count }, (_, i) => ({
    app_id,
    event_name: 'video_start',
    timestamp: START + (first + i) * 1_000,
    user_id: `u${i}`,
    video_id: 'v',
    view_id: `${app_id}${first + i}`,
    log_offset: first + i,
  }));

interface Metrics {
  series: { total: number }[];
}

const range = 'from=2026-03-01&to=2026-03-01';

test('answers over HTTP', async (t) => {
  const service = await startQueryService(t, { answers: freshAnswers(LONG_MS) });
  await service.insert([...rowsOf('tube', 3), ...rowsOf('kids', 5)]);
  const get = (url: string, headers: Record<string, string> = {}) => service.app.inject({ url, headers });
  const total = async (url: string, headers: Record<string, string> = {}) =>
    (await get(url, headers)).json<Metrics>().series[0]!.total;

  await t.test('an ETag spares an answer that did not change', async () => {
    const url = `/metrics?metric=events&${range}`;
    const first = await get(url);
    const tag = first.headers.etag as string;
    assert.match(tag, /^"[\w-]+"$/);
    assert.equal(first.headers['cache-control'], 'private, no-cache');
    assert.equal(first.headers['content-type'], 'application/json; charset=utf-8');
    for (const header of [tag, `W/${tag}`, `"other", ${tag}`, '*']) {
      const again = await get(url, { 'if-none-match': header });
      assert.deepEqual([again.statusCode, again.body, again.headers.etag], [304, '', tag], header);
    }
    assert.equal((await get(url, { 'if-none-match': '"other"' })).statusCode, 200);
  });

  await t.test('the order of parameters is no matter, their values are', async () => {
    assert.equal(await total(`/metrics?metric=events&app_id=tube&${range}`), 3);
    await service.insert(rowsOf('tube', 1, 10));
    assert.equal(await total(`/metrics?${range}&app_id=tube&metric=events`), 3);
    assert.equal(await total(`/metrics?metric=events&app_id=kids&${range}`), 5);
    assert.equal(await total(`/metrics?metric=users&app_id=tube&${range}`), 3);
  });

  await t.test('afresh when the caller wants that', async () => {
    const url = `/metrics?metric=events&app_id=tube&${range}`;
    assert.equal(await total(url), 3);
    assert.equal(await total(url, { 'cache-control': 'no-cache' }), 4);
  });

  await t.test('a caller never sees the answer of one who may see more', async () => {
    const url = `/metrics?metric=views&${range}`;
    const { store, catalog, moments } = service;
    const answers = freshAnswers(LONG_MS);
    const as = async (apps: string[] | null) => {
      const access = openAccess({ apps });
      const base = {
        store,
        catalog,
        moments,
        answers,
        access,
        gapLimitMs: 30_000,
        conversionEvents: [],
        now: Date.now,
      };
      const app = await startQueryApp(t, {
        ...base,
        inFlight: async () => 0,
        pipelineFacts: () => ({}) as never,
        letters: null,
        erasure: null,
        sql: null as never,
      });
      const { series } = (await app.inject(url)).json<Metrics>();
      return series[0]!.total;
    };
    assert.equal(await as(null), 9);
    assert.equal(await as(['kids']), 5);
    assert.equal(await as(['tube']), 4);
    assert.equal(await as([]), 0);
    assert.equal(await as(null), 9);
  });

  await t.test('what is put into the catalogue is there for the next question', async () => {
    const title = async () => (await get('/api/metrics/video/v')).json<{ title: string | null }>().title;
    assert.equal(await title(), null);
    const put = { method: 'PUT' as const, url: '/v1/videos', payload: '{"video_id":"v","title":"Told"}' };
    assert.equal(
      (await service.app.inject({ ...put, headers: { 'content-type': 'text/plain' } })).statusCode,
      200,
    );
    assert.equal(await title(), 'Told');
  });

  await t.test('a refusal has no ETag and is not kept', async () => {
    const refused = await get('/metrics?metric=views&from=never');
    assert.deepEqual([refused.statusCode, refused.headers.etag], [400, undefined]);
    assert.equal(refused.headers['cache-control'], 'no-store');
  });
});

test('an answer about a day that is over lasts until something lands in it', async (t) => {
  // A millisecond, and sixty where it took long: then only the look at the store is left.
  const service = await startQueryService(t, { answers: freshAnswers(1) });
  const rows = rowsOf('tube', 4);
  await service.insert(rows);
  while ((await service.recompute(1_000_000).round()).buckets > 0);
  const total = async () =>
    (await service.get<Metrics>('/metrics', { metric: 'events', from: '2026-03-01', to: '2026-03-01' }))
      .series[0]!.total;
  assert.equal(await total(), 4);
  // Rows that nobody announced, so that an answer from the cache can be told from a new one.
  await service.store.command(
    `INSERT INTO event_counts_5m SELECT * REPLACE (events + 100 AS events, now64(3) AS version) FROM event_counts_5m FINAL`,
  );
  const over = performance.now() + 200;
  while (performance.now() < over) assert.equal(await total(), 4);
  await service.insert(rowsOf('tube', 1, 100));
  await until('the new one is counted', async () => (await total()) === 5);
});

test('a catalogue that is away is a 503 that says so', async (t) => {
  const service = await startQueryService(t, {
    catalog: {
      apps: {
        list: async () => {
          throw new CatalogUnavailable('PostgreSQL at secret.example does not answer');
        },
      },
    } as never,
  });
  const refused = await service.app.inject('/v1/apps');
  assert.deepEqual([refused.statusCode, refused.json().code], [503, 'catalog_unavailable']);
  assert.equal(refused.headers['retry-after'], '2');
  assert.doesNotMatch(refused.body, /secret/);
});
