/** The page of sessions in a browser, over a real service: its figures are the API's, its rows lead to what happened. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Browser } from 'playwright-core';
import { SESSION_LOOKS } from '../../dashboard/src/pages/sessions/measures.ts';
import { until } from '../faults/verify.ts';
import { openBrowser } from '../support/browser.ts';
import { builtDashboard, type DashboardPage, openDashboard, settled } from '../support/dashboard-target.ts';
import { startTestService, type TestService } from '../support/service.ts';

let service: TestService;
let browser: Browser;
const opened: DashboardPage[] = [];
const VISITS = 60;

before(async () => {
  await builtDashboard();
  [service, browser] = await Promise.all([startTestService(), openBrowser()]);
  const now = Date.now();
  const events = Array.from({ length: VISITS }, (_, i) => {
    const at = now - i * 60_000;
    const common = {
      user_id: `u${i % 7}`,
      session_id: `visit ${i}`,
      context: { country: i % 3 === 0 ? 'DE' : 'FR' },
    };
    const seen = (ms: number, page: string) => ({
      ...common,
      event_name: 'page_view',
      timestamp: new Date(at + ms).toISOString(),
      properties: { page },
    });
    return i % 4 === 0 ? [seen(0, '/in')] : [seen(0, '/in'), seen(30_000 + i * 100, `/out/${i}`)];
  }).flat();
  assert.equal((await service.post('/events', events)).status, 202);
  await until('the sessions are there', async () => (await stats()).sessions === VISITS);
});

after(async () => {
  for (const page of opened) await page.close();
  await browser?.close();
  await service?.stop();
});

async function stats(query = ''): Promise<Record<string, number>> {
  return await service.get<Record<string, number>>(`/v1/sessions/stats?${query}`);
}

async function open(path: string): Promise<DashboardPage> {
  const page = await openDashboard(browser, service.url, path, { colorScheme: 'dark' });
  opened.push(page);
  await settled(page.page);
  return page;
}

describe('sessions on the dashboard', () => {
  it('are the figures of the API', async () => {
    const { page, faults } = await open('/sessions?range=7d');
    const answer = await stats();
    for (const { measure, label, short } of SESSION_LOOKS) {
      const value = answer[measure]!;
      assert.ok(value > 0, measure);
      assert.equal(await page.locator(`[data-figure="${label}"]`).textContent(), short(value), measure);
    }
    if (process.env.SHOTS)
      await page.screenshot({ path: `${process.env.SHOTS}/sessions.png`, fullPage: true });
    assert.deepEqual(faults, []);
  });

  it('are filtered by a click, and say by what they cannot be', async () => {
    const { page, faults } = await open('/sessions?range=7d&f=event_name:eq:page_view');
    await page.getByText('Sessions are not filtered by Event.').waitFor();
    await page
      .getByRole('list', { name: 'Countries' })
      .getByRole('button', { name: /Germany/ })
      .click();
    await page.waitForURL(/country%3Aeq%3ADE|country:eq:DE/);
    const { sessions } = await stats('country=DE');
    await page.locator('[data-figure="Sessions"]').getByText(String(sessions), { exact: true }).waitFor();
    await page.getByText(`${sessions} shown, that is all of them`).waitFor();
    assert.deepEqual(faults, []);
  });

  it('come page by page, in the order that is wished, and lead to what happened', async () => {
    const { page, faults } = await open('/sessions?range=7d');
    const rows = page.locator('.table-sessions tbody tr');
    assert.equal(await rows.count(), 50);
    await page.getByRole('button', { name: 'Load more' }).click();
    await page.getByText(`${VISITS} shown, that is all of them`).waitFor();
    assert.equal(await rows.count(), VISITS);
    await page.getByRole('button', { name: 'Longest' }).click();
    // The last visit but one with two pages was made the longest.
    await rows.first().getByText('/in → /out/59').waitFor();
    await rows.first().getByRole('link', { name: 'What happened in this session' }).click();
    await page.waitForURL(/\/sessions\/visit%2059\?/);
    await page.getByRole('heading', { name: 'visit 59' }).waitFor();
    await page.locator('[data-figure="Events"]').getByText('2', { exact: true }).waitFor();
    await page.getByRole('link', { name: 'In the event list' }).click();
    await page.waitForURL(/\/event-log/);
    await page.getByText('2 shown, that is all of them').waitFor();
    await page.getByText('visit 59').first().waitFor();
    assert.deepEqual(faults, []);
  });

  it('draws the measure that is picked', async () => {
    const { page, faults } = await open('/sessions?range=24h');
    await page.getByRole('button', { name: /Bounce rate/ }).click();
    await page.waitForURL(/measure=bounce_rate/);
    await page.getByRole('heading', { name: 'Bounce rate', level: 2 }).waitFor();
    await page.locator('.uplot canvas').first().waitFor();
    assert.deepEqual(faults, []);
  });
});

describe('one session on the dashboard', () => {
  const id = `told/${'long '.repeat(40)}?#`;

  before(async () => {
    const began = Date.now() - 3_600_000;
    const told = (seconds: number, event_name: string, more: object = {}) => ({
      event_name,
      user_id: 'teller',
      session_id: id,
      timestamp: new Date(began + seconds * 1_000).toISOString(),
      context: { country: 'DE' },
      ...more,
    });
    const events = [
      told(0, 'page_view', { properties: { page: '/in' } }),
      told(5, 'video_start', { video_id: 'film', properties: { duration: 60 } }),
      told(905, 'video_error', { video_id: 'film', properties: { message: 'It broke off' } }),
      told(905, 'page_view', { properties: { page: '/out' } }),
    ];
    assert.equal((await service.post('/events', events)).status, 202);
    // Of the same id in another app.
    assert.equal((await service.post('/events', [{ ...events[0], app_id: 'other' }])).status, 202);
    await until('they are stored', async () => {
      const found = await service.get<{ data: unknown[] }>(`/v1/events?session_id=${encodeURIComponent(id)}`);
      return found.data.length === 5;
    });
  });

  it('is told in order, with its silence, by keyboard', async () => {
    const { page, faults } = await open(`/sessions/${encodeURIComponent(id)}?of=default&range=30d`);
    const figure = async (label: string) => await page.locator(`[data-figure="${label}"]`).textContent();
    assert.equal(await figure('Events'), '4');
    assert.equal(await figure('Duration'), '15\u202fm 05\u202fs');
    assert.equal(await figure('Page views'), '2');
    assert.equal(await figure('Plays'), '1');
    assert.equal(await figure('Errors'), '1');
    const entries = page.getByRole('list', { name: 'Events in order' }).getByRole('listitem');
    const texts = await entries.allTextContents();
    assert.match(texts[0]!, /^Start.*page_view.*\/in/);
    assert.match(texts[1]!, /^\+5\.0\u202fs.*video_start.*film/);
    assert.match(texts[2]!, /15\u202fm 00\u202fs without an event/);
    assert.match(texts[3]!, /video_error.*It broke off/);
    assert.equal(texts.length, 5);
    const line = page.getByRole('button', { name: /video_error/ });
    await line.focus();
    await page.keyboard.press('Enter');
    await page.locator('.event-detail').getByText('It broke off').waitFor();
    await page.locator('.session-facts').getByText('teller').waitFor();
    await page.locator('.session-facts').getByText('Germany').waitFor();
    if (process.env.SHOTS)
      await page.screenshot({ path: `${process.env.SHOTS}/session.png`, fullPage: true });
    await page.getByRole('link', { name: 'All sessions' }).click();
    await page.waitForURL(/\/sessions\?range=30d$/);
    assert.deepEqual(faults, []);
  });

  it('says when there is none', async () => {
    const { page, faults } = await open('/sessions/nobody');
    await page.getByText('No event of this session is there').waitFor();
    assert.equal(await page.locator('[data-figure="Events"]').textContent(), '–');
    assert.equal(await page.getByRole('button', { name: /Time range/ }).count(), 0);
    assert.deepEqual(faults, []);
  });
});
