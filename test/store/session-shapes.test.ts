/** Seed 003's tables: there with the columns that it prints, and the same numbers as the API's. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SqlDesk } from '../../src/query/sql/desk.ts';
import { QUERYABLE } from '../../src/store/readable.ts';
import { sessionShapes } from '../../src/store/session-shapes.ts';
import { until } from '../faults/verify.ts';
import { FOREVER, openAccess, startQueryApp, startQueryService, type TestRow } from '../query/service.ts';
import { startTestService } from '../support/service.ts';

/** As the seed prints them. */
const DISTRIBUTIONS = `-- Session distributions (uses MV)
SELECT dimension_value, session_count, bounce_count
FROM session_distributions
WHERE dimension_type = 'device' AND date >= today() - 7;`;
const CAMPAIGNS = `-- UTM campaign performance (uses MV)
SELECT utm_source, session_count, conversion_count
FROM utm_campaign_stats WHERE date = today();`;

interface Answer {
  readonly rows: unknown[][];
  readonly code?: string;
  readonly detail?: string;
}

test('seed 003’s two questions, as printed, over what was sent', async (t) => {
  const service = await startTestService({ ANALYTICS_CONVERSION_EVENTS: 'bought' });
  t.after(() => service.stop());
  const now = Date.now();
  const event = (app_id: string, session_id: string, more: object) => ({
    app_id,
    session_id,
    user_id: `user of ${session_id}`,
    event_name: 'page_view',
    timestamp: now,
    ...more,
  });
  const visit = { device: 'mobile', utm_source: 'mail', page: { path: '/' } };
  const sent = [
    event('shop', 's1', { context: visit }),
    event('shop', 's1', { event_name: 'bought' }),
    event('shop', 's1', { event_name: 'click', properties: { conversion: true } }),
    event('shop', 's1', { event_name: 'purchase', properties: { conversion: 'true' } }),
    event('shop', 's2', { context: { device: 'mobile', utm_source: "it's" } }),
    event('shop', 's3', { context: { device: 'tv' } }),
    event('other', 's1', { context: visit }),
  ];
  assert.equal((await service.post('/events', sent)).status, 202);
  const { client, adhoc } = service.store!;
  await until('all is stored', async () => {
    const [row] = await client.select<{ n: number }>('SELECT count() AS n FROM events');
    return row!.n === sent.length;
  });
  const { options } = await startQueryService(t);
  const ask = async (query: string, apps: readonly string[] | null) => {
    const access = openAccess({ id: `key:${apps}`, apps, scopes: ['read'] });
    const app = await startQueryApp(t, { ...options, sql: new SqlDesk({ store: client, adhoc }), access });
    const answer = await app.inject({ method: 'POST', url: '/query', payload: { query } });
    const body = answer.json<Answer>();
    assert.equal(answer.statusCode, 200, `${query}: ${body.detail}`);
    return body.rows.toSorted((a, b) => (String(a) < String(b) ? -1 : 1));
  };
  assert.deepEqual(await ask(DISTRIBUTIONS, ['shop']), [
    ['mobile', 2, 2],
    ['tv', 1, 1],
  ]);
  assert.deepEqual(await ask(CAMPAIGNS, ['shop']), [
    ["it's", 1, 0],
    ['mail', 1, 2],
  ]);
  assert.deepEqual(await ask(CAMPAIGNS, ['other']), [['mail', 1, 0]]);
  assert.equal((await ask(CAMPAIGNS, null)).length, 3);
  for (const name of Object.keys(sessionShapes([], FOREVER))) {
    assert.ok((QUERYABLE as readonly string[]).includes(name), name);
    const rows = await ask(`SELECT DISTINCT app_id FROM ${name}`, ['other']);
    assert.ok(
      rows.flat().every((app) => app === 'other'),
      name,
    );
    assert.deepEqual(await ask(`SELECT count() FROM ${name}`, []), [[0]], name);
  }
});

