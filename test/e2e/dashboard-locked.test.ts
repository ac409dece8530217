/** A key that ends while somebody is at work: the sign-in covers the page, and what was typed is there afterwards. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Browser, Locator, Page } from 'playwright-core';
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

const ADMIN_KEY = 'the-key-of-this-test';
const asAdmin = { authorization: `Bearer ${ADMIN_KEY}` };
/** Browsers put each refusal on the console by themselves. */
const REFUSED = /status of (401|403)|WebSocket connection to .* failed/;

interface Made {
  key_id: string;
  key: string;
}

let service: TestService;
let browser: Browser;
const opened: DashboardPage[] = [];

before(async () => {
  await builtDashboard();
  [service, browser] = await Promise.all([
    startTestService({ ANALYTICS_ADMIN_KEY: ADMIN_KEY }),
    openBrowser(),
  ]);
  const events = ['tube', 'kids'].map((app_id) => ({
    event_name: `seen_by_${app_id}`,
    app_id,
    user_id: `user-of-${app_id}`,
  }));
  assert.equal((await service.post('/events', events)).status, 202);
  await until('the events are there', async () => {
    const answer = await fetch(`${service.url}/v1/events`, { headers: asAdmin });
    return ((await answer.json()) as { data: unknown[] }).data.length === 2;
  });
});

after(async () => {
  for (const page of opened) await page.close();
  await browser?.close();
  await service?.stop();
});

async function makeKey(body: object): Promise<Made> {
  const answer = await service.post<Made>('/v1/keys', body, asAdmin);
  assert.equal(answer.status, 201);
  return answer.body;
}

async function revoke({ key_id }: Made): Promise<void> {
  const { status } = await fetch(`${service.url}/v1/keys/${key_id}`, { method: 'DELETE', headers: asAdmin });
  assert.equal(status, 200);
}

async function open(
  path: string,
  { key }: Made,
  options: Parameters<typeof openDashboard>[3] = {},
): Promise<DashboardPage> {
  const one = await openDashboard(browser, service.url, path, options);
  opened.push(one);
  await one.page.getByRole('main').getByLabel('Key or token').fill(key);
  await one.page.getByRole('button', { name: 'Sign in' }).click();
  await one.page.locator('.shell').waitFor();
  await settled(one.page);
  return one;
}

const faultsOf = ({ faults }: DashboardPage): string[] => faults.filter((fault) => !REFUSED.test(fault));

/** The sign-in over a page, once it is there. */
async function cover(page: Page): Promise<Locator> {
  const dialog = page.getByRole('dialog', { name: 'Sign in again' });
  await dialog.waitFor();
  return dialog;
}

async function signInAgain(page: Page, key: string): Promise<void> {
  const dialog = await cover(page);
  await dialog.getByLabel('Key or token').fill(key);
  await dialog.getByRole('button', { name: 'Sign in' }).click();
  await dialog.waitFor({ state: 'detached' });
}

/** What the page does by itself every half minute. */
async function renew(page: Page): Promise<void> {
  await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
}

