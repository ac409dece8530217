/** The page of alerts in a browser, over a real service: define, fire, be told of it on every page, edit, delete. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Browser, Page } from 'playwright-core';
import { openTestReceiver, type TestReceiver } from '../alerts/receiver.ts';
import { until } from '../faults/verify.ts';
import { openBrowser } from '../support/browser.ts';
import { startDashboardFixture } from '../support/dashboard-fixture.ts';
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
let receiver: TestReceiver;
const opened: DashboardPage[] = [];
let closeReceiver = () => {};

before(async () => {
  await builtDashboard();
  receiver = await openTestReceiver({
    after(close) {
      closeReceiver = close;
    },
  });
  const env = {
    ANALYTICS_ALERT_EVERY_MS: '100',
    ANALYTICS_WEBHOOK_SECRET: 'a secret for tests',
    ANALYTICS_WEBHOOK_ALLOW_PRIVATE: '1',
  };
  [service, browser] = await Promise.all([startTestService(env), openBrowser()]);
});

after(async () => {
  for (const page of opened) await page.close();
  await browser?.close();
  await service?.stop();
  closeReceiver();
});

async function open(
  path: string,
  options: Parameters<typeof openDashboard>[3] = {},
  url = service.url,
): Promise<DashboardPage> {
  const page = await openDashboard(browser, url, path, options);
  opened.push(page);
  await settled(page.page);
  return page;
}

const rowOf = (page: Page, name: string) =>
  page.getByRole('list', { name: 'Alerts', exact: true }).getByRole('listitem').filter({ hasText: name });

const types = () => receiver.calls.map(({ body }) => (JSON.parse(body) as { type: string }).type);

describe('alerts on the dashboard', () => {
  it('show the built-in ones, and take a rule from a form', async () => {
    const { page, faults } = await open('/alerts');
    await rowOf(page, 'Processing lag').getByText('OK').waitFor();
    await rowOf(page, 'Ingestion error rate').waitFor();
    await page.getByText('No rule of your own yet').waitFor();
    assert.equal(await page.locator('.alert-badge').count(), 0);
    await page.getByRole('button', { name: 'New alert' }).click();
    await page.getByText('Give it a name.').waitFor();
    await page.getByLabel('Name', { exact: true }).fill('silence');
    await page.getByLabel('Title').fill('Nothing comes in');
    await page.getByLabel('Metric').selectOption('events');
    await page.getByLabel('Is above or below').selectOption('<');
    await page.getByLabel('Number').fill('1');
    await page.getByLabel('For minutes').fill('0');
    await page.getByLabel('Tell by webhook').fill(receiver.url);
    await page.getByRole('button', { name: 'Save' }).click();
    await rowOf(page, 'Nothing comes in').waitFor();
    await until('it is told', async () => types().length === 1, 20_000);
    await page.reload();
    await rowOf(page, 'Nothing comes in').getByText('Firing').waitFor();
    await page.getByText('began to fire').waitFor();
    await page.getByText('told', { exact: true }).waitFor();
    assert.deepEqual(types(), ['AlertFiring']);
    assert.deepEqual(faults, []);
  });

  it('are told of on every page', async () => {
    for (const path of ['/', '/pipeline', '/sql']) {
      const { page, faults } = await open(path);
      const badge = page.getByRole('link', { name: '1 alert firing: Nothing comes in' });
      await badge.waitFor();
      if (path === '/sql') {
        await badge.click();
        await page.getByRole('heading', { name: 'Alerts', exact: true }).waitFor();
      }
      assert.deepEqual(faults, []);
    }
  });

  it('are changed, with what the service says of it, and deleted', async () => {
    const { page } = await open('/alerts');
    await page.getByRole('button', { name: 'Edit: silence' }).click();
    await page.getByLabel('Tell by webhook').fill('ftp://example.com');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.locator('.definition-editor').getByRole('alert').getByText('webhook_url').waitFor();
    await page.getByLabel('Tell by webhook').fill('');
    await page.getByLabel('Number').fill('0');
    await page.getByRole('button', { name: 'Save' }).click();
    await rowOf(page, 'Nothing comes in').getByText('events < 0').waitFor();
    // To the receiver that was told of the beginning.
    await until('its end is told', async () => types().length === 2, 20_000);
    assert.deepEqual(types(), ['AlertFiring', 'AlertResolved']);
    await page.reload();
    await rowOf(page, 'Nothing comes in').getByText('OK').waitFor();
    await page.getByText('is over', { exact: true }).waitFor();
    assert.equal(await page.locator('.alert-badge').count(), 0);
    await page.getByRole('button', { name: 'Delete: silence' }).click();
    await page.getByRole('button', { name: 'Delete for good: silence' }).click();
    await page.getByText('No rule of your own yet').waitFor();
    assert.equal((await service.get<{ data: unknown[] }>('/v1/alerts')).data.length, 2);
  });

  for (const [width, colorScheme] of [
    [390, 'dark'],
    [1440, 'light'],
    [1440, 'dark'],
    [390, 'light'],
  ] as const) {
    it(`fit ${width} px in ${colorScheme}, full and empty, with the form`, async () => {
      const fixture = await startDashboardFixture(await builtDashboard());
      try {
        const options = { viewport: { width, height: 900 }, colorScheme };
        for (const scenario of ['full', 'empty'] as const) {
          fixture.setScenario(scenario);
          const { page, faults } = await open('/alerts', options, fixture.url);
          const shoot = async (what: string) => {
            assert.equal(await overflowPx(page), 0);
            if (process.env.SHOTS === undefined) return;
            const name = `alerts-${scenario}-${what}-${width}-${colorScheme}.png`;
            await page.screenshot({ path: `${process.env.SHOTS}/${name}`, fullPage: true });
          };
          await shoot('list');
          await page.getByRole('button', { name: 'New alert' }).click();
          await page.getByLabel('Metric').waitFor();
          await shoot('form');
          assert.deepEqual(faults, []);
        }
      } finally {
        await fixture.stop();
      }
    });
  }
});
