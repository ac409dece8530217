/** The page of funnels in a browser, over a real service: define, count, break down, edit, delete. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Browser, Page } from 'playwright-core';
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
const PEOPLE = 20;

before(async () => {
  await builtDashboard();
  [service, browser] = await Promise.all([startTestService(), openBrowser()]);
  const at = Date.now() - 3_600_000;
  const events = Array.from({ length: PEOPLE }, (_, i) => {
    const of = (event_name: string, seconds: number) => ({
      event_name,
      user_id: `u${i}`,
      timestamp: at + seconds * 1000,
      context: { country: i % 2 === 0 ? 'DE' : 'FR' },
    });
    return [
      of('visit', 0),
      ...(i % 2 === 0 ? [of('look', 60)] : []),
      ...(i % 4 === 0 ? [of('buy', 180)] : []),
    ];
  }).flat();
  assert.equal((await service.post('/events', events)).status, 202);
  await until('the events are there', async () => {
    const { data } = await service.get<{ data: unknown[] }>('/v1/events?limit=1000');
    return data.length === events.length;
  });
});

after(async () => {
  for (const page of opened) await page.close();
  await browser?.close();
  await service?.stop();
});

async function open(path: string, options: Parameters<typeof openDashboard>[3] = {}): Promise<DashboardPage> {
  const page = await openDashboard(browser, service.url, path, options);
  opened.push(page);
  await settled(page.page);
  return page;
}

async function steps(page: Page): Promise<string[]> {
  return await page.getByRole('list', { name: 'Steps' }).getByRole('listitem').allTextContents();
}

describe('funnels on the dashboard', () => {
  it('are defined by a form, and counted', async () => {
    const { page, faults } = await open('/funnels?range=24h');
    await page.getByText('No funnel is defined yet').waitFor();
    await page.getByRole('button', { name: 'New funnel' }).click();
    await page.getByText('Give it a name.').waitFor();
    await page.getByLabel('Name', { exact: true }).fill('buying');
    await page.getByLabel('Title').fill('From visit to purchase');
    await page.getByLabel('Step 1: event').fill('visit');
    await page.getByLabel('Step 2: event').fill('look');
    await page.getByRole('button', { name: '+ Add a step' }).click();
    await page.getByLabel('Step 3: event').fill('buy');
    await page.getByLabel('Step 3: label').fill('Purchase');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('heading', { name: 'From visit to purchase' }).waitFor();
    await page.getByText('25 % to the end'.replace(' %', '\u202f%')).waitFor();
    const shown = await steps(page);
    assert.equal(shown.length, 3);
    assert.match(shown[0]!, /visit.*20/s);
    assert.match(shown[1]!, /look.*10.*half of them within 1\u202fm 00\u202fs; 10 lost/s);
    assert.match(shown[2]!, /Purchase.*5/s);
    assert.deepEqual(faults, []);
  });

  it('are broken down by a field', async () => {
    const { page, faults } = await open('/funnels?range=24h&funnel=buying');
    await page.getByLabel('Break down by').selectOption('country');
    const rows = page.locator('table tbody tr');
    await rows.first().waitFor();
    assert.deepEqual((await rows.allTextContents()).toSorted(), ['DE1010550\u202f%', 'FR10000\u202f%']);
    assert.deepEqual(faults, []);
  });

  it('are changed, with what the service says of it, and deleted', async () => {
    const { page } = await open('/funnels?range=24h&funnel=buying');
    await page.getByRole('button', { name: 'Edit' }).click();
    await page.getByLabel('Step 2: filters').fill('country:nonsense:DE');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.locator('.definition-editor').getByRole('alert').waitFor();
    await page.getByLabel('Step 2: filters').fill('country:in:FR,AT');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByText('0\u202f% to the end').waitFor();
    await page.getByRole('button', { name: 'Delete', exact: true }).click();
    await page.getByRole('button', { name: 'Delete for good' }).click();
    await page.getByText('No funnel is defined yet').waitFor();
    assert.deepEqual(await service.get('/v1/funnels'), { data: [] });
  });

  for (const [width, colorScheme] of [
    [390, 'dark'],
    [1440, 'light'],
  ] as const) {
    it(`fit ${width} px in ${colorScheme}, with the form`, async () => {
      const { page, faults } = await open('/funnels?range=24h', {
        viewport: { width, height: 900 },
        colorScheme,
      });
      await page.getByRole('button', { name: 'New funnel' }).click();
      await page.getByLabel('Step 1: event').waitFor();
      assert.equal(await overflowPx(page), 0);
      if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/funnels-${width}.png` });
      assert.deepEqual(faults, []);
    });
  }
});
