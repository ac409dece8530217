import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isbot } from 'isbot';
import { createPerson } from '../../src/demo/people.ts';
import { liveliness } from '../../src/demo/stream.ts';
import { createDemo, makeEvents } from './made.ts';

const bodies = (seed: number) =>
  makeEvents(createDemo(seed).stream, 50, 10_000, 20).map(({ event }) => event.body);

test('the same seed makes the same events, another seed others', () => {
  assert.deepEqual(bodies(1), bodies(1));
  assert.notDeepEqual(bodies(1), bodies(2));
});

test('a capped stream gives exactly the wanted rate from the first tick on', () => {
  const { stream } = createDemo(1, 4000);
  let now = 1_700_000_000_000;
  for (let tick = 0; tick < 600; tick++) {
    const events = stream.take(now, now + 50, 10, 10);
    now += 50;
    assert.equal(events.length, 10);
    for (const event of events) stream.acknowledged(event, now);
  }
});

test('everything that can go wrong is among them, and every name of an event', () => {
  const made = makeEvents(createDemo(5).stream, 400, 30_000, 60);
  const roles = Map.groupBy(made, ({ event }) => event.role);
  for (const role of ['copy', 'collision', 'bad'] as const) assert.ok(roles.get(role)!.length > 0, role);
  assert.ok(made.some(({ event, sentAt }) => sentAt - event.at > 60_000));
  const names = new Set(made.map(({ event }) => event.name));
  for (const name of [
    'page_view search video_start video_heartbeat video_progress video_buffer video_buffering seek',
    'quality_change video_pause video_resume video_error video_complete view_end error web_vital subscribe',
  ].flatMap((line) => line.split(' '))) {
    assert.ok(names.has(name), name);
  }
});

test('ids are unique but for copies and collisions', () => {
  const made = makeEvents(createDemo(6).stream, 200, 30_000, 60).filter(
    ({ event }) => event.role === 'event',
  );
  const ids = made.map(({ event }) => {
    const { event_id, eventId } = event.body as { event_id?: string; eventId?: string };
    return event_id ?? eventId;
  });
  assert.equal(new Set(ids).size, ids.length);
  const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
  assert.ok(ids.every((id) => uuid.test(id!)));
});

test('just the bots look like bots, and people do not change with their number of neighbours', () => {
  const { catalogue } = createDemo(1);
  const people = Array.from({ length: 600 }, (_, i) => createPerson(1, i, catalogue));
  for (const person of people) assert.equal(isbot(person.userAgent), person.knownBy === 'bot');
  assert.equal(new Set(people.map(({ id }) => id)).size, people.length);
  assert.deepEqual(createPerson(1, 17, catalogue), people[17]);
});

test('the catalogue has 200 titles with unique ids', () => {
  const { catalogue } = createDemo(1);
  assert.equal(catalogue.titles.length, 200);
  assert.equal(new Set(catalogue.titles.map(({ video_id }) => video_id)).size, catalogue.titles.length);
});

test('evenings are livelier than nights, and a week is about its mean', () => {
  const monday = Date.UTC(2026, 5, 1);
  const hours = Array.from({ length: 168 }, (_, hour) => liveliness(monday + hour * 3_600_000));
  assert.ok(hours[20]! > 3 * hours[4]!);
  const mean = hours.reduce((sum, n) => sum + n, 0) / hours.length;
  assert.ok(mean > 0.9 && mean < 1.1, String(mean));
});
