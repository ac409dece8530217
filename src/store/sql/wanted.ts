import { VIEW_HASH } from './current.ts';
import { BUCKET_OF } from './range.ts';
import { bucketStatesSql, foldViewsSql, type ViewDimension, viewBucketColumns } from './views.ts';

export interface WantedViews {
  /** Condition on app_id, video_id and view_id that holds for these views alone. */
  readonly wanted: string;
  /** SELECT of the dirty buckets, read before this statement. */
  readonly dirty: string;
  /** SELECT of VIEW_HASH of those that lie on several shards, read after `dirty`; null when there is none. */
  readonly split: string | null;
  readonly gapLimitMs: number;
  readonly dimensions: readonly ViewDimension[];
}

/**
 * Some views as they are now (`viewColumns`), as a SELECT: of dirty buckets the raw rows, of the others what was made of
 * them. `currentViewsSql` says the same of all views in scope; here nothing but these few is folded.
 */
export function wantedViewsSql({ wanted, dirty, split, gapLimitMs, dimensions }: WantedViews): string {
  const isOpen = `(app_id, ${BUCKET_OF}) IN (${dirty})`;
  const isSplit = `${VIEW_HASH} IN (${split ?? '0'})`;
  // A view on several shards is folded from all of its raw rows, wherever they lie.
  const buckets = `SELECT app_id, bucket FROM split_views WHERE ${wanted} AND ${isSplit}`;
  const raw =
    split === null ? isOpen : `(${isOpen} OR (${isSplit} AND (app_id, ${BUCKET_OF}) IN (${buckets})))`;
  const states = `(
    ${bucketStatesSql('events', `${wanted} AND ${raw}`, gapLimitMs, dimensions)}
    UNION ALL
    SELECT ${viewBucketColumns(dimensions).join(', ')} FROM view_buckets FINAL
    WHERE ${wanted} AND (app_id, bucket) NOT IN (${dirty})${split === null ? '' : ` AND NOT ${isSplit}`}
  )`;
  return foldViewsSql(states, gapLimitMs, dimensions);
}
