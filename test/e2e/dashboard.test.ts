import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Browser } from 'playwright-core';
import type { Metric } from '../../dashboard/src/data/types.ts';
import { LOOKS } from '../../dashboard/src/format/metric.ts';
import { openBrowser } from '../support/browser.ts';
import { eventAt, metricAnswer, videoAnswer } from '../support/dashboard-data.ts';
import { type DashboardFixture, type Scenario, startDashboardFixture } from '../support/dashboard-fixture.ts';
import {
  builtDashboard,
  DASHBOARD_PAGES,
  type DashboardPage,
  openDashboard,
  overflowPx,
  settled,
} from '../support/dashboard-target.ts';

let browser: Browser;
let folder: string;

before(async () => {
  folder = await builtDashboard();
  browser = await openBrowser();
});

after(async () => {
  await browser?.close();
});

type Open = (path: string, options?: Parameters<typeof openDashboard>[3]) => Promise<DashboardPage>;

/** Runs a check against a fixture of its own, and closes all that it opened. */
async function withFixture(
  scenario: Scenario,
  check: (fixture: DashboardFixture, open: Open) => Promise<void>,
): Promise<void> {
  const fixture = await startDashboardFixture(folder, scenario);
  const opened: DashboardPage[] = [];
  try {
    await check(fixture, async (path, options) => {
      const page = await openDashboard(browser, fixture.url, path, options);
      opened.push(page);
      return page;
    });
  } finally {
    for (const page of opened) await page.close();
    await fixture.stop();
  }
}

/** The question of a figure among what the page asked: with an interval, without a group, of the present. */
function asked(fixture: DashboardFixture, metric: string): URLSearchParams {
  const questions = fixture.requests
    .filter((request) => request.startsWith('/metrics?'))
    .map((request) => new URL(request, fixture.url).searchParams)
    .filter((query) => query.get('metric') === metric && query.has('interval') && !query.has('group_by'));
  const latest = questions.sort((a, b) => b.get('from')!.localeCompare(a.get('from')!))[0];
  assert.ok(latest, `nobody asked for ${metric}`);
  return latest;
}

