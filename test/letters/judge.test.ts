import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatUuid, readEventId } from '../../src/event/kernel/uuid.ts';
import { openKernel } from '../../src/event/kernel/wasm.ts';
import { readFix } from '../../src/letters/fix.ts';
import { createJudge, type Letter } from '../../src/letters/judge.ts';

const DAY_MS = 86_400_000;
const NOW = Date.UTC(2026, 2, 31, 12);
const kernel = await openKernel();
const judge = createJudge({ kernel, defaultApp: 'default', ageMaxMs: 90 * DAY_MS, aheadMaxMs: DAY_MS });

function letter(payload: string, more: Partial<Letter> = {}): Letter {
  return {
    id: '00000000-0000-5000-8000-000000000001',
    reason: 'missing_event_name',
    payload,
    truncated: false,
    app: 'web',
    receivedAt: NOW - DAY_MS,
    sentAt: null,
    ...more,
  };
}

const judged = (one: Letter, ...steps: Parameters<typeof readFix>[0]) =>
  judge.judge(one, readFix(steps), NOW);

test('a fixed event is accepted, as it would be stored', () => {
  const given = letter('{"evt":"seek","userId":"bob","n":12345678901234567890}');
  assert.deepEqual(judged(given), {
    accepted: false,
    code: 'missing_event_name',
    detail: 'The event has no event_name.',
    payload: given.payload,
  });
  const good = judged(given, { op: 'rename', field: 'evt', value: 'event_name' });
  assert.ok(good.accepted);
  const id = given.id;
  assert.equal(good.eventId, id);
  assert.equal(good.app, 'web');
  assert.equal(good.payload, '{"userId":"bob","n":12345678901234567890,"event_name":"seek"}');
  assert.equal(
    good.event,
    `{"event_id":"${id}","event_name":"seek","app_id":"web","user_id":"bob","timestamp":"${new Date(given.receivedAt).toISOString()}","properties":{"n":12345678901234567890},"context":{}}`,
  );
  assert.equal(Buffer.from(good.line).toString(), `{"event_id":"${id}",${good.payload.slice(1)}\n`);
});

test('ids: its own, else that of its place, else that of its letter', () => {
  const name = { op: 'set', field: 'event_name', value: 'seek' };
  const idOf = (one: Letter) => {
    const verdict = judged(one, name);
    assert.ok(verdict.accepted);
    return verdict.eventId;
  };
  assert.equal(idOf(letter('{"messageId":"m-1"}')), formatUuid(readEventId('m-1')));
  assert.equal(idOf(letter('{}')), letter('').id);
  assert.equal(idOf(letter('{"event_id":null}')), letter('').id);
});

test('what a webhook did not take is no event of a client', () => {
  const undelivered = letter('{"event_id":"x","event_name":"VideoWatched"}', { reason: 'webhook_failed' });
  const refused = judged(undelivered);
  assert.ok(!refused.accepted);
  assert.equal(refused.code, 'not_a_client_event');
});

test('a collision needs an id of its own', () => {
  const id = '0196a9f0-0000-7000-8000-000000000001';
  const one = letter(`{"event_id":"${id}","event_name":"seek"}`, { reason: 'id_collision' });
  const refused = judged(one);
  assert.ok(!refused.accepted);
  assert.equal(refused.code, 'id_collision');
  assert.match(refused.detail, /set event_id, or remove it/);
  const removed = judged(one, { op: 'remove', field: 'event_id' });
  assert.ok(removed.accepted);
  assert.equal(removed.eventId, one.id);
  const set = judged(one, { op: 'set', field: 'event_id', value: 'mine' });
  assert.ok(set.accepted);
  assert.equal(set.eventId, formatUuid(readEventId('mine')));
});

test('age: too old by now, too far ahead by its receipt, repaired by its time of sending', () => {
  const at = (timestamp: number, more: Partial<Letter> = {}) =>
    judged(letter(`{"event_name":"seek","timestamp":${timestamp}}`, more));
  const old = at(NOW - 91 * DAY_MS);
  assert.ok(!old.accepted);
  assert.equal(old.code, 'timestamp_too_old');
  assert.ok(at(NOW - 89 * DAY_MS, { receivedAt: NOW - 89 * DAY_MS }).accepted);
  // Two days ahead of a receipt two days ago: time alone does not make it true.
  const ahead = at(NOW, { receivedAt: NOW - 2 * DAY_MS });
  assert.ok(!ahead.accepted);
  assert.equal(ahead.code, 'timestamp_in_future');
  const repaired = at(NOW + 10 * DAY_MS, { receivedAt: NOW, sentAt: NOW + 10 * DAY_MS + 5 });
  assert.ok(repaired.accepted);
  assert.equal(JSON.parse(repaired.event).timestamp, new Date(NOW - 5).toISOString());
});

test('what is no single event says so, and can be set as a whole', () => {
  const cases: [Letter, string, RegExp][] = [
    [letter('{"event_name":"x"', { truncated: true }), 'truncated', /cut off/],
    [letter('not json'), 'invalid_json', /byte 0/],
    [letter(''), 'invalid_json', /ends too early/],
    [letter('{"a":1} trailing'), 'invalid_json', /nothing may follow/],
    [letter('{"event_name":"a"}\n{"event_name":"b"}'), 'several_events', /more than one event/],
    [letter('[{"event_name":"a"},{"event_name":"b"}]'), 'several_events', /It is an array/],
    [letter('"text"'), 'not_an_object', /not a JSON object/],
    [letter('{"events":[{"event_name":"a"}]}'), 'missing_event_name', /no event_name/],
  ];
  for (const [one, code, detail] of cases) {
    const verdict = judged(one);
    assert.ok(!verdict.accepted, one.payload);
    assert.equal(verdict.code, code, one.payload);
    assert.match(verdict.detail, detail);
    assert.ok(judged(one, { op: 'set', field: '.', value: { event_name: 'whole' } }).accepted);
  }
});

test('whatever the bytes, the verdict is that of ingest on one event', () => {
  const texts = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.json(),
    fc
      .record(
        {
          event_name: fc.oneof(fc.string(), fc.integer()),
          timestamp: fc.jsonValue(),
          properties: fc.jsonValue(),
        },
        { requiredKeys: [] },
      )
      .map((event) => JSON.stringify(event)),
  );
  fc.assert(
    fc.property(texts, (payload) => {
      const one = letter(payload.toWellFormed());
      const verdict = judged(one);
      const scan = kernel.scanner.scan(Buffer.from(`[${one.payload}]`), {
        receivedAt: one.receivedAt,
        mode: 'auto',
        defaultName: null,
        maxEvents: 2,
        oldestAllowed: NOW - 90 * DAY_MS,
        newestAllowed: one.receivedAt + DAY_MS,
        nextIds: (n) => new Uint8Array(n * 16),
        sentAt: null,
      });
      const taken = scan.error === null && scan.count === 1 && scan.accepted === 1;
      assert.equal(verdict.accepted, taken, one.payload);
      if (!verdict.accepted && scan.verdicts.length === 1 && scan.count === 1)
        assert.ok([scan.verdicts[0]!.code, 'several_events'].includes(verdict.code as 'several_events'));
    }),
    { numRuns: 500 },
  );
});
