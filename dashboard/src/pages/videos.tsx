import { useContext, useState } from 'preact/hooks';
import { requestKey } from '../data/api.ts';
import { metricKey } from '../data/metric.ts';
import type { Metric, MetricAnswer, Page, Video } from '../data/types.ts';
import { useQueries, useQuery } from '../data/use-query.ts';
import { fileName, saveFile, spellCsv } from '../format/csv.ts';
import { LOOKS } from '../format/metric.ts';
import { duration, withoutZeroPart } from '../format/number.ts';
import { PageHead } from '../shell/page-head.tsx';
import { useLiveSubscription } from '../shell/use-live.ts';
import { sharedQuery } from '../state/location.ts';
import { usePage } from '../state/page.ts';
import { ServicesContext } from '../state/services.ts';
import { Icon } from '../ui/icon.tsx';
import { Link } from '../ui/link.tsx';
import { Empty, Panel, SkeletonRows, States } from '../ui/panel.tsx';
import { videoPath } from './routes.ts';

const COLUMNS: readonly Metric[] = ['views', 'viewers', 'watch_time_seconds', 'completion_rate', 'errors'];
const ROWS_STEP = 50;
const ROWS_MAX = 500;

interface Row {
  id: string;
  video: Video | undefined;
  values: (number | null)[];
}

function totals(answer: MetricAnswer | null): Map<string, number | null> {
  return new Map(answer?.series.map((series) => [series.group.video_id ?? '', series.total]));
}

/** The column that sorts names the titles; the others are asked for these titles only, so that no cell is missing. */
function useRows(sort: Metric, limit: number) {
  const { range, app, asked, filters } = usePage();
  const shared = {
    from: range.from,
    to: range.to,
    groupBy: 'video_id',
    app,
    timezone: range.timezone,
    limit,
  };
  const leader = useQuery<MetricAnswer>(metricKey({ ...shared, metric: sort, filters }), asked);
  const ids = (leader.data?.series ?? [])
    .map((series) => series.group.video_id ?? '')
    .filter((id) => id !== '');
  const only = [
    ...filters.filter((one) => one.field !== 'video_id'),
    { field: 'video_id', op: 'in', value: ids.join(',') },
  ];
  const others = useQueries<MetricAnswer>(
    COLUMNS.map((metric) =>
      metric === sort || ids.length === 0 ? null : metricKey({ ...shared, metric, filters: only }),
    ),
    asked,
  );
  const titles = useQuery<Page<Video>>(
    ids.length === 0 ? null : requestKey('/v1/videos', { ids: [...ids].sort().join(','), limit: ids.length }),
  );
  const videos = new Map(titles.data?.data.map((video) => [video.video_id, video]));
  const byColumn = COLUMNS.map((metric, index) =>
    totals(metric === sort ? leader.data : others[index]!.data),
  );
  const isKnown = COLUMNS.map((metric, index) => (metric === sort ? leader : others[index]!).data !== null);
  const rows = ids.map(
    (id): Row => ({
      id,
      video: videos.get(id),
      values: byColumn.map(
        (column, index) =>
          column.get(id) ?? (isKnown[index] && COLUMNS[index] !== 'completion_rate' ? 0 : null),
      ),
    }),
  );
  return { leader, rows, isCut: leader.data?.truncated === true };
}

function isMetric(text: string | null): text is Metric {
  return COLUMNS.some((metric) => metric === text);
}

function hasWords(row: Row, text: string): boolean {
  const { video, id } = row;
  const name = [video?.title, id, video?.series, ...(video?.tags ?? [])].join(' ').toLowerCase();
  return text
    .toLowerCase()
    .split(/\s+/)
    .every((word) => name.includes(word));
}

interface ToolsProps {
  text: string;
  onText: (text: string) => void;
  rows: readonly Row[];
  caption: string;
}

function Tools({ text, onText, rows, caption }: ToolsProps) {
  function save(): void {
    const head = ['video_id', 'title', ...COLUMNS];
    const body = rows.map((row) => [row.id, row.video?.title ?? '', ...row.values]);
    const csv = new Blob([spellCsv([head, ...body])], { type: 'text/csv' });
    saveFile(fileName(`videos ${caption}`, 'csv'), csv);
  }
  return (
    <>
      <input
        class="input input-small"
        type="search"
        aria-label="Find among these titles"
        placeholder="Find a title"
        value={text}
        onInput={(event) => onText(event.currentTarget.value)}
      />
      <button type="button" class="icon-button" aria-label="Save as CSV" title="Save as CSV" onClick={save}>
        <Icon name="download" />
      </button>
    </>
  );
}