describe('every page', () => {
  for (const [width, scheme] of [
    [360, 'light'],
    [360, 'dark'],
    [768, 'dark'],
    [2560, 'light'],
  ] as const) {
    it(`fits ${width} px in ${scheme}, without an error on the console`, async () => {
      await withFixture('full', async (_fixture, open) => {
        const viewport = { width, height: 800 };
        const { page, faults } = await open('/', { viewport, colorScheme: scheme });
        for (const { path, heading } of [
          ...DASHBOARD_PAGES,
          { path: '/plans?plan=purchase&of=tv', heading: 'Plans' },
          { path: '/videos/talk-locks', heading: 'How Canal Locks Work' },
          { path: `/sessions/${'s'.repeat(256)}`, heading: 'ssss' },
        ]) {
          await page.goto(new URL(path, page.url()).href);
          await settled(page);
          assert.match((await page.locator('h1').first().textContent()) ?? '', new RegExp(`^${heading}`));
          assert.equal(await overflowPx(page), 0, `${path} is wider than ${width} px`);
          assert.equal(await page.getAttribute('html', 'data-theme'), scheme);
        }
        assert.deepEqual(faults, []);
      });
    });
  }

  it('says what is wrong and what to do when the service cannot answer, and recovers', async () => {
    await withFixture('error', async (fixture, open) => {
      const { page } = await open('/overview');
      // Each panel fails, and is tried again, by itself.
      const failure = page.getByRole('region', { name: 'Figures and chart' }).getByRole('alert').first();
      await failure.waitFor();
      assert.match((await failure.textContent()) ?? '', /ClickHouse does not answer\..*Try again/);
      fixture.setScenario('full');
      await failure.getByRole('button', { name: 'Try again' }).click();
      await page.locator('.u-over').first().waitFor();
    });
  });

  it('of those that ask one question says so too, and is asked again', async () => {
    await withFixture('error', async (fixture, open) => {
      const { page } = await open('/');
      for (const path of ['/retention', '/paths', '/keys', '/plans', '/catalogue', '/sessions/s-1']) {
        fixture.setScenario('error');
        await page.goto(fixture.url + path);
        const failure = page.getByRole('main').getByRole('alert').first();
        await failure.getByText('ClickHouse does not answer.').waitFor();
        fixture.setScenario('full');
        await failure.getByRole('button', { name: 'Try again' }).click();
        await page.locator('table tbody tr, .flow-node, .moment-line').first().waitFor();
      }
    });
  });

  it('of several questions has each of them asked again', async () => {
    await withFixture('error', async (fixture, open) => {
      const { page } = await open('/');
      for (const path of ['/campaigns', '/pages?sort=exits']) {
        fixture.setScenario('error');
        await page.goto(fixture.url + path);
        await settled(page);
        const again = page.getByRole('main').getByRole('button', { name: 'Try again' });
        await again.first().waitFor();
        fixture.setScenario('full');
        for (let left = await again.count(); left > 0; left = await again.count()) {
          await again.first().click();
          await page.waitForFunction(
            (before) =>
              [...document.querySelectorAll('main button')].filter((one) => one.textContent === 'Try again')
                .length < before,
            left,
          );
        }
        await page.locator('table tbody tr').first().waitFor();
      }
    });
  });

  it('that is there before the first event says what it is for', async () => {
    await withFixture('empty', async (_fixture, open) => {
      const { page, faults } = await open('/keys', { viewport: { width: 360, height: 800 } });
      await page.getByText('There is no key in the catalogue').waitFor();
      await page.goto(new URL('/catalogue', page.url()).href);
      await page.getByText('No video is known yet').waitFor();
      assert.equal(await overflowPx(page), 0);
      await page.goto(new URL('/plans', page.url()).href);
      await page.getByText('No event is planned yet').waitFor();
      assert.equal(await overflowPx(page), 0);
      await page.goto(new URL('/retention', page.url()).href);
      await page.getByText('Waiting for the first event').waitFor();
      assert.deepEqual(faults, []);
    });
  });

  it('says what was cut', async () => {
    await withFixture('much', async (_fixture, open) => {
      const { page } = await open('/videos');
      await page.getByText('the rest is cut').waitFor();
      await page.goto(new URL('/pipeline', page.url()).href);
      await page.getByText('The 64 furthest behind of 200.').waitFor();
      await page.getByText('clickhouse is restarting').waitFor();
      await page.goto(new URL('/plans', page.url()).href);
      await page.getByText('The first 100 of 644 are shown.').waitFor();
      await page.getByLabel('Find a plan by its event').fill('EVENT_63');
      await page.getByText('event_639').waitFor();
      assert.equal(await page.locator('.table-plans tbody tr').count(), 10);
    });
  });
});

describe('the figures', () => {
  it('are those that the API gave', async () => {
    await withFixture('full', async (fixture, open) => {
      const { page } = await open('/overview?range=yesterday');
      await settled(page);
      for (const metric of ['viewers', 'views', 'watch_time_seconds', 'events', 'errors'] as Metric[]) {
        const answer = metricAnswer(asked(fixture, metric)) as { series: { total: number }[] };
        const look = LOOKS[metric];
        const shown = page.locator(`[data-figure="${look.label}"]`);
        assert.equal(await shown.textContent(), look.short(answer.series[0]!.total));
        assert.equal(await shown.getAttribute('title'), look.full(answer.series[0]!.total));
      }
    });
  });

  it('of one video are those of its own answer, with quartiles', async () => {
    await withFixture('full', async (fixture, open) => {
      const { page } = await open('/videos/tt-harbour-01?range=30d');
      await settled(page);
      // The period before is asked for at the same time, and either may come first.
      const starts = fixture.requests
        .filter((one) => one.startsWith('/api/metrics/video/tt-harbour-01'))
        .map((one) => new URL(one, fixture.url).searchParams.get('startDate')!);
      assert.equal(new Set(starts).size, 2);
      const answer = videoAnswer('tt-harbour-01', starts.sort().at(-1)!);
      const views = page.locator('[data-figure="Views"]');
      assert.equal(await views.textContent(), LOOKS.views.short(answer.views as number));
      await page.getByText('largest drop').waitFor();
      await page.goto(`${fixture.url}/videos/live-cup-final`);
      await page.getByText('Quartiles are not known').waitFor();
    });
  });

  it('of the pipeline: the ledger as a sentence, dead letters with their reasons', async () => {
    await withFixture('full', async (_fixture, open) => {
      const { page } = await open('/pipeline');
      await page.locator('[data-ledger="unaccounted"]').waitFor();
      assert.match((await page.locator('.ledger-sentence').textContent()) ?? '', /received, .*0 unaccounted/);
      await page.getByRole('button', { name: /Missing event name/ }).click();
      assert.match(page.url(), /\/dead-letters\?reason=missing_event_name/);
      await page.getByText('event_name is required').first().waitFor();
    });
  });
});