test('the tables say what the API says, at once', async (t) => {
  const now = Date.UTC(2026, 2, 31, 12);
  const service = await startQueryService(t, { now: () => now });
  const rows: TestRow[] = [];
  for (let i = 0; i < 400; i++) {
    rows.push({
      app_id: i % 3 === 0 ? 'a' : 'b',
      event_name: ['page_view', 'page_view', 'search', 'error', 'purchase', 'web_vital'][i % 6],
      timestamp: now - ((i * 7919) % 400) * 13 * 60_000,
      user_id: i % 5 === 0 ? '' : `u${i % 11}`,
      anonymous_id: `a${i % 13}`,
      session_id: i % 17 === 0 ? '' : `s${(i * 31) % 90}`,
      page: `/${i % 4}`,
      device: ['', 'mobile', 'tv'][(i >> 2) % 3],
      utm_source: ['', '', 'mail'][(i >> 3) % 3],
      is_bot: i % 29 === 0,
      properties: JSON.stringify(i % 6 === 5 ? { name: 'LCP', value: i * 10 } : { conversion: i % 8 === 0 }),
      log_offset: i,
    });
  }
  await service.insert(rows);
  const { store } = service;
  const { data } = await service.get<{ data: Record<string, unknown>[] }>('/v1/sessions', { limit: '1000' });
  const fields = [
    'app_id',
    'session_id',
    'is_new',
    'events',
    'conversions',
    'bounced',
    'errors',
    'duration_seconds',
  ];
  const lineOf = (row: Record<string, unknown>, started: unknown, page: unknown) => [
    ...fields.map((field) => row[field]),
    started,
    page,
  ];
  const stored = await store.select<Record<string, unknown>>(
    `SELECT *, toUnixTimestamp64Milli(started_at) AS at FROM sessions ORDER BY at DESC, app_id DESC, session_id DESC`,
  );
  assert.ok(data.length > 50);
  assert.deepEqual(
    stored.map((row) => lineOf(row, new Date(row.at as number).toISOString(), row.entry_page)),
    data.map((row) => lineOf(row, row.started_at, row.entry_page ?? '')),
  );

  const stats = await service.get<{ series: Record<string, number>[] }>('/v1/sessions/stats', {
    interval: '1d',
    app_id: 'b',
  });
  const days = await store.select<Record<string, number>>(
    `SELECT session_count AS sessions, user_count AS users, new_user_count AS new_users, page_view_count AS page_views,
       avg_duration_seconds, median_duration_seconds, bounce_rate
     FROM daily_session_stats WHERE app_id = 'b' ORDER BY date`,
  );
  const told = stats.series
    .filter((point) => point.sessions! > 0)
    .map((point) => Object.fromEntries(Object.keys(days[0]!).map((name) => [name, point[name]])));
  assert.deepEqual(days, told);

  const [sums] = await store.select<Record<string, number>>(`
SELECT (SELECT sum(session_count) FROM hourly_session_metrics) AS by_hour,
  (SELECT sum(session_count) FROM session_distributions WHERE dimension_type = 'os') AS by_os,
  (SELECT sum(event_count) FROM hourly_event_counts) AS events,
  (SELECT sum(event_count) FROM user_profiles) AS of_users,
  (SELECT count() FROM page_views) AS page_views, (SELECT count() FROM errors) AS errors,
  (SELECT sum(sample_count) FROM page_performance_stats) AS vitals,
  (SELECT sum(good_count + needs_improvement_count + poor_count) FROM page_performance_stats) AS rated,
  (SELECT sum(needs_improvement_count) FROM page_performance_stats) AS middling,
  (SELECT sum(session_count) FROM utm_campaign_stats) AS campaigns`);
  const people = rows.filter((row) => !row.is_bot);
  const named = (name: string) => people.filter((row) => row.event_name === name);
  const lcp = named('web_vital').map(
    (row) => (JSON.parse(row.properties as string) as { value: number }).value,
  );
  assert.deepEqual(sums, {
    by_hour: data.length,
    by_os: data.length,
    events: people.length,
    of_users: people.length,
    page_views: named('page_view').length,
    errors: named('error').length,
    vitals: lcp.length,
    rated: lcp.length,
    middling: lcp.filter((ms) => ms > 2500 && ms <= 4000).length,
    campaigns: data.filter((session) => session.utm_source !== null).length,
  });

  // What reads by the names of seed 003's materialized views reads the same rows.
  const rowsOf = async (table: string, where = '1') => {
    const all = await store.select(`SELECT * FROM ${table} WHERE ${where}`);
    return all.map((row) => JSON.stringify(row)).sort();
  };
  for (const table of [
    'daily_session_stats',
    'hourly_event_counts',
    'hourly_session_metrics',
    'utm_campaign_stats',
  ]) {
    assert.deepEqual(await rowsOf(`${table}_mv`), await rowsOf(table), table);
  }
  assert.deepEqual(await rowsOf('page_performance_mv'), await rowsOf('page_performance_stats'));
  assert.deepEqual(await rowsOf('funnel_stats_mv'), await rowsOf('funnel_stats'));
  for (const dimension of ['device', 'browser', 'os', 'country']) {
    const wanted = await rowsOf('session_distributions', `dimension_type = '${dimension}'`);
    assert.ok(wanted.length > 0, dimension);
    assert.deepEqual(await rowsOf(`session_dist_${dimension}_mv`), wanted);
  }
});
