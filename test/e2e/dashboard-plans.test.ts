/** The page of plans in a browser, over a real service: define, try, enforce, read, delete. */
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

const ADMIN_KEY = 'the-key-of-this-test';
const asAdmin = { authorization: `Bearer ${ADMIN_KEY}` };
/** Browsers put each refusal on the console by themselves. */
const REFUSED = /status of (400|401|403)|WebSocket connection to .* failed/;
const WANTS_PRICE = '{"type": "object", "required": ["price"], "properties": {"price": {"type": "number"}}}';

let service: TestService;
let browser: Browser;
const opened: DashboardPage[] = [];

before(async () => {
  await builtDashboard();
  [service, browser] = await Promise.all([
    startTestService({ ANALYTICS_ADMIN_KEY: ADMIN_KEY }),
    openBrowser(),
  ]);
  await send(buy({ price: 1 }), buy({}), buy({ price: '2' }));
  await until('they are stored', async () => {
    const { data } = await read<{ data: unknown[] }>('/v1/events');
    return data.length === 3;
  });
});

after(async () => {
  for (const page of opened) await page.close();
  await browser?.close();
  await service?.stop();
});

const buy = (properties: object) => ({ event_name: 'buy', app_id: 'web', user_id: 'u', properties });

async function send(...events: object[]): Promise<void> {
  assert.equal((await service.post('/events', events)).status, 202);
}

async function read<T>(path: string): Promise<T> {
  return (await (await fetch(service.url + path, { headers: asAdmin })).json()) as T;
}

async function open(
  path: string,
  key = ADMIN_KEY,
  options: Parameters<typeof openDashboard>[3] = {},
): Promise<DashboardPage> {
  const one = await openDashboard(browser, service.url, path, options);
  opened.push(one);
  await one.page.getByLabel('Key or token').fill(key);
  await one.page.getByRole('button', { name: 'Sign in' }).click();
  await one.page.locator('.shell').waitFor();
  await settled(one.page);
  return one;
}

const faultsOf = ({ faults }: DashboardPage): string[] => faults.filter((fault) => !REFUSED.test(fault));

