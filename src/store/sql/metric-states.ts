import type { ViewScope } from './current.ts';
import { type Filter, filterSql, filtersSql } from './filters.ts';
import type { Dimension, EventMeasure, ViewMeasure } from './metric-measures.ts';
import { BUCKET_MS, BUCKET_OF, type TimeRange, timestampSql, wholeBuckets } from './range.ts';
import { appsSql, type SqlValues } from './values.ts';
import { type CountedHours, hourField, hoursOfRange, splitHours } from './view-hours.ts';
import { VIEW_DIMENSIONS, type ViewDimension } from './views.ts';

/**
 * The aggregate states behind a metric, each for one group and one interval: from the recomputed tables where these are
 * clean and fit the question, from raw where they do not. Columns: `g1`, `g2` (as many as there are groups), `t` (start of
 * the interval, epoch seconds, 0 without intervals), `app` ('' unless counted per app), `s`.
 */
export interface StatesQuestion {
  readonly range: TimeRange;
  /** Starts of the intervals, epoch seconds, ascending, the first at or before the range; null for totals only. */
  readonly starts: readonly number[] | null;
  readonly groupBy: readonly Dimension[];
  readonly filters: readonly Filter[];
  /** Null: every app. */
  readonly apps: readonly string[] | null;
  readonly bots: boolean;
  readonly gapLimitMs: number;
}

export interface EventStatesQuestion extends StatesQuestion {
  /** SELECT of the dirty buckets, `app_id, bucket`. */
  readonly dirty: string;
}

const BUCKET_SECONDS = BUCKET_MS / 1000;

/** Dimensions that a view has itself; other fields are its first event's. */
const VIEW_FIELDS = [
  'app_id',
  'video_id',
  'view_id',
  'event_name',
  'country',
  'device',
  'browser',
  'os',
  'referrer',
  'utm_source',
  'utm_campaign',
];
/** Fields by which a view as a whole is in or out, whichever of its events is looked at. */
const VIEW_KEYS = ['app_id', 'video_id', 'view_id'];

/** Whether the measure's rollup can answer: its columns suffice, and every interval is made of whole buckets. */
export function fitsRollup(measure: EventMeasure, question: StatesQuestion): boolean {
  const known = (field: string) => (measure.rollup.by as readonly string[]).includes(field);
  return (
    !question.bots &&
    measure.aggregate !== 'uniqExact' &&
    question.groupBy.every(known) &&
    question.filters.every((filter) => known(filter.field)) &&
    (question.starts ?? []).every((start) => start % BUCKET_SECONDS === 0) &&
    wholeBuckets(question.range).from < wholeBuckets(question.range).to
  );
}

export function eventStatesSql(
  measure: EventMeasure,
  question: EventStatesQuestion,
  values: SqlValues,
): string {
  if (!fitsRollup(measure, question)) return rawStatesSql(measure, question, values, '1');
  const { from, to } = wholeBuckets(question.range);
  const [first, end] = [values.second(from / 1000), values.second(to / 1000)];
  const { rollup } = measure;
  // What the tables cannot know: dirty buckets, and buckets that the range cuts.
  const rest = `((app_id, ${BUCKET_OF}) IN (${question.dirty}) OR ${BUCKET_OF} < ${first} OR ${BUCKET_OF} >= ${end})`;
  return `
${rawStatesSql(measure, question, values, rest)}
UNION ALL
SELECT ${headSql(measure.perApp, 'bucket', question, values)}, ${rollup.state} AS s
FROM ${rollup.table} FINAL
WHERE ${appsSql(values, question.apps)} AND bucket >= ${first} AND bucket < ${end} AND ${rollup.where}
  AND ${filtersSql(question.filters, values)} AND (app_id, bucket) NOT IN (${question.dirty})
GROUP BY ALL`;
}

function rawStatesSql(
  measure: EventMeasure,
  question: StatesQuestion,
  values: SqlValues,
  which: string,
): string {
  return `
SELECT ${headSql(measure.perApp, 'timestamp', question, values)}, ${measure.aggregate}State(${measure.argument}) AS s
FROM events
WHERE ${appsSql(values, question.apps)} AND ${timestampSql(question.range, values)} AND ${which}
  AND ${question.bots ? '1' : 'NOT is_bot'} AND ${measure.where} AND ${filtersSql(question.filters, values)}
GROUP BY ALL`;
}

