/**
 * Which questions go first when the server has more to do than it can: those that add up what was counted before those that
 * fold raw events. A later one lets the others pass between its blocks, each time for a moment only, so that it comes to its
 * end all the same.
 */
export const FIRST = { priority: 1 };
export const LATER = { priority: 2, low_priority_query_wait_time_ms: 50 };
