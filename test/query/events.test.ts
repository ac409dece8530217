import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startQueryService, type TestRow } from './service.ts';

const NOW = Date.UTC(2026, 2, 31, 12);
const minute = 60_000;
const day = 1440 * minute;

interface Page {
  data: {
    event_id: string;
    timestamp: string;
    user_id: string | null;
    properties: object;
    context: object;
  }[];
  next_cursor: string | null;
}

const id = (n: number) => `00000000-0000-7000-8000-${String(n).padStart(12, '0')}`;
const numbers = (page: Page) => page.data.map((event) => Number(event.event_id.slice(-6)));

const row = (n: number, timestamp: number, more: Partial<TestRow> = {}): TestRow => ({
  app_id: 'a',
  event_name: 'search',
  event_id: id(n),
  user_id: `u${n % 3}`,
  log_partition: n % 2,
  log_offset: n,
  ...more,
  timestamp,
});

test('events, page by page', async (t) => {
  const service = await startQueryService(t, { now: () => NOW });
  // Some share a millisecond; they go from a minute ago to six days ago, and one lies ahead.
  const rows = Array.from({ length: 60 }, (_, n) => row(n, NOW - minute - Math.floor(n / 3) * 0.3 * day));
  await service.insert([
    ...rows,
    row(60, NOW + 60 * minute),
    row(61, NOW - 1, { is_bot: true }),
    row(62, NOW - 9 * day),
  ]);
  const newestFirst = [60, ...rows.map((_, n) => n)].toSorted((a, b) => placeOf(b) - placeOf(a));
  /** Timestamp, partition, offset in one number. */
  function placeOf(n: number): number {
    if (n === 60) return Number.POSITIVE_INFINITY;
    return -Math.floor(n / 3) * 1000 + (n % 2) * 500 + n;
  }
  const all = async (query: Record<string, string>) => {
    const found: number[] = [];
    let cursor: string | null = '';
    for (let pages = 0; cursor !== null && pages < 100; pages++) {
      const page: Page = await service.get<Page>('/v1/events', cursor === '' ? query : { ...query, cursor });
      found.push(...numbers(page));
      cursor = page.next_cursor;
    }
    return found;
  };

  await t.test('every event once, whatever the size of the page', async () => {
    for (const limit of [1, 7, 61, 1000])
      assert.deepEqual(await all({ limit: String(limit) }), newestFirst, `limit ${limit}`);
    assert.deepEqual(await all({ limit: '9', order: 'asc' }), newestFirst.toReversed());
    assert.deepEqual(numbers(await service.get<Page>('/v1/events')), newestFirst.slice(0, 50));
  });

  await t.test('by user, app, time and filter', async () => {
    assert.deepEqual(
      await all({ user_id: 'u1' }),
      newestFirst.filter((n) => n % 3 === 1),
    );
    assert.deepEqual(
      await all({ filter: 'user_id:eq:u2', limit: '4' }),
      newestFirst.filter((n) => n % 3 === 2),
    );
    assert.deepEqual(await all({ app_id: 'b' }), []);
    assert.deepEqual(
      await all({ event_name: 'search', from: '2026-03-31T11:00:00Z', to: '2026-03-31T12:00:00Z' }),
      [1, 2, 0].toSorted((a, b) => placeOf(b) - placeOf(a)),
    );
    assert.deepEqual(await all({ from: '2026-03-20', to: '2026-03-23' }), [62]);
    assert.equal((await all({ bots: 'true' })).length, 62);
  });

  await t.test('pages stay apart while events arrive', async () => {
    const first = await service.get<Page>('/v1/events', { limit: '10' });
    // Newer, older, and in the same millisecond as the last one shown.
    const last = newestFirst[9]!;
    await service.insert([
      row(100, NOW + 61 * minute),
      row(101, rows[last]!.timestamp, { log_partition: 9 }),
      row(102, rows[last]!.timestamp - 1),
    ]);
    const second = await service.get<Page>('/v1/events', { limit: '10', cursor: first.next_cursor! });
    assert.deepEqual(
      numbers(second),
      [102, ...newestFirst.slice(10)].toSorted((a, b) => at(b) - at(a)).slice(0, 10),
    );
    function at(n: number): number {
      return n === 102 ? placeOf(last) - 1 - (placeOf(last) - placeOf(newestFirst[10]!)) / 2 : placeOf(n);
    }
  });

  await t.test('a cursor of another list is refused', async () => {
    const { next_cursor } = await service.get<Page>('/v1/events', { limit: '10' });
    const forged = Buffer.from('["x",1,2,3,4]').toString('base64url');
    for (const url of [
      `/v1/events?limit=10&user_id=u1&cursor=${next_cursor}`,
      `/v1/events?limit=10&order=asc&cursor=${next_cursor}`,
      '/v1/events?cursor=nonsense',
      `/v1/events?cursor=${forged}`,
    ]) {
      const response = await service.app.inject(url);
      assert.deepEqual([response.statusCode, response.json().code], [400, 'invalid_cursor'], url);
    }
    await service.get('/v1/events', { limit: '20', cursor: next_cursor! });
  });
});

test('an event as it was stored', async (t) => {
  const service = await startQueryService(t, { now: () => NOW });
  await service.insert([
    row(1, NOW - 5, {
      received_at: NOW - 2,
      video_id: 'v',
      country: 'DE',
      properties: '{"deep":{"list":[1,"\\u00fc"]},"n":1.5}',
      context: 'not json',
    }),
  ]);
  const { data, next_cursor } = await service.get<Page>('/v1/events', { user_id: 'u1' });
  assert.equal(next_cursor, null);
  assert.deepEqual(data, [
    {
      event_id: id(1),
      event_name: 'search',
      app_id: 'a',
      timestamp: '2026-03-31T11:59:59.995Z',
      received_at: '2026-03-31T11:59:59.998Z',
      user_id: 'u1',
      anonymous_id: null,
      session_id: null,
      session_assigned: false,
      video_id: 'v',
      view_id: null,
      stream_id: null,
      page: null,
      referrer: null,
      utm_source: null,
      utm_medium: null,
      utm_campaign: null,
      utm_term: null,
      utm_content: null,
      device: null,
      os: null,
      browser: null,
      country: 'DE',
      is_bot: false,
      properties: { deep: { list: [1, 'ü'] }, n: 1.5 },
      context: {},
    },
  ]);
});
