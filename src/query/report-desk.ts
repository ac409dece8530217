import { askReport, type ReportRow } from '../store/questions/report.ts';
import { type ReportTemplate, readReportTemplates } from '../store/report-templates.ts';
import type { TimeRange } from '../store/sql/range.ts';
import type { QueryOptions } from './query.ts';
import { iso } from './schemas.ts';
import { ask } from './store-problem.ts';

/** Runs report templates, for the reports themselves and for answers that are made of them. */

export interface ReportScope {
  readonly range: TimeRange;
  /** Null: every app. */
  readonly apps: readonly string[] | null;
  readonly bots: boolean;
  /** Distinct things one by one, where the template estimates them. */
  readonly exact: boolean;
}

export type ReportParams = Readonly<Record<string, unknown>>;

/** The catalogue is asked for so many at once. */
const IDS_AT_ONCE = 500;
const EARLIEST_MS = 86_400_000;

export class ReportDesk {
  readonly templates: ReadonlyMap<string, ReportTemplate> = readReportTemplates();
  readonly #options: Pick<QueryOptions, 'store' | 'moments' | 'catalog' | 'gapLimitMs'>;

  constructor(options: Pick<QueryOptions, 'store' | 'moments' | 'catalog' | 'gapLimitMs'>) {
    this.#options = options;
  }

  /**
   * The rows of a template, with exactly its columns, times as ISO 8601.
   * @param params those that are left out have their defaults; the others must be checked
   */
  async run(template: ReportTemplate, scope: ReportScope, params: ReportParams): Promise<ReportRow[]> {
    const { store, moments, gapLimitMs } = this.#options;
    const defaults = Object.fromEntries(
      Object.entries(template.params).map(([name, param]) => [name, param.default]),
    );
    const rows = await ask(
      askReport(store, moments, {
        template,
        ...scope,
        params: { ...defaults, ...params },
        gapLimitMs,
        durationsOf: (ids) => this.#durationsOf(ids),
      }),
    );
    const titles = template.titles ? await this.#titlesOf(rows.map((row) => String(row.video_id))) : null;
    return rows.map((row) => shapeRow(template, row, titles));
  }

  /** As `run`; where the template says so, each row has the row of the period of equal length before. */
  async runWithPrevious(
    template: ReportTemplate,
    scope: ReportScope,
    params: ReportParams,
  ): Promise<ReportRow[]> {
    const rows = await this.run(template, scope, params);
    if (!template.previous) return rows;
    const { from, to } = scope.range;
    const range = { from: Math.max(EARLIEST_MS, 2 * from - to), to: from };
    const [previous] = await this.run(template, { ...scope, range }, params);
    return rows.map((row) => ({ ...row, previous }));
  }

  async #durationsOf(ids: readonly string[]): Promise<Map<string, number>> {
    const durations = new Map<string, number>();
    for (const video of await this.#videos(ids))
      if (video.duration_seconds !== null) durations.set(video.video_id, video.duration_seconds * 1000);
    return durations;
  }

  async #titlesOf(ids: readonly string[]): Promise<Map<string, string | null>> {
    return new Map((await this.#videos(ids)).map((video) => [video.video_id, video.title]));
  }

  async #videos(ids: readonly string[]) {
    const { videos } = this.#options.catalog;
    const found = [];
    for (let from = 0; from < ids.length; from += IDS_AT_ONCE) {
      const some = [...new Set(ids.slice(from, from + IDS_AT_ONCE))];
      found.push(await videos.list({ ids: some, limit: some.length }));
    }
    return found.flat();
  }
}

function shapeRow(
  template: ReportTemplate,
  row: ReportRow,
  titles: ReadonlyMap<string, string | null> | null,
): ReportRow {
  return Object.fromEntries(
    template.columns.map(({ name, type }) => {
      if (titles !== null && name === 'title') return [name, titles.get(String(row.video_id)) ?? null];
      const value = row[name] ?? null;
      return [name, type === 'time' && value !== null ? iso(value as number) : value];
    }),
  );
}
