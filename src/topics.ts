import type { Config } from './config.ts';

/** Topics beside the one of the events, whose name is a setting. */
export const DEAD_LETTER_TOPIC = 'analytics.dlq.v1';
export const DERIVED_TOPIC = 'analytics.derived.v1';

/** Every topic of events: what ingest writes to, and what the pipeline reads. */
export function eventTopics(config: Config): string[] {
  return [...new Set([config.topic, ...config.sources.map(({ topic }) => topic)])];
}
