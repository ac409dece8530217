import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startQueryService } from './service.ts';

interface List {
  data: { video_id: string; title: string | null; tags: string[]; live: boolean }[];
  next_cursor: string | null;
}

test('videos and apps', async (t) => {
  let now = Date.UTC(2026, 0, 1);
  const service = await startQueryService(t, { now: () => now });
  const put = async (payload: string, type = 'application/json') => {
    const response = await service.app.inject({
      method: 'PUT',
      url: '/v1/videos',
      payload,
      headers: { 'content-type': type },
    });
    return { status: response.statusCode, body: response.json() };
  };
  const ids = async (query: Record<string, string>) =>
    (await service.get<List>('/v1/videos', query)).data.map((video) => video.video_id).sort();

  await t.test('an array, an object, one video, and NDJSON', async () => {
    assert.deepEqual((await put('[{"video_id":"a","title":"Alpha"},{"video_id":7}]')).body, { upserted: 2 });
    assert.deepEqual((await put('{"videos":[{"video_id":"b","tags":["x"],"live":true}]}')).body, {
      upserted: 1,
    });
    assert.deepEqual((await put('{"video_id":"c"}', 'text/plain')).body, { upserted: 1 });
    const lines = '{"video_id":"d"}\n\n{"video_id":"e","published_at":"2026-01-01T01:00:00+01:00"}\n';
    assert.deepEqual((await put(lines, 'application/x-ndjson')).body, { upserted: 2 });
    assert.deepEqual(await ids({}), ['7', 'a', 'b', 'c', 'd', 'e']);
    const [b] = (await service.get<List>('/v1/videos', { ids: 'b' })).data;
    assert.deepEqual([b!.title, b!.tags, b!.live], [null, ['x'], true]);
  });

  await t.test('found by id and word, page by page', async () => {
    assert.deepEqual(await ids({ ids: 'a,none,7' }), ['7', 'a']);
    assert.deepEqual(await ids({ search: 'alph' }), ['a']);
    const seen: string[] = [];
    let cursor: string | null = '';
    while (cursor !== null) {
      const page: List = await service.get<List>('/v1/videos', { limit: '2', ...(cursor && { cursor }) });
      seen.push(...page.data.map((video) => video.video_id));
      cursor = page.next_cursor;
    }
    assert.deepEqual(seen.sort(), ['7', 'a', 'b', 'c', 'd', 'e']);
  });

  await t.test('one bad video refuses all of them', async () => {
    const wrong: [string, string, RegExp][] = [
      ['', 'invalid_request', /no video/],
      ['[]', 'invalid_request', /no video/],
      ['{"a":', 'invalid_json', /JSON/],
      ['{"video_id":"x"}\n{"video_id":', 'invalid_json', /Line 2/],
      ['[{"video_id":"x"},{"title":"no id"}]', 'invalid_request', /Video 1: .*video_id/],
      ['[{"video_id":"x","duration_seconds":0}]', 'invalid_request', /Video 0: duration_seconds/],
      ['[{"video_id":"x","published_at":"soon"}]', 'invalid_request', /published_at/],
      ['[5]', 'invalid_request', /Video 0/],
    ];
    for (const [body, code, detail] of wrong) {
      const answer = await put(body);
      assert.deepEqual([answer.status, answer.body.code], [400, code], body);
      assert.match(answer.body.detail, detail, body);
    }
    assert.deepEqual(await ids({ ids: 'x' }), []);
  });

  await t.test('apps of the catalogue and of the events, known for ten seconds', async () => {
    await service.catalog.apps.upsert({ app_id: 'named', name: 'Named' });
    const row = (app_id: string) => ({ app_id, event_name: 'search', timestamp: now });
    await service.insert([row('seen'), row('named')]);
    const named = { app_id: 'named', name: 'Named' };
    assert.deepEqual(await service.get('/v1/apps'), { data: [named, { app_id: 'seen', name: null }] });
    await service.insert([row('later')]);
    assert.equal((await service.get<List>('/v1/apps')).data.length, 2);
    now += 10_000;
    assert.equal((await service.get<List>('/v1/apps')).data.length, 3);
  });
});
