import type { Violation } from '../store/violations.ts';
import type { Logger } from '../telemetry/logger.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { PipelineObserver } from './consumer.ts';

/** What the pipeline did lately: for Prometheus, for the log, and for `/v1/pipeline`. */

export interface StepFacts {
  readonly name: string;
  readonly events: number;
  readonly seconds_per_million: number;
  readonly drops: Readonly<Record<string, number>>;
}

export interface PipelineSnapshot {
  readonly steps: readonly StepFacts[];
  /** Rows stored per second over the last ten. */
  readonly insert_eps: number;
  /** Age of a batch's oldest event when the batch was stored, over the last batches. */
  readonly freshness_ms: { readonly p50: number | null; readonly p95: number | null };
  /** Epoch ms of the last recompute that made a bucket clean. */
  readonly refreshed_at: number | null;
  /** The last failure that has not been followed by a stored batch. */
  readonly failure: string | null;
}

/** What is refused is refused where a record is taken apart; an id that collides is found by the dedupe, and counted here too. */
const DROPPED_BY: Readonly<Record<string, string>> = {
  duplicate: 'dedupe',
  quarantined: 'parse',
  filtered: 'bots',
};
const FRESHNESS_KEPT = 512;
const RATE_WINDOW_MS = 10_000;

export class PipelineFacts implements PipelineObserver {
  readonly #metrics: Metrics;
  readonly #logger: Logger;
  readonly #now: () => number;
  readonly #steps = new Map<string, { events: number; seconds: number }>();
  readonly #drops: Record<string, number> = {};
  readonly #freshness: number[] = [];
  #stored: { at: number; rows: number }[] = [];
  #refreshedAt: number | null = null;
  #failure: string | null = null;

  constructor(metrics: Metrics, logger: Logger, now: () => number) {
    this.#metrics = metrics;
    this.#logger = logger;
    this.#now = now;
  }

  step(name: string, events: number, seconds: number): void {
    const step = this.#steps.getOrInsertComputed(name, () => ({ events: 0, seconds: 0 }));
    step.events += events;
    step.seconds += seconds;
    this.#metrics.pipeline.stepSeconds.observe({ step: name }, seconds);
  }

  consumed(records: number, events: number): void {
    this.#metrics.eventsConsumed.add(records);
    this.#metrics.eventsProcessed.add(events);
    this.#metrics.pipeline.ledger.add('received', events);
  }

  flushed(rows: number, seconds: number, freshnessMs: number): void {
    this.#failure = null;
    this.#metrics.eventsInserted.add(rows);
    this.#metrics.batchFlushSeconds.observe(seconds);
    this.#metrics.pipeline.freshnessSeconds.set(freshnessMs / 1000);
    this.#metrics.pipeline.ledger.add('stored', rows);
    if (this.#freshness.push(freshnessMs) > FRESHNESS_KEPT) this.#freshness.shift();
    this.#stored.push({ at: this.#now(), rows });
    this.#forgetOld();
  }

  dropped(reason: string, count: number): void {
    if (count === 0) return;
    this.#drops[reason] = (this.#drops[reason] ?? 0) + count;
    this.#metrics.pipeline.dropped.inc({ step: DROPPED_BY[reason] ?? reason, reason }, count);
    this.#metrics.pipeline.ledger.add(reason, count);
  }

  violated(violations: readonly Violation[]): void {
    for (const { event, count } of violations) this.#metrics.pipeline.violations.add(event, count);
  }

  processed(seconds: number): void {
    this.#metrics.eventProcessingSeconds.observe(seconds);
  }

  deduped(found: { readonly memory: number; readonly store: number; readonly lookups: number }): void {
    if (found.memory > 0) this.#metrics.pipeline.duplicates.add('memory', found.memory);
    if (found.store > 0) this.#metrics.pipeline.duplicates.add('clickhouse', found.store);
    this.#metrics.pipeline.dedupeLookups.add(found.lookups);
  }

  /** Nothing waits: what is stored is as fresh as can be. */
  caughtUp(): void {
    this.#metrics.pipeline.freshnessSeconds.set(0);
  }

  failed(stage: string, error: unknown): void {
    this.#failure = `${stage}: ${error instanceof Error ? error.message : String(error)}`;
    this.#metrics.pipelineErrors.inc();
    this.#logger.warn({ stage, err: error }, 'the pipeline tries again');
  }

  recomputed(seconds: number): void {
    this.#refreshedAt = this.#now();
    this.#metrics.pipeline.recomputeSeconds.observe({ table: 'all' }, seconds);
  }

  buried(reason: string, count: number): void {
    this.#metrics.pipeline.deadLetters.add(reason, count);
  }

  get failure(): string | null {
    return this.#failure;
  }

  snapshot(): PipelineSnapshot {
    this.#forgetOld();
    const sorted = this.#freshness.toSorted((a, b) => a - b);
    const at = (share: number) =>
      sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? null;
    return {
      steps: [...this.#steps].map(([name, { events, seconds }]) => ({
        name,
        events,
        seconds_per_million: events === 0 ? 0 : (seconds / events) * 1e6,
        // Everything that is dropped is dropped where records are taken apart.
        drops: name === 'parse' ? { ...this.#drops } : {},
      })),
      insert_eps: this.#stored.reduce((sum, { rows }) => sum + rows, 0) / (RATE_WINDOW_MS / 1000),
      freshness_ms: { p50: at(0.5), p95: at(0.95) },
      refreshed_at: this.#refreshedAt,
      failure: this.#failure,
    };
  }

  #forgetOld(): void {
    const from = this.#now() - RATE_WINDOW_MS;
    while (this.#stored.length > 0 && this.#stored[0]!.at < from) this.#stored.shift();
  }
}
