import type { IngestCounts, IngestCountsCatalog } from '../catalog/ingest-counts.ts';

/**
 * Tells the catalogue what this process took and refused over the window up to now, so that whoever watches the alerts knows
 * of every process. In: counters that only grow. What is not told, while the catalogue is away, is told later or never.
 */

export interface IngestWindowOptions {
  /** Since the start of the process. */
  readonly read: () => IngestCounts;
  readonly windowMs: number;
  readonly everyMs: number;
  /** Of this process; no other has it. */
  readonly process: string;
  /** Opened when there is something to tell. */
  readonly catalog: () => Promise<{ readonly ingestCounts: IngestCountsCatalog }>;
  readonly failed: (error: unknown) => void;
  /** Ms of a clock that only goes forward. */
  readonly now: () => number;
}

export interface IngestWindow {
  /** Takes a sample, and tells. Never rejects. */
  tell(): Promise<void>;
}

const NOTHING: IngestCounts = { events: 0, rejected: 0, requests: 0, failed: 0 };

export function createIngestWindow(options: IngestWindowOptions): IngestWindow {
  const { read, windowMs, now, catalog, failed } = options;
  const samples: { readonly at: number; readonly counts: IngestCounts }[] = [{ at: now(), counts: read() }];
  let isTold = true;

  /** The sample before the window is where it begins. */
  function counted(): IngestCounts {
    const counts = read();
    samples.push({ at: now(), counts });
    while (samples.length > 2 && samples[1]!.at <= now() - windowMs) samples.shift();
    const { counts: from } = samples[0]!;
    return {
      events: counts.events - from.events,
      rejected: counts.rejected - from.rejected,
      requests: counts.requests - from.requests,
      failed: counts.failed - from.failed,
    };
  }

  return {
    async tell() {
      const counts = counted();
      const isNothing = counts.events === 0 && counts.requests === 0;
      if (isNothing && isTold) return;
      try {
        await (await catalog()).ingestCounts.put(options.process, isNothing ? NOTHING : counts);
        // An idle service writes nothing.
        isTold = isNothing;
      } catch (error) {
        failed(error);
      }
    },
  };
}

/** Tells every so often. The row goes with the process. */
export function startIngestWindow(options: IngestWindowOptions): { stop(): Promise<void> } {
  const window = createIngestWindow(options);
  let telling = Promise.resolve();
  const timer = setInterval(() => {
    telling = telling.then(() => window.tell());
  }, options.everyMs);
  timer.unref();
  return {
    async stop() {
      clearInterval(timer);
      await telling;
    },
  };
}
