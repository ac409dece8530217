import type { Filter } from '../sql/filters.ts';
import {
  type Dimension,
  type EventMeasure,
  type Metric,
  measureOf,
  type ViewMeasure,
} from '../sql/metric-measures.ts';
import { type EventStatesQuestion, eventStatesSql, fitsRollup, viewStatesSql } from '../sql/metric-states.ts';
import type { TimeRange } from '../sql/range.ts';
import { SqlValues } from '../sql/values.ts';
import { hourField } from '../sql/view-hours.ts';
import type { ViewMoments } from '../view-moments.ts';
import { dirtyListSql, readDirtyBuckets, type StoreReader } from './buckets.ts';
import { FIRST } from './priority.ts';
import { useViews } from './views.ts';

export interface MetricsQuestion {
  readonly metric: Metric;
  readonly range: TimeRange;
  /** Starts of the intervals, epoch seconds, ascending, the first at or before the range; null for totals only. */
  readonly starts: readonly number[] | null;
  /** At most two. */
  readonly groupBy: readonly Dimension[];
  readonly filters: readonly Filter[];
  /** Null: every app. */
  readonly apps: readonly string[] | null;
  readonly bots: boolean;
  /** Distinct things one by one instead of by uniqCombined64. */
  readonly exact: boolean;
  /** Groups at most. */
  readonly limit: number;
  /** Cap of one stretch of watch time. */
  readonly gapLimitMs: number;
}

export interface MetricSeries {
  /** Values of `groupBy`, in its order. */
  readonly group: readonly string[];
  /** Over the whole range at once, so that nobody is counted twice. */
  readonly total: number;
  /** By start of the interval, epoch seconds; intervals without anything are left out. */
  readonly points: ReadonlyMap<number, number>;
}

export interface MetricsAnswer {
  /** Greatest total first. Groups in which nothing was counted are left out. */
  readonly series: readonly MetricSeries[];
  /** True when there are more groups than `limit`. */
  readonly truncated: boolean;
}

interface Row {
  g1?: string;
  g2?: string;
  total: number;
  times: number[];
  amounts: number[];
}

/** Answers `GET /metrics`, exact at this moment. Rejects with StoreError. */
export async function askMetrics(
  store: StoreReader,
  moments: ViewMoments,
  question: MetricsQuestion,
): Promise<MetricsAnswer> {
  if (question.range.from >= question.range.to) return { series: [], truncated: false };
  const measure = measureOf(question.metric, question.exact);
  if (measure.of === 'views')
    return await useViews(store, moments, question, async (views, values, moment) => {
      const byHour = moment !== null && hourField(measure, question) !== null;
      const counted = byHour ? { ...moment, ...(await moment.hours()) } : null;
      const source = viewStatesSql(measure, views, question, counted, values);
      return await readSeries(store, question, values, { source, measure, having: '1', few: byHour });
    });
  const dirty = await readDirtyBuckets(store, question.apps, question.range);
  const values = new SqlValues();
  const states: EventStatesQuestion = { ...question, dirty: dirtyListSql(dirty, values) };
  const source = eventStatesSql(measure, states, values);
  return await readSeries(store, question, values, {
    source,
    measure,
    having: 'total > 0',
    few: fitsRollup(measure, states),
  });
}

async function readSeries(
  store: StoreReader,
  question: MetricsQuestion,
  values: SqlValues,
  states: { source: string; measure: EventMeasure | ViewMeasure; having: string; few: boolean },
): Promise<MetricsAnswer> {
  const { source, measure, having, few } = states;
  const groups = question.groupBy.map((_, i) => `g${i + 1}`);
  const rows = await store.select<Row>(
    seriesSql(source, groups, measure.aggregate, having, question.limit + 1),
    values.params,
    // Of few rows a second thread makes twice the work.
    { settings: few ? { ...FIRST, max_threads: 1 } : FIRST },
  );
  const divisor = measure.of === 'views' ? measure.divisor : 1;
  return {
    truncated: rows.length > question.limit,
    series: rows.slice(0, question.limit).map((row) => ({
      group: [row.g1, row.g2].slice(0, groups.length).map((value) => value ?? ''),
      total: row.total / divisor,
      points: new Map(row.times.map((time, i) => [time, (row.amounts[i] ?? 0) / divisor])),
    })),
  };
}

/** Merges states to points, points to a group's total, in one statement, so that both speak of one moment. */
function seriesSql(
  source: string,
  groups: readonly string[],
  aggregate: string,
  having: string,
  limit: number,
): string {
  const list = groups.map((name) => `${name}, `).join('');
  const by = (names: readonly string[]) => (names.length === 0 ? '' : `GROUP BY ${names.join(', ')}`);
  return `
SELECT ${list}sum(whole) AS total, (sumMap(times_of_app, amounts_of_app) AS both).1 AS times, both.2 AS amounts
FROM
(
  SELECT ${list}app, ${aggregate}Merge(merged) AS whole, groupArray(t) AS times_of_app, groupArray(amount) AS amounts_of_app
  FROM
  (
    SELECT ${list}app, t, ${aggregate}MergeState(s) AS merged, finalizeAggregation(merged) AS amount
    FROM (${source})
    GROUP BY ${list}app, t
  )
  GROUP BY ${list}app
)
${by(groups)}
HAVING ${having} AND count() > 0
ORDER BY ${['total DESC', ...groups].join(', ')}
LIMIT ${limit}`;
}
