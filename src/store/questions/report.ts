import { PLACEHOLDER, type ReportTemplate } from '../report-templates.ts';
import { watchPercentageSql } from '../sql/measures.ts';
import { IS_ERROR } from '../sql/metric-measures.ts';
import {
  countsSource,
  distinctSql,
  eventsSource,
  impressionsSource,
  type SourceScope,
} from '../sql/report-sources.ts';
import { appsSql, SqlValues } from '../sql/values.ts';
import { hoursOfRange } from '../sql/view-hours.ts';
import { VIEW_DIMENSIONS } from '../sql/views.ts';
import { StoreError } from '../store-error.ts';
import type { ViewMoments } from '../view-moments.ts';
import { dirtyListSql, readDirtyBuckets, type StoreReader } from './buckets.ts';
import { LATER } from './priority.ts';
import { useViews, type ViewsSql } from './views.ts';

export interface ReportQuestion extends SourceScope {
  readonly template: ReportTemplate;
  /** All of the template's, checked. */
  readonly params: Readonly<Record<string, unknown>>;
  readonly gapLimitMs: number;
  /** The catalogue's durations of these videos, in ms; those that it does not know are left out. */
  readonly durationsOf: (videoIds: readonly string[]) => Promise<ReadonlyMap<string, number>>;
}

/** A row by column, as ClickHouse has it: times in epoch ms. */
export type ReportRow = Readonly<Record<string, unknown>>;

/** Videos whose durations the catalogue is asked for, for one report. */
const VIDEOS_MAX = 100_000;
const MEMORY_LIMIT_EXCEEDED = 241;

/** Runs a template, exact at this moment. Rejects with StoreError. */
export async function askReport(
  store: StoreReader,
  moments: ViewMoments,
  question: ReportQuestion,
): Promise<ReportRow[]> {
  const words = new Set([...question.template.sql.matchAll(PLACEHOLDER)].map(([, word]) => word!));
  if (!words.has('views')) return await run(store, question, words, null, new SqlValues());
  return await useViews(store, moments, question, (views, values) =>
    run(store, question, words, views, values),
  );
}

async function run(
  store: StoreReader,
  question: ReportQuestion,
  words: ReadonlySet<string>,
  viewsSql: ViewsSql | null,
  values: SqlValues,
): Promise<ReportRow[]> {
  const { template, apps, range, params } = question;
  const views = viewsSql === null ? '' : viewsSource(viewsSql, question, values);
  const share = words.has('share')
    ? watchPercentageSql(await durationSql(store, views, question, values))
    : '';
  const usesBuckets = words.has('counts') || words.has('impressions');
  // Read before the statement: see readDirtyBuckets.
  const dirty = usesBuckets ? dirtyListSql(await readDirtyBuckets(store, apps, range), values) : '';
  const sql = distinctSql(template.sql, question).replace(
    PLACEHOLDER,
    (_, word: string, from = '0', to = '0') => {
      switch (word) {
        case 'events':
          return eventsSource(question, { from: Number(from), to: Number(to) }, values);
        case 'counts':
          return countsSource(question, dirty, values);
        case 'impressions':
          return impressionsSource(question, dirty, values);
        case 'views':
          return views;
        case 'share':
          return share;
        case 'from':
          return values.instant(range.from);
        case 'to':
          return values.instant(range.to);
        case 'is_error':
          return IS_ERROR;
        default:
          throw new RangeError(`there is no placeholder ${word}`);
      }
    },
  );
  return await store.select<ReportRow>(sql, { ...values.params, ...params }, { settings: LATER });
}

/** Views that begin in the range, with those of their dimensions that the template names. */
function viewsSource(viewsSql: ViewsSql, question: ReportQuestion, values: SqlValues): string {
  const { range, apps, bots, template } = question;
  const named = new Set(template.sql.match(/\w+/g));
  const started = `started_at >= ${values.instant(range.from)} AND started_at < ${values.instant(range.to)}`;
  const scope = {
    apps: appsSql(values, apps),
    views: '1',
    where: `${started} AND ${bots ? '1' : 'NOT is_bot'}`,
    hours: hoursOfRange(range, values),
  };
  return `(${viewsSql(
    scope,
    VIEW_DIMENSIONS.filter((name) => name === 'is_bot' || named.has(name)),
  )})`;
}

/** A view's duration in ms: the catalogue's, else what the player said. */
async function durationSql(
  store: StoreReader,
  views: string,
  { durationsOf }: ReportQuestion,
  values: SqlValues,
): Promise<string> {
  const rows = await store.select<{ video_id: string }>(
    `SELECT DISTINCT video_id FROM ${views} LIMIT ${VIDEOS_MAX + 1}`,
    values.params,
  );
  if (rows.length > VIDEOS_MAX)
    throw new StoreError('refused', MEMORY_LIMIT_EXCEEDED, `the views are of more than ${VIDEOS_MAX} videos`);
  const durations = await durationsOf(rows.map((row) => row.video_id));
  if (durations.size === 0) return 'duration_ms';
  const ids = values.texts([...durations.keys()]);
  const amounts = values.list('Float64', [...durations.values()]);
  return `transform(video_id, ${ids}, ${amounts}, duration_ms)`;
}
