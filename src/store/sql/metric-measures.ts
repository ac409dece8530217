/**
 * What each metric of `GET /metrics` counts. Every value is an aggregate state until the last step, so that a point, a
 * total and a union of recomputed and raw rows are all one merge of the same states.
 */

export const METRICS = [
  'events',
  'users',
  'sessions',
  'page_views',
  'views',
  'viewers',
  'watch_time_seconds',
  'impressions',
  'reach',
  'completions',
  'completion_rate',
  'errors',
] as const;
export type Metric = (typeof METRICS)[number];

export const DIMENSIONS = [
  'app_id',
  'event_name',
  'video_id',
  'country',
  'device',
  'browser',
  'os',
  'referrer',
  'utm_source',
  'utm_campaign',
] as const;
export type Dimension = (typeof DIMENSIONS)[number];

type Aggregate = 'sum' | 'avgWeighted' | 'uniqCombined64' | 'uniqExact';

/** A recomputed five-minute table that holds a metric, by app and one more column. */
interface Rollup {
  readonly table: 'event_counts_5m' | 'video_rollup_5m';
  readonly by: readonly Dimension[];
  /** A state of the same type as the one made from raw. */
  readonly state: string;
}

interface EventMeasure {
  readonly of: 'events';
  readonly aggregate: Aggregate;
  /** What is aggregated, of a row of `events`. */
  readonly argument: string;
  /** Rows of `events` that count; the rollup's own condition besides. */
  readonly where: string;
  readonly rollup: Rollup & { readonly where: string };
  /** Counted for each app by itself, and added up. */
  readonly perApp: boolean;
}

interface ViewMeasure {
  readonly of: 'views';
  readonly aggregate: Aggregate;
  /** Of a view. */
  readonly argument: string;
  /** Views that are aggregated; a group exists with its other views too. */
  readonly condition: string;
  /** The total is divided by this. */
  readonly divisor: number;
  /** The same state of a row of `view_hours`. */
  readonly ofHour: string;
}

/** Conditions on a row of `events` (product §5). */
export const IS_IMPRESSION = "event_name = 'view_end' AND watch_ms >= 600 AND NOT instant_skip";
export const IS_ERROR = "event_name IN ('video_error', 'error')";
const PAGE_VIEW = "event_name = 'page_view'";

function counted(
  where: string,
  rollup: Omit<EventMeasure['rollup'], 'where'>,
  rollupWhere = '1',
): EventMeasure {
  const withCondition = { ...rollup, where: rollupWhere };
  return {
    of: 'events',
    aggregate: 'sum',
    argument: 'toUInt64(1)',
    where,
    rollup: withCondition,
    perApp: false,
  };
}

function distinct(
  argument: string,
  where: string,
  rollup: Omit<EventMeasure['rollup'], 'where'>,
  perApp: boolean,
): EventMeasure {
  return {
    of: 'events',
    aggregate: 'uniqCombined64',
    argument,
    where,
    rollup: { ...rollup, where: '1' },
    perApp,
  };
}

const eventCounts = (state: string): Rollup => ({
  table: 'event_counts_5m',
  by: ['app_id', 'event_name'],
  state,
});
const videoRollup = (state: string): Rollup => ({
  table: 'video_rollup_5m',
  by: ['app_id', 'video_id'],
  state,
});

/** How a metric is measured; `exact` counts distinct things one by one. */
export function measureOf(metric: Metric, exact: boolean): EventMeasure | ViewMeasure {
  const measure = MEASURES[metric];
  return exact && measure.aggregate === 'uniqCombined64' ? { ...measure, aggregate: 'uniqExact' } : measure;
}

const MEASURES: Readonly<Record<Metric, EventMeasure | ViewMeasure>> = {
  events: counted('1', eventCounts('sumState(events)')),
  page_views: counted(PAGE_VIEW, eventCounts('sumState(events)'), PAGE_VIEW),
  errors: counted(IS_ERROR, eventCounts('sumState(events)'), IS_ERROR),
  users: distinct('actor', "actor != ''", eventCounts('uniqCombined64MergeState(users)'), false),
  // A session's id is its app's own: equal ids of two apps are two sessions.
  sessions: distinct(
    'session_id',
    "session_id != ''",
    eventCounts('uniqCombined64MergeState(sessions)'),
    true,
  ),
  impressions: counted(IS_IMPRESSION, videoRollup('sumState(impressions)')),
  completions: counted(`${IS_IMPRESSION} AND completed`, videoRollup('sumState(completions)')),
  reach: distinct(
    'actor',
    `${IS_IMPRESSION} AND actor != ''`,
    videoRollup('uniqCombined64MergeState(reach)'),
    false,
  ),
  views: {
    of: 'views',
    aggregate: 'sum',
    argument: 'toUInt64(1)',
    condition: '1',
    divisor: 1,
    ofHour: 'sumState(views)',
  },
  viewers: {
    of: 'views',
    aggregate: 'uniqCombined64',
    argument: 'viewer',
    condition: "viewer != ''",
    divisor: 1,
    ofHour: 'uniqCombined64MergeState(viewers)',
  },
  watch_time_seconds: {
    of: 'views',
    aggregate: 'sum',
    argument: 'watch_ms',
    condition: '1',
    divisor: 1000,
    ofHour: 'sumState(watch_ms)',
  },
  completion_rate: {
    of: 'views',
    aggregate: 'avgWeighted',
    argument: 'toFloat64(completed), toUInt64(1)',
    condition: '1',
    divisor: 1,
    ofHour: 'avgWeightedStateArray([1., 0.], [completed, toUInt64(views - completed)])',
  },
};

export type { EventMeasure, ViewMeasure };
