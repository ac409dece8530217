/** The pages of a site and its campaigns in a browser, over a real service: they show what was sent. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { duration } from '../../dashboard/src/format/number.ts';
import { until } from '../faults/verify.ts';
import { openBrowser } from '../support/browser.ts';
import { builtDashboard, type DashboardPage, openDashboard, settled } from '../support/dashboard-target.ts';
import { startTestService, type TestService } from '../support/service.ts';

let service: TestService;
let browser: Browser;
const opened: DashboardPage[] = [];

const MINUTE = 60_000;

/** Four visits: two by a letter, of which one buys; one by a search, which leaves at once; one by no campaign. */
function visits(at: number): object[] {
  const visit = (session_id: string, utm_source: string, steps: readonly [string, string, object?][]) =>
    steps.map(([event_name, path, properties = {}], i) => ({
      event_name,
      session_id,
      user_id: `user of ${session_id}`,
      timestamp: at + i * MINUTE,
      properties,
      context: {
        page: { path },
        ...(utm_source === 'none'
          ? { referrer: 'https://elsewhere.example/' }
          : { utm_source, utm_medium: 'link', utm_campaign: 'may', referrer: 'https://news.example/a' }),
      },
    }));
  const vital = (name: string, value: number) => ({ name, value });
  return [
    ...visit('s1', 'letter', [
      ['page_view', '/'],
      ['web_vital', '/', vital('LCP', 2_000)],
      ['page_view', '/plans'],
      ['web_vital', '/plans', vital('LCP', 5_000)],
      ['purchase', '/plans'],
    ]),
    ...visit('s2', 'letter', [
      ['page_view', '/'],
      ['page_view', '/plans'],
      ['page_view', '/'],
      ['error', '/', { message: 'Segment 17 failed' }],
      ['error', '/', { message: 'Segment 4 failed' }],
    ]),
    ...visit('s3', 'search', [['page_view', '/']]),
    ...visit('s4', 'none', [['login', '/']]),
  ];
}

before(async () => {
  await builtDashboard();
  [service, browser] = await Promise.all([startTestService(), openBrowser()]);
  const events = visits(Date.now() - 30 * MINUTE);
  assert.equal((await service.post('/events', events)).status, 202);
  await until('all are stored', async () => {
    const { page_views } = await service.get<{ page_views: number }>('/v1/behavior/summary');
    return page_views === 6;
  });
});

after(async () => {
  for (const page of opened) await page.close();
  await browser?.close();
  await service?.stop();
});

async function open(path: string): Promise<DashboardPage> {
  const page = await openDashboard(browser, service.url, path);
  opened.push(page);
  await settled(page.page);
  return page;
}

async function rowsOf(page: Page, table: string): Promise<string[][]> {
  return await page
    .locator(`${table} tbody tr`)
    .evaluateAll((all) => all.map((row) => [...row.querySelectorAll('td')].map((cell) => cell.textContent)));
}

const figure = (page: Page, label: string) => page.locator(`[data-figure="${label}"]`).textContent();

describe('pages of a site on the dashboard', () => {
  it('show how often each was seen, where visits begin and end, and for how long', async () => {
    const { page, faults } = await open('/pages?range=24h');
    assert.equal(await figure(page, 'Page views'), '6');
    assert.equal(await figure(page, 'Sessions'), '4');
    const minute = duration(60);
    assert.deepEqual(await rowsOf(page, '.table-pages'), [
      ['/', '4', '3', '3', '2', minute],
      ['/plans', '2', '2', '0', '1', minute],
    ]);
    await page.getByRole('button', { name: 'Exit pages' }).click();
    assert.equal(new URL(page.url()).searchParams.get('sort'), 'exits');
    await until('pages are in the order of their exits', async () => {
      const exits = (await rowsOf(page, '.table-pages')).map((row) => [row[0], row[4]]);
      return (
        JSON.stringify(exits) ===
        JSON.stringify([
          ['/', '2'],
          ['/plans', '1'],
        ])
      );
    });
    assert.deepEqual(faults, []);
  });

  it('show how fast they are, all together and one by one', async () => {
    const { page, faults } = await open('/pages?range=24h');
    const vitals = page.getByRole('region', { name: 'Web vitals' });
    const lcp = vitals.locator('.vital', { hasText: 'LCP' });
    assert.match((await lcp.textContent())!, /4\.3.s.*Poor/);
    await page.getByRole('button', { name: '/', exact: true }).click();
    await lcp.getByText('Good', { exact: true }).waitFor();
    assert.match((await lcp.textContent())!, /2\.0.s.*Good 100.* of 1/);
    // The page is in the address, and can be let go.
    assert.equal(new URL(page.url()).searchParams.get('page'), '/');
    await vitals.getByRole('button', { name: 'All pages' }).click();
    await lcp.getByText('Poor', { exact: true }).waitFor();
    assert.deepEqual(faults, []);
  });

  it('show what went wrong, together what differs in a number only', async () => {
    const { page } = await open('/pages?range=24h');
    const [row, ...more] = await rowsOf(page, '.table-errors');
    assert.deepEqual([row!.slice(0, 3), more], [['Segment # failed', '2', '1'], []]);
  });
});

describe('campaigns on the dashboard', () => {
  it('show what each brought', async () => {
    const { page, faults } = await open('/campaigns?range=24h');
    assert.equal(await figure(page, 'Sessions'), '3');
    assert.equal(await figure(page, 'Conversions'), '1');
    assert.match((await figure(page, 'Bounce rate'))!, /^33/);
    const rows = await rowsOf(page, '.sql-rows');
    assert.deepEqual(
      rows.map((row) => row.slice(0, 4)),
      [
        ['letter', 'link', 'may', '2'],
        ['search', 'link', 'may', '1'],
      ],
    );
    const sources = page.getByRole('list', { name: 'Sources' }).getByRole('listitem');
    assert.deepEqual(
      await sources.evaluateAll((all) => all.map((one) => one.querySelector('.ranked-label')!.textContent)),
      ['letter', 'search'],
    );
    assert.deepEqual(faults, []);
  });

  it('say what to send where no visit came by one', async () => {
    const { page, faults } = await open('/campaigns?range=yesterday');
    const table = page.getByRole('region', { name: 'Campaigns', exact: true });
    assert.match((await table.textContent())!, /No visit came by a campaign in this range.*utm_source/);
    assert.deepEqual(faults, []);
  });

  it('are ordered by the column that was clicked, and back', async () => {
    const { page, faults } = await open('/campaigns?range=24h');
    const first = async () => (await rowsOf(page, '.sql-rows'))[0]?.[0];
    const head = page.locator('.sql-rows th').first();
    for (const [order, name] of [
      ['ascending', 'letter'],
      ['descending', 'search'],
      ['none', 'letter'],
    ]) {
      await head.getByRole('button').click();
      assert.equal(await head.getAttribute('aria-sort'), order);
      assert.equal(await first(), name);
    }
    assert.deepEqual(faults, []);
  });

  it('show the referrers of their own visits, which filter nothing here', async () => {
    const { page } = await open('/campaigns?range=24h');
    const panel = page.getByRole('region', { name: 'Referrers' });
    const list = panel.getByRole('listitem');
    assert.deepEqual(
      await list.evaluateAll((all) => all.map((one) => one.querySelector('.ranked-label')!.textContent)),
      ['news.example'],
    );
    assert.equal(await list.getByRole('button').count(), 0);
  });
});
