/** The page of reports in a browser, over a real service: what it shows is what `POST /report` answers. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { shortNumber } from '../../dashboard/src/format/number.ts';
import { until } from '../faults/verify.ts';
import { openBrowser } from '../support/browser.ts';
import {
  builtDashboard,
  type DashboardPage,
  openDashboard,
  overflowPx,
  settled,
} from '../support/dashboard-target.ts';
import { startTestService, type TestService } from '../support/service.ts';

let service: TestService;
let browser: Browser;
const opened: DashboardPage[] = [];

before(async () => {
  await builtDashboard();
  [service, browser] = await Promise.all([startTestService(), openBrowser()]);
  const at = Date.now() - 600_000;
  const events = Array.from({ length: 40 }, (_, i) => [
    {
      event_name: i % 2 === 0 ? 'search' : 'page_view',
      user_id: `u${i % 9}`,
      session_id: `s${i % 9}`,
      timestamp: at + i,
      properties: { query: i % 4 === 0 ? 'otters' : 'canals', results: i % 8, page: `/p${i % 3}` },
    },
    {
      event_name: 'video_start',
      user_id: `u${i % 9}`,
      session_id: `s${i % 9}`,
      view_id: `w${i}`,
      video_id: `v${i % 5}`,
      timestamp: at + i,
    },
  ]).flat();
  assert.equal((await service.post('/events', events)).status, 202);
  await until('all are counted', async () => (await rows('overview_stats'))[0]!.events === events.length);
});

after(async () => {
  for (const page of opened) await page.close();
  await browser?.close();
  await service?.stop();
});

async function rows(template: string, params = {}): Promise<Record<string, unknown>[]> {
  const { status, body } = await service.post<{ rows: Record<string, unknown>[] }>('/report', {
    template,
    params,
  });
  assert.equal(status, 200);
  return body.rows;
}

async function open(path: string, options: Parameters<typeof openDashboard>[3] = {}): Promise<DashboardPage> {
  const page = await openDashboard(browser, service.url, path, options);
  opened.push(page);
  await settled(page.page);
  return page;
}

async function cells(page: Page): Promise<string[][]> {
  return await page
    .locator('.sql-rows tbody tr')
    .evaluateAll((all) => all.map((row) => [...row.querySelectorAll('td')].map((cell) => cell.textContent)));
}

describe('reports on the dashboard', () => {
  it('show every template that the service has, each without a fault', async () => {
    const { page, faults } = await open('/reports?range=7d');
    const { data } = await service.get<{ data: { template: string; title: string }[] }>('/report');
    assert.ok(data.length >= 9);
    for (const { template, title } of data) {
      await page
        .getByRole('navigation', { name: 'Reports' })
        .getByRole('button', { name: title, exact: true })
        .click();
      if (template === 'overview_stats') await page.getByRole('region', { name: 'Figures' }).waitFor();
      else await page.getByRole('heading', { name: title, level: 2 }).waitFor();
      assert.equal(await page.getByRole('alert').count(), 0, template);
    }
    assert.deepEqual(faults, []);
  });

  it('show the figures of the overview', async () => {
    const { page, faults } = await open('/reports?range=7d');
    const [answer] = await rows('overview_stats');
    for (const [name, label] of [
      ['events', 'Events'],
      ['users', 'Users'],
      ['sessions', 'Sessions'],
      ['views', 'Views'],
    ] as const) {
      assert.ok((answer![name] as number) > 0, name);
      const figure = page.locator(`[data-figure="${label}"]`);
      assert.equal(await figure.textContent(), shortNumber(answer![name] as number), name);
    }
    assert.deepEqual(faults, []);
  });

  it('take parameters, which a link keeps, and give their rows as a file', async () => {
    const { page, faults } = await open('/reports?range=7d&report=search_analytics');
    await page.getByText('2 rows').waitFor();
    await page.getByLabel('Query').fill('otters');
    await page.getByLabel('Query').press('Enter');
    await page.waitForURL(/p\.query=otters/);
    await page.getByText('1 row', { exact: true }).waitFor();
    const [only] = await rows('search_analytics', { query: 'otters' });
    const [shown] = await cells(page);
    assert.deepEqual(shown!.slice(0, 4), [
      'otters',
      ...['searches', 'users', 'zero_results'].map((name) => String(only![name])),
    ]);
    const download = page.waitForEvent('download');
    await page.getByRole('button', { name: 'CSV' }).click();
    const text = (await readFile(await (await download).path())).toString();
    assert.match(text, /^query,searches,users,zero_results,clicks,click_rate\r\notters,/);
    const linked = await open(new URL(page.url()).pathname + new URL(page.url()).search);
    await linked.page.getByText('1 row', { exact: true }).waitFor();
    await page.getByRole('button', { name: 'Top content' }).click();
    await page.getByText('5 rows').waitFor();
    assert.ok(!page.url().includes('p.query'));
    assert.deepEqual([faults, linked.faults], [[], []]);
  });

  it('say what is wrong with a parameter', async () => {
    const { page } = await open('/reports?range=7d&report=top_content&p.limit=5000');
    await page
      .getByRole('alert')
      .getByText(/params\.limit/)
      .waitFor();
  });

  for (const [width, colorScheme] of [
    [390, 'dark'],
    [1440, 'light'],
  ] as const) {
    it(`fit ${width} px in ${colorScheme}`, async () => {
      const { page } = await open('/reports?range=7d&report=content_performance', {
        viewport: { width, height: 900 },
        colorScheme,
      });
      await page.locator('.sql-rows tbody tr').first().waitFor();
      assert.equal(await overflowPx(page), 0);
      if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/reports-${width}.png` });
    });
  }
});
