import type { Logger } from '../telemetry/logger.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { PipelineOptions } from './pipeline.ts';

/** What the pipeline did lately: for Prometheus, for the log, and for `/v1/pipeline`. */
export interface PipelineFacts {
  readonly observer: PipelineOptions['observer'];
  snapshot(): {
    readonly steps: readonly {
      name: string;
      events: number;
      seconds_per_million: number;
      drops: Record<string, number>;
    }[];
    /** Rows stored per second over the last ten. */
    readonly insert_eps: number;
    readonly freshness_ms: { readonly p50: number | null; readonly p95: number | null };
    /** Epoch ms of the last recompute that made a bucket clean. */
    readonly refreshed_at: number | null;
    /** The last failure that has not been followed by a stored batch. */
    readonly failure: string | null;
  };
}

interface Step {
  events: number;
  seconds: number;
}

const FRESHNESS_KEPT = 512;
const RATE_WINDOW_MS = 10_000;

export function createPipelineFacts(metrics: Metrics, logger: Logger, now: () => number): PipelineFacts {
  const steps = new Map<string, Step>();
  const drops: Record<string, number> = {};
  const freshness: number[] = [];
  let stored: { at: number; rows: number }[] = [];
  let refreshedAt: number | null = null;
  let failure: string | null = null;

  const observer: PipelineOptions['observer'] = {
    step(name, events, seconds) {
      const step = steps.get(name) ?? { events: 0, seconds: 0 };
      steps.set(name, step);
      step.events += events;
      step.seconds += seconds;
      metrics.pipeline.stepSeconds.observe({ step: name }, seconds);
    },
    consumed(records, events) {
      metrics.eventsConsumed.add(records);
      metrics.eventsProcessed.add(events);
      metrics.pipeline.ledger.add('received', events);
    },
    flushed(rows, seconds, freshnessMs) {
      failure = null;
      metrics.eventsInserted.add(rows);
      metrics.batchFlushSeconds.observe(seconds);
      metrics.eventProcessingSeconds.observe(freshnessMs / 1000);
      metrics.pipeline.freshnessSeconds.set(freshnessMs / 1000);
      metrics.pipeline.ledger.add('stored', rows);
      if (freshness.push(freshnessMs) > FRESHNESS_KEPT) freshness.shift();
      stored.push({ at: now(), rows });
      stored = stored.filter(({ at }) => now() - at <= RATE_WINDOW_MS);
    },
    dropped(reason, count) {
      if (count === 0) return;
      drops[reason] = (drops[reason] ?? 0) + count;
      metrics.pipeline.dropped.inc({ step: 'dedupe', reason }, count);
      metrics.pipeline.ledger.add(reason, count);
    },
    failed(stage, error) {
      failure = `${stage}: ${error instanceof Error ? error.message : String(error)}`;
      metrics.pipelineErrors.inc();
      logger.warn({ stage, err: error }, 'the pipeline tries again');
    },
    committed() {},
    recomputed(_buckets, seconds) {
      refreshedAt = now();
      metrics.pipeline.recomputeSeconds.observe({ table: 'all' }, seconds);
    },
    buried(reason, count) {
      metrics.pipeline.deadLetters.add(reason, count);
    },
  };

  return {
    observer,
    snapshot() {
      const sorted = freshness.toSorted((a, b) => a - b);
      const at = (share: number) =>
        sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? null;
      const recent = stored.filter((s) => now() - s.at <= RATE_WINDOW_MS);
      return {
        steps: [...steps].map(([name, { events, seconds }]) => ({
          name,
          events,
          seconds_per_million: events === 0 ? 0 : (seconds / events) * 1e6,
          drops: name === 'parse' ? { ...drops } : {},
        })),
        insert_eps: recent.reduce((sum, s) => sum + s.rows, 0) / (RATE_WINDOW_MS / 1000),
        freshness_ms: { p50: at(0.5), p95: at(0.95) },
        refreshed_at: refreshedAt,
        failure,
      };
    },
  };
}
