import assert from 'node:assert/strict';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { createSender } from '../../src/demo/sender.ts';
import type { Answer, Post } from '../../src/demo/service.ts';
import type { DemoEvent } from '../../src/demo/visit.ts';
import { createFakeClock } from './fake-clock.ts';
import { createDemo, makeEvents, startAt } from './made.ts';

const events = makeEvents(createDemo(1).stream, 100, 30_000, 30).map(({ event }) => event);
const answered = (status: number, body: object = {}, retryAfterMs: number | null = null): Answer => ({
  status,
  retryAfterMs,
  text: JSON.stringify(body),
});

function setUp(post: Post) {
  const clock = createFakeClock(startAt);
  const taken: DemoEvent[] = [];
  const givenUp: DemoEvent[] = [];
  const sender = createSender({
    post,
    clock,
    connections: 2,
    taken: (event) => taken.push(event),
    givenUp: (event) => givenUp.push(event),
  });
  return { clock, sender, taken, givenUp };
}

test('batches have 500 events at most, some are compressed, and all forms say the same', async () => {
  const sizes: number[] = [];
  const encodings = new Set<string | undefined>();
  const post: Post = async (body, headers) => {
    encodings.add(headers['content-encoding']);
    const text = (headers['content-encoding'] ? gunzipSync(body) : Buffer.from(body)).toString();
    const parsed =
      headers['content-type'] === 'application/json' ? JSON.parse(text) : text.trim().split('\n');
    sizes.push((parsed.events ?? parsed).length);
    return answered(202, { results: [] });
  };
  const { sender, taken } = setUp(post);
  sender.send(events);
  await sender.below(0);
  assert.equal(taken.length, events.length);
  assert.ok(sizes.length > 4 && sizes.every((size) => size <= 500));
  assert.equal(encodings.size, 2);
});

test('Retry-After is honoured, and no answer is asked for again with the same body', async () => {
  const bodies: string[] = [];
  const replies = [
    () => answered(503, {}, 7_000),
    () => answered(429),
    (): Answer => {
      throw new Error('reset');
    },
    () => answered(202, { results: [{ index: 1, code: 'invalid_timestamp' }] }),
  ];
  const { clock, sender, taken, givenUp } = setUp(async (body) => {
    bodies.push(Buffer.from(body).toString('base64'));
    return replies.shift()!();
  });
  const good = events.filter(({ role }) => role === 'event').slice(0, 3);
  sender.send(good);
  await sender.below(0);
  assert.equal(new Set(bodies).size, 1);
  assert.ok(clock.now() - startAt >= 7_000);
  assert.deepEqual([sender.stats.pushedBack, sender.stats.networkErrors], [2, 1]);
  assert.deepEqual(taken, [good[0], good[2]]);
  assert.deepEqual(givenUp, [good[1]]);
  assert.deepEqual([...sender.stats.surprises], [['a good event was refused: invalid_timestamp', 1]]);
});

test('a service that will not have us ends it with advice', async () => {
  const { sender, taken, givenUp } = setUp(async () => answered(401));
  sender.send(events.slice(0, 10));
  await assert.rejects(sender.below(0), /--api-key/);
  assert.deepEqual([taken.length, givenUp.length], [0, 10]);
});

test('stop gives up what is not settled and says what is uncertain', async () => {
  let asked = (): void => undefined;
  const first = new Promise<void>((resolve) => {
    asked = resolve;
  });
  const { sender, givenUp } = setUp(async () => {
    asked();
    throw new Error('reset');
  });
  sender.send(events.slice(0, 1_200));
  await first;
  await sender.stop();
  assert.equal(givenUp.length, 1_200);
  assert.ok(sender.stats.uncertain >= 500);
  assert.equal(sender.pending, 0);
});
