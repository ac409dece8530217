import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { AlertChange, AlertState } from '../../src/catalog/alert-watch.ts';
import { HISTORY_OF_ONE_MAX, NOTICES_WAITING_MAX } from '../../src/catalog/alert-watch.ts';
import type { AlertDefinition } from '../../src/catalog/alerts.ts';
import type { OpenCatalogUnderTest } from './catalog.ts';

const definition: AlertDefinition = {
  title: "o'brien \\ \u{1F3AC}",
  app_id: 'tube',
  metric: 'events',
  filters: [{ field: 'country', op: 'in', value: ['DE', 1] }],
  bots: false,
  window_seconds: 60,
  comparison: '<=',
  threshold: 0.5,
  for_seconds: 0,
  webhook_url: 'https://example.com/hook',
  enabled: true,
};

const START = Date.UTC(2026, 0, 1);
const iso = (ms: number) => new Date(ms).toISOString();

const state = (name: string, more: Partial<AlertState> = {}): AlertState => ({
  name,
  app_id: null,
  state: 'firing',
  since: iso(START),
  value: 7,
  evaluated_at: iso(START),
  failure: null,
  told: [],
  ...more,
});

const begins = (name: string, urls: readonly string[] = []): AlertChange => ({
  state: state(name, { told: urls }),
  transition: { was: 'ok', became: 'firing', value: 7, threshold: 5 },
  notices: urls.map((url) => ({ url, body: `${name} begins` })),
});

const ends = (name: string, urls: readonly string[] = []): AlertChange => ({
  state: state(name, { state: 'ok', value: 1 }),
  transition: { was: 'firing', became: 'ok', value: 1, threshold: null },
  notices: urls.map((url) => ({ url, body: `${name} ends` })),
});

