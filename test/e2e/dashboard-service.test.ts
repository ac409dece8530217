/** The dashboard against the real service: from the empty page to figures that are those of the API. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import type { Browser } from 'playwright-core';
import { LOOKS } from '../../dashboard/src/format/metric.ts';
import { until } from '../faults/verify.ts';
import { openBrowser } from '../support/browser.ts';
import {
  builtDashboard,
  DASHBOARD_PAGES,
  type DashboardPage,
  openDashboard,
  settled,
} from '../support/dashboard-target.ts';
import { startTestService, type TestService } from '../support/service.ts';

const SCHEMES = ['light', 'dark'] as const;

let browser: Browser;
let service: TestService;
const pages = {} as Record<(typeof SCHEMES)[number], DashboardPage>;

before(async () => {
  await builtDashboard();
  service = await startTestService();
  browser = await openBrowser();
  for (const colorScheme of SCHEMES)
    pages[colorScheme] = await openDashboard(browser, service.url, '/', { colorScheme, timezoneId: 'UTC' });
});
after(async () => {
  for (const page of Object.values(pages)) await page.close();
  await browser?.close();
  await service?.stop();
});

async function total(metric: string, query: string): Promise<number> {
  const { series } = await service.get<{ series: { total: number }[] }>(`/metrics?metric=${metric}&${query}`);
  return series[0]?.total ?? 0;
}

describe('the dashboard of a new service', () => {
  it('shows the command that sends the first event, and comes to life when that very command has run', async () => {
    const commands = new Set<string>();
    for (const scheme of SCHEMES) {
      const { page } = pages[scheme];
      await page.getByText('Waiting for the first event').waitFor();
      commands.add((await page.locator('pre, code').first().textContent()) ?? '');
      assert.equal(await page.getAttribute('html', 'data-theme'), scheme);
    }
    const [command] = [...commands];
    assert.equal(commands.size, 1);
    assert.match(command!, new RegExp(`^curl ${service.url}/events `));
    const { stdout } = await promisify(execFile)('sh', ['-c', command!]);
    assert.equal((JSON.parse(stdout) as { accepted: number }).accepted, 1);
    for (const scheme of SCHEMES) {
      const { page } = pages[scheme];
      await page.getByText(/The first event is here/).waitFor();
      await page.locator('[data-live="live"]').waitFor();
      await page.locator('[data-figure="Watching now"]').getByText('1', { exact: true }).waitFor();
    }
  });

  it('shows the figures of the API', async () => {
    const at = Date.now() - 60_000;
    const events = Array.from({ length: 120 }, (_, i) => ({
      event_name: ['video_start', 'video_heartbeat', 'page_view', 'error'][i % 4],
      user_id: `u${i % 17}`,
      session_id: `s${i % 17}`,
      video_id: `v${i % 3}`,
      timestamp: at + i,
      properties: { watch_ms: 4_000, duration: 60 },
    }));
    assert.equal((await service.post('/events', events)).status, 202);
    await until('all are stored', async () => (await total('events', '')) === 121);
    const today = new Date(at).toISOString().slice(0, 10);
    for (const scheme of SCHEMES) {
      const { page } = pages[scheme];
      await page.goto(`${service.url}/overview?range=today`);
      await settled(page);
      for (const metric of ['viewers', 'views', 'watch_time_seconds', 'events', 'errors'] as const) {
        const look = LOOKS[metric];
        const figure = page.locator(`[data-figure="${look.label}"]`);
        const value = await total(metric, `from=${today}&to=${today}`);
        assert.ok(value > 0, metric);
        assert.equal(await figure.textContent(), look.short(value), metric);
        assert.equal(await figure.getAttribute('title'), look.full(value), metric);
      }
    }
  });

  it('has no error on any page, light or dark', async () => {
    for (const scheme of SCHEMES) {
      const { page, faults } = pages[scheme];
      for (const { path, heading } of [...DASHBOARD_PAGES, { path: '/videos/v1', heading: 'v1' }]) {
        await page.goto(service.url + path);
        await settled(page);
        assert.match((await page.locator('h1').first().textContent()) ?? '', new RegExp(`^${heading}`));
        assert.equal(await page.getAttribute('html', 'data-theme'), scheme);
        assert.equal(await page.getByRole('button', { name: 'Try again' }).count(), 0, `${path} has failed`);
      }
      assert.deepEqual(faults, []);
    }
  });
});
