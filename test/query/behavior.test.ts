import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import type { Cache } from '../../src/cache/cache.ts';
import { createMemoryCache } from '../../src/cache/memory.ts';
import { createAnswers } from '../../src/query/answers.ts';
import { openAccess, type QueryService, startQueryApp, startQueryService, type TestRow } from './service.ts';

const NOW = Date.UTC(2026, 2, 31, 12);
const minute = 60_000;

interface Summary {
  page_views: number;
  users: number;
  sessions: number;
  events: number;
  pages: Record<string, unknown>[];
  events_top: Record<string, unknown>[];
  web_vitals: Record<string, Record<string, unknown>>;
  errors: { fingerprint: string; message: string; pattern: string; count: number }[];
}

let offset = 0;
const event = (at: number, event_name: string, more: Partial<TestRow> = {}): TestRow => ({
  app_id: 'a',
  event_name,
  user_id: 'u',
  session_id: 's',
  log_offset: offset++,
  ...more,
  timestamp: at,
});
const said = (properties: object) => ({ properties: JSON.stringify(properties) });

test('pages, vitals and errors of a day, counted by hand', async (t) => {
  const service = await startQueryService(t, { now: () => NOW });
  const at = NOW - 5 * 60 * minute;
  const vital = (name: string, value: number) =>
    event(at, 'web_vital', { session_id: '', ...said({ name, value }) });
  const failed = (message: string, user_id = 'u') =>
    event(at, 'error', { user_id, session_id: '', ...said({ message }) });
  await service.insert([
    event(at, 'page_view', { page: '/' }),
    event(at + 20_000, 'click'),
    event(at + 60_000, 'page_view', { page: '/watch' }),
    event(at + 60_000 + 40 * minute, 'page_view', { page: '/' }),
    event(at, 'page_view', { page: '/', session_id: 'one', user_id: 'w' }),
    event(at, 'page_view', { page: '/watch', session_id: '', user_id: '' }),
    event(at, 'page_view', { page: '/', is_bot: true }),
    ...[1000, 2500, 2501, 4001, 4000].map((value) => vital('LCP', value)),
    vital('CLS', 0.1),
    vital('CLS', 0.3),
    failed('Segment 12 failed'),
    failed('Segment 7 failed', 'w'),
    failed('Codec is unknown'),
  ]);
  const answer = await service.get<Summary>('/v1/behavior/summary');
  const { page_views, users, sessions, events } = answer;
  assert.deepEqual(
    { page_views, users, sessions, events },
    { page_views: 5, users: 2, sessions: 2, events: 16 },
  );
  assert.deepEqual(answer.pages, [
    // One of three stayed 20 s until the click; the two others are last pages.
    { page: '/', views: 3, users: 2, entries: 2, exits: 2, avg_seconds: 20 },
    { page: '/watch', views: 2, users: 1, entries: 0, exits: 0, avg_seconds: 1800 },
  ]);
  assert.deepEqual(answer.events_top[0], { event_name: 'web_vital', count: 7, users: 1 });
  const none = { p75: null, rating: null, good: 0, needs_improvement: 0, poor: 0, count: 0 };
  assert.deepEqual(answer.web_vitals, {
    LCP: { p75: 4000, rating: 'needs-improvement', good: 2, needs_improvement: 2, poor: 1, count: 5 },
    INP: none,
    // Between 0.1 and 0.3, three quarters of the way.
    CLS: { p75: 0.25, rating: 'needs-improvement', good: 1, needs_improvement: 0, poor: 1, count: 2 },
    FCP: none,
    TTFB: none,
  });
  assert.deepEqual(
    answer.errors.map(({ message, pattern, count }) => ({ message, pattern, count })),
    [
      { message: 'Segment 7 failed', pattern: 'Segment # failed', count: 2 },
      { message: 'Codec is unknown', pattern: 'Codec is unknown', count: 1 },
    ],
  );
  const one = await service.get<Summary>('/v1/behavior/summary', { limit: '1' });
  assert.deepEqual([one.pages.length, one.events_top.length, one.errors.length], [1, 1, 1]);
  const withBots = await service.get<Summary>('/v1/behavior/summary', { bots: 'true' });
  assert.equal(withBots.page_views, 6);
});

