import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { buildDashboard } from '../../scripts/build-dashboard.ts';

const SOURCE = join(import.meta.dirname, '../../dashboard');
const FOLDER = join(import.meta.dirname, '../../dist/dashboard');

/** When the youngest file below a folder was written, in epoch ms; 0 where there is none. */
async function youngestMs(folder: string): Promise<number> {
  const names = await readdir(folder, { recursive: true }).catch(() => []);
  const times = await Promise.all(names.map(async (name) => (await stat(join(folder, name))).mtimeMs));
  return Math.max(0, ...times);
}

/** The folder of the built dashboard; builds it where it is missing or older than its source. */
export async function builtDashboard(): Promise<string> {
  const [source, built] = await Promise.all([youngestMs(SOURCE), youngestMs(FOLDER)]);
  if (source >= built) await buildDashboard(FOLDER);
  return FOLDER;
}

export interface DashboardPage {
  page: Page;
  /** Messages on the browser's console that are errors, and exceptions that nobody caught. */
  faults: string[];
  close(): Promise<void>;
}

/** Opens a page that remembers what went wrong in it. `baseUrl` may be the fixture's or the real service's. */
export async function openDashboard(
  browser: Browser,
  baseUrl: string,
  path: string,
  options: BrowserContextOptions = {},
): Promise<DashboardPage> {
  const context = await browser.newContext({
    viewport: { width: 1440, height: 900 },
    timezoneId: 'Europe/Berlin',
    reducedMotion: 'reduce',
    ...options,
  });
  const page = await context.newPage();
  page.setDefaultTimeout(20_000);
  const faults: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error') faults.push(`${message.text()} ${message.location().url}`);
  });
  page.on('pageerror', (error) => faults.push(error.stack ?? error.message));
  await page.goto(baseUrl + path);
  return { page, faults, close: () => context.close() };
}

/** The pages of the dashboard with the heading that each shows. */
export const DASHBOARD_PAGES: readonly { path: string; heading: string }[] = [
  { path: '/', heading: 'Now' },
  { path: '/overview', heading: 'Overview' },
  { path: '/videos', heading: 'Videos' },
  { path: '/catalogue', heading: 'Catalogue' },
  { path: '/sessions', heading: 'Sessions' },
  { path: '/event-log', heading: 'Events' },
  { path: '/pages', heading: 'Pages' },
  { path: '/campaigns', heading: 'Campaigns' },
  { path: '/funnels', heading: 'Funnels' },
  { path: '/retention', heading: 'Retention' },
  { path: '/paths', heading: 'Paths' },
  { path: '/reports', heading: 'Reports' },
  { path: '/sql', heading: 'SQL' },
  { path: '/pipeline', heading: 'Pipeline' },
  { path: '/dead-letters', heading: 'Dead letters' },
  { path: '/plans', heading: 'Plans' },
  { path: '/alerts', heading: 'Alerts' },
  { path: '/keys', heading: 'Keys and apps' },
];

/** How far the page is wider than its window, in CSS pixels. */
export function overflowPx(page: Page): Promise<number> {
  return page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
}

/** Waits until no panel waits for its first answer any more. */
export async function settled(page: Page): Promise<void> {
  await page.locator('h1').first().waitFor();
  await page.waitForFunction(() => document.querySelector('.loading, .figure-skeleton') === null);
}
