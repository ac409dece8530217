/** Small funnels and histories: random ones, and ones that are written down. */
import fc from 'fast-check';
import type { FunnelPlan, History } from '../../../src/query/funnels/plan.ts';

export function planOf(more: Partial<FunnelPlan>): FunnelPlan {
  return {
    order: 'ordered',
    steps: 2,
    windowMs: 1_000,
    stepWindowMs: null,
    exclusions: [],
    rangeMs: 1_000,
    ...more,
  };
}

/** `0:a 5:bx`: at 0 an event for the first step, at 5 one for the second that is excluded too. */
export function historyOf(text: string): History {
  const events = text
    .split(' ')
    .filter((part) => part !== '')
    .map((part) => {
      const [at, letters] = part.split(':') as [string, string];
      const steps = ['a', 'b', 'c', 'd'].reduce(
        (mask, letter, i) => mask + (letters.includes(letter) ? 2 ** i : 0),
        0,
      );
      return { at: Number(at), steps, excluded: letters.includes('x') ? 1 : 0 };
    });
  return {
    times: events.map((event) => event.at),
    steps: events.map((event) => event.steps),
    excluded: events.map((event) => event.excluded),
  };
}

export function describeHistory(plan: FunnelPlan, { times, steps, excluded }: History): string {
  const events = times.map((at, i) => `${at}:${steps[i]!.toString(2)}/${excluded[i]!.toString(2)}`).join(' ');
  return `${JSON.stringify(plan)} over ${events}`;
}

/** Histories of up to 11 events within 20 ms, many at the same; funnels in which events can serve several steps. */
export function funnelCase(
  orders: readonly FunnelPlan['order'][],
): fc.Arbitrary<{ plan: FunnelPlan; history: History }> {
  const plans = fc.record({
    order: fc.constantFrom(...orders),
    steps: fc.integer({ min: 2, max: 4 }),
    windowMs: fc.integer({ min: 1, max: 24 }),
    stepWindowMs: fc.option(fc.integer({ min: 1, max: 8 })),
    rangeMs: fc.integer({ min: 1, max: 24 }),
    zones: fc.array(fc.tuple(fc.nat(), fc.nat()), { maxLength: 2 }),
  });
  const event = fc.record({
    gap: fc.constantFrom(0, 0, 1, 1, 2, 5),
    // Which of the four kinds of event it is; a step takes one or two kinds.
    kind: fc.nat(4),
    excluded: fc.constantFrom(0, 0, 0, 0, 0, 1, 2, 3),
  });
  return fc
    .tuple(
      plans,
      fc.array(event, { maxLength: 11 }),
      fc.array(fc.constantFrom(1, 2, 4, 8, 3, 6, 12), { minLength: 4, maxLength: 4 }),
    )
    .map(([{ zones, ...plan }, events, kindsOfStep]) => {
      const exclusions = zones.map(([a, b]) => {
        const afterStep = 1 + (a % (plan.steps - 1));
        return { afterStep, beforeStep: afterStep + 1 + (b % (plan.steps - afterStep)) };
      });
      let at = 0;
      const times = events.map(({ gap }) => (at += gap));
      const steps = events.map(({ kind }) =>
        kindsOfStep
          .slice(0, plan.steps)
          .reduce((mask, kinds, i) => mask + ((kinds >> kind) & 1 ? 2 ** i : 0), 0),
      );
      const excluded = events.map((one) => one.excluded % 2 ** exclusions.length);
      return { plan: { ...plan, exclusions }, history: { times, steps, excluded } };
    });
}
