import { currentViewsSql, momentViewsSql, type ViewScope } from '../sql/current.ts';
import type { TimeRange } from '../sql/range.ts';
import { SqlValues } from '../sql/values.ts';
import type { ViewDimension } from '../sql/views.ts';
import type { ViewMoment, ViewMoments } from '../view-moments.ts';
import { dirtyListSql, readDirtyBuckets, readSplitViews, type StoreReader, splitListSql } from './buckets.ts';

/** SELECT of the views in scope, exact at this moment. */
export type ViewsSql = (
  scope: Pick<ViewScope, 'apps' | 'views' | 'where' | 'hours'>,
  dimensions: readonly ViewDimension[],
) => string;

export interface ViewsWanted {
  readonly apps: readonly string[] | null;
  readonly range: TimeRange;
  /** Of a view's playing time; views that are finished already had it. */
  readonly gapLimitMs: number;
}

/**
 * Runs a question about views. On one server all questions of a moment share what was folded for it; over shards each
 * folds for itself, on the shards. `values` are those that the views' SQL already uses; `moment`: null over
 * shards.
 */
export async function useViews<T>(
  store: StoreReader,
  moments: ViewMoments,
  { apps, range, gapLimitMs }: ViewsWanted,
  question: (views: ViewsSql, values: SqlValues, moment: ViewMoment | null) => Promise<T>,
): Promise<T> {
  if (!store.sharded)
    return await moments.use((moment) => {
      const views: ViewsSql = (scope, dimensions) => momentViewsSql(scope, moment, dimensions);
      return question(views, new SqlValues(), moment);
    });
  // A late event of any bucket may move the beginning of a view into the range or out of it: all dirty ones matter.
  const dirty = await readDirtyBuckets(store, apps, null);
  const splitViews = await readSplitViews(store, apps, range, dirty);
  const values = new SqlValues();
  const lists = { dirty: dirtyListSql(dirty, values), split: splitListSql(splitViews, values) };
  return await question(
    (scope, dimensions) => currentViewsSql({ ...scope, ...lists, dimensions, gapLimitMs }),
    values,
    null,
  );
}