async function shoot(page: Page, name: string): Promise<void> {
  if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/${name}.png` });
}

describe('a key that ends in the middle of a form', () => {
  it('leaves what was typed, and where, behind the sign-in', async () => {
    const made = await makeKey({ scopes: ['read', 'admin'] });
    const one = await open('/funnels?range=24h', made);
    const { page } = one;
    await page.getByRole('button', { name: 'New funnel' }).click();
    await page.getByLabel('Name', { exact: true }).fill('typed-for-long');
    await page.getByLabel('Step 1: event').fill('seen_by_tube');
    await page.getByLabel('Step 2: event').fill('seen_by_kids');
    await revoke(made);
    await page.getByRole('button', { name: 'Save' }).focus();
    await page.keyboard.press('Enter');
    const dialog = await cover(page);
    await dialog.getByText('is not accepted any more').waitFor();
    await page.waitForFunction((title) => document.title === title, 'Sign in · Sluice');
    await shoot(page, 'locked-funnel');

    // Nothing behind it is reached by keyboard, and Escape is no way round it.
    for (let n = 0; n < 12; n += 1) {
      await page.keyboard.press('Tab');
      assert.equal(await page.locator('.shell :focus').count(), 0);
    }
    for (let n = 0; n < 3; n += 1) await page.keyboard.press('Escape');
    await dialog.waitFor();
    await dialog.getByLabel('Key or token').fill('slk_wrong');
    await page.keyboard.press('Enter');
    await dialog.getByRole('alert').getByText('not accepted here').waitFor();
    assert.equal(await page.locator('.shell').count(), 1);

    await signInAgain(page, ADMIN_KEY);
    await page.waitForFunction((title) => document.title === title, 'Funnels · Sluice');
    assert.equal(await page.getByLabel('Name', { exact: true }).inputValue(), 'typed-for-long');
    assert.equal(await page.locator('.definition-editor').getByRole('alert').count(), 0);
    await page.locator('button[type="submit"]:focus').waitFor();
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'typed-for-long' }).waitFor();
    const saved = await fetch(`${service.url}/v1/funnels`, { headers: asAdmin });
    const { data } = (await saved.json()) as { data: { name: string; steps: { event_name: string }[] }[] };
    assert.deepEqual(
      data.map(({ name, steps }) => [name, steps.map(({ event_name }) => event_name)]),
      [['typed-for-long', ['seen_by_tube', 'seen_by_kids']]],
    );
    await page.locator('[data-live="live"]').waitFor();
    assert.deepEqual(faultsOf(one), []);
  });

  it('gives the focus back to a field, and keeps a statement and a plan', async () => {
    const made = await makeKey({ scopes: ['read', 'admin'] });
    const one = await open('/plans', made, { viewport: { width: 360, height: 780 }, colorScheme: 'dark' });
    const { page } = one;
    await page.getByRole('button', { name: 'New plan' }).click();
    await page.getByLabel('Event name').fill('seek');
    await revoke(made);
    // The schema is tried as it is typed, and that is refused.
    await page.getByLabel('JSON schema of the event’s properties').fill('{"required": ["to"]}');
    await cover(page);
    assert.equal(await overflowPx(page), 0);
    await shoot(page, 'locked-plan-360');
    const again = await makeKey({ scopes: ['read', 'admin'] });
    await signInAgain(page, again.key);
    await page.locator('textarea:focus').waitFor();
    assert.equal(await page.locator('textarea:focus').inputValue(), '{"required": ["to"]}');
    assert.equal(await page.getByLabel('Event name').inputValue(), 'seek');

    await page.getByRole('button', { name: 'Save' }).click();
    const tried = page.getByRole('region', { name: 'seek', exact: true }).getByLabel('Try it: paste');
    await tried.fill('{"to": 3}');
    await revoke(again);
    await renew(page);
    const third = await makeKey({ scopes: ['read', 'admin'] });
    await signInAgain(page, third.key);
    await page.getByText('It is as planned').waitFor();
    assert.equal(await tried.inputValue(), '{"to": 3}');

    await page.goto(`${service.url}/sql`);
    await page.getByLabel('SQL statement').fill('SELECT event_name FROM events ORDER BY 1');
    await page.keyboard.press('Control+Enter');
    await page.getByRole('cell', { name: 'seen_by_kids' }).waitFor();
    await page.getByLabel('SQL statement').fill('SELECT 1, event_name FROM events');
    await revoke(third);
    await page.keyboard.press('Control+Enter');
    const limited = await makeKey({ scopes: ['read'], apps: ['tube'] });
    await signInAgain(page, limited.key);
    // The rows were another's; the statement waits.
    assert.equal(await page.getByText('seen_by_kids').count(), 0);
    assert.equal(await page.getByLabel('SQL statement').inputValue(), 'SELECT 1, event_name FROM events');
    await page.locator('textarea:focus').waitFor();
    await page.keyboard.press('Control+Enter');
    await page.getByRole('cell', { name: 'seen_by_tube' }).waitFor();
    assert.equal(await page.getByText('seen_by_kids').count(), 0);
    assert.deepEqual(faultsOf(one), []);
  });
});

describe('who signs in after another', () => {
  it('is shown nothing that the other was answered', async () => {
    const made = await makeKey({ scopes: ['read'] });
    const one = await open('/event-log?range=24h', made);
    const { page } = one;
    await page.getByText('user-of-kids').first().waitFor();
    await revoke(made);
    await page.keyboard.press('r');
    await cover(page);
    await shoot(page, 'locked-events');
    const limited = await makeKey({ scopes: ['read'], apps: ['tube'] });
    await signInAgain(page, limited.key);
    assert.equal(await page.getByText('user-of-kids').count(), 0);
    await page.getByText('user-of-tube').first().waitFor();
    await settled(page);
    assert.equal(await page.getByText('user-of-kids').count(), 0);
    assert.deepEqual(faultsOf(one), []);
  });

  it('does not see the secret that was shown last', async () => {
    const made = await makeKey({ scopes: ['read', 'admin'] });
    const one = await open('/keys', made);
    const { page } = one;
    await page.getByRole('button', { name: 'New key' }).click();
    await page.getByRole('button', { name: 'Make the key' }).click();
    const secret = (await page.getByRole('dialog').locator('code').textContent())!;
    await revoke(made);
    await renew(page);
    const dialog = await cover(page);
    await shoot(page, 'locked-secret');
    // The dialog with the secret lies below, and cannot be reached.
    await dialog.getByLabel('Key or token').click();
    await signInAgain(page, ADMIN_KEY);
    await page.getByRole('button', { name: 'New key' }).waitFor();
    assert.equal((await page.content()).includes(secret), false);
    assert.deepEqual(faultsOf(one), []);
  });

  it('may start over: nothing that was typed stays', async () => {
    const made = await makeKey({ scopes: ['read', 'admin'] });
    const { page } = await open('/funnels', made);
    await page.getByRole('button', { name: 'New funnel' }).click();
    await page.getByLabel('Name', { exact: true }).fill('of the one before');
    await revoke(made);
    await renew(page);
    const dialog = await cover(page);
    await dialog.getByRole('button', { name: 'Start over' }).click();
    await page.getByRole('heading', { name: 'Sign in', level: 1 }).waitFor();
    assert.equal(await page.locator('.shell').count(), 0);
    assert.equal(await page.evaluate(() => localStorage.getItem('sluice.credential')), null);
  });

  it('who never was answered anything gets the plain page', async () => {
    const made = await makeKey({ scopes: ['read'] });
    await revoke(made);
    const one = await openDashboard(browser, service.url, '/overview');
    opened.push(one);
    await one.page.evaluate((key) => localStorage.setItem('sluice.credential', key), made.key);
    await one.page.reload();
    await one.page.getByText('The key that was in use here is not accepted any more').waitFor();
    assert.equal(await one.page.locator('.shell, dialog').count(), 0);
  });

  it('to use another key for more covers the page too, and Escape goes back to it', async () => {
    const made = await makeKey({ scopes: ['read'] });
    const one = await open('/plans', made);
    const { page } = one;
    await page.getByRole('button', { name: 'Use another key' }).click();
    const dialog = page.getByRole('dialog', { name: 'Use another key' });
    await dialog.getByRole('button', { name: 'Go back' }).waitFor();
    await shoot(page, 'locked-another');
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'detached' });
    await page.getByRole('button', { name: 'Use another key' }).click();
    await dialog.getByLabel('Key or token').fill(ADMIN_KEY);
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'New plan' }).waitFor();
    assert.equal(await page.getByRole('button', { name: 'Use another key' }).count(), 0);
    assert.deepEqual(faultsOf(one), []);
  });
});
