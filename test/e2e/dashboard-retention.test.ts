/** Retention and paths in a browser, over a real service: the figures are those of the API. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Browser, BrowserContextOptions } from 'playwright-core';
import type { Paths, Retention } from '../../dashboard/src/data/types-retention.ts';
import { percent } from '../../dashboard/src/format/number.ts';
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
const DAY_MS = 86_400_000;
const DAYS = 4;

before(async () => {
  await builtDashboard();
  [service, browser] = await Promise.all([startTestService(), openBrowser()]);
  const now = Date.now();
  // Each begins four days ago; the i-th comes back on every day but those that i leaves out.
  const events = Array.from({ length: PEOPLE }, (_, i) =>
    Array.from({ length: DAYS + 1 }, (_, day) => day)
      .filter((day) => day === 0 || i % (day + 1) === 0)
      .flatMap((day) => {
        const at = now - (DAYS - day) * DAY_MS;
        const seen = (page: string, ms: number) => ({
          event_name: 'page_view',
          user_id: `u${i}`,
          session_id: `s${i} ${day}`,
          timestamp: new Date(at + ms).toISOString(),
          properties: { page },
        });
        return [seen('/in', -3_000), seen(i % 4 === 0 ? '/shop' : '/read', -2_000), seen('/out', -1_000)];
      }),
  ).flat();
  assert.equal(
    (await service.post('/events', [...events, { event_name: 'signup', user_id: 'u0' }])).status,
    202,
  );
  await until('the events are there', async () => {
    const { data } = await service.get<{ data: unknown[] }>('/v1/events?limit=1000');
    return data.length === events.length + 1;
  });
});

after(async () => {
  for (const page of opened) await page.close();
  await browser?.close();
  await service?.stop();
});

async function open(path: string, options: BrowserContextOptions = {}): Promise<DashboardPage> {
  const page = await openDashboard(browser, service.url, path, { timezoneId: 'UTC', ...options });
  opened.push(page);
  await settled(page.page);
  return page;
}

async function shoot({ page }: DashboardPage, name: string): Promise<void> {
  if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/${name}.png`, fullPage: true });
}

describe('retention on the dashboard', () => {
  it('is that of the API, and tells what is not over', async () => {
    const one = await open('/retention?range=7d');
    const { page, faults } = one;
    const { cohorts } = await service.get<Retention>('/v1/retention?periods=7');
    const at = cohorts.findIndex(({ size }) => size === PEOPLE);
    assert.ok(at >= 0 && at < cohorts.length - 1, 'one cohort, not of today');
    const row = page.locator('.table-cohorts tbody tr').nth(at + 1);
    const cells = await row.locator('td').allTextContents();
    const { returned } = cohorts[at]!;
    const running = returned.findLastIndex((count) => count !== null);
    const words = (count: number | null, period: number): string => {
      if (count === null) return 'not begun';
      return percent(count / PEOPLE) + (period === running ? ' so far' : '');
    };
    assert.deepEqual(cells, [String(PEOPLE), ...returned.map(words)]);
    assert.ok(returned.includes(null) && running > 1);
    // Told apart by more than their words.
    assert.equal(await row.locator('.cohort-running').count(), 1);
    assert.match(
      (await row.locator('.cohort-running').getAttribute('title'))!,
      /of 20; this day is under way/,
    );
    await page.getByRole('button', { name: 'People' }).click();
    await page.waitForURL(/as=counts/);
    assert.equal((await row.locator('td').allTextContents())[2], String(returned[1]));
    await shoot(one, 'retention');
    assert.deepEqual(faults, []);
  });

  it('asks for the events that are chosen, and widens the range for longer periods', async () => {
    const { page, faults } = await open('/retention?range=7d');
    await page.getByLabel('Begin with').fill('signup');
    await page.keyboard.press('Enter');
    await page.waitForURL(/event=signup/);
    await page.locator('.table-cohorts tbody tr').first().getByText('1', { exact: true }).first().waitFor();
    await page.getByLabel('Come back with').fill('nothing of the kind');
    await page.keyboard.press('Tab');
    await page.waitForURL(/back=nothing/);
    await page.getByRole('combobox', { name: 'By' }).selectOption('week');
    await page.waitForURL(/range=90d/);
    await page.getByRole('button', { name: 'Time range: Last 90 days' }).waitFor();
    await page.getByRole('columnheader', { name: 'Same week' }).waitFor();
    await page.getByLabel('Begin with').fill('never sent');
    await page.keyboard.press('Enter');
    await page.getByText('No “never sent” came in.').waitFor();
    assert.deepEqual(faults, []);
  });

  for (const [width, colorScheme] of [
    [360, 'dark'],
    [1600, 'light'],
  ] as const) {
    it(`fits ${width} px in ${colorScheme}`, async () => {
      const one = await open('/retention?range=30d&periods=14', {
        viewport: { width, height: 900 },
        colorScheme,
      });
      assert.equal(await overflowPx(one.page), 0);
      await shoot(one, `retention-${width}`);
      await one.page.getByRole('link', { name: 'Paths' }).click();
      await settled(one.page);
      await one.page.getByRole('button', { name: /^\/shop/ }).click();
      assert.equal(await overflowPx(one.page), 0);
      await shoot(one, `paths-${width}`);
      assert.deepEqual(one.faults, []);
    });
  }
});

describe('paths on the dashboard', () => {
  it('are those of the API, column by column, with what a picked one takes', async () => {
    const { page, faults } = await open('/paths?range=7d');
    const answer = await service.get<Paths>('/v1/paths?depth=4');
    const columns = page.locator('.flow-column');
    assert.equal(await columns.count(), 3);
    for (const { step, name, sessions } of answer.nodes) {
      const node = columns.nth(step - 1).getByRole('button', { name: new RegExp(`^${name}`) });
      assert.equal(await node.locator('b').textContent(), String(sessions));
    }
    await columns
      .nth(1)
      .getByRole('button', { name: /^\/shop/ })
      .focus();
    await page.keyboard.press('Enter');
    const shop = answer.nodes.find(({ name }) => name === '/shop')!.sessions;
    const link = answer.links.find(({ from }) => from === '/shop')!.sessions;
    await page.getByText(`/shop: ${shop} sessions; 0 of them end there`).waitFor();
    const out = columns.nth(2).getByRole('button', { name: /^\/out/ });
    assert.match((await out.textContent())!, new RegExp(`${link} ${percent(link / shop)}`));
    await page.getByRole('button', { name: 'Begin at it' }).click();
    await page.waitForURL(/at=%2Fshop/);
    await page.getByText('The start').waitFor();
    await page.waitForFunction(() => document.querySelectorAll('.flow-column').length === 2);
    assert.deepEqual(faults, []);
  });

  it('lead back from an end, in the order of time, and are of events too', async () => {
    const { page, faults } = await open('/paths?range=7d');
    await page.getByRole('combobox', { name: 'Paths' }).selectOption('end');
    await page.getByRole('combobox', { name: 'Page' }).fill('/shop');
    await page.keyboard.press('Enter');
    await page.getByText('The end').waitFor();
    await page.waitForFunction(() => document.querySelectorAll('.flow-column').length === 2);
    assert.match((await page.locator('.flow-column').first().textContent())!, /^1 before.*\/in/s);
    await page.getByRole('button', { name: 'Events', exact: true }).click();
    await page.waitForURL(/by=event/);
    await page.getByRole('button', { name: /^signup/ }).waitFor();
    await page.getByRole('combobox', { name: 'Event' }).fill('never sent');
    await page.keyboard.press('Enter');
    await page.getByText('No session has “never sent” in this range').waitFor();
    assert.deepEqual(faults, []);
  });
});
