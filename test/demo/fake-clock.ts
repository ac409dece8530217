import type { Clock } from '../../src/demo/clock.ts';

/** A clock that moves only when somebody sleeps, and then at once to the end of that sleep. */
export function createFakeClock(startAt: number): Clock {
  let now = startAt;
  return {
    now: () => now,
    async sleep(ms, signal) {
      // Others come first, as they would while time passes.
      await new Promise((resolve) => setImmediate(resolve));
      if (!signal?.aborted) now += Math.max(1, ms);
    },
  };
}
