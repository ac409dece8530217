/** People who asked not to be tracked: what the setting says becomes of what they send. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { good, headersOf, openIngestService, readEvents } from './service.ts';

const PERSON = {
  user_id: 'u',
  anonymousId: 'a',
  session_id: 's',
  view_id: 'v',
  context: { ip: '10.0.0.1', os: 'X' },
};
const SIGNALS: readonly Record<string, string>[] = [{ dnt: '1' }, { 'sec-gpc': '1' }];

test('off: nothing is asked', async (t) => {
  const service = await openIngestService(t);
  const { status, body } = await service.post('/events', [good({ context: { dnt: true } })], { dnt: '1' });
  assert.deepEqual([status, body.accepted, body.rejected], [202, 1, 0]);
});

test('drop: a request that says so leaves no byte of itself, and is counted by app', async (t) => {
  for (const headers of SIGNALS) {
    const service = await openIngestService(t, { dnt: 'drop' });
    const events = [good(PERSON), good({ ...PERSON, app_id: 'other' }), good({ ...PERSON, appId: 'other' })];
    const { status, body } = await service.post('/events', events, headers);
    assert.deepEqual([status, body.accepted, body.rejected], [202, 0, 3]);
    assert.deepEqual(
      body.results.map(({ index, code }) => [index, code]),
      [
        [0, 'do_not_track'],
        [1, 'do_not_track'],
        [2, 'do_not_track'],
      ],
    );
    const records = await service.records();
    assert.deepEqual(
      records
        .map((record) => [headersOf(record).app, headersOf(record).filtered, record.value.length])
        .sort(),
      [
        ['default', '1', 0],
        ['other', '2', 0],
      ],
    );
    assert.equal((await service.records('analytics.dlq.v1')).length, 0);
  }
});

test('drop: DNT: 0 and other words mean nothing', async (t) => {
  const service = await openIngestService(t, { dnt: 'drop' });
  for (const headers of [{ dnt: '0' }, { 'sec-gpc': '0' }, { dnt: 'unspecified' }] as Record<
    string,
    string
  >[]) {
    const { body } = await service.post('/events', [good({ context: { dnt: false, gpc: 0 } })], headers);
    assert.deepEqual([body.accepted, body.rejected], [1, 0]);
  }
});

test('drop: an event that says so itself, among others and bad ones, keeps its index', async (t) => {
  const service = await openIngestService(t, { dnt: 'drop' });
  const said = [{ context: { dnt: 1 } }, { context: { gpc: true } }, { metadata: { doNotTrack: '1' } }];
  const events = [
    { bad: 1 },
    good(said[0]),
    good({ user_id: 'kept' }),
    good(said[1]),
    good(said[2]),
    good({ user_id: 'too' }),
  ];
  const { body } = await service.post('/events', events);
  assert.deepEqual([body.accepted, body.rejected], [2, 4]);
  assert.deepEqual(
    body.results.map(({ index, code }) => [index, code]),
    [
      [0, 'missing_event_name'],
      [1, 'do_not_track'],
      [3, 'do_not_track'],
      [4, 'do_not_track'],
    ],
  );
  assert.deepEqual(
    (await service.events()).map(({ user_id }) => user_id),
    ['kept', 'too'],
  );
  const letters = await service.records('analytics.dlq.v1');
  assert.deepEqual(
    letters.map((letter) => headersOf(letter)['dlq.reason']),
    ['missing_event_name'],
  );
  const counted = (await service.records()).map((record) => headersOf(record).filtered).filter(Boolean);
  assert.deepEqual(counted, ['3']);
});

test('drop: the routes of one event say so too', async (t) => {
  const service = await openIngestService(t, { dnt: 'drop' });
  const one = await service.post('/v1/ingest/event', good(PERSON), { dnt: '1' });
  assert.deepEqual([one.status, one.body.accepted, one.body.rejected], [202, 0, 1]);
  const id = await service.post('/api/events', good(PERSON), { dnt: '1' });
  assert.deepEqual([id.status, id.body], [202, { event_id: null }]);
});

test('anonymize: taken, without anything that tells who it was', async (t) => {
  const service = await openIngestService(t, { dnt: 'anonymize' });
  const events = [good(PERSON), { bad: 1 }, good({ ...PERSON, userId: 'x', properties: { watch_ms: 7 } })];
  const { body } = await service.post('/events', events, { 'sec-gpc': '1' });
  assert.deepEqual([body.accepted, body.rejected, body.results[0]!.index], [2, 1, 1]);
  for (const event of await service.events()) {
    assert.ok(event.event_id && event.event_name);
    assert.deepEqual([event.view_id, event.context], ['v', { os: 'X' }]);
    for (const name of ['user_id', 'userId', 'anonymousId', 'session_id']) assert.ok(!(name in event), name);
  }
  await service.post('/events', [good({ user_id: 'kept' }), good({ ...PERSON, context: { dnt: true } })]);
  const all = (await service.records()).flatMap(readEvents);
  assert.deepEqual(all.map(({ user_id }) => user_id ?? null).sort(), ['kept', null, null, null].sort());
});
