/** The page of dead letters in a browser, over a real service with letters of several reasons. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Browser } from 'playwright-core';
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

interface Letter {
  readonly id: string;
  readonly reason: string;
  readonly payload: string;
}

before(async () => {
  await builtDashboard();
  [service, browser] = await Promise.all([startTestService(), openBrowser()]);
});

after(async () => {
  for (const page of opened) await page.close();
  await browser?.close();
  await service?.stop();
});

async function open(path: string, options: Parameters<typeof openDashboard>[3] = {}): Promise<DashboardPage> {
  const page = await openDashboard(browser, service.url, path, options);
  opened.push(page);
  return page;
}

async function listed(reason: string, state = 'open'): Promise<readonly Letter[]> {
  const path = `/v1/dead-letters?reason=${reason}&state=${state}&limit=1000`;
  return (await service.get<{ data: readonly Letter[] }>(path)).data;
}

async function countEvents(userId: string): Promise<number> {
  return (await service.get<{ data: unknown[] }>(`/v1/events?limit=1000&user_id=${userId}`)).data.length;
}

describe('dead letters on the dashboard', () => {
  it('says that there are none', async () => {
    const { page, faults } = await open('/dead-letters');
    await page.getByText('There are no dead letters').waitFor();
    assert.equal(
      await page.getByRole('link', { name: 'Pipeline' }).first().getAttribute('aria-current'),
      'page',
    );
    assert.deepEqual(faults, []);
  });

  it('mends one letter by keyboard: reason, letter, step, preview, replay', async () => {
    const today = new Date().toISOString().slice(0, 10).replaceAll('-', '/');
    const events = [
      { event_name: 'page_view', user_id: 'someone' },
      ...Array.from({ length: 60 }, (_, i) => ({
        evt: 'seek',
        user_id: 'mended',
        properties: { i, n: '12' },
      })),
      ...Array.from({ length: 5 }, (_, i) => ({
        event_name: 'seek',
        user_id: 'in bulk',
        timestamp: i === 0 ? 'nobody knows' : `${today} 00:00`,
        sent: i,
      })),
    ];
    assert.equal((await service.post('/events', events)).status, 202);
    await until('the letters are there', async () => (await listed('invalid_timestamp')).length === 5);

    const { page, faults } = await open('/pipeline', { colorScheme: 'dark' });
    await page.getByRole('link', { name: 'See all' }).click();
    await page.getByRole('heading', { name: 'Dead letters', level: 1 }).waitFor();
    // Each letter of the list beside them says its reason too, and may be there first.
    await page
      .getByRole('list', { name: 'Dead letters by reason' })
      .getByRole('button', { name: /Missing event name/ })
      .press('Enter');
    await page.waitForURL('**reason=missing_event_name**');
    const rows = page.locator('.letter');
    await page.locator('.letters-list').getByRole('heading', { name: 'Missing event name' }).waitFor();
    await page.getByText('50 shown; older ones follow').waitFor();
    await page.getByRole('button', { name: 'Load older' }).press('Enter');
    await page.getByText('60 shown, that is all of them').waitFor();
    await rows.first().focus();
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    const desk = page.locator('.desk');
    await desk.getByText('It would be rejected again, for the same reason.').waitFor();
    const replay = desk.getByRole('button', { name: 'Replay', exact: true });
    assert.ok(await replay.isDisabled());

    await desk.getByRole('button', { name: 'Rename a field' }).press('Enter');
    await desk.getByLabel('Step 1: field').fill('evt');
    await desk.getByText('It would be taken.').waitFor();
    await desk.getByRole('button', { name: '+ Add a step' }).press('Enter');
    await desk.getByLabel('Step 2: what to do').selectOption('cast');
    await desk.getByLabel('Step 2: field').fill('properties.nn');
    await desk.getByText('Step 2: there is no field properties.nn.').waitFor();
    await desk.getByLabel('Step 2: field').fill('properties.n');
    await desk.getByText('It would be taken.').waitFor();
    assert.match(
      (await desk.locator('.line-new').allTextContents()).join(''),
      /"n": 12\n.*"event_name": "seek"/,
    );
    assert.match((await desk.locator('.line-old').allTextContents()).join(''), /"evt": "seek"/);

    await replay.press('Enter');
    const dialog = page.getByRole('dialog');
    await dialog.waitFor();
    await page.keyboard.press('Escape');
    await dialog.waitFor({ state: 'hidden' });
    assert.equal((await listed('missing_event_name', 'replayed')).length, 0, 'asked, and not done');
    await replay.press('Enter');
    await dialog.getByRole('button', { name: 'Replay' }).press('Enter');
    await desk.getByText('1 letter replayed.').waitFor();
    await desk.getByText('cast properties.n = "number"').waitFor();
    await until('it is stored', async () => (await countEvents('mended')) === 1);
    await page.reload();
    await settled(page);
    assert.equal(await desk.locator('.desk-state').textContent(), 'replayed', 'a link shows the same letter');
    assert.deepEqual(faults, []);
  });

  it('mends all with a reason, tells what stays, and puts that aside', async () => {
    const { page, faults } = await open('/dead-letters?reason=invalid_timestamp');
    await page.getByRole('button', { name: 'Mend all 5 open' }).click();
    const desk = page.locator('.desk');
    await desk.getByText('Of them, 0 would be taken, 5 not.').waitFor();
    await desk.getByRole('button', { name: 'Read the timestamp leniently' }).click();
    await desk.getByText('Of them, 4 would be taken, 1 not.').waitFor();
    await desk.getByRole('button', { name: 'Replay 5 letters' }).click();
    await page.getByText('Of 5 that were tried, 4 would be taken; what is rejected stays open.').waitFor();
    await page.getByRole('dialog').getByRole('button', { name: 'Replay' }).click();
    await desk.getByText('4 letters replayed.').waitFor();
    await desk.getByText('1 letter stayed as before.').waitFor();
    await until('they are stored', async () => (await countEvents('in bulk')) === 4);

    await page.locator('.letter').first().click();
    await desk.getByText('timestamp is "nobody knows"; that is no timestamp.').waitFor();
    await desk.getByRole('button', { name: 'Discard' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Discard' }).click();
    await desk.getByText('1 letter discarded.').waitFor();
    assert.equal((await listed('invalid_timestamp', 'discarded')).length, 1);
    await page.getByRole('button', { name: 'Discarded' }).click();
    await page.locator('.letter').first().waitFor();
    assert.equal(await page.locator('.letter').count(), 1);
    assert.deepEqual(faults, []);
  });

  it('writes what is no JSON anew', async () => {
    const body =
      '{"event_name":"page_view"}\n{"event_name": "seek", "user_id": "cut of\n{"event_name":"page_view"}';
    assert.equal((await fetch(`${service.url}/events`, { method: 'POST', body })).status, 202);
    await until('the letter is there', async () => (await listed('invalid_json')).length === 1);
    const [letter] = await listed('invalid_json');
    const { page } = await open(`/dead-letters?letter=${letter!.id}`);
    const desk = page.locator('.desk');
    await desk.getByRole('button', { name: 'Write it anew' }).click();
    await desk.getByText('Step 1: not JSON yet.').waitFor();
    await desk.getByLabel('Step 1: the event as JSON').fill('{"event_name":"seek","user_id":"anew"}');
    await desk.getByText('It would be taken.').waitFor();
    await desk.getByRole('button', { name: 'Replay', exact: true }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Replay' }).click();
    await until('it is stored', async () => (await countEvents('anew')) === 1);
  });

  for (const colorScheme of ['light', 'dark'] as const) {
    for (const width of [360, 768, 1440, 2560]) {
      it(`fits ${width} px in ${colorScheme}, with a letter on the desk and without`, async () => {
        const [letter] = await listed('missing_event_name');
        const { page, faults } = await open('/dead-letters', {
          colorScheme,
          viewport: { width, height: 800 },
        });
        for (const query of [
          '',
          '?reason=missing_event_name&bulk=1',
          `?letter=${letter!.id}`,
          '?state=all',
        ]) {
          await page.goto(`${service.url}/dead-letters${query}`);
          await settled(page);
          assert.equal(await overflowPx(page), 0, `${query} is wider than ${width} px`);
        }
        assert.deepEqual(faults, []);
      });
    }
  }
});