/** `counted`: which hours may be taken as they were counted; null: none. */
export function viewStatesSql(
  measure: ViewMeasure,
  viewsSql: (
    scope: Pick<ViewScope, 'apps' | 'views' | 'where' | 'hours'>,
    dimensions: readonly ViewDimension[],
  ) => string,
  question: StatesQuestion,
  counted: CountedHours | null,
  values: SqlValues,
): string {
  const field = counted === null ? null : hourField(measure, question);
  if (counted === null || field === null) {
    const hours = hoursOfRange(question.range, values);
    return oneByOneSql(measure, viewsSql, question, hours, values);
  }
  const parts = splitHours(field, counted, question, values);
  const cut =
    parts.rest === null ? '' : `${oneByOneSql(measure, viewsSql, question, parts.rest, values)}\nUNION ALL`;
  return `
${cut}
SELECT ${headSql(false, 'hour', question, values)}, ${measure.ofHour} AS s
FROM ${parts.counted}
GROUP BY ALL
HAVING ${parts.unchanged}`;
}

function oneByOneSql(
  measure: ViewMeasure,
  viewsSql: Parameters<typeof viewStatesSql>[1],
  question: StatesQuestion,
  hours: string,
  values: SqlValues,
): string {
  const foreign = question.filters.filter((f) => !VIEW_FIELDS.includes(f.field));
  const views = viewsSql(
    { apps: appsSql(values, question.apps), hours, ...viewFilterSql(question, values) },
    neededDimensions(question, foreign.length > 0),
  );
  return `
SELECT ${headSql(false, 'started_at', question, values)}, ${measure.aggregate}StateIf(${measure.argument}, ${measure.condition}) AS s
FROM (${views})
WHERE ${foreign.length === 0 ? '1' : firstEventSql(foreign, question, values)}
GROUP BY ALL`;
}

/** Dimensions that the question groups or filters by; the event's name besides, to find the view's first event. */
function neededDimensions({ groupBy, filters }: StatesQuestion, byFirstEvent: boolean): ViewDimension[] {
  const named: string[] = [...groupBy, ...filters.map((filter) => filter.field), 'is_bot'];
  if (byFirstEvent) named.push('event_name');
  return VIEW_DIMENSIONS.filter((dimension) => named.includes(dimension));
}

/** The two conditions of a ViewScope: those that hold for a view as a whole, and those on the finished view. */
function viewFilterSql(question: StatesQuestion, values: SqlValues): { views: string; where: string } {
  const { filters, range } = question;
  const started = `started_at >= ${values.instant(range.from)} AND started_at < ${values.instant(range.to)}`;
  const own = filters.filter((f) => VIEW_FIELDS.includes(f.field) && !VIEW_KEYS.includes(f.field));
  const where = [started, question.bots ? '1' : 'NOT is_bot', filtersSql(own, values)];
  return {
    views: filtersSql(
      filters.filter((f) => VIEW_KEYS.includes(f.field)),
      values,
    ),
    where: where.join(' AND '),
  };
}

/**
 * Condition that the event which began the view passes filters on what only raw events have. The view's row tells that
 * event's moment and name; of several such events in one millisecond it was the first in the log. Five columns of text
 * are slow to group by, so they are one hash of 128 bits.
 */
function firstEventSql(filters: readonly Filter[], question: StatesQuestion, values: SqlValues): string {
  const passes = filters.map((filter) => filterSql(filter, values)).join(' AND ');
  const hash = (moment: string) =>
    `sipHash128(toString(app_id), video_id, view_id, toString(event_name), toUnixTimestamp64Milli(${moment}))`;
  return `${hash('started_at')} IN (
  SELECT ${hash('timestamp')} AS place FROM events
  WHERE view_id != '' AND ${appsSql(values, question.apps)} AND ${timestampSql(question.range, values)}
  GROUP BY place
  HAVING argMin(${passes}, bitOr(bitShiftLeft(toUInt128(log_offset), 32), toUInt128(log_index))))`;
}

/** The columns by which states are kept apart. */
function headSql(perApp: boolean, moment: string, question: StatesQuestion, values: SqlValues): string {
  const { groupBy, starts } = question;
  const interval =
    starts === null
      ? 'toUInt32(0)'
      : `roundDown(toUnixTimestamp(${moment}), ${values.add('Array(UInt32)', starts)})`;
  return [
    ...groupBy.map((dimension, i) => `toString(${dimension}) AS g${i + 1}`),
    `toUInt32(${interval}) AS t`,
    `${perApp ? 'toString(app_id)' : "''"} AS app`,
  ].join(', ');
}