/** What every catalogue does for alerts, whatever database is under it. */
export function testAlertCatalog(name: string, open: OpenCatalogUnderTest): void {
  describe(`alerts in the catalogue: ${name}`, () => {
    it('knows rules by name, each as it was put last', async (t) => {
      let now = START;
      const { catalog } = await open(t, () => now);
      const { alerts } = catalog;
      const first = await alerts.put('b ü', definition);
      assert.deepEqual(first, {
        name: 'b ü',
        ...definition,
        created_at: iso(START),
        updated_at: iso(START),
      });
      now += 1000;
      const second = await alerts.put('b ü', { ...definition, app_id: null, enabled: false });
      assert.deepEqual([second.created_at, second.updated_at], [iso(START), iso(START + 1000)]);
      const other = await alerts.put('B', definition);
      assert.deepEqual(await alerts.list(), [other, second]);
      assert.deepEqual(await alerts.get('b ü'), second);
      assert.equal(await alerts.get('b\0'), null);
      await assert.rejects(alerts.put('b\0', definition), RangeError);
      assert.deepEqual([await alerts.delete('b'), await alerts.delete('b ü')], [false, true]);
      assert.deepEqual(await alerts.list(), [other]);
    });

    it('gives the lease to one, until it ends or is given back', async (t) => {
      let now = START;
      const { catalog, openAgain } = await open(t, () => now);
      const others = await Promise.all(Array.from({ length: 5 }, () => openAgain()));
      const all = [catalog, ...others].map(({ alertWatch }, i) => ({ watch: alertWatch, holder: `h${i}` }));
      const taken = await Promise.all(all.map(({ watch, holder }) => watch.takeLease(holder, 1000)));
      assert.equal(taken.filter(Boolean).length, 1);
      const one = all[taken.indexOf(true)]!;
      const other = all[taken.indexOf(false)]!;
      now += 999;
      assert.equal(await other.watch.takeLease(other.holder, 1000), false);
      assert.equal(await one.watch.renewLease(one.holder, 1000), true);
      now += 900;
      assert.equal(await other.watch.takeLease(other.holder, 1000), false);
      now += 101;
      assert.equal(await other.watch.takeLease(other.holder, 1000), true);
      assert.equal(await one.watch.renewLease(one.holder, 1000), false);
      assert.equal(await one.watch.record(one.holder, [begins('a', ['u'])]), false);
      assert.deepEqual(await one.watch.states(), []);
      await one.watch.releaseLease(one.holder);
      assert.equal(await one.watch.takeLease(one.holder, 1000), false);
      await other.watch.releaseLease(other.holder);
      assert.equal(await one.watch.takeLease(one.holder, 1000), true);
    });

    it('records states, history and notices together, or nothing', async (t) => {
      let now = START;
      const { catalog, reopen } = await open(t, () => now);
      const { alertWatch: watch } = catalog;
      await watch.takeLease('h', 1000);
      const quiet = { state: state('quiet', { state: 'ok' }), transition: null, notices: [] };
      assert.equal(await watch.record('h', [begins('a', ['u', 'v']), quiet]), true);
      const impossible = { ...begins('b'), state: state('b', { told: 7n as never }) };
      await assert.rejects(watch.record('h', [ends('a', ['u']), impossible]));
      const found = async () => (await watch.states()).sort((a, b) => (a.name < b.name ? -1 : 1));
      assert.deepEqual(await found(), [state('a', { told: ['u', 'v'] }), quiet.state]);
      now += 1000;
      await watch.record('h', [ends('a', ['u', 'v']), { ...quiet, isGone: true }]);
      assert.deepEqual(await found(), [ends('a').state]);
      const [last, first, ...more] = await watch.history({ limit: 10, name: 'a' });
      assert.equal(more.length, 0);
      const { history_id: _, ...shown } = last!;
      assert.deepEqual(shown, {
        name: 'a',
        app_id: null,
        at: iso(START + 1000),
        ...ends('a').transition,
        webhooks: { delivered: 0, waiting: 2, given_up: 0 },
      });
      const page = await watch.history({ limit: 10, name: null, after: last! });
      assert.deepEqual(page, [first]);
      assert.deepEqual(await watch.history({ limit: 10, name: 'b\0' }), []);
      const again = await reopen();
      assert.deepEqual(await again.alertWatch.states(), [ends('a').state]);
    });

    it('hands a notice to one process at a time, the end after the beginning', async (t) => {
      let now = START;
      const { catalog, openAgain } = await open(t, () => now);
      const others = await Promise.all(Array.from({ length: 4 }, () => openAgain()));
      const { alertWatch: watch, alertNotices: notices } = catalog;
      await watch.takeLease('h', 1_000_000);
      await watch.record('h', [begins('a', ['u', 'v'])]);
      now += 10;
      await watch.record('h', [ends('a', ['u', 'v'])]);
      const all = await Promise.all(
        [catalog, ...others].map(({ alertNotices }) => alertNotices.take(10, 1000)),
      );
      const taken = all.flat();
      assert.deepEqual(taken.map(({ url, body, attempts }) => [url, body, attempts]).sort(), [
        ['u', 'a begins', 0],
        ['v', 'a begins', 0],
      ]);
      assert.deepEqual(await notices.take(10, 1000), []);
      const [u, v] = taken.sort((a, b) => (a.url < b.url ? -1 : 1));
      await notices.settle(u!.notice_id, 'delivered', null);
      await notices.postpone(v!.notice_id, 5000, 'It answered 503.');
      const next = await notices.take(10, 1000);
      assert.deepEqual(
        next.map(({ url, body }) => [url, body]),
        [['u', 'a ends']],
      );
      // Nobody settles it: it is due again, under the same id.
      now += 1000;
      const [again] = await notices.take(10, 1000);
      assert.deepEqual([again!.notice_id, again!.attempts], [next[0]!.notice_id, 1]);
      now += 4000;
      const late = (await notices.take(10, 1000)).find(({ url }) => url === 'v');
      assert.deepEqual([late!.notice_id, late!.attempts], [v!.notice_id, 1]);
      await notices.settle(late!.notice_id, 'given_up', 'It answered 503.');
      const history = await watch.history({ limit: 10, name: 'a' });
      assert.deepEqual(
        history.map(({ webhooks }) => webhooks),
        [
          { delivered: 0, waiting: 2, given_up: 0 },
          { delivered: 1, waiting: 0, given_up: 1 },
        ],
      );
    });

    it('bounds the history and what waits', async (t) => {
      let now = START;
      const { catalog } = await open(t, () => now);
      const { alertWatch: watch, alertNotices: notices } = catalog;
      await watch.takeLease('h', 10 * 86_400_000_000);
      await watch.record('h', [begins('old', ['u'])]);
      const many = Array.from({ length: NOTICES_WAITING_MAX }, (_, i) => `u${i}`);
      now += 1;
      await watch.record('h', [begins('many', many)]);
      const [old] = await watch.history({ limit: 1, name: 'old' });
      assert.deepEqual(old!.webhooks, { delivered: 0, waiting: 0, given_up: 1 });
      assert.equal((await notices.take(5000, 1000)).length, NOTICES_WAITING_MAX);
      for (let i = 0; i < HISTORY_OF_ONE_MAX / 2 + 3; i++) {
        now += 1;
        await watch.record('h', [begins('busy')]);
        now += 1;
        await watch.record('h', [ends('busy')]);
      }
      assert.equal((await watch.history({ limit: 1000, name: 'busy' })).length, HISTORY_OF_ONE_MAX);
      now += 91 * 86_400_000;
      await watch.record('h', [begins('late')]);
      const names = (await watch.history({ limit: 1000, name: null })).map((entry) => entry.name);
      assert.deepEqual(names, ['late']);
    });

    it('adds up what ingest told lately', async (t) => {
      let now = START;
      const { catalog } = await open(t, () => now);
      const { ingestCounts } = catalog;
      const counts = { events: 3_000_000_000, rejected: 2, requests: 5, failed: 1 };
      await ingestCounts.put('a', { ...counts, events: 1 });
      await ingestCounts.put('a', counts);
      now += 1000;
      await ingestCounts.put('b', counts);
      const both = { events: 6_000_000_000, rejected: 4, requests: 10, failed: 2 };
      assert.deepEqual(await ingestCounts.sum(1000), both);
      now += 1;
      assert.deepEqual(await ingestCounts.sum(1000), counts);
      await ingestCounts.remove('b');
      assert.deepEqual(await ingestCounts.sum(1000), { events: 0, rejected: 0, requests: 0, failed: 0 });
    });
  });
}
