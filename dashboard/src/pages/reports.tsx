import { useContext } from 'preact/hooks';
import type { Report, ReportColumn, ReportTemplate, SqlCell } from '../data/types.ts';
import { useQuery } from '../data/use-query.ts';
import { duration, fullNumber, percent, shortNumber } from '../format/number.ts';
import { PageHead } from '../shell/page-head.tsx';
import { useLiveSubscription } from '../shell/use-live.ts';
import { usePage } from '../state/page.ts';
import { ServicesContext } from '../state/services.ts';
import { Figure } from '../ui/figure.tsx';
import { Failure, SkeletonRows, States } from '../ui/panel.tsx';
import { ownParams, ParamsForm, readParam } from './reports/params-form.tsx';
import { ReportRows } from './reports/rows.tsx';
import { columnLabel } from './reports/table.ts';
import { useReport } from './reports/use-report.ts';

const FIRST = 'overview_stats';
const PREFIX = 'p.';

/** Questions that are written down at the service: pick one, set what it leaves open, take the rows along. */
export function ReportsPage() {
  const page = usePage();
  useLiveSubscription(page.app, false);
  const { location } = useContext(ServicesContext);
  const list = useQuery<{ data: ReportTemplate[] }>('/report');
  const templates = list.data?.data ?? [];
  const asked = page.query.get('report') ?? FIRST;
  const template = templates.find((one) => one.template === asked) ?? templates[0] ?? null;
  const pick = (name: string) => {
    const forget = Object.fromEntries(
      [...page.query.keys()].filter((key) => key.startsWith(PREFIX)).map((key) => [key, null]),
    );
    location.change({ ...forget, report: name === FIRST ? null : name });
  };
  return (
    <>
      <PageHead title="Reports" caption={page.caption} hasFilters={false} />
      <States query={list} skeleton={<SkeletonRows count={3} />}>
        <nav class="report-names" aria-label="Reports">
          {templates.map((one) => (
            <button
              key={one.template}
              type="button"
              class="segment"
              aria-pressed={one === template}
              onClick={() => pick(one.template)}
            >
              {one.title}
            </button>
          ))}
        </nav>
        {template !== null && <OneReport key={template.template} template={template} />}
      </States>
    </>
  );
}

function OneReport({ template }: { template: ReportTemplate }) {
  const { location } = useContext(ServicesContext);
  const { query, range, app } = usePage();
  const own = ownParams(template.params.properties);
  const textOf = (name: string) => query.get(PREFIX + name);
  const given = own.flatMap(([name, param]) => {
    const value = readParam(param, textOf(name));
    return value === undefined ? [] : [[name, value] as const];
  });
  const { report, error, stale, reload } = useReport({
    template: template.template,
    params: {
      ...(app === null ? {} : { app_id: app }),
      from: range.from.toISOString(),
      to: range.to.toISOString(),
      timezone: range.timezone,
      ...Object.fromEntries(given),
    },
  });
  return (
    <>
      <div class="report-head">
        <p class="muted">{template.description}</p>
        {own.length > 0 && (
          <ParamsForm
            params={own}
            textOf={textOf}
            onChange={(name, value) => location.change({ [PREFIX + name]: value }, 'replace')}
          />
        )}
      </div>
      {error !== null ? (
        <div class="panel">
          <Failure error={error} onRetry={reload} />
        </div>
      ) : report === null ? (
        <div class="panel loading" aria-busy="true">
          <SkeletonRows count={10} />
        </div>
      ) : (
        <Answer template={template} report={report} isStale={stale} />
      )}
    </>
  );
}

interface AnswerProps {
  template: ReportTemplate;
  report: Report;
  isStale: boolean;
}

function Answer({ template, report, isStale }: AnswerProps) {
  const [only] = report.rows;
  if (only?.previous != null) return <Figures report={report} row={only} isStale={isStale} />;
  return <ReportRows title={template.title} report={report} isStale={isStale} />;
}

function spellerOf({ name }: ReportColumn): (value: number) => string {
  if (name.endsWith('_rate')) return percent;
  if (name.endsWith('_percentage')) return (value) => percent(value / 100);
  return name.endsWith('_seconds') ? duration : shortNumber;
}

/** A report of one row, with the row of the period before. */
function Figures({
  report,
  row,
  isStale,
}: {
  report: Report;
  row: Record<string, SqlCell>;
  isStale: boolean;
}) {
  const before = row.previous as Record<string, SqlCell>;
  const amount = (cell: SqlCell | undefined) => (typeof cell === 'number' ? cell : null);
  return (
    <section class="panel" aria-label="Figures">
      <div class="figures report-figures">
        {report.columns
          .filter(({ type }) => type === 'integer' || type === 'number')
          .map((column) => (
            <Figure
              key={column.name}
              label={columnLabel(column.name)}
              help={column.description ?? columnLabel(column.name)}
              value={amount(row[column.name])}
              short={spellerOf(column)}
              full={fullNumber}
              color="--series-blue"
              before={amount(before[column.name])}
              lessIsBetter={column.name === 'errors'}
              isDimmed={isStale}
            />
          ))}
      </div>
    </section>
  );
}
