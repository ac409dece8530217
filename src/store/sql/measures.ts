/** Watched share of a view in percent, at most 100; NULL when the duration is not known. `duration`: SQL in ms. */
export function watchPercentageSql(duration: string): string {
  return `if(${duration} > 0, least(100, 100 * watch_ms / ${duration}), NULL)`;
}
