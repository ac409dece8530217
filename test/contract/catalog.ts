import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { Catalog } from '../../src/catalog/catalog.ts';
import type { FunnelDefinition } from '../../src/catalog/funnels.ts';
import type { Video } from '../../src/catalog/videos.ts';

/** An empty catalogue, as the contract suite needs it. */
export interface CatalogUnderTest {
  readonly catalog: Catalog;
  /** Closes it and opens it again on the same data. */
  reopen(): Promise<Catalog>;
  /** Another one on the same data, as another process would; closed with the test. */
  openAgain(): Promise<Catalog>;
}

/** `open` gives an empty one, with the clock given, and cleans up with the test. */
export type OpenCatalogUnderTest = (test: TestContext, now: () => number) => Promise<CatalogUnderTest>;

export const plainVideo: Video = {
  video_id: 'v',
  title: null,
  duration_seconds: null,
  series: null,
  season: null,
  episode: null,
  tags: [],
  published_at: null,
  live: false,
};

/** What every catalogue does, whatever database is under it. */
export function testCatalog(name: string, open: OpenCatalogUnderTest): void {
  describe(`catalogue contract: ${name}`, () => {
    it('gives back what it was given, and null for what it does not know', async (t) => {
      const { catalog } = await open(t, () => Date.UTC(2026, 0, 1));
      const video: Video = {
        video_id: "o'brien \\ \u{1F3AC}",
        title: 'Der Weg\nnach "Hause"',
        duration_seconds: 95.5,
        series: 'Wege',
        season: 2,
        episode: 11,
        tags: ['drama', 'a,b'],
        published_at: '2025-12-24T18:00:00.000Z',
        live: true,
      };
      await catalog.videos.upsert([video]);
      const times = { created_at: '2026-01-01T00:00:00.000Z', updated_at: '2026-01-01T00:00:00.000Z' };
      assert.deepEqual(await catalog.videos.get(video.video_id), { ...video, ...times });
      assert.equal(await catalog.videos.get('other'), null);
    });

    it('replaces a video as a whole and keeps the time it came', async (t) => {
      let now = Date.UTC(2026, 0, 1);
      const { catalog } = await open(t, () => now);
      await catalog.videos.upsert([{ ...plainVideo, title: 'One', tags: ['a'] }]);
      now += 1000;
      await catalog.videos.upsert([
        { ...plainVideo, title: 'Two', tags: ['b'] },
        { ...plainVideo, duration_seconds: 5 },
      ]);
      const video = await catalog.videos.get('v');
      assert.deepEqual(
        [video?.title, video?.duration_seconds, video?.tags, video?.created_at, video?.updated_at],
        [null, 5, [], '2026-01-01T00:00:00.000Z', '2026-01-01T00:00:01.000Z'],
      );
    });

    it('takes many at once', async (t) => {
      const { catalog } = await open(t, () => 0);
      const many = Array.from({ length: 2500 }, (_, i) => ({ ...plainVideo, video_id: `v${i}` }));
      await catalog.videos.upsert(many);
      await catalog.videos.upsert([]);
      assert.equal((await catalog.videos.list({ limit: 5000 })).length, 2500);
    });

    it('lists page by page, those that came last first, whatever is added meanwhile', async (t) => {
      let now = 0;
      const { catalog } = await open(t, () => now);
      for (const id of ['b', 'a', 'c', 'e', 'd']) {
        now = id === 'a' ? now : now + 1;
        await catalog.videos.upsert([{ ...plainVideo, video_id: id }]);
      }
      const first = await catalog.videos.list({ limit: 2 });
      assert.deepEqual(
        first.map((v) => v.video_id),
        ['d', 'e'],
      );
      now += 1;
      await catalog.videos.upsert([{ ...plainVideo, video_id: 'f' }]);
      const rest = await catalog.videos.list({ limit: 10, after: first[1]! });
      assert.deepEqual(
        rest.map((v) => v.video_id),
        ['c', 'a', 'b'],
      );
    });

    it('finds by ids and by words in id, title and series', async (t) => {
      const { catalog } = await open(t, () => 0);
      await catalog.videos.upsert([
        { ...plainVideo, video_id: 'x1', title: 'Überfahrt nach Norden', series: 'Meere' },
        { ...plainVideo, video_id: 'x2', title: '100% Sonne_' },
        { ...plainVideo, video_id: 'x3', title: 'Nordwind' },
      ]);
      const found = async (search: string) =>
        (await catalog.videos.list({ limit: 10, search })).map((v) => v.video_id);
      assert.deepEqual(await found('NORD'), ['x1', 'x3']);
      assert.deepEqual(await found('über  meere'), ['x1']);
      assert.deepEqual(await found('0%'), ['x2']);
      assert.deepEqual(await found('e_'), ['x2']);
      assert.deepEqual(await found("x' or 1"), []);
      assert.deepEqual(await found('X3'), ['x3']);
      const listed = await catalog.videos.list({ limit: 10, ids: ['x3', 'x1', 'none'] });
      assert.deepEqual(
        listed.map((v) => v.video_id),
        ['x1', 'x3'],
      );
      assert.deepEqual(await catalog.videos.list({ limit: 10, ids: [] }), []);
    });

    it('has no text with U+0000, and says so', async (t) => {
      const { catalog } = await open(t, () => 0);
      await assert.rejects(catalog.videos.upsert([plainVideo, { ...plainVideo, title: 'a\0b' }]), RangeError);
      assert.equal(await catalog.videos.get('v'), null);
      assert.equal(await catalog.videos.get('v\0'), null);
      assert.deepEqual(await catalog.videos.list({ limit: 10, ids: ['v\0'] }), []);
      assert.deepEqual(await catalog.videos.list({ limit: 10, search: '\0' }), []);
    });

    it('keeps nothing of an upsert that fails half-way', async (t) => {
      const { catalog } = await open(t, () => 0);
      const many = Array.from({ length: 600 }, (_, i) => ({ ...plainVideo, video_id: `v${i}` }));
      const impossible = { ...plainVideo, season: (2n ** 70n) as unknown as number };
      await assert.rejects(catalog.videos.upsert([...many, impossible]));
      assert.deepEqual(await catalog.videos.list({ limit: 1 }), []);
    });

    it('is brought up to date by several processes at once', async (t) => {
      const { openAgain } = await open(t, () => 0);
      const catalogs = await Promise.all(Array.from({ length: 6 }, () => openAgain()));
      await catalogs[0]!.videos.upsert([{ ...plainVideo, title: 'Shared' }]);
      for (const catalog of catalogs) assert.equal((await catalog.videos.get('v'))?.title, 'Shared');
    });

    it('knows apps by id', async (t) => {
      const { catalog } = await open(t, () => 0);
      await catalog.apps.upsert({ app_id: 'tube', name: 'Tube' });
      await catalog.apps.upsert({ app_id: 'kids', name: null });
      await catalog.apps.upsert({ app_id: 'tube', name: 'The Tube' });
      assert.deepEqual(await catalog.apps.list(), [
        { app_id: 'kids', name: null },
        { app_id: 'tube', name: 'The Tube' },
      ]);
    });

    it('knows funnels by name, each as it was put last', async (t) => {
      let now = Date.UTC(2026, 0, 1);
      const { catalog } = await open(t, () => now);
      const definition: FunnelDefinition = {
        title: "o'brien \\ \u{1F3AC}",
        app_id: null,
        steps: [
          { name: 'Begin', event_name: 'visit', filters: [{ field: 'country', op: 'in', value: ['DE', 1] }] },
          { name: null, event_name: 'buy', filters: [] },
        ],
        window_seconds: 60,
        step_window_seconds: null,
        order: 'strict',
        count_by: 'session',
        exclusions: [{ event_name: 'leave', filters: [], after_step: 1, before_step: 2 }],
      };
      const first = await catalog.funnels.put('b ü', definition);
      const at = '2026-01-01T00:00:00.000Z';
      assert.deepEqual(first, { name: 'b ü', ...definition, created_at: at, updated_at: at });
      now += 1000;
      const changed = { ...definition, app_id: 'tube', exclusions: [] };
      const second = await catalog.funnels.put('b ü', changed);
      const later = '2026-01-01T00:00:01.000Z';
      assert.deepEqual(second, { name: 'b ü', ...changed, created_at: at, updated_at: later });
      assert.deepEqual(await catalog.funnels.get('b ü'), second);
      const other = await catalog.funnels.put('B', definition);
      assert.deepEqual(await catalog.funnels.list(), [other, second]);
      assert.equal(await catalog.funnels.get('b'), null);
      assert.equal(await catalog.funnels.get('b\0'), null);
      await assert.rejects(catalog.funnels.put('b\0', definition), RangeError);
      assert.equal(await catalog.funnels.delete('b'), false);
      assert.equal(await catalog.funnels.delete('B'), true);
      assert.deepEqual(await catalog.funnels.list(), [second]);
    });

    it('keeps plans with their history, and each is in force a moment after it was put', async (t) => {
      let now = Date.UTC(2026, 0, 1);
      const { catalog } = await open(t, () => now);
      const { plans } = catalog;
      const definition = {
        mode: 'warn' as const,
        schema: { required: ["o'ne", 'ü'] },
        description: null,
        owner: 'me',
      };
      const key = { event_name: 'b ü', app_id: null };
      const none = await plans.version();
      const first = await plans.put(key, definition);
      assert.deepEqual(first, {
        ...key,
        ...definition,
        updated_at: '2026-01-01T00:00:00.000Z',
        effective_at: '2026-01-01T00:00:05.000Z',
      });
      const one = await plans.version();
      assert.notEqual(one, none);
      now += 1000;
      assert.deepEqual(await plans.put(key, definition), first, 'nothing changed');
      assert.equal(await plans.version(), one);
      // Even when the clock is set back, a later revision is in force later.
      now -= 10_000;
      const second = await plans.put(key, { ...definition, mode: 'quarantine' });
      assert.equal(second.effective_at, '2026-01-01T00:00:05.001Z');
      const own = await plans.put({ ...key, app_id: 'tv' }, definition);
      assert.deepEqual(await plans.list(), [second, own]);
      assert.deepEqual(await plans.get(key), second);
      assert.equal(await plans.get({ ...key, event_name: 'b' }), null);
      assert.equal(await plans.get({ ...key, event_name: 'b\0' }), null);
      await assert.rejects(plans.put({ ...key, event_name: 'b\0' }, definition), RangeError);
      assert.deepEqual([await plans.delete(key), await plans.delete(key)], [true, false]);
      assert.deepEqual([await plans.get(key), await plans.list()], [null, [own]]);
      const history = (await plans.revisions()).filter(({ app_id }) => app_id === null);
      const states = history
        .sort((a, b) => a.effectiveAt - b.effectiveAt)
        .map(({ plan }) => plan?.mode ?? null);
      assert.deepEqual(states, ['warn', 'quarantine', null]);
      // Several at once: each is a revision of its own.
      await Promise.all(['1', '2', '3', '4'].map((owner) => plans.put(key, { ...definition, owner })));
      assert.equal((await plans.revisions()).length, 8);
    });

    it('makes an app once', async (t) => {
      const { catalog } = await open(t, () => 0);
      assert.equal(await catalog.apps.create({ app_id: 'tube', name: 'Tube' }), true);
      assert.equal(await catalog.apps.create({ app_id: 'tube', name: 'Other' }), false);
      assert.deepEqual(await catalog.apps.list(), [{ app_id: 'tube', name: 'Tube' }]);
    });

    it('finds a key by the digest that it has now, and none that was revoked', async (t) => {
      let now = Date.UTC(2026, 0, 1);
      const { catalog } = await open(t, () => now);
      const { keys } = catalog;
      const given = { name: 'Ann', scopes: ['read', 'ingest'], apps: ['a', 'b,c'] };
      const made = await keys.create(given, { prefix: 'slk_aaaa', digest: 'd1' });
      assert.deepEqual(made, {
        ...given,
        key_id: made.key_id,
        prefix: 'slk_aaaa',
        created_at: '2026-01-01T00:00:00.000Z',
        rotated_at: null,
        revoked_at: null,
      });
      assert.deepEqual(await keys.find('d1'), made);
      assert.deepEqual(await keys.get(made.key_id), made);
      assert.equal(await keys.find('d2'), null);
      assert.equal(await keys.get('key_none'), null);
      assert.equal(await keys.get('key\0'), null);
      now += 1000;
      const rotated = await keys.rotate(made.key_id, { prefix: 'slk_bbbb', digest: 'd2' });
      assert.deepEqual(rotated, { ...made, prefix: 'slk_bbbb', rotated_at: '2026-01-01T00:00:01.000Z' });
      assert.equal(await keys.find('d1'), null);
      assert.deepEqual(await keys.find('d2'), rotated);
      assert.equal(await keys.revoke(made.key_id), true);
      assert.equal(await keys.revoke(made.key_id), false);
      assert.equal(await keys.rotate(made.key_id, { prefix: 'slk_cccc', digest: 'd3' }), null);
      assert.equal(await keys.find('d2'), null);
      assert.equal(await keys.find('d3'), null);
      const all = await keys.create(
        { name: null, scopes: ['admin'], apps: null },
        { prefix: 'p', digest: 'd4' },
      );
      const none = await keys.create(
        { name: null, scopes: ['admin'], apps: [] },
        { prefix: 'p', digest: 'd5' },
      );
      assert.equal((await keys.find('d4'))!.apps, null);
      assert.deepEqual((await keys.find('d5'))!.apps, []);
      const ids = async (revoked: boolean) =>
        (await keys.list({ limit: 10, revoked })).map((key) => key.key_id).sort();
      assert.deepEqual(await ids(false), [all.key_id, none.key_id].sort());
      assert.deepEqual(await ids(true), [all.key_id, none.key_id, made.key_id].sort());
    });

    it('holds a digest once', async (t) => {
      const { catalog } = await open(t, () => 0);
      const key = { name: null, scopes: ['read'], apps: null };
      await catalog.keys.create(key, { prefix: 'p', digest: 'same' });
      await assert.rejects(catalog.keys.create(key, { prefix: 'p', digest: 'same' }));
    });

    it('lists keys page by page, those that came last first', async (t) => {
      let now = 0;
      const { catalog } = await open(t, () => now);
      const made: string[] = [];
      for (let i = 0; i < 7; i++) {
        if (i % 3 === 0) now += 1;
        const key = { name: String(i), scopes: ['read'], apps: null };
        made.push((await catalog.keys.create(key, { prefix: 'p', digest: `d${i}` })).key_id);
      }
      const seen: { key_id: string; created_at: string }[] = [];
      for (;;) {
        const page = await catalog.keys.list({ limit: 2, revoked: false, after: seen.at(-1) ?? null });
        seen.push(...page);
        if (page.length < 2) break;
      }
      assert.deepEqual(seen.map((key) => key.key_id).sort(), made.sort());
      const times = seen.map((key) => key.created_at);
      assert.deepEqual(times, times.toSorted().reverse());
    });

    it('makes the first key once, whoever asks, and again when nobody is left', async (t) => {
      const { catalog, openAgain } = await open(t, () => 0);
      const others = await Promise.all(Array.from({ length: 5 }, () => openAgain()));
      const limited = { name: null, scopes: ['admin'], apps: ['a'] };
      await catalog.keys.create(limited, { prefix: 'p', digest: 'limited' });
      await catalog.keys.create(
        { ...limited, scopes: ['read'], apps: null },
        { prefix: 'p', digest: 'reader' },
      );
      const first = (i: number) => ({ prefix: 'p', digest: `first${i}` });
      const made = await Promise.all([catalog, ...others].map(({ keys }, i) => keys.createFirst(first(i))));
      const [one, ...more] = made.filter((key) => key !== null);
      assert.equal(more.length, 0);
      assert.deepEqual([one!.scopes, one!.apps], [['read', 'admin'], null]);
      assert.equal((await catalog.keys.find(`first${made.indexOf(one!)}`))!.key_id, one!.key_id);
      await catalog.keys.revoke(one!.key_id);
      const again = await catalog.keys.createFirst(first(9));
      assert.deepEqual([again!.key_id, again!.revoked_at], [one!.key_id, null]);
      assert.notEqual(await catalog.keys.find('first9'), null);
      assert.equal(await catalog.keys.find(`first${made.indexOf(one!)}`), null);
    });

    it('keeps what was administered for 400 days, and gives it page by page', async (t) => {
      let now = Date.UTC(2026, 0, 1);
      const { catalog, openAgain } = await open(t, () => now);
      const { audit } = catalog;
      for (let i = 0; i < 7; i++) {
        if (i % 3 === 0) now += 1000;
        await audit.add({
          by: `b${i}`,
          apps: i === 0 ? null : ['a'],
          action: 'POST /x',
          target: i === 1 ? null : 't\0t',
        });
      }
      const seen: { at: string; audit_id: string; by: string }[] = [];
      for (;;) {
        const page = await audit.list({ limit: 2, after: seen.at(-1) ?? null });
        seen.push(...page);
        if (page.length < 2) break;
      }
      assert.deepEqual(seen.map(({ by }) => by).sort(), ['b0', 'b1', 'b2', 'b3', 'b4', 'b5', 'b6']);
      const times = seen.map(({ at }) => at);
      assert.deepEqual(times, times.toSorted().reverse());
      const all = await audit.list({ limit: 10 });
      const { audit_id: _, ...first } = all.find(({ by }) => by === 'b0')!;
      assert.deepEqual(first, {
        at: '2026-01-01T00:00:01.000Z',
        by: 'b0',
        apps: null,
        action: 'POST /x',
        target: 'tt',
      });
      now += 401 * 86_400_000;
      const { audit: later } = await openAgain();
      await later.add({ by: 'late', apps: null, action: 'POST /x', target: null });
      assert.deepEqual(
        (await audit.list({ limit: 10 })).map(({ by }) => by),
        ['late'],
      );
    });

    it('keeps everything over a restart', async (t) => {
      const { catalog, reopen } = await open(t, () => 0);
      await catalog.videos.upsert([{ ...plainVideo, title: 'Stays' }]);
      const again = await reopen();
      assert.equal((await again.videos.get('v'))?.title, 'Stays');
    });

    it('answers many callers at once', async (t) => {
      const { catalog } = await open(t, () => 0);
      await Promise.all(
        Array.from({ length: 50 }, async (_, i) => {
          await catalog.videos.upsert([{ ...plainVideo, video_id: `v${i}` }]);
          assert.notEqual(await catalog.videos.get(`v${i}`), null);
        }),
      );
      assert.equal((await catalog.videos.list({ limit: 100 })).length, 50);
    });

    it('keeps who is to be erased until that is done, for one worker at a time, and then the hash alone', async (t) => {
      let now = Date.UTC(2026, 0, 1);
      const { catalog, openAgain } = await open(t, () => now);
      const { erasures } = catalog;
      const first = await erasures.add({ subject: "o'brien", digest: 'd1', apps: ['a', 'b'] });
      now += 10;
      const second = await erasures.add({ subject: 'other', digest: 'd2', apps: null });
      assert.equal(first.requested_at, '2026-01-01T00:00:00.000Z');
      assert.deepEqual(first.apps, ['a', 'b']);
      assert.equal(await erasures.waiting(), 2);
      const other = (await openAgain()).erasures;
      assert.equal((await erasures.claim('one', 1_000))?.erasure_id, first.erasure_id);
      assert.equal((await other.claim('two', 1_000))?.erasure_id, second.erasure_id);
      assert.equal(await erasures.claim('one', 1_000), null, "both are somebody's");
      assert.equal(await other.save(first.erasure_id, 'two', '{}', 1_000), false);
      assert.equal(await erasures.save(first.erasure_id, 'one', '{"step":"x"}', 1_000), true);
      now += 1_001;
      const taken = await other.claim('two', 1_000);
      assert.deepEqual(
        [taken?.erasure_id, taken?.subject, taken?.progress],
        [first.erasure_id, "o'brien", '{"step":"x"}'],
      );
      assert.equal(await erasures.save(first.erasure_id, 'one', '{}', 1_000), false, 'it was taken over');
      await other.finish(first.erasure_id, '{"step":"done"}');
      const done = (await erasures.get(first.erasure_id))!;
      assert.deepEqual(
        [done.subject, done.digest, done.finished_at],
        [null, 'd1', '2026-01-01T00:00:01.011Z'],
      );
      assert.equal(await erasures.waiting(), 1);
      assert.deepEqual(
        (await erasures.list(10)).map(({ digest }) => digest),
        ['d2', 'd1'],
      );
      assert.equal((await erasures.list(1)).length, 1);
      assert.equal(await erasures.get('nobody'), null);
      const key = await erasures.key();
      assert.equal(key.length, 32);
      assert.deepEqual(await other.key(), key);
      await erasures.prune(now + 1);
      assert.deepEqual(
        (await erasures.list(10)).map(({ digest }) => digest),
        ['d2'],
        'what is not done stays',
      );
    });
  });
}
