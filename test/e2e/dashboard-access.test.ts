/** Signing in, keys and apps in a browser, over a real service that is closed: by keyboard, with wrong keys, and out again. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import { openBrowser } from '../support/browser.ts';
import {
  builtDashboard,
  type DashboardPage,
  openDashboard,
  overflowPx,
  settled,
} from '../support/dashboard-target.ts';
import { startTestService, type TestService } from '../support/service.ts';

const ADMIN_KEY = 'the key of this test, in plain'.replaceAll(/[ ,]+/g, '-');
const asAdmin = { authorization: `Bearer ${ADMIN_KEY}` };
/** Browsers put each refusal on the console by themselves. */
const REFUSED = /status of (401|403|409)|WebSocket connection to .* failed/;

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
  const { status } = await service.post('/events', [
    { event_name: 'page_view', app_id: 'tube', user_id: 'u' },
  ]);
  assert.equal(status, 202);
});

after(async () => {
  for (const page of opened) await page.close();
  await browser?.close();
  await service?.stop();
});

async function open(path: string, options: BrowserContextOptions = {}): Promise<DashboardPage> {
  const page = await openDashboard(browser, service.url, path, options);
  opened.push(page);
  return page;
}

async function openSignedIn(
  path: string,
  key = ADMIN_KEY,
  options: BrowserContextOptions = {},
): Promise<DashboardPage> {
  const one = await open(path, options);
  await signIn(one.page, key);
  await settled(one.page);
  return one;
}

async function signIn(page: Page, key: string): Promise<void> {
  await page.getByLabel('Key or token').fill(key);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.locator('.shell').waitFor();
}

async function makeKey(body: object): Promise<Made> {
  const answer = await service.post<Made>('/v1/keys', body, asAdmin);
  assert.equal(answer.status, 201);
  return answer.body;
}

async function statusWith(key: string, path = '/v1/apps'): Promise<number> {
  return (await fetch(service.url + path, { headers: { authorization: `Bearer ${key}` } })).status;
}

const faultsOf = ({ faults }: DashboardPage): string[] => faults.filter((fault) => !REFUSED.test(fault));

