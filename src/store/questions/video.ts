import { watchPercentageSql } from '../sql/measures.ts';
import type { TimeRange } from '../sql/range.ts';
import { appsSql, type SqlValues } from '../sql/values.ts';
import type { ViewMoments } from '../view-moments.ts';
import type { StoreReader } from './buckets.ts';
import { FIRST } from './priority.ts';
import { useViews, type ViewsSql } from './views.ts';

export interface VideoQuestion {
  readonly videoId: string;
  /** The views that begin in it count. */
  readonly range: TimeRange;
  /** Null: every app. */
  readonly apps: readonly string[] | null;
  readonly bots: boolean;
  readonly exact: boolean;
  /** The catalogue's duration; it wins over what the player said. */
  readonly durationMs: number | null;
  readonly gapLimitMs: number;
}

export interface VideoAnswer {
  readonly views: number;
  readonly unique_viewers: number;
  readonly watch_time_seconds: number;
  /** 0..100, null when no view's duration is known. */
  readonly avg_watch_percentage: number | null;
  /** 0..1 */
  readonly completion_rate: number;
  /** What the player said last, null when it never did. */
  readonly duration_ms: number | null;
  /** Views with a known duration that got so far; null when there is none. */
  readonly quartiles: {
    readonly q25: number;
    readonly q50: number;
    readonly q75: number;
    readonly q100: number;
  } | null;
}

interface Row {
  views: number;
  viewers: number;
  watch_ms_sum: number;
  percentage: number | null;
  known: number;
  completed_views: number;
  said_ms: number | null;
  reached: [number, number, number, number];
}

/** Share of the duration in percent from which a view counts for a quartile; the last half percent is credits. */
const QUARTILES = [25, 50, 75, 99.5];

/** Video metrics of product §5 over one video's views, exact at this moment. Rejects with StoreError. */
export async function askVideo(
  store: StoreReader,
  moments: ViewMoments,
  question: VideoQuestion,
): Promise<VideoAnswer> {
  return await useViews(store, moments, question, (views, values) => askOf(store, views, values, question));
}

async function askOf(
  store: StoreReader,
  viewsSql: ViewsSql,
  values: SqlValues,
  question: VideoQuestion,
): Promise<VideoAnswer> {
  const { apps, range } = question;
  const started = `started_at >= ${values.instant(range.from)} AND started_at < ${values.instant(range.to)}`;
  const views = viewsSql(
    {
      apps: appsSql(values, apps),
      views: `video_id = ${values.text(question.videoId)}`,
      where: `${started} AND ${question.bots ? '1' : 'NOT is_bot'}`,
    },
    ['is_bot'],
  );
  const duration = `ifNull(${values.add('Nullable(Float64)', question.durationMs)}, duration_ms)`;
  const distinct = question.exact ? 'uniqExactIf' : 'uniqCombined64If';
  const [row] = await store.select<Row>(
    `SELECT count() AS views, ${distinct}(viewer, viewer != '') AS viewers, sum(watch_ms) AS watch_ms_sum,
       avg(share) AS percentage, count(share) AS known, countIf(completed) AS completed_views,
       argMaxIf(duration_ms, ended_at, duration_ms > 0) AS said_ms,
       [${QUARTILES.map((from) => `countIf(share >= ${from})`).join(', ')}] AS reached
     FROM (SELECT *, ${watchPercentageSql(duration)} AS share FROM (${views}))`,
    values.params,
    // It reads few rows: a second thread would only wait for the first.
    { settings: { ...FIRST, max_threads: 1 } },
  );
  return shape(row!);
}

function shape(row: Row): VideoAnswer {
  const [q25, q50, q75, q100] = row.reached;
  return {
    views: row.views,
    unique_viewers: row.viewers,
    watch_time_seconds: row.watch_ms_sum / 1000,
    avg_watch_percentage: row.known === 0 ? null : row.percentage,
    completion_rate: row.views === 0 ? 0 : row.completed_views / row.views,
    duration_ms: row.said_ms,
    quartiles: row.known === 0 ? null : { q25, q50, q75, q100 },
  };
}
