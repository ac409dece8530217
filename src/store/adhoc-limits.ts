/** What one ad-hoc query, and its user, may take. Every limit is pinned: the user can neither raise nor unset it. */
export interface AdhocLimits {
  readonly executionSecondsMax: number;
  readonly memoryBytesMax: number;
  readonly resultRowsMax: number;
  readonly resultBytesMax: number;
  /** 0 = no limit. */
  readonly rowsReadMax: number;
  readonly threadsMax: number;
  readonly queriesMax: number;
}

/** Wherever ClickHouse runs: the embedded one has them in its users, one by URL gets them with each query. */
export const ADHOC_LIMITS: AdhocLimits = {
  executionSecondsMax: 20,
  memoryBytesMax: 500_000_000,
  resultRowsMax: 100_000,
  resultBytesMax: 50_000_000,
  rowsReadMax: 0,
  threadsMax: 2,
  queriesMax: 4,
};