async function shoot(page: Page, name: string): Promise<void> {
  if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/${name}.png`, fullPage: true });
}

describe('signing in', () => {
  it('is done by keyboard alone, keeps the address, and lasts', async () => {
    const one = await open('/overview?range=30d');
    const { page } = one;
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    await page.getByText('The service printed it once, at its first start').waitFor();
    assert.equal(await page.evaluate(() => document.activeElement?.id), 'credential');
    await page.keyboard.press('Enter');
    await page.getByRole('alert').getByText('Enter a key or token.').waitFor();
    await page.keyboard.type('slk_wrong');
    await page.keyboard.press('Enter');
    await page.getByRole('alert').getByText('That key or token is not accepted here.').waitFor();
    assert.equal(await page.getByLabel('Key or token').getAttribute('aria-invalid'), 'true');
    // What was wrong is marked, so that typing replaces it.
    assert.equal(await page.evaluate(() => document.activeElement?.id), 'credential');
    await page.keyboard.type(ADMIN_KEY);
    await page.keyboard.press('Tab');
    await page.keyboard.press('Space');
    assert.equal(await page.getByLabel('Key or token').inputValue(), ADMIN_KEY);
    assert.equal(await page.getByLabel('Key or token').getAttribute('type'), 'text');
    await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Overview', level: 1 }).waitFor();
    assert.match(page.url(), /\/overview\?range=30d$/);
    await page.locator('[data-live="live"]').waitFor();
    await page.reload();
    await page.getByRole('heading', { name: 'Overview', level: 1 }).waitFor();
    await page.locator('[data-live="live"]').waitFor();
    assert.deepEqual(faultsOf(one), []);
  });

  it('says of a key that sends only what it lacks', async () => {
    const { key } = await makeKey({ scopes: ['ingest'] });
    const { page } = await open('/');
    await page.getByLabel('Key or token').fill(key);
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('alert').getByText('The dashboard asks for the scope “read”.').waitFor();
    await page.getByLabel('Key or token').fill('no key, but words');
    await page.getByRole('button', { name: 'Sign in' }).click();
    await page.getByRole('alert').getByText('A key is one word').waitFor();
  });

  it('opens with the key that the first start has printed', async () => {
    const fresh = await startTestService({ ANALYTICS_HOST: '0.0.0.0' });
    const one = await openDashboard(browser, fresh.url.replace('0.0.0.0', '127.0.0.1'), '/keys');
    try {
      assert.match(fresh.firstKey ?? '', /^slk_/);
      await signIn(one.page, fresh.firstKey!);
      await one.page.getByRole('row', { name: /made at the first start in use here/ }).waitFor();
      assert.deepEqual(faultsOf(one), []);
    } finally {
      await one.close();
      await fresh.stop();
    }
  });

  it('ends by signing out, and no key stays behind', async () => {
    const { page } = await openSignedIn('/pipeline');
    await page.getByRole('button', { name: 'Signed in' }).focus();
    await page.keyboard.press('Enter');
    await page.getByText(`${ADMIN_KEY.slice(0, 8)}…`).waitFor();
    await page.locator('.account [role="menuitem"]:focus').waitFor();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    assert.equal(await page.evaluate(() => JSON.stringify(localStorage).includes('the-key-of')), false);
    await page.reload();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
  });

  it('is asked for again when the key is revoked meanwhile', async () => {
    const { key, key_id } = await makeKey({ scopes: ['read'] });
    const { page } = await openSignedIn('/overview', key);
    await fetch(`${service.url}/v1/keys/${key_id}`, { method: 'DELETE', headers: asAdmin });
    await page.keyboard.press('r');
    await page.getByText('The key that was in use here is not accepted any more').waitFor();
    await shoot(page, 'sign-in-again');
    await signIn(page, ADMIN_KEY);
    await page.getByRole('heading', { name: 'Overview', level: 1 }).waitFor();
  });

  for (const [width, colorScheme] of [
    [360, 'dark'],
    [1600, 'light'],
  ] as const) {
    it(`fits ${width} px in ${colorScheme}, and the shell with it`, async () => {
      const options = { viewport: { width, height: 800 }, colorScheme };
      const { page } = await open('/overview', options);
      await page.getByRole('heading', { name: 'Sign in' }).waitFor();
      await page.getByLabel('Key or token').fill('slk_wrong');
      await page.getByRole('button', { name: 'Sign in' }).click();
      await page.getByRole('alert').getByText('not accepted').waitFor();
      assert.equal(await overflowPx(page), 0);
      await shoot(page, `sign-in-${width}`);
      await signIn(page, ADMIN_KEY);
      await settled(page);
      assert.equal(await overflowPx(page), 0);
      await page.getByRole('button', { name: 'Signed in' }).click();
      await page.getByRole('menuitem', { name: 'Keys and apps' }).click();
      await settled(page);
      assert.equal(await overflowPx(page), 0);
      await page.getByRole('button', { name: 'New key' }).click();
      await page.getByLabel('Only these').check();
      assert.equal(await overflowPx(page), 0);
      await shoot(page, `keys-${width}`);
    });
  }
});

describe('the pipeline on the dashboard', () => {
  it('shows a reader of some apps how things go, and not how much others send', async () => {
    const { key } = await makeKey({ scopes: ['read', 'admin'], apps: ['elsewhere'] });
    const one = await openSignedIn('/pipeline', key);
    const { page } = one;
    await page.locator('.road').getByText('Received to readable').waitFor();
    await page.getByRole('columnheader', { name: 'Behind' }).waitFor();
    assert.equal(await page.getByRole('columnheader', { name: 'µs each' }).count(), 1);
    for (const name of ['Events', 'Left out', 'Written', 'Stored'])
      assert.equal(await page.getByRole('columnheader', { name, exact: true }).count(), 0, name);
    assert.equal(await page.locator('.road').getByText('Size').count(), 0);
    assert.doesNotMatch((await page.locator('main').textContent()) ?? '', /null|NaN|undefined/);
    assert.deepEqual(faultsOf(one), []);
    await shoot(page, 'pipeline-of-some-apps');

    const { page: whole } = await openSignedIn('/pipeline');
    await whole.getByRole('columnheader', { name: 'Written' }).waitFor();
    await whole.locator('.road').getByText('Size').waitFor();
  });
});

describe('keys on the dashboard', () => {
  it('are made, shown once, and work', async () => {
    const one = await openSignedIn('/keys');
    const { page } = one;
    await page.getByRole('button', { name: 'New key' }).click();
    await page.getByLabel('Name, for people').fill('tube readers');
    await page.getByRole('checkbox', { name: /^read / }).uncheck();
    await page.getByText('Pick what it may do.').waitFor();
    assert.equal(await page.getByRole('button', { name: 'Make the key' }).isDisabled(), true);
    await page.getByRole('checkbox', { name: /^read / }).check();
    await page.getByLabel('Only these').check();
    await page.getByText('Pick its apps.').waitFor();
    await page.getByRole('button', { name: 'tube', exact: true }).click();
    await page.getByRole('button', { name: 'Make the key' }).click();
    const dialog = page.getByRole('dialog', { name: 'The key is made' });
    const secret = (await dialog.locator('code').textContent())!;
    assert.match(secret, /^slk_/);
    await shoot(page, 'key-made');
    await page.keyboard.press('Escape');
    await dialog.getByRole('button', { name: 'Copy', exact: true }).waitFor();
    await dialog.getByRole('button', { name: 'I have copied it' }).click();
    const row = page.getByRole('row', { name: /tube readers/ });
    await row.waitFor();
    assert.match((await row.textContent())!, new RegExp(`${secret.slice(0, 8)}.*read.*tube`));
    assert.equal((await page.content()).includes(secret), false);
    assert.equal(await statusWith(secret), 200);
    const { data } = await (
      await fetch(`${service.url}/v1/apps`, { headers: { authorization: `Bearer ${secret}` } })
    ).json();
    assert.deepEqual(data, [{ app_id: 'tube', name: null }]);
    assert.deepEqual(faultsOf(one), []);
  });

  it('are rotated and revoked after a question', async () => {
    const { key } = await makeKey({ name: 'to be changed', scopes: ['read'] });
    const { page } = await openSignedIn('/keys');
    await page.getByRole('button', { name: 'Rotate to be changed' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel' }).click();
    assert.equal(await statusWith(key), 200);
    await page.getByRole('button', { name: 'Rotate to be changed' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Rotate' }).click();
    const dialog = page.getByRole('dialog', { name: 'The key has another secret' });
    const secret = (await dialog.locator('code').textContent())!;
    await dialog.getByRole('button', { name: 'I have copied it' }).click();
    assert.equal(await statusWith(key), 401);
    assert.equal(await statusWith(secret), 200);
    await page.getByRole('button', { name: 'Revoke to be changed' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click();
    await page.getByRole('button', { name: 'Revoke to be changed' }).waitFor({ state: 'detached' });
    assert.equal(await statusWith(secret), 401);
    await page.getByLabel('Revoked ones too').check();
    await page.getByRole('row', { name: /to be changed.*revoked/ }).waitFor();
  });

  it('stay in use where one rotates one’s own', async () => {
    const { key } = await makeKey({ name: 'my own', scopes: ['read', 'admin'] });
    const { page } = await openSignedIn('/keys', key);
    await page.getByRole('row', { name: /my own in use here/ }).waitFor();
    await page.getByRole('button', { name: 'Rotate my own' }).click();
    await page.getByText('stay so with its new secret').waitFor();
    await page.getByRole('dialog').getByRole('button', { name: 'Rotate' }).click();
    const secret = (await page.getByRole('dialog').locator('code').textContent())!;
    await page.getByRole('button', { name: 'I have copied it' }).click();
    await page.reload();
    await page.getByRole('row', { name: /my own in use here/ }).waitFor();
    assert.equal(await statusWith(key), 401);
    assert.equal(await page.evaluate(() => localStorage.getItem('sluice.credential')), secret);
  });

  it('are not for readers, who are told what they lack', async () => {
    const { key } = await makeKey({ scopes: ['read'], apps: ['tube'] });
    const one = await openSignedIn('/keys', key);
    const { page } = one;
    await page.getByText('The key in use here lacks the scope “admin”.').waitFor();
    assert.equal(await page.getByRole('button', { name: /New key|Make an app|Rename/ }).count(), 0);
    await page.getByRole('row', { name: /tube/ }).waitFor();
    await shoot(page, 'keys-reader');
    await page.getByRole('button', { name: 'Use another key' }).click();
    await page.getByRole('button', { name: 'Go back' }).click();
    await page.getByRole('button', { name: 'Use another key' }).click();
    await signIn(page, ADMIN_KEY);
    await page.getByRole('button', { name: 'New key' }).waitFor();
    assert.deepEqual(faultsOf(one), []);
  });
});

describe('apps on the dashboard', () => {
  it('are made and named', async () => {
    const one = await openSignedIn('/keys');
    const { page } = one;
    await page.getByLabel('Id of the new app').fill('kids');
    await page.getByLabel('Name of the new app').fill('For children');
    await page.keyboard.press('Enter');
    await page.getByRole('row', { name: /kids For children/ }).waitFor();
    await page.getByLabel('Id of the new app').fill('kids');
    await page.keyboard.press('Enter');
    await page.getByRole('alert').getByText('is there already').waitFor();
    await page.getByRole('button', { name: 'Rename tube' }).click();
    await page.keyboard.type('The tube');
    await page.keyboard.press('Enter');
    await page.getByRole('row', { name: /tube The tube/ }).waitFor();
    await page.getByRole('button', { name: 'App: All apps' }).click();
    await page.getByRole('menuitemradio', { name: 'The tube' }).waitFor();
    assert.deepEqual(faultsOf(one), []);
  });
});
