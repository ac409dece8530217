import { appTimesSql } from './app-times.ts';
import { type Filter, filtersSql } from './filters.ts';
import { VIEW_HOUR_FIELDS } from './hours.ts';
import type { Dimension, ViewMeasure } from './metric-measures.ts';
import type { TimeRange } from './range.ts';
import { appsSql, type SqlValues } from './values.ts';

/** Which hours of `view_hours` a question may take as they are, and what is true of the others. */
export interface CountedHours {
  /** Those it may not. */
  readonly open: { readonly apps: readonly string[]; readonly hours: readonly number[] };
  /** The server's clock at which this was so. */
  readonly at: string;
  /** A table of these hours, with the columns of `view_hours`, and the condition that it is as it was made. */
  readonly table: string;
  readonly intact: string;
}

/** What a question about views asks, as far as it decides whether hours can answer. */
export interface HoursQuestion {
  readonly range: TimeRange;
  readonly starts: readonly number[] | null;
  readonly groupBy: readonly Dimension[];
  readonly filters: readonly Filter[];
  readonly apps: readonly string[] | null;
  readonly bots: boolean;
}

const HOUR_MS = 3_600_000;
const HOUR_SECONDS = 3_600;

/** The hours that lie in the range as a whole. */
function wholeHours({ from, to }: TimeRange): TimeRange {
  return { from: Math.ceil(from / HOUR_MS) * HOUR_MS, to: Math.floor(to / HOUR_MS) * HOUR_MS };
}

/** The field by whose values the hours have to be read; null where hours cannot answer. */
export function hourField(measure: ViewMeasure, question: HoursQuestion): string | null {
  const { groupBy, filters, starts, range } = question;
  const named = [...groupBy, ...filters.map(({ field }) => field)].filter((field) => field !== 'app_id');
  const fields = new Set(named);
  const [field = ''] = fields;
  const hours = wholeHours(range);
  const fits =
    !question.bots &&
    measure.aggregate !== 'uniqExact' &&
    fields.size <= 1 &&
    (field === '' || (VIEW_HOUR_FIELDS as readonly string[]).includes(field)) &&
    (starts ?? []).every((start) => start % HOUR_SECONDS === 0) &&
    hours.from < hours.to;
  return fits ? field : null;
}

/** Condition on `hour`: the hours that the range touches. */
export function hoursOfRange({ from, to }: TimeRange, values: SqlValues): string {
  const first = Math.floor(from / HOUR_MS) * HOUR_SECONDS;
  return `hour >= ${values.second(first)} AND hour < ${values.second(Math.ceil(to / 1000))}`;
}

/**
 * The two parts of such a question: rows of whole hours, with what was asked by named as it is asked, and the condition on
 * `hour` for the views of the hours that the range cuts; null when it cuts none.
 */
export function splitHours(
  field: string,
  { open, at, table, intact }: CountedHours,
  question: HoursQuestion,
  values: SqlValues,
): { readonly counted: string; readonly rest: string | null; readonly unchanged: string } {
  const { range, filters } = question;
  const hours = wholeHours(range);
  const [first, end] = [values.second(hours.from / 1000), values.second(hours.to / 1000)];
  const columns = `app_id, hour, ${field === '' ? '' : `value AS ${field}, `}views, viewers, watch_ms, completed`;
  const where = `${appsSql(values, question.apps)} AND field = ${values.text(field)} AND hour >= ${first} AND hour < ${end}`;
  const rows = `SELECT ${columns}, version FROM view_hours FINAL
WHERE ${where} AND (app_id, hour) NOT IN (${appTimesSql(open.apps, open.hours, values)})
UNION ALL
SELECT ${columns}, toDateTime64(0, 3, 'UTC') AS version FROM ${table} WHERE ${intact} AND ${where}`;
  const isWhole = hours.from === range.from && hours.to === range.to;
  return {
    counted: `(SELECT * FROM (${rows}) WHERE views > 0 AND ${filtersSql(filters, values)})`,
    rest: isWhole ? null : `${hoursOfRange(range, values)} AND (hour < ${first} OR hour >= ${end})`,
    // An hour that was counted later may hold views that the moment has elsewhere: fails the statement, which is tried again.
    unchanged: `throwIf(max(version) > toDateTime64(${values.text(at)}, 3, 'UTC'), 'the moment is lost') = 0`,
  };
}
