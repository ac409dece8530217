import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Clock } from '../../src/demo/clock.ts';
import { runBackfill, runLive } from '../../src/demo/run.ts';
import type { Sender } from '../../src/demo/sender.ts';
import { createFakeClock } from './fake-clock.ts';
import { createDemo, startAt } from './made.ts';

/** Takes everything at once and notes when. */
function createRecorder(clock: Clock, pending: () => number = () => 0) {
  const sent: { at: number; events: number }[] = [];
  const sender = {
    get pending() {
      return pending();
    },
    send: (events: readonly unknown[]) => sent.push({ at: clock.now(), events: events.length }),
    below: async () => undefined,
  } as unknown as Sender;
  return { sender, sent, total: () => sent.reduce((sum, { events }) => sum + events, 0) };
}

const quiet = { moved: () => undefined, progress: () => undefined };

test('the live rate is held second by second, also a fractional one', async () => {
  for (const rate of [3.5, 200]) {
    const clock = createFakeClock(startAt);
    const recorder = createRecorder(clock);
    const { stream } = createDemo(1, 4000);
    const { signal } = new AbortController();
    const options = { stream, sender: recorder.sender, clock, signal, ...quiet };
    const reached = await runLive({ ...options, startAt, durationMs: 20_000, rate });
    assert.equal(reached, startAt + 20_000);
    assert.equal(recorder.total(), 20 * rate);
    for (let second = 0; second < 20; second++) {
      const from = startAt + second * 1000;
      const inSecond = recorder.sent.filter(({ at }) => at > from && at <= from + 1000);
      const events = inSecond.reduce((sum, sent) => sum + sent.events, 0);
      assert.ok(Math.abs(events - rate) <= 1, `${events} in second ${second}`);
    }
  }
});

test('a slow service makes it wait, and it catches up afterwards', async () => {
  const clock = createFakeClock(startAt);
  let blocked = 300;
  const recorder = createRecorder(clock, () => (recorder.total() >= 1000 && blocked-- > 0 ? 1e9 : 0));
  const { stream } = createDemo(1, 4000);
  const { signal } = new AbortController();
  // A sender that is full never gets below; the fake clock then runs until the wait is over.
  const sender = Object.create(recorder.sender, {
    below: {
      value: (most: number) => (most < 1e9 && blocked > 0 ? new Promise(() => undefined) : Promise.resolve()),
    },
  }) as Sender;
  await runLive({ stream, sender, clock, signal, ...quiet, startAt, durationMs: 20_000, rate: 100 });
  assert.equal(recorder.total(), 2000);
});

test('the signal ends an endless run', async () => {
  const clock = createFakeClock(startAt);
  const recorder = createRecorder(clock);
  const controller = new AbortController();
  const progress = ({ sent }: { sent: number }) => sent >= 500 && controller.abort();
  const { stream } = createDemo(1);
  const options = {
    stream,
    sender: recorder.sender,
    clock,
    signal: controller.signal,
    moved: () => undefined,
  };
  await runLive({ ...options, progress, startAt, durationMs: null, rate: 100 });
  assert.equal(recorder.total(), 500);
});

test('a backfill has about the events of its days, and needs no time', async () => {
  const clock = createFakeClock(startAt);
  const recorder = createRecorder(clock);
  const { stream } = createDemo(1, 4000);
  const { signal } = new AbortController();
  const dayMs = 86_400_000;
  const options = { stream, sender: recorder.sender, clock, signal, ...quiet };
  await runBackfill({ ...options, from: startAt - 2 * dayMs, to: startAt, perDay: 5_000 });
  // The two days are a Saturday and a Sunday, which have 1.25 times the mean.
  assert.ok(recorder.total() > 11_250 && recorder.total() < 13_750, String(recorder.total()));
  assert.equal(clock.now(), startAt);
});
