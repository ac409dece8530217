/** The catalogue in a browser, over a real service: found, edited, and filled from text, with what is wrong by line. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Browser, BrowserContextOptions, Page } from 'playwright-core';
import type { CatalogueVideo } from '../../dashboard/src/data/types-catalogue.ts';
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
const VIDEOS = 60;

before(async () => {
  await builtDashboard();
  [service, browser] = await Promise.all([startTestService(), openBrowser()]);
});

after(async () => {
  for (const page of opened) await page.close();
  await browser?.close();
  await service?.stop();
});

async function open(path: string, options: BrowserContextOptions = {}): Promise<DashboardPage> {
  const page = await openDashboard(browser, service.url, path, options);
  opened.push(page);
  await settled(page.page);
  return page;
}

async function known(ids: string): Promise<CatalogueVideo[]> {
  const { data } = await service.get<{ data: CatalogueVideo[] }>(`/v1/videos?ids=${ids}&limit=1000`);
  return data;
}

async function shoot(page: Page, name: string): Promise<void> {
  if (process.env.SHOTS) await page.screenshot({ path: `${process.env.SHOTS}/${name}.png`, fullPage: true });
}

/** Browsers put each refusal on the console by themselves. */
const faultsOf = ({ faults }: DashboardPage): string[] =>
  faults.filter((fault) => !fault.includes('status of 400'));

