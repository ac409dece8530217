import type { Config } from '../config.ts';
import type { DntMode } from '../event/do-not-track.ts';
import { defaultIngestLimits } from '../ingest/ingest.ts';
import type { PipelineLimits } from '../pipeline/consumer.ts';

/** Limits that several roles share. */

export function ingestLimits(config: Config) {
  return {
    ...defaultIngestLimits,
    bodyBytesMax: config.ingestBodyBytesMax,
    eventsMax: config.ingestEventsMax,
    bodyBytesInFlightMax: config.ingestBytesInFlightMax,
    requestsInFlightMax: config.ingestRequestsInFlightMax,
    ackTimeoutMs: config.ingestAckTimeoutMs,
    ageMaxMs: config.timestampAgeMaxDays * 86_400_000,
  };
}

/** How the pipeline reads and writes. */
export function pipelineLimits(config: Config): PipelineLimits {
  return {
    batchRowsMax: config.batchRows,
    batchBytesMax: config.batchBytes,
    flushAfterMs: config.flushMs,
    readBytesMax: 4 * 1024 * 1024,
    leaseMs: config.leaseMs,
    ...decisionLimits(config),
  };
}

/** What decides about an event, wherever it is read. */
export function decisionLimits(config: Config) {
  return {
    dedupeWindowMs: config.dedupeWindowMinutes * 60_000,
    dedupeEntriesMax: config.dedupeEntriesMax,
    sessionActorsMax: config.sessionActorsMax,
    timestampAgeMaxMs: ingestLimits(config).ageMaxMs,
    timestampAheadMaxMs: defaultIngestLimits.aheadMaxMs,
    dnt: config.honorDnt as DntMode,
  };
}
