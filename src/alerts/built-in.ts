import type { BuiltInAlert } from '../catalog/alerts.ts';
import type { IngestCounts } from '../catalog/ingest-counts.ts';

/** The alerts that every service has: what seed 004 asks for. */

export interface BuiltInLimits {
  /** 0 to 1. */
  readonly errorRateMax: number;
  readonly errorWindowMs: number;
  readonly lagMaxMs: number;
  readonly forMs: number;
}

export const ERROR_RATE = 'ingestion-error-rate';
export const PROCESSING_LAG = 'processing-lag';
export const BUILT_IN_NAMES: readonly string[] = [ERROR_RATE, PROCESSING_LAG];

export function createBuiltIns(limits: BuiltInLimits): BuiltInAlert[] {
  const for_seconds = limits.forMs / 1000;
  return [
    {
      name: ERROR_RATE,
      title: 'Ingestion error rate',
      metric: 'ingestion_error_rate',
      window_seconds: limits.errorWindowMs / 1000,
      comparison: '>',
      threshold: limits.errorRateMax,
      for_seconds,
    },
    {
      name: PROCESSING_LAG,
      title: 'Processing lag',
      metric: 'processing_lag_seconds',
      window_seconds: 0,
      comparison: '>',
      threshold: limits.lagMaxMs / 1000,
      for_seconds,
    },
  ];
}

/**
 * The greater one of two shares: of events that were refused, and of requests that were refused as a whole, of which
 * nobody knows how many events they held. Null: nothing was sent.
 */
export function errorRate({ events, rejected, requests, failed }: IngestCounts): number | null {
  if (events === 0 && requests === 0) return null;
  const share = (part: number, whole: number) => (whole === 0 ? 0 : part / whole);
  return Math.max(share(rejected, events), share(failed, requests));
}
