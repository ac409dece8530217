/** Topics beside the one of the events, whose name is a setting. */
export const DEAD_LETTER_TOPIC = 'analytics.dlq.v1';
export const DERIVED_TOPIC = 'analytics.derived.v1';
