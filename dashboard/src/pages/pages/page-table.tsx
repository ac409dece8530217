import { useContext } from 'preact/hooks';
import type { Behavior, PageRow } from '../../data/types-behavior.ts';
import type { Query } from '../../data/use-query.ts';
import { fileName, saveFile, spellCsv } from '../../format/csv.ts';
import { duration, fullNumber, percent, shortNumber } from '../../format/number.ts';
import { type PageState, usePage } from '../../state/page.ts';
import { ServicesContext } from '../../state/services.ts';
import { Icon } from '../../ui/icon.tsx';
import { Empty, Panel, SkeletonRows, States } from '../../ui/panel.tsx';
import { Scroller } from '../../ui/scroller.tsx';
import { useReport } from '../reports/use-report.ts';

const SORTS = [
  { sort: 'views', label: 'Most seen' },
  { sort: 'entries', label: 'Entry pages' },
  { sort: 'exits', label: 'Exit pages' },
] as const;
type Sort = (typeof SORTS)[number]['sort'];

interface Props {
  query: Query<Behavior>;
  /** Rows at most that the service was asked for. */
  limit: number;
  picked: string | null;
  onPick(path: string): void;
}

/** Pages by how often they were seen, or where visits begin or end; picking one shows how fast it is. */
export function PageTable({ query: summary, limit, picked, onPick }: Props) {
  const { location } = useContext(ServicesContext);
  const page = usePage();
  const asked = page.query.get('sort');
  const { sort, label } = SORTS.find((one) => one.sort === asked) ?? SORTS[0];
  // The summary has the most seen alone; the page at which most visits end need not be among them.
  const sorted = useSortedPages(page, sort, limit);
  const query = sort === 'views' ? summary : sorted;
  const rows = (sort === 'views' ? summary.data?.pages : sorted.data) ?? [];
  const save = () => {
    const head = ['page', 'views', 'users', 'entries', 'exits', 'avg_seconds'];
    const lines = rows.map((row) => [
      row.page,
      row.views,
      row.users,
      row.entries,
      row.exits,
      row.avg_seconds,
    ]);
    saveFile(
      fileName(`pages ${page.range.label}`, 'csv'),
      new Blob([spellCsv([head, ...lines])], { type: 'text/csv' }),
    );
  };
  return (
    <Panel
      title="Pages"
      label="List of pages"
      class="panel-sessions"
      tools={
        <>
          <div class="segments">
            {SORTS.map((one) => (
              <button
                key={one.sort}
                type="button"
                class="segment"
                aria-pressed={sort === one.sort}
                onClick={() => location.change({ sort: one.sort === 'views' ? null : one.sort }, 'replace')}
              >
                {one.label}
              </button>
            ))}
          </div>
          {rows.length > 0 && (
            <button type="button" class="button button-small" onClick={save}>
              <Icon name="download" size={14} /> CSV
            </button>
          )}
        </>
      }
    >
      <States
        query={query}
        skeleton={<SkeletonRows count={10} />}
        isEmpty={rows.length === 0}
        empty={
          <Empty>
            <p>
              <b>No page was seen in this range</b>
              <br />
              <span class="muted">
                Send page_view events with a page, to POST /v1/ingest/pageview for one.
              </span>
            </p>
          </Empty>
        }
      >
        <Rows rows={rows} sort={sort} picked={picked} onPick={onPick} />
        {rows.length >= limit && (
          <p class="panel-note">
            The first {rows.length} by {label.toLowerCase()}; the rest is left out.
          </p>
        )}
      </States>
    </Panel>
  );
}

function useSortedPages({ app, range }: PageState, sort: Sort, limit: number): Query<PageRow[]> {
  const params = {
    ...(app === null ? {} : { app_id: app }),
    from: range.from.toISOString(),
    to: range.to.toISOString(),
    timezone: range.timezone,
    sort,
    limit,
  };
  const { report, ...rest } = useReport(sort === 'views' ? null : { template: 'pages', params });
  return {
    ...rest,
    data: report === null ? null : (report.rows as unknown as PageRow[]),
    loading: report === null,
  };
}

interface RowsProps {
  rows: readonly PageRow[];
  sort: Sort;
  picked: string | null;
  onPick(path: string): void;
}

function Rows({ rows, sort, picked, onPick }: RowsProps) {
  const top = rows.reduce((most, row) => Math.max(most, row[sort]), 0);
  return (
    <Scroller label="Pages" class="table-scroll">
      <table class="table table-pages">
        <thead>
          <tr>
            <th scope="col">Page</th>
            {['Views', 'Users', 'Entries', 'Exits', 'Time on page'].map((label) => (
              <th key={label} scope="col" class="num">
                {label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={row.page} class={row.page === picked ? 'row-picked' : ''}>
              <td style={{ '--share': `${top === 0 ? 0 : (row[sort] / top) * 100}%` }}>
                {row.page === '' ? (
                  <span class="muted" title="Page views whose events name no page">
                    Not said
                  </span>
                ) : (
                  <button
                    type="button"
                    class="cell-button cut"
                    aria-pressed={row.page === picked}
                    title={`Web vitals of ${row.page}`}
                    onClick={() => onPick(row.page)}
                  >
                    {row.page}
                  </button>
                )}
              </td>
              <Amount value={row.views} />
              <Amount value={row.users} />
              <Amount value={row.entries} />
              <Amount value={row.exits} hint={row.views === 0 ? '' : percent(row.exits / row.views)} />
              <td class="num">{row.avg_seconds === null ? '–' : duration(row.avg_seconds)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroller>
  );
}

function Amount({ value, hint = '' }: { value: number; hint?: string }) {
  return (
    <td class="num" title={hint === '' ? fullNumber(value) : `${fullNumber(value)}, ${hint} of its views`}>
      {shortNumber(value)}
    </td>
  );
}
