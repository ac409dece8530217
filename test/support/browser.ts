import { existsSync } from 'node:fs';
import type { Browser } from 'playwright-core';

const SYSTEM_CHROMIUM = '/usr/bin/chromium';

/**
 * Starts Chromium: the one that the npm package carries, else the system's. The caller closes it.
 * Throws the package's own error where neither starts.
 */
export async function openBrowser(): Promise<Browser> {
  const { chromium } = await import('playwright-core');
  // Without a locale Chromium calls itself `en-US@posix`, which is no language tag, and Intl throws.
  const env = { ...process.env, LANG: 'en_US.UTF-8', LC_ALL: 'en_US.UTF-8' };
  try {
    const { default: carried } = await import('@sparticuz/chromium');
    // One process for all is the package's default and made for functions in a cloud: a page's crash ends everything.
    const args = carried.args.filter((arg) => arg !== '--single-process' && !arg.startsWith('--headless'));
    return await chromium.launch({
      executablePath: await carried.executablePath(),
      headless: true,
      args,
      env,
    });
  } catch (cause) {
    if (!existsSync(SYSTEM_CHROMIUM)) throw cause;
    return await chromium.launch({
      executablePath: SYSTEM_CHROMIUM,
      headless: true,
      args: ['--no-sandbox'],
      env,
    });
  }
}
