/**
 * Which questions go first when the server has more to do than it can: those that add up what was counted before those that
 * fold raw events. A later one waits for an earlier one for a second at most (`low_priority_query_wait_time_ms`), again and
 * again, so that it goes on slowly.
 */
export const FIRST = { priority: 1 };
export const LATER = { priority: 2 };
