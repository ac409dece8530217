/** Sessions: who may see them, what is refused, pages that stay apart, and late events. Numbers: sessions.oracle.test.ts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { freshAnswers, openAccess, startQueryApp, startQueryService, type TestRow } from './service.ts';

const NOW = Date.UTC(2026, 2, 31, 12);
const minute = 60_000;

interface Page {
  data: { session_id: string; app_id: string; is_new: boolean; events: number; started_at: string }[];
  next_cursor: string | null;
}

let offset = 0;
const row = (session_id: string, timestamp: number, more: Partial<TestRow> = {}): TestRow => ({
  app_id: 'a',
  event_name: 'page_view',
  user_id: `user of ${session_id}`,
  session_id,
  page: '/',
  log_offset: offset++,
  ...more,
  timestamp,
});
const idsOf = (page: Page) => page.data.map((session) => session.session_id);

test('a caller sees the sessions of its apps alone, and bots only when asked for', async (t) => {
  const service = await startQueryService(t, { now: () => NOW });
  await service.insert([
    row('s1', NOW - 3 * minute),
    row('s2', NOW - 2 * minute, { is_bot: true }),
    // The same id and user in another app is another session, and another first one.
    row('s1', NOW - 9 * minute, { app_id: 'b', user_id: 'user of s1' }),
  ]);
  const access = openAccess({ apps: ['a'], scopes: ['read'] });
  const app = await startQueryApp(t, { ...service.options, access });
  const get = async (url: string) => await app.inject(url);
  const seen = (await get('/v1/sessions')).json<Page>().data;
  assert.deepEqual(
    seen.map(({ app_id, session_id, is_new, events }) => [app_id, session_id, is_new, events]),
    [['a', 's1', true, 1]],
  );
  assert.equal((await get('/v1/sessions/stats')).json().sessions, 1);
  assert.deepEqual(idsOf((await get('/v1/sessions?bots=true')).json<Page>()), ['s2', 's1']);
  assert.equal((await get('/v1/sessions/stats?bots=true')).json().sessions, 2);
  for (const url of ['/v1/sessions?app_id=b', '/v1/sessions/stats?app_id=a,b']) {
    const refused = await get(url);
    assert.deepEqual([refused.statusCode, refused.json().code], [403, 'app_forbidden'], url);
  }
  const nobody = await startQueryApp(t, { ...service.options, access: openAccess({ apps: [] }) });
  assert.deepEqual((await nobody.inject('/v1/sessions')).json(), { data: [], next_cursor: null });
  assert.equal((await nobody.inject('/v1/sessions/stats')).json().sessions, 0);
  const admin = await startQueryApp(t, { ...service.options, access: openAccess({ scopes: ['admin'] }) });
  assert.equal((await admin.inject('/v1/sessions')).statusCode, 403);
  assert.equal((await admin.inject('/v1/sessions/stats')).statusCode, 403);
});

test('what cannot be asked is refused, with advice', async (t) => {
  const service = await startQueryService(t, { now: () => NOW });
  const refusals: [string, string][] = [
    ['/v1/sessions?sort=bounced', 'invalid_request'],
    ['/v1/sessions?order=up', 'invalid_request'],
    ['/v1/sessions?limit=0', 'invalid_request'],
    ['/v1/sessions?limit=1001', 'invalid_request'],
    ['/v1/sessions?min_duration=-1', 'invalid_request'],
    ['/v1/sessions?bounced=maybe', 'invalid_request'],
    ['/v1/sessions?from=yesterday', 'invalid_request'],
    ['/v1/sessions?from=2026-03-03&to=2026-03-01', 'invalid_request'],
    ['/v1/sessions?cursor=nonsense', 'invalid_cursor'],
    [`/v1/sessions?cursor=${Buffer.from('["x",1,"a","s"]').toString('base64url')}`, 'invalid_cursor'],
    ['/v1/sessions/stats?interval=1m', 'invalid_request'],
    ['/v1/sessions/stats?timezone=Mars', 'invalid_request'],
    ['/v1/sessions/stats?interval=1h&from=2000-01-01&to=2026-01-01', 'invalid_request'],
  ];
  for (const [url, code] of refusals) {
    const answer = await service.app.inject(url);
    assert.deepEqual([answer.statusCode, answer.json().code], [400, code], url);
    assert.ok(answer.json().detail.length > 10, url);
  }
  const empty = await service.get<Record<string, unknown>>('/v1/sessions/stats', {
    from: '2026-03-01',
    to: '2026-03-02',
    interval: '1d',
  });
  const nothing = {
    sessions: 0,
    users: 0,
    new_users: 0,
    returning_users: 0,
    page_views: 0,
    avg_duration_seconds: 0,
    median_duration_seconds: 0,
    pages_per_session: 0,
    bounce_rate: 0,
  };
  assert.deepEqual(empty, {
    from: '2026-03-01T00:00:00.000Z',
    to: '2026-03-03T00:00:00.000Z',
    interval: '1d',
    timezone: 'UTC',
    ...nothing,
    series: ['01', '02'].map((day) => ({ time: `2026-03-${day}T00:00:00.000Z`, ...nothing })),
    by: { device: [], browser: [], os: [], country: [], referrer: [], utm_source: [], utm_campaign: [] },
  });
});

test('pages stay apart while events arrive, and a cursor belongs to its list', async (t) => {
  const service = await startQueryService(t, { now: () => NOW });
  // Two in each millisecond, from a minute ago to days ago.
  const at = (n: number) => NOW - minute - Math.floor(n / 2) * 7 * 60 * minute;
  const name = (n: number) => `s${String(n).padStart(2, '0')}`;
  await service.insert(Array.from({ length: 30 }, (_, n) => row(name(n), at(n))));
  const newestFirst = Array.from({ length: 30 }, (_, n) => name(n ^ 1)).filter(
    (_, n) => at(n) >= Date.UTC(2026, 2, 25),
  );
  const first = await service.get<Page>('/v1/sessions', { limit: '5' });
  assert.deepEqual(idsOf(first), newestFirst.slice(0, 5));
  await service.insert([
    row('newer', NOW - 1),
    row('s99', at(4)),
    row('s04x', at(4) - 1),
    // A late event moves a session that was not shown yet behind the others.
    row(name(7), Date.UTC(2026, 2, 25)),
  ]);
  const second = await service.get<Page>('/v1/sessions', { limit: '3', cursor: first.next_cursor! });
  assert.deepEqual(idsOf(second), ['s04', 's04x', 's06']);
  const rest = await service.get<Page>('/v1/sessions', { limit: '1000', cursor: second.next_cursor! });
  assert.equal(idsOf(rest).at(-1), name(7));
  assert.equal(rest.next_cursor, null);
  for (const url of [
    `/v1/sessions?sort=events&cursor=${first.next_cursor}`,
    `/v1/sessions?order=asc&cursor=${first.next_cursor}`,
    `/v1/sessions?device=tv&cursor=${first.next_cursor}`,
  ]) {
    const answer = await service.app.inject(url);
    assert.deepEqual([answer.statusCode, answer.json().code], [400, 'invalid_cursor'], url);
  }
});

test('a late event repairs what was answered before, of a time that is over too', async (t) => {
  const service = await startQueryService(t, { now: () => NOW, answers: freshAnswers(1) });
  const day = Date.UTC(2026, 2, 20);
  await service.insert([row('s1', day + 60 * minute, { user_id: 'u' }), row('s1', day + 61 * minute)]);
  const of = { from: '2026-03-20', to: '2026-03-20' };
  const list = async () => (await service.get<Page>('/v1/sessions', of)).data;
  const stats = async () => await service.get<Record<string, number>>('/v1/sessions/stats', of);
  assert.deepEqual([(await list())[0]!.is_new, (await stats()).new_users], [true, 1]);
  // The same user was there before.
  await service.insert([row('s0', day - 60 * minute, { user_id: 'u' })]);
  await until(async () => (await list())[0]!.is_new === false && (await stats()).returning_users === 1);
  // And the session had begun the day before.
  await service.insert([row('s1', day - 1, { user_id: 'u' })]);
  await until(async () => (await list()).length === 0 && (await stats()).sessions === 0);
});

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let i = 0; i < 100; i++) if (await holds()) return;
  assert.fail('an answer stayed as it was');
}

test('whether a session is new does not depend on what is asked for', async (t) => {
  const service = await startQueryService(t, { now: () => NOW });
  const of = (anonymous_id: string) => ({ user_id: 'u', anonymous_id, device: anonymous_id });
  await service.insert([
    row('first', NOW - 20 * minute, of('phone')),
    row('second', NOW - 10 * minute, of('laptop')),
  ]);
  for (const [filter, id, fresh] of [
    ['phone', 'first', true],
    ['laptop', 'second', false],
  ] as const) {
    const queries: Record<string, string>[] = [
      { anonymous_id: filter },
      { device: filter },
      { user_id: 'u', device: filter },
    ];
    for (const query of queries) {
      const { data } = await service.get<Page>('/v1/sessions', query);
      assert.deepEqual(
        data.map(({ session_id, is_new }) => [session_id, is_new]),
        [[id, fresh]],
      );
      const stats = await service.get<Record<string, number>>('/v1/sessions/stats', query);
      assert.deepEqual([stats.users, stats.new_users], [1, Number(fresh)], JSON.stringify(query));
    }
  }
});

test('more values than the limit are cut, and that is said', async (t) => {
  const service = await startQueryService(t, { now: () => NOW });
  await service.insert(
    ['DE', 'DE', 'NP', 'FR', ''].map((country, i) => row(`s${i}`, NOW - i * minute, { country })),
  );
  const { by, truncated, sessions } = await service.get<{
    by: Record<string, { value: string; sessions: number }[]>;
    truncated?: true;
    sessions: number;
  }>('/v1/sessions/stats', { limit: '2', interval: '1h' });
  assert.deepEqual([sessions, truncated], [5, true]);
  assert.deepEqual(by.country, [
    { value: 'DE', sessions: 2, users: 2, bounce_rate: 1 },
    { value: '', sessions: 1, users: 1, bounce_rate: 1 },
  ]);
  const whole = await service.get<{ truncated?: true; by: Record<string, unknown[]> }>('/v1/sessions/stats', {
    limit: '4',
  });
  assert.deepEqual([whole.truncated, whole.by.country!.length], [undefined, 4]);
});

test('a page of the longest ids there are', async (t) => {
  const service = await startQueryService(t, { now: () => NOW });
  const long = (n: number) => `${n}`.padEnd(256, '\\\'"{');
  await service.insert(
    Array.from({ length: 1001 }, (_, n) => row(long(n), NOW - minute, { user_id: long(n) })),
  );
  const page = await service.get<Page>('/v1/sessions', { limit: '1000' });
  assert.equal(page.data.length, 1000);
  assert.ok(page.data.every((session) => session.is_new && session.events === 1));
  assert.notEqual(page.next_cursor, null);
});
