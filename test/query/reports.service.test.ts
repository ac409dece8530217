/** Visits through the whole service, sent twice and out of order: reports and the summary say what the oracle says. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { isBot } from '../oracle/history.ts';
import { createOracle } from '../oracle/oracle.ts';
import * as told from '../oracle/reports.ts';
import { generateVisits } from '../oracle/visits.ts';
import { startTestService } from '../support/service.ts';

const REQUEST_EVENTS = 50;
const PATIENCE_MS = 60_000;
const POLL_MS = 200;
const hour = 3_600_000;

type Row = Record<string, unknown>;

/** Numbers that were added in another order differ in their last digits. */
const rounded = (rows: unknown) =>
  JSON.parse(
    JSON.stringify(rows, (_, value) => (typeof value === 'number' ? Math.round(value * 1e6) / 1e6 : value)),
  );

test('from HTTP to the report', { timeout: 180_000 }, async (t) => {
  const service = await startTestService();
  t.after(() => service.stop());
  const now = Date.now();
  const range = { from: now - 50 * hour, to: now - 20 * hour };
  const visits = generateVisits(7, { apps: ['x', 'y'], videos: ['v1', 'v2'], ...range, count: 400 });
  for (let i = 0; i < visits.length; i += REQUEST_EVENTS) {
    const some = visits.slice(i, i + REQUEST_EVENTS).map(({ event }) => event);
    assert.equal((await service.post('/events', some)).status, 202);
  }
  const oracle = createOracle(visits, { isBot });
  assert.ok(oracle.accepted.events.length < visits.length, 'some were sent twice');
  const facts = { ...oracle, from: range.from - hour, to: now };
  const params = { from: new Date(facts.from).toISOString(), to: new Date(facts.to).toISOString() };
  const deadline = performance.now() + PATIENCE_MS;
  const query = new URLSearchParams({ ...params, limit: '1000' });
  const count = async () =>
    (await service.get<{ series: { total: number }[] }>(`/metrics?metric=events&${query}`)).series[0]!.total;
  while ((await count()) < oracle.events.length && performance.now() < deadline) await delay(POLL_MS);

  const summary = await service.get<Row>(`/v1/behavior/summary?${query}`);
  const { events, users, sessions, page_views } = told.overview(facts);
  assert.deepEqual(
    {
      events: summary.events,
      users: summary.users,
      sessions: summary.sessions,
      page_views: summary.page_views,
    },
    { events, users, sessions, page_views },
  );
  assert.deepEqual(rounded(summary.pages), rounded(told.pages(facts, 1000)));
  assert.deepEqual(summary.events_top, told.topEvents(facts, 1000));

  const report = async (template: string, more: Row = {}) => {
    const { status, body } = await service.post<{ rows: Row[] }>('/report', {
      template,
      params: { ...params, ...more },
    });
    assert.equal(status, 200, JSON.stringify(body));
    return body.rows;
  };
  const [{ previous: _, ...overview }] = (await report('overview_stats')) as [Row];
  assert.deepEqual(rounded(overview), rounded(told.overview(facts)));
  assert.deepEqual(rounded(await report('search_analytics', { limit: 1000 })), rounded(told.searches(facts)));
  const conversion_events = ['conversion', 'purchase', 'signup', 'subscribe'];
  assert.deepEqual(rounded(await report('campaigns')), rounded(told.campaigns(facts, conversion_events)));
  const impressions = (await report('impressions')).map(({ title: _, ...row }) => row);
  assert.deepEqual(rounded(impressions), rounded(told.impressions(facts)));
});
