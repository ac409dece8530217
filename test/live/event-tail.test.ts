import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EventTail, readText } from '../../src/live/event-tail.ts';
import type { FanOut, Receiver } from '../../src/live/fan-out.ts';

const everything = { apps: null, eventNames: null, videoId: null, events: true };

function createTail(eventsPerSecondMax = 100) {
  const sent: { to: number; payload: Record<string, unknown>; skipped: number }[] = [];
  const fanOut = {
    send(receivers: readonly Receiver[], text: string) {
      const { payload, skipped } = JSON.parse(text) as { payload: Record<string, unknown>; skipped: number };
      for (const receiver of receivers) sent.push({ to: receiver as unknown as number, payload, skipped });
      return true;
    },
  } as unknown as FanOut;
  const tail = new EventTail({ fanOut, eventsPerSecondMax, totalPerSecondMax: 1_000, now: () => 0 });
  return { tail, sent };
}

const derived = (n: number, more: object = {}) =>
  readText(
    Buffer.from(
      JSON.stringify({
        event_id: String(n),
        event_name: 'VideoWatched',
        app_id: 'tube',
        video_id: 'film',
        ...more,
      }),
    ),
  );

test('events that are text go to those who want them', () => {
  const { tail, sent } = createTail();
  const receivers = [0, 1, 2, 3, 4] as unknown as Receiver[];
  tail.join(receivers[0]!, everything);
  tail.join(receivers[1]!, { ...everything, apps: ['kids'] });
  tail.join(receivers[2]!, { ...everything, eventNames: ['VideoError'] });
  tail.join(receivers[3]!, { ...everything, videoId: 'film' });
  tail.join(receivers[4]!, { ...everything, events: false });
  tail.publishTexts([derived(1)!, derived(2, { app_id: 'kids', video_id: null })!]);
  const got = (to: number) => sent.filter((one) => one.to === to).map(({ payload }) => payload.event_id);
  assert.deepEqual([0, 1, 2, 3, 4].map(got), [['1', '2'], ['2'], [], ['1'], []]);
});

test('no more than the rate, and what was left out is told with the next', () => {
  const { tail, sent } = createTail(3);
  tail.join(0 as unknown as Receiver, everything);
  tail.publishTexts(Array.from({ length: 10 }, (_, n) => derived(n)!));
  assert.equal(sent.length, 3);
  assert.equal(sent[0]!.skipped, 7);
});

test('bots, and what is no event, are left out', () => {
  assert.equal(derived(1, { is_bot: true }), null);
  for (const text of ['', 'x', 'null', '[]', '{"app_id":"a"}'])
    assert.equal(readText(Buffer.from(text)), null);
});
