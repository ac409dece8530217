/** The SQL page in a browser, over a real service: statements, parameters, pictures, files, refusals, cancelling. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, it } from 'node:test';
import type { Browser, Download, Page } from 'playwright-core';
import { until } from '../faults/verify.ts';
import { openBrowser } from '../support/browser.ts';
import {
  builtDashboard,
  type DashboardPage,
  openDashboard,
  overflowPx,
} from '../support/dashboard-target.ts';
import { startTestService, type TestService } from '../support/service.ts';

let service: TestService;
let browser: Browser;
const opened: DashboardPage[] = [];
const today = new Date().toISOString().slice(0, 10);
const BY_HOUR = `SELECT toStartOfHour(timestamp) AS hour, count() AS events FROM events GROUP BY hour ORDER BY hour`;

before(async () => {
  await builtDashboard();
  [service, browser] = await Promise.all([startTestService(), openBrowser()]);
  const now = Date.now();
  const events = Array.from({ length: 30 }, (_, i) => ({
    event_name: i % 3 === 0 ? 'search' : 'page_view',
    user_id: `user ${i % 4}`,
    timestamp: new Date(now - i * 1_200_000).toISOString(),
    properties: i === 0 ? { note: '<b>bold</b>' } : {},
  }));
  assert.equal((await service.post('/events', events)).status, 202);
  await until('the events are there', async () => {
    const { data } = await service.get<{ data: unknown[] }>('/v1/events?limit=1000&from=2020-01-01');
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
  return page;
}

async function run(page: Page, statement: string): Promise<void> {
  await page.getByLabel('SQL statement').fill(statement);
  await page.getByLabel('SQL statement').press('Control+Enter');
}

async function cells(page: Page): Promise<string[][]> {
  return await page
    .locator('.sql-rows tbody tr')
    .evaluateAll((rows) =>
      rows.map((row) => [...row.querySelectorAll('td')].map((cell) => cell.textContent)),
    );
}

async function save(page: Page, format: string): Promise<Buffer> {
  const download = page.waitForEvent('download');
  await page.getByRole('button', { name: 'Save the answer as a file' }).click();
  await page.getByRole('menuitem', { name: format, exact: true }).click();
  const file: Download = await download;
  assert.equal(file.suggestedFilename(), `sluice-sql.${format.toLowerCase()}`);
  return await readFile(await file.path());
}

describe('SQL on the dashboard', () => {
  it('runs a statement by keyboard, and a link shows the same', async () => {
    const { page, faults } = await open('/sql');
    await page.getByText('The answer comes here').waitFor();
    await run(page, 'SELECT event_name, count() AS n FROM events GROUP BY event_name ORDER BY n DESC');
    await page.getByText(/^2 rows in /).waitFor();
    assert.deepEqual(await cells(page), [
      ['page_view', '20'],
      ['search', '10'],
    ]);
    const linked = await open(new URL(page.url()).pathname + new URL(page.url()).search);
    await linked.page.getByText(/^2 rows in /).waitFor();
    assert.deepEqual(await cells(linked.page), await cells(page));
    assert.deepEqual([faults, linked.faults], [[], []]);
  });

  it('asks for the parameters of a statement', async () => {
    const { page, faults } = await open('/sql');
    await page
      .getByLabel('SQL statement')
      .fill(`SELECT count() AS n, '{no:String}' AS text FROM events WHERE event_name = {name:String}`);
    assert.equal(await page.locator('.sql-parameters label').count(), 1);
    await page.getByLabel('name String').fill('search');
    await page.getByLabel('name String').press('Enter');
    await page.getByText(/^1 row in /).waitFor();
    assert.deepEqual(await cells(page), [['10', '{no:String}']]);
    assert.equal(new URL(page.url()).searchParams.get('p.name'), 'search');
    assert.deepEqual(faults, []);
  });

  it('draws times as lines and names as bars, and neither where it cannot', async () => {
    const { page, faults } = await open('/sql', { colorScheme: 'dark' });
    await run(page, BY_HOUR);
    await page.getByRole('button', { name: 'Chart' }).click();
    await page.locator('.uplot canvas').waitFor();
    if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/sql-lines.png` });
    await run(page, 'SELECT user_id, count() AS n FROM events GROUP BY user_id ORDER BY n DESC, user_id');
    // Not on the answer before.
    await page.getByText(/^4 rows in /).waitFor();
    await page.getByRole('button', { name: 'Chart' }).click();
    const bars = page.getByRole('list', { name: 'n', exact: true });
    assert.equal(await bars.getByRole('listitem').count(), 4);
    if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/sql-bars.png` });
    assert.match((await bars.getByRole('listitem').first().textContent()) ?? '', /user 0.*8/);
    await run(page, 'SELECT count() AS alone FROM events');
    await page.getByText(/^1 row in /).waitFor();
    assert.equal(await page.getByRole('button', { name: 'Chart' }).count(), 0);
    assert.deepEqual(faults, []);
  });

  it('saves the answer as a file of each kind', async () => {
    const { page, faults } = await open('/sql');
    await run(page, `SELECT event_name, properties FROM events WHERE properties LIKE '%bold%'`);
    await page.getByText(/^1 row in /).waitFor();
    // Text of others is shown as text.
    assert.deepEqual(await cells(page), [['search', '{"note":"<b>bold</b>"}']]);
    assert.equal(
      (await save(page, 'CSV')).toString(),
      '"event_name","properties"\n"search","{""note"":""<b>bold</b>""}"\n',
    );
    assert.deepEqual(JSON.parse((await save(page, 'NDJSON')).toString()), {
      event_name: 'search',
      properties: '{"note":"<b>bold</b>"}',
    });
    assert.equal((await save(page, 'Parquet')).subarray(0, 4).toString(), 'PAR1');
    assert.deepEqual(faults, []);
  });

  it('says what is wrong with a statement, in the words of the service', async () => {
    const { page } = await open('/sql');
    await run(page, 'SELECT nothing FROM events');
    await page
      .getByRole('alert')
      .getByText(/nothing/)
      .first()
      .waitFor();
    await run(page, 'DROP TABLE events');
    await page
      .getByRole('alert')
      .getByText(/SELECT/)
      .first()
      .waitFor();
    await run(page, 'SELECT 1 AS one');
    await page.getByText(/^1 row in /).waitFor();
    assert.equal(await page.getByRole('alert').count(), 0);
  });

  it('ends a statement that is cancelled', async () => {
    const { page } = await open('/sql');
    await run(page, 'SELECT sleepEachRow(1) AS slept FROM numbers(15) SETTINGS max_block_size = 1');
    // Settings are refused; a long sum is not.
    await page.getByRole('alert').first().waitFor();
    await run(page, 'SELECT sum(cityHash64(number)) AS long FROM numbers(100000000000)');
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByRole('button', { name: 'Run' }).waitFor();
    await run(page, 'SELECT 2 AS two');
    await page.getByText(/^1 row in /).waitFor();
    assert.deepEqual(await cells(page), [['2']]);
  });

  it('keeps what ran, and offers examples that run', async () => {
    const { page, faults } = await open('/sql');
    await run(page, 'SELECT 41 + 1 AS answer');
    await page.getByText(/^1 row in /).waitFor();
    await page.reload();
    await page.getByRole('button', { name: 'Examples and history' }).click();
    await page.getByRole('menuitem', { name: 'SELECT 41 + 1 AS answer' }).waitFor();
    const names = ['Events by hour', 'Most watched videos', 'Errors by message', 'One event name, by day'];
    await page.keyboard.press('Escape');
    for (const name of names) {
      await page.getByRole('button', { name: 'Examples and history' }).click();
      await page.getByRole('menuitem', { name, exact: true }).click();
      const parameter = page.getByLabel('name String');
      if ((await parameter.count()) === 1) await parameter.fill('search');
      await page.getByRole('button', { name: 'Run', exact: false }).first().click();
      const said = page.getByRole('status').filter({ hasText: /^\d+ rows? in / });
      await said.waitFor();
      assert.equal(await page.getByRole('alert').count(), 0, name);
    }
    assert.deepEqual(faults, []);
  });

  for (const [width, colorScheme] of [
    [390, 'dark'],
    [1024, 'light'],
    [2560, 'dark'],
  ] as const) {
    it(`fits ${width} px in ${colorScheme}`, async () => {
      const { page } = await open(`/sql?sql=${encodeURIComponent(BY_HOUR)}`, {
        viewport: { width, height: 900 },
        colorScheme,
      });
      await page.locator('.sql-rows tbody tr').first().waitFor();
      assert.equal(await overflowPx(page), 0);
      if (process.env.SHOTS)
        await page.screenshot({ path: `${process.env.SHOTS}/sql-${width}.png`, fullPage: true });
    });
  }

  it('is one page among the others, with today as it is', async () => {
    const { page } = await open('/');
    await page.getByRole('heading', { name: 'Now', level: 1 }).waitFor();
    await page.keyboard.press('g');
    await page.keyboard.press('q');
    await page.getByRole('heading', { name: 'SQL', level: 1 }).waitFor();
    await run(
      page,
      'SELECT toDate(max(timestamp)) AS day, 18446744073709551615 AS most, NULL AS none FROM events',
    );
    await page.getByText(/^1 row in /).waitFor();
    assert.deepEqual(await cells(page), [[today, '18446744073709551615', 'NULL']]);
  });
});