async function shoot(page: Page, name: string): Promise<void> {
  if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/${name}.png`, fullPage: true });
}

describe('plans on the dashboard', () => {
  it('are written with their faults in words, tried, and saved', async () => {
    const one = await open('/plans');
    const { page } = one;
    await page.getByText('No event is planned yet').waitFor();
    await page.getByRole('button', { name: 'New plan' }).click();
    await page.getByText('Name the event.').waitFor();
    await page.getByLabel('Event name').fill('buy');
    const schema = page.getByLabel('JSON schema of the event’s properties');
    await schema.fill('{\n  "type": "object",\n}');
    await page.getByText(/^Line 3: /).waitFor();
    assert.equal(await page.getByRole('button', { name: 'Save' }).isDisabled(), true);
    await schema.fill('{"pattern": "x"}');
    await page.getByText('schema.pattern: is no word of a plan.').waitFor();
    assert.equal(await schema.getAttribute('aria-invalid'), 'true');
    await schema.fill(WANTS_PRICE);
    await page.getByText('schema.pattern').waitFor({ state: 'detached' });

    const sample = page.getByLabel('Try it: paste an event');
    const verdict = page.locator('.plan-sample .plan-verdict');
    await sample.fill('{"event_name": "buy", "properties": {"price": 9.5}}');
    await verdict.getByText('It is as planned').waitFor();
    await sample.fill('{"price": "9.5"}');
    await verdict.getByText('properties.price must be number. It would be stored, and counted').waitFor();
    await sample.fill('{"event_name": "seek"}');
    await verdict.getByText('this plan, of “buy”, is not asked').waitFor();
    await sample.fill('{"price": ');
    await verdict.getByText(/^Line 1: /).waitFor();
    await sample.fill('{}');
    await page.getByLabel('Events that differ are').selectOption('quarantine');
    await verdict.getByText('properties.price must be there. It would be quarantined').waitFor();
    await page.getByRole('button', { name: 'Try it on stored events' }).click();
    await page.getByText('2 of the last 3 stored events would break it').waitFor();
    assert.equal(
      await page.getByRole('list', { name: 'Stored events that differ' }).locator('li').count(),
      2,
    );
    await shoot(page, 'plan-editor');

    await page.getByLabel('Owner').fill('shop');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('region', { name: 'buy', exact: true }).waitFor();
    await page.getByRole('row', { name: /buy all quarantine/ }).waitFor();
    assert.match(page.url(), /\/plans\?plan=buy$/);
    const { data } = await read<{ data: { event_name: string; schema: unknown; owner: string }[] }>(
      '/v1/plans',
    );
    assert.deepEqual(
      data.map(({ event_name, schema, owner }) => [event_name, schema, owner]),
      [['buy', JSON.parse(WANTS_PRICE), 'shop']],
    );
    assert.deepEqual(faultsOf(one), []);
  });

  it('show what was against them, with the way to the dead letters', async () => {
    const { effective_at } = await read<{ effective_at: string }>('/v1/plans/buy');
    await until('it is in force', async () => Date.now() > Date.parse(effective_at));
    await send(buy({ price: 1 }), buy({}), buy({}));
    await until('they are told', async () => {
      const { violations } = await read<{ violations: { count: number }[] }>('/v1/plans/buy');
      return violations[0]?.count === 2;
    });
    const one = await open('/plans');
    const { page } = one;
    await page.getByRole('row', { name: /buy all quarantine 2/ }).waitFor();
    await page.getByRole('button', { name: 'buy', exact: true }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('row', { name: /properties\.price must be there web quarantined 2/ }).waitFor();
    await shoot(page, 'plan-violations');
    await page.getByRole('link', { name: 'Dead letters' }).last().click();
    await page.getByRole('heading', { name: 'Dead letters', level: 1 }).waitFor();
    assert.match(page.url(), /\/dead-letters\?reason=plan_violation$/);
    await page.getByRole('list', { name: 'Dead letters by reason' }).getByText('Plan violation').waitFor();
    assert.deepEqual(faultsOf(one), []);
  });

  it('are read and tried by readers, who are told what they lack', async () => {
    const made = await service.post<{ key: string }>('/v1/keys', { scopes: ['read'] }, asAdmin);
    const one = await open('/plans?plan=buy', made.body.key);
    const { page } = one;
    await page.getByText('the key in use here would need the scope “admin”').waitFor();
    await page.getByRole('row', { name: /properties\.price must be there/ }).waitFor();
    await page.getByLabel('Try it: paste an event').fill('{"price": null}');
    await page
      .locator('.plan-sample .plan-verdict')
      .getByText('must be number. It would be quarantined')
      .waitFor();
    const buttons = page.getByRole('main').getByRole('button', { name: /New plan|Edit|Delete/ });
    assert.equal(await buttons.count(), 0);
    assert.equal(await page.getByRole('main').getByRole('link', { name: 'Dead letters' }).count(), 1);
    await shoot(page, 'plan-reader');
    assert.deepEqual(faultsOf(one), []);
  });

  it('are changed and deleted', async () => {
    const one = await open('/plans?plan=buy');
    const { page } = one;
    await page.getByRole('button', { name: 'New plan' }).click();
    await page.getByLabel('Event name').fill('buy');
    await page.getByText('There is a plan for it already: edit that one.').waitFor();
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByRole('button', { name: 'Edit', exact: true }).click();
    assert.equal(await page.getByLabel('Event name').isDisabled(), true);
    await page.getByLabel('Description').fill('When the money is there.');
    await page.getByLabel('Events that differ are').selectOption('warn');
    await page.getByRole('button', { name: 'Save' }).click();
    await page.getByRole('row', { name: /buy all warn/ }).waitFor();
    await page.getByText('When the money is there.').waitFor();
    await page.getByRole('button', { name: 'Delete', exact: true }).click();
    await page.getByRole('button', { name: 'Delete for good' }).click();
    await page.getByText('No event is planned yet').waitFor();
    assert.deepEqual(await read('/v1/plans'), { data: [] });
    assert.deepEqual(faultsOf(one), []);
  });

  for (const [width, colorScheme] of [
    [360, 'dark'],
    [1440, 'light'],
  ] as const) {
    it(`fit ${width} px in ${colorScheme}, with the form`, async () => {
      const one = await open('/plans', ADMIN_KEY, { viewport: { width, height: 900 }, colorScheme });
      const { page } = one;
      await page.getByRole('button', { name: 'New plan' }).click();
      await page.getByLabel('Event name').waitFor();
      assert.equal(await overflowPx(page), 0);
      await shoot(page, `plans-form-${width}`);
      assert.deepEqual(faultsOf(one), []);
    });
  }
});