/** All titles that were watched, side by side. */
export function VideosPage() {
  const { location } = useContext(ServicesContext);
  const page = usePage();
  useLiveSubscription(page.app, false);
  const [text, setText] = useState('');
  const [limit, setLimit] = useState(ROWS_STEP);
  const asked = page.query.get('sort');
  const sort: Metric = isMetric(asked) ? asked : 'views';
  const { leader, rows, isCut } = useRows(sort, limit);
  const shown = rows.filter((row) => hasWords(row, text));

  return (
    <>
      <PageHead title="Videos" caption={page.caption} />
      <Panel
        title="Titles"
        class="panel-wide"
        tools={<Tools text={text} onText={setText} rows={shown} caption={page.caption} />}
      >
        <States
          query={leader}
          skeleton={<SkeletonRows count={12} />}
          isEmpty={rows.length === 0}
          empty={
            <Empty>
              <p>
                <b>No title was watched in this range</b>
                <br />
                <span class="muted">Pick a longer range, or send video_id with each playback event.</span>
              </p>
            </Empty>
          }
        >
          <VideoTable
            rows={shown}
            sort={sort}
            onSort={(metric) => location.change({ sort: metric === 'views' ? null : metric }, 'replace')}
            query={sharedQuery(page.query, false)}
          />
          {shown.length === 0 && <Empty>None of these titles has all of these words.</Empty>}
          {isCut && (
            <footer class="panel-foot">
              <span class="muted">
                The {rows.length} with the most {LOOKS[sort].label.toLowerCase()}; the rest is cut.
              </span>
              {limit < ROWS_MAX && (
                <button type="button" class="link" onClick={() => setLimit(Math.min(ROWS_MAX, limit * 4))}>
                  Show more
                </button>
              )}
            </footer>
          )}
        </States>
      </Panel>
    </>
  );
}

interface TableProps {
  rows: readonly Row[];
  sort: Metric;
  onSort: (metric: Metric) => void;
  query: URLSearchParams;
}

function VideoTable({ rows, sort, onSort, query }: TableProps) {
  const column = COLUMNS.indexOf(sort);
  const top = Math.max(0, ...rows.map((row) => row.values[column] ?? 0));
  return (
    <div class="table-scroll">
      <table class="table table-videos">
        <thead>
          <tr>
            <th scope="col">Title</th>
            {COLUMNS.map((metric) => (
              <th
                key={metric}
                scope="col"
                class={`num column-${metric}`}
                aria-sort={metric === sort ? 'descending' : 'none'}
              >
                <button type="button" class="sort" onClick={() => onSort(metric)} title={LOOKS[metric].help}>
                  {LOOKS[metric].label}
                  <span aria-hidden="true">{metric === sort ? ' ↓' : ''}</span>
                </button>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => {
            const share = top === 0 ? 0 : ((row.values[column] ?? 0) / top) * 100;
            return (
              <tr key={row.id} style={{ '--share': `${share}%`, '--bar': `var(${LOOKS[sort].color})` }}>
                <th scope="row" class="video-cell">
                  <Link path={videoPath(row.id)} query={query} class="video-link">
                    <span class="cut">{row.video?.title ?? row.id}</span>
                    <span class="muted small cut">
                      {[
                        row.video?.series,
                        row.video?.duration_seconds
                          ? withoutZeroPart(duration(row.video.duration_seconds))
                          : null,
                      ]
                        .filter(Boolean)
                        .join(' · ') || row.id}
                    </span>
                  </Link>
                </th>
                {COLUMNS.map((metric, index) => {
                  const value = row.values[index] ?? null;
                  const look = LOOKS[metric];
                  return (
                    <td
                      key={metric}
                      class={`num column-${metric}`}
                      title={value === null ? 'not known' : look.full(value)}
                    >
                      {value === null ? '–' : look.short(value)}
                    </td>
                  );
                })}
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}
