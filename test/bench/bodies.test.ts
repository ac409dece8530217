import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRequest, Patcher, type Request, templateCount } from '../../bench/bodies.ts';

interface Event {
  event_id: string;
  event_name: string;
  app_id: string;
  timestamp: string;
  user_id: string;
  session_id: string;
  video_id: string;
  view_id: string;
  properties: Record<string, unknown>;
}

const NOW = Date.UTC(2026, 10, 23, 23, 59, 59, 999);
const plan = (batch: number) => ({ batch, host: '127.0.0.1:1', path: '/events', run: 0xabcdef });

function readBody(request: Request): Event[] {
  const text = request.bytes.toString();
  const [head, body] = text.split('\r\n\r\n') as [string, string];
  assert.match(head, /^POST \/events HTTP\/1\.1\r\n/);
  assert.equal(Number(/content-length: (\d+)/.exec(head)![1]), Buffer.byteLength(body));
  return JSON.parse(body) as Event[];
}

/** The requests of a run that one connection sends, as the generator makes them; `acknowledge` says what was. */
function makeRun(batch: number, requests: number, acknowledge: (number: number) => boolean) {
  const patcher = new Patcher(plan(batch));
  const templates = Array.from({ length: templateCount(batch) }, (_, t) => createRequest(plan(batch), t));
  const sent: { events: Event[]; fresh: number; acknowledged: boolean }[] = [];
  for (let number = 0; number < requests; number++) {
    const request = templates[number % templates.length]!;
    const fresh = patcher.patch(request, number, NOW + number);
    const acknowledged = acknowledge(number);
    request.acknowledged = acknowledged;
    sent.push({ events: readBody(request), fresh, acknowledged });
  }
  return sent;
}

for (const batch of [1, 10, 100, 1000]) {
  test(`batches of ${batch} are valid, current and counted`, () => {
    const requests = batch === 1000 ? 12 : 2_400 / batch + 250;
    const sent = makeRun(batch, requests, () => true);
    const ids = new Set<string>();
    for (const { events, fresh } of sent) {
      assert.equal(events.length, batch);
      const before = ids.size;
      for (const event of events) ids.add(event.event_id);
      assert.equal(ids.size - before, fresh);
    }
    const all = sent.flatMap(({ events }) => events);
    const duplicates = all.length - ids.size;
    assert.ok(duplicates / all.length < 0.01, `${duplicates} of ${all.length}`);
    for (const [number, { events }] of sent.entries())
      for (const { timestamp, event_id } of events) {
        assert.equal(new Date(timestamp).toISOString(), timestamp);
        assert.match(event_id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/);
        assert.ok(Date.parse(timestamp) <= NOW + number);
        assert.ok(Date.parse(timestamp) > NOW - 10 * 60_000);
      }
  });
}

test('an event sent again is the same to the last byte', () => {
  const sent = makeRun(100, 60, () => true);
  const byId = new Map<string, string>();
  let again = 0;
  for (const event of sent.flatMap(({ events }) => events)) {
    const text = JSON.stringify(event);
    if (byId.has(event.event_id)) again++;
    assert.equal(byId.get(event.event_id) ?? text, text);
    byId.set(event.event_id, text);
  }
  assert.ok(again > 0);
});

test('what was not acknowledged is never sent again', () => {
  const sent = makeRun(100, 60, (number) => number % 4 !== 2);
  const acknowledged = new Set<string>();
  const seen = new Set<string>();
  for (const { events, fresh, acknowledged: ack } of sent) {
    let unseen = 0;
    for (const { event_id } of events) {
      if (seen.has(event_id)) assert.ok(acknowledged.has(event_id));
      else unseen++;
      seen.add(event_id);
    }
    assert.equal(unseen, fresh);
    if (ack) for (const { event_id } of events) acknowledged.add(event_id);
  }
});

test('two per cent are late, and an event is about as large as it should be', () => {
  const { events } = makeRun(1000, 1, () => true)[0]!;
  const late = events.filter(({ timestamp }) => Date.parse(timestamp) < NOW - 30_000);
  assert.equal(late.length, 20);
  const bytes = Buffer.byteLength(JSON.stringify(events)) / events.length;
  assert.ok(bytes > 320 && bytes < 400, `${bytes} bytes`);
});

test('a view has one video, one session and one user, and a session one app', () => {
  const views = new Map<string, string>();
  const sessions = new Map<string, string>();
  // Only the beginning of each request: the steps of a view lie far apart.
  const patcher = new Patcher(plan(100));
  const templates = Array.from({ length: templateCount(100) }, (_, t) => createRequest(plan(100), t));
  const names = new Map<string, string[]>();
  for (let number = 0; number < 10_560; number += 960)
    for (let next = 0; next < 3; next++) {
      const request = templates[(number + next) % 3]!;
      patcher.patch(request, number + next, NOW);
      for (const event of readBody(request)) {
        const { view_id, video_id, session_id, user_id, app_id } = event;
        const facts = `${video_id} ${session_id} ${user_id} ${app_id}`;
        assert.equal(views.get(view_id) ?? facts, facts);
        views.set(view_id, facts);
        assert.equal(sessions.get(session_id) ?? `${user_id} ${app_id}`, `${user_id} ${app_id}`);
        sessions.set(session_id, `${user_id} ${app_id}`);
        names.getOrInsertComputed(view_id, () => []).push(event.event_name);
      }
    }
  const longest = [...names.values()].sort((a, b) => b.length - a.length)[0]!;
  assert.equal(longest[0], 'video_start');
  assert.ok(longest.length >= 10, `${longest.length} steps`);
});