describe('the catalogue on the dashboard', () => {
  it('is filled with many from text: all or none, faults by line', async () => {
    const one = await open('/catalogue');
    const { page } = one;
    await page.getByText('No video is known yet').waitFor();
    await page.getByRole('button', { name: 'Add many' }).click();
    const field = page.getByLabel('Videos as JSON or NDJSON');
    const faults = page.getByRole('list', { name: 'What is wrong, by line' });
    await field.fill('{"video_id": "a"}\n{"video_id": "b"\n{"title": "c"}');
    assert.match((await faults.textContent())!, /Line 2 .*Line 3 It has no video_id\./);
    assert.equal(await page.getByRole('button', { name: /^Save/ }).isDisabled(), true);
    // What only the service can tell is said by line as well.
    await field.fill(
      '\n{"video_id": "a"}\n\n{"video_id": "b", "season": 1.5}\n{"video_id": "c", "live": "no"}',
    );
    await page.getByRole('button', { name: 'Save 3 videos' }).click();
    await faults.waitFor();
    assert.match((await faults.textContent())!, /Line 4 season.*Line 5 live/);
    await shoot(page, 'catalogue-faults');
    assert.deepEqual(await known('a,b,c'), []);
    const lines = Array.from({ length: VIDEOS }, (_, i) =>
      JSON.stringify({
        video_id: `v${i}`,
        title: `Film ${i}`,
        series: i < 3 ? 'Waters' : null,
        duration_seconds: 60 + i,
      }),
    );
    await page.getByLabel('File of videos').setInputFiles({
      name: 'films.ndjson',
      mimeType: 'application/x-ndjson',
      buffer: Buffer.from(lines.join('\n')),
    });
    await page.getByText('films.ndjson').waitFor();
    await page.getByRole('button', { name: `Save ${VIDEOS} videos` }).click();
    await page.getByText(`${VIDEOS} videos are saved.`).waitFor();
    await page.getByText('50 shown; more follow').waitFor();
    await page.getByRole('button', { name: 'Load more' }).click();
    await page.getByText(`${VIDEOS} shown, that is all of them`).waitFor();
    assert.equal((await known(lines.map((_, i) => `v${i}`).join())).length, VIDEOS);
    assert.deepEqual(faultsOf(one), []);
  });

  it('takes a file that is dropped', async () => {
    const { page, faults } = await open('/catalogue');
    await page.getByRole('button', { name: 'Add many' }).click();
    const data = await page.evaluateHandle(() => {
      const transfer = new DataTransfer();
      transfer.items.add(new File(['[{"video_id": "dropped", "title": "From above"}]'], 'one.json'));
      return transfer;
    });
    const field = page.getByLabel('Videos as JSON or NDJSON');
    await field.dispatchEvent('dragover', { dataTransfer: data });
    await field.dispatchEvent('drop', { dataTransfer: data });
    await page.getByRole('button', { name: 'Save one video' }).click();
    await page.getByText('One video is saved.').waitFor();
    assert.equal((await known('dropped'))[0]!.title, 'From above');
    assert.deepEqual(faults, []);
  });

  it('is searched, and the address keeps what for', async () => {
    const { page, faults } = await open('/catalogue');
    await page.getByLabel('Search videos').fill('waters');
    await page.keyboard.press('Enter');
    await page.getByText('3 shown, that is all of them').waitFor();
    assert.match(page.url(), /search=waters/);
    await page.reload();
    await page.getByText('3 shown, that is all of them').waitFor();
    assert.equal(await page.getByLabel('Search videos').inputValue(), 'waters');
    await page.getByLabel('Search videos').fill('');
    await page.getByText('50 shown; more follow').waitFor();
    await page.getByLabel('Search videos').fill('nothing of the kind');
    await page.keyboard.press('Enter');
    await page.getByText('No video has “nothing of the kind”').waitFor();
    assert.deepEqual(faults, []);
  });

  it('is edited by keyboard, keeps what was not touched, and says what is wrong', async () => {
    const one = await open('/catalogue?search=waters');
    const { page } = one;
    const [before] = await known('v1');
    await page.getByRole('button', { name: 'Edit Film 1', exact: true }).focus();
    await page.keyboard.press('Enter');
    const dialog = page.getByRole('dialog', { name: 'Edit the video' });
    assert.equal(await dialog.getByLabel('Id').isDisabled(), true);
    await dialog.getByLabel('Title').fill('The River');
    await dialog.getByLabel('Season').fill('one');
    await page.keyboard.press('Enter');
    await dialog.getByRole('alert').getByText('The season is a whole number.').waitFor();
    await dialog.getByLabel('Season').fill('2000000');
    await page.keyboard.press('Enter');
    await dialog
      .getByRole('alert')
      .getByText(/season/)
      .waitFor();
    await dialog.getByLabel('Season').fill('2');
    await dialog.getByLabel('Tags').fill('nature\nslow, calm');
    await shoot(page, 'catalogue-edit');
    await dialog.getByRole('button', { name: 'Save' }).click();
    await page.getByText('The video v1 is saved.').waitFor();
    await page.getByRole('row', { name: /The River/ }).waitFor();
    const [saved] = await known('v1');
    const { updated_at, ...rest } = saved!;
    assert.notEqual(updated_at, before!.updated_at);
    const { updated_at: _, ...kept } = before!;
    assert.deepEqual(rest, { ...kept, title: 'The River', season: 2, tags: ['nature', 'slow, calm'] });
    await page.getByRole('link', { name: 'The River' }).click();
    await page.waitForURL(/\/videos\/v1/);
    assert.deepEqual(faultsOf(one), []);
  });

  it('gets a new one, and a press of Escape gets none', async () => {
    const { page, faults } = await open('/catalogue');
    await page.getByRole('button', { name: 'New video' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Save' }).click();
    await page.getByRole('alert').getByText('Give it the id that events name it by.').waitFor();
    await page.getByLabel('Id', { exact: true }).fill('never');
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    assert.deepEqual(await known('never'), []);
    await page.getByRole('button', { name: 'New video' }).click();
    await page.getByLabel('Id', { exact: true }).fill('fresh');
    await page.getByLabel('It is a live stream').check();
    await page.getByLabel('Published').fill('2026-01-31');
    await page.keyboard.press('Enter');
    await page.getByText('The video fresh is saved.').waitFor();
    const [fresh] = await known('fresh');
    assert.equal(fresh!.live, true);
    assert.equal(fresh!.published_at, '2026-01-31T00:00:00.000Z');
    assert.deepEqual(faults, []);
  });

  for (const [width, colorScheme] of [
    [360, 'dark'],
    [1600, 'light'],
  ] as const) {
    it(`fits ${width} px in ${colorScheme}, with its forms`, async () => {
      const { page, faults } = await open('/catalogue', { viewport: { width, height: 900 }, colorScheme });
      await page.getByRole('button', { name: 'Add many' }).click();
      await page.getByLabel('Videos as JSON or NDJSON').fill(`{"video_id": "${'long'.repeat(80)}"`);
      await page.getByText('Nothing is saved before').waitFor();
      assert.equal(await overflowPx(page), 0);
      await shoot(page, `catalogue-${width}`);
      await page.getByRole('button', { name: 'New video' }).click();
      await page.getByRole('dialog').waitFor();
      assert.equal(await overflowPx(page), 0);
      if (process.env.SHOTS)
        await page.screenshot({ path: `${process.env.SHOTS}/catalogue-new-${width}.png` });
      assert.deepEqual(faults, []);
    });
  }
});
