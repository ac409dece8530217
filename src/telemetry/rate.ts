/** How fast a counter grows, over the last ten seconds. */
export interface RateMeter {
  perSecond(): number;
  stop(): void;
}

const SAMPLES = 10;
const SAMPLE_MS = 1_000;

export function startRateMeter(total: () => number): RateMeter {
  const samples: { at: number; total: number }[] = [{ at: performance.now(), total: total() }];
  const timer = setInterval(() => {
    samples.push({ at: performance.now(), total: total() });
    if (samples.length > SAMPLES) samples.shift();
  }, SAMPLE_MS);
  timer.unref();
  return {
    perSecond() {
      const oldest = samples[0]!;
      const seconds = (performance.now() - oldest.at) / 1000;
      return seconds > 0 ? (total() - oldest.total) / seconds : 0;
    },
    stop: () => clearInterval(timer),
  };
}