test('one fingerprint for messages that differ in numbers, ids and URLs only', async (t) => {
  const service = await startQueryService(t, { now: () => NOW });
  const families: string[][] = [
    ['took 5 ms', 'took 1.5 ms', 'took 12,000 ms', 'took -7 ms', 'took 1e-7 ms', 'took 123456789 ms'],
    ['GET https://a.example/x?y=1 failed', 'GET http://b.example failed'],
    [
      'id 550e8400-e29b-41d4-a716-446655440000',
      'id abcdefab-cdef-abcd-efab-cdefabcdefab',
      'id 0xBEEF',
      'id deadbeef',
      'id 01HZX3K9T5QJ',
      'id s_0ceb5ae341472aba',
    ],
    ['user_12 left', 'user_9 left'],
    ['MEDIA_ERR_DECODE'],
    ['MEDIA_ERR_NETWORK'],
    ['Codec avc', '  Codec avc '],
    ['Codec hevc'],
    [''],
  ];
  await service.insert(families.flat().map((message) => event(NOW - minute, 'error', said({ message }))));
  const { errors } = await service.get<Summary>('/v1/behavior/summary');
  assert.deepEqual(
    errors.map(({ count }) => count),
    families.map((family) => family.length).toSorted((a, b) => b - a),
    JSON.stringify(errors.map(({ pattern }) => pattern)),
  );
  assert.equal(new Set(errors.map(({ fingerprint }) => fingerprint)).size, families.length);
  for (const family of families) {
    const hit = errors.find(({ message }) => family.some((text) => text.trim() === message))!;
    assert.equal(hit.count, family.length, family.join());
  }
});

async function withCache(t: TestContext, apps: string[] | null = null) {
  const kept = new Map<string, number>();
  const memory = createMemoryCache({ bytesMax: 1_000_000, observe() {} });
  const cache: Cache = {
    ...memory,
    set(key, value, ttlMs) {
      kept.set(key, ttlMs);
      return memory.set(key, value, ttlMs);
    },
  };
  const answers = createAnswers({
    cache,
    freshMs: 1_000,
    settledMs: 1_000,
    observe() {},
  });
  const service = await startQueryService(t, { now: () => NOW, answers, access: openAccess({ apps }) });
  return { service, kept };
}

const ask = async (service: QueryService, url: string, headers: Record<string, string> = {}) =>
  (await service.app.inject({ url, headers })).json<Summary>().events;

test('kept for five minutes under the key of seed 003, and asked afresh when wanted', async (t) => {
  const { service, kept } = await withCache(t);
  await service.insert([event(NOW - minute, 'click')]);
  const url = '/v1/behavior/summary?app_id=a&from=2026-03-31&to=2026-03-31';
  assert.equal(await ask(service, url), 1);
  const [[key, ttlMs]] = [...kept] as [[string, number]];
  assert.match(key, /^analytics:behavior:a:2026-03-31\.\.2026-03-31:/);
  assert.equal(ttlMs, 300_000);
  await service.insert([event(NOW - minute, 'click')]);
  assert.equal(await ask(service, url), 1, 'though something was stored');
  assert.equal(await ask(service, url, { 'cache-control': 'no-cache' }), 2);
  assert.equal(await ask(service, url), 2, 'and that is the next answer too');
  assert.equal(await ask(service, '/v1/behavior/summary'), 2);
  assert.match([...kept.keys()].at(-1)!, /^analytics:behavior:all:2026-03-25\.\.2026-03-31:/);
});

test('a caller sees its own apps, and no answer of another caller', async (t) => {
  const { service } = await withCache(t);
  await service.insert([event(NOW - minute, 'click'), event(NOW - minute, 'click', { app_id: 'b' })]);
  const as = async (apps: string[]) =>
    await startQueryApp(t, { ...service.options, access: openAccess({ apps, scopes: ['read'] }) });
  const count = async (app: typeof service.app) =>
    (await app.inject('/v1/behavior/summary')).json<Summary>().events;
  assert.equal(await count(service.app), 2);
  const own = await as(['b']);
  assert.equal(await count(own), 1);
  assert.equal(await count(await as([])), 0);
  assert.equal((await own.inject('/v1/behavior/summary?app_id=a')).json().code, 'app_forbidden');
  const sender = await startQueryApp(t, { ...service.options, access: openAccess({ scopes: ['ingest'] }) });
  assert.equal((await sender.inject('/v1/behavior/summary')).json().code, 'wrong_scope');
});

test('what is wrong is refused with advice', async (t) => {
  const service = await startQueryService(t, { now: () => NOW });
  for (const [query, advice] of [
    ['from=soon', /from: "soon"/],
    ['limit=0', /limit/],
    ['limit=1001', /limit/],
    ['timezone=Mars', /timezone/],
    ['bots=maybe', /bots/],
  ] as const) {
    const { status, code, detail } = (await service.app.inject(`/v1/behavior/summary?${query}`)).json();
    assert.deepEqual([status, code], [400, 'invalid_request'], query);
    assert.match(detail, advice);
  }
});