describe('from empty to live', () => {
  it('shows a command that can be copied, and turns at the first event', async () => {
    await withFixture('empty', async (fixture, open) => {
      const { page, faults } = await open('/');
      const command = page.locator('.copy-block code');
      await command.waitFor();
      assert.match((await command.textContent()) ?? '', new RegExp(`^curl ${fixture.url}/events`));
      await page.waitForFunction(() => document.querySelector('[data-live="live"]') !== null);
      await until(() => fixture.subscriptions.some((one) => (one as { events: boolean }).events));
      fixture.emit(eventAt(Date.now(), 0));
      await page.getByText('The first event is here').waitFor();
      await page.locator('[data-figure="Watching now"]').waitFor();
      assert.equal(await page.locator('.onboarding').count(), 0);
      await page.locator('.tail .event').first().waitFor();
      assert.deepEqual(faults, []);
    });
  });

  it('shows the pipeline even then', async () => {
    await withFixture('empty', async (_fixture, open) => {
      const { page } = await open('/pipeline');
      await page.getByText('Every event that came in was read, mended or put aside.').waitFor();
    });
  });
});

const UNTIL_MS = 20_000;

/** Waits for something that happens outside of the browser; throws when it does not. */
async function until(isSo: () => boolean): Promise<void> {
  const giveUpAt = Date.now() + UNTIL_MS;
  while (!isSo()) {
    assert.ok(Date.now() < giveUpAt, `not so after ${UNTIL_MS} ms: ${isSo}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

describe('filters and range', () => {
  it('a click on a row filters the page: chip, address and questions', async () => {
    await withFixture('full', async (fixture, open) => {
      const { page } = await open('/overview');
      await settled(page);
      await page.getByRole('button', { name: /^Germany/ }).click();
      await page.getByRole('button', { name: 'Remove filter Country is Germany' }).waitFor();
      assert.match(page.url(), /f=country:eq:DE/);
      const filter = 'metric=views&.*filter=country%3Aeq%3ADE';
      await until(() => fixture.requests.some((request) => new RegExp(filter).test(request)));
      await page.getByRole('button', { name: 'Remove filter Country is Germany' }).click();
      await page.locator('.chip').waitFor({ state: 'detached' });
      assert.doesNotMatch(page.url(), /country/);
      await page.goBack();
      await page.locator('.chip').waitFor();
    });
  });

  it('a link shows the same page: range, comparison, metric and filter', async () => {
    await withFixture('full', async (_fixture, open) => {
      const path = '/overview?range=30d&compare=1&metric=events&f=device:eq:tv&app=web';
      const { page } = await open(path);
      await settled(page);
      await page.getByRole('button', { name: 'Time range: Last 30 days' }).waitFor();
      await page.getByRole('button', { name: 'App: Harbour TV' }).waitFor();
      assert.equal(await page.locator('.figure-picked .figure-label .cut').textContent(), 'Events');
      await page.locator('.legend').getByText('Before').waitFor();
      await page.locator('.chip').getByText('tv').waitFor();
    });
  });

  it('dragging over the chart zooms in', async () => {
    await withFixture('full', async (_fixture, open) => {
      const { page } = await open('/overview');
      const plot = page.locator('.u-over').first();
      await plot.waitFor();
      const box = (await plot.boundingBox())!;
      await page.mouse.move(box.x + box.width * 0.3, box.y + 50);
      await page.mouse.down();
      await page.mouse.move(box.x + box.width * 0.5, box.y + 60, { steps: 4 });
      await page.mouse.up();
      await page.waitForURL(/from=.*&to=/);
      await page.getByRole('button', { name: 'Reset range' }).click();
      await page.waitForURL((url) => !url.search.includes('from='));
    });
  });

  it('a chart can be read as a table and saved', async () => {
    await withFixture('full', async (_fixture, open) => {
      const { page } = await open('/overview?range=yesterday');
      await page.locator('.u-over').first().waitFor();
      await page.getByRole('button', { name: 'Table, CSV, PNG' }).click();
      const [download] = await Promise.all([
        page.waitForEvent('download'),
        page.getByRole('menuitem', { name: 'Save as CSV' }).click(),
      ]);
      assert.match(download.suggestedFilename(), /^sluice-viewers-.*\.csv$/);
      await page.getByRole('button', { name: 'Table, CSV, PNG' }).click();
      await page.getByRole('menuitem', { name: 'Show as table' }).click();
      assert.equal(
        await page.getByRole('region', { name: 'Viewers as a table' }).locator('tbody tr').count(),
        24,
      );
    });
  });
});

describe('the keyboard', () => {
  it('searches, goes to pages, and opens a title', async () => {
    await withFixture('full', async (_fixture, open) => {
      const { page } = await open('/');
      await settled(page);
      await page.keyboard.press('/');
      await page.getByRole('combobox').waitFor();
      await page.keyboard.type('otter whistle');
      await page.getByRole('option', { name: /Otter Learns to Whistle/ }).waitFor();
      await page.keyboard.press('Enter');
      await page.waitForURL(/\/videos\/kids-otter-2/);
      await page.keyboard.press('g');
      await page.keyboard.press('p');
      await page.waitForURL(/\/pipeline/);
      await page.keyboard.press('?');
      await page.getByRole('dialog', { name: 'Keys' }).waitFor();
      await page.keyboard.press('Escape');
      await page.getByRole('dialog').waitFor({ state: 'detached' });
      await page.keyboard.press('Control+k');
      await page.getByRole('dialog', { name: 'Search' }).waitFor();
    });
  });

  it('opens a menu, moves in it, and comes back to its button', async () => {
    await withFixture('full', async (_fixture, open) => {
      const { page } = await open('/overview');
      await settled(page);
      await page.getByRole('button', { name: 'Time range: Last 7 days' }).focus();
      await page.keyboard.press('Enter');
      await page.getByRole('menuitemradio', { name: 'Last 7 days' }).waitFor();
      await page.keyboard.press('ArrowDown');
      await page.keyboard.press('Enter');
      await page.waitForURL(/range=30d/);
      const focused = await page.evaluate(() => document.activeElement?.getAttribute('aria-label'));
      assert.equal(focused, 'Time range: Last 30 days');
    });
  });

  it('reads a chart point by point', async () => {
    await withFixture('full', async (_fixture, open) => {
      const { page } = await open('/overview');
      await page.locator('.u-over').first().waitFor();
      await page.locator('.chart').focus();
      await page.keyboard.press('End');
      await page.getByText('still filling').first().waitFor();
      await page.keyboard.press('ArrowLeft');
      await page
        .locator('.chart-tip')
        .getByText(/\d\d:00–\d\d:00/)
        .waitFor();
    });
  });

  it('changes between light and dark, and remembers', async () => {
    await withFixture('full', async (_fixture, open) => {
      const { page } = await open('/', { colorScheme: 'light' });
      await settled(page);
      const ground = () =>
        page.evaluate(() => getComputedStyle(document.body.parentElement!).backgroundColor);
      const light = await ground();
      await page.keyboard.press('t');
      await page.locator('html[data-theme="dark"]').waitFor();
      assert.notEqual(await ground(), light);
      await page.reload();
      await page.locator('html[data-theme="dark"]').waitFor();
    });
  });
});

describe('the live line', () => {
  it('says that it is offline, and comes back by itself', async () => {
    await withFixture('full', async (fixture, open) => {
      const { page } = await open('/');
      await page.locator('[data-live="live"]').waitFor();
      fixture.dropSockets(true);
      await page.locator('[data-live="offline"]').waitFor();
      await page.getByText(/Live figures are \d+ s old; connecting again/).waitFor();
      fixture.acceptSockets();
      await page.locator('[data-live="live"]').waitFor();
      assert.deepEqual(fixture.subscriptions.at(-1), { events: true });
    });
  });

  it('feeds the tail, which can be paused and filtered', async () => {
    await withFixture('full', async (fixture, open) => {
      const { page } = await open('/');
      await page.locator('.tail .event').first().waitFor();
      await page.getByRole('button', { name: 'Pause', exact: true }).click();
      const top = await page.locator('.tail .event').first().textContent();
      fixture.emit({ ...eventAt(Date.now(), 0), event_id: 'e-marked', event_name: 'marked_event' });
      await page.getByRole('button', { name: /Resume \d/ }).waitFor();
      assert.equal(await page.locator('.tail .event').first().textContent(), top);
      await page.getByRole('button', { name: /Resume/ }).click();
      await page.getByLabel('Show only events with these words').fill('marked');
      await page.locator('.tail').getByText('marked_event').waitFor();
      assert.equal(await page.locator('.tail .event').count(), 1);
    });
  });
});
