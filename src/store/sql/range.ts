import type { SqlValues } from './values.ts';

/** Half-open, epoch ms. */
export interface TimeRange {
  readonly from: number;
  readonly to: number;
}

export const BUCKET_MS = 300_000;
/** The bucket of a row of `events`, in the words of the table's sort key. */
export const BUCKET_OF = 'toStartOfFiveMinutes(timestamp)';

/**
 * Condition that a row of `events` lies in the range. The bucket is named too, since it stands in the sort key before
 * the timestamp.
 */
export function timestampSql(range: TimeRange, values: SqlValues): string {
  const first = values.second(bucketSecond(range.from));
  const last = values.second(bucketSecond(Math.max(range.from, range.to - 1)));
  return `timestamp >= ${values.instant(range.from)} AND timestamp < ${values.instant(range.to)}
    AND ${BUCKET_OF} >= ${first} AND ${BUCKET_OF} <= ${last}`;
}

/** Epoch seconds of the start of the bucket that holds a moment. */
export function bucketSecond(ms: number): number {
  return Math.floor(ms / BUCKET_MS) * (BUCKET_MS / 1000);
}

/** The buckets that lie in the range as a whole. */
export function wholeBuckets(range: TimeRange): TimeRange {
  return {
    from: Math.ceil(range.from / BUCKET_MS) * BUCKET_MS,
    to: Math.floor(range.to / BUCKET_MS) * BUCKET_MS,
  };
}
