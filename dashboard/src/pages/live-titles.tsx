import { metricKey } from '../data/metric.ts';
import { useTitles } from '../data/titles.ts';
import type { MetricAnswer } from '../data/types.ts';
import { useQuery } from '../data/use-query.ts';
import { fullNumber, shortNumber } from '../format/number.ts';
import { sharedQuery } from '../state/location.ts';
import { usePage, useTick } from '../state/page.ts';
import { Link } from '../ui/link.tsx';
import { Empty, Panel, SkeletonRows, States } from '../ui/panel.tsx';
import { videoPath } from './routes.ts';

const WINDOW_MS = 5 * 60_000;
const ASK_EVERY_MS = 10_000;
const ROWS_MAX = 10;

/** What is watched at the moment, by people in the last five minutes. */
export function LiveTitles() {
  const { app, query: place } = usePage();
  const now = useTick(ASK_EVERY_MS);
  const query = useQuery<MetricAnswer>(
    metricKey({
      metric: 'viewers',
      from: new Date(now - WINDOW_MS),
      to: new Date(now),
      groupBy: 'video_id',
      app,
      limit: ROWS_MAX,
    }),
    app ?? '',
  );
  const rows = (query.data?.series ?? []).filter(
    (series) => (series.total ?? 0) > 0 && series.group.video_id,
  );
  const titleOf = useTitles(rows.map((series) => series.group.video_id ?? ''));
  const top = rows[0]?.total ?? 0;
  return (
    <Panel title="Top titles" class="panel-list" tools={<span class="muted">Viewers, last 5 min</span>}>
      <States
        query={query}
        skeleton={<SkeletonRows count={8} />}
        isEmpty={rows.length === 0}
        empty={
          <Empty>
            <p>
              <b>Nobody watches right now</b>
              <br />
              <span class="muted">A title shows up here with its first video_start or heartbeat.</span>
            </p>
          </Empty>
        }
      >
        <ol class="ranked" aria-label="Top titles">
          {rows.map((series) => {
            const id = series.group.video_id ?? '';
            const value = series.total ?? 0;
            const style = {
              '--share': `${top === 0 ? 0 : (value / top) * 100}%`,
              '--bar': 'var(--series-blue)',
            };
            return (
              <li key={id} class="ranked-row" style={style}>
                <Link path={videoPath(id)} query={sharedQuery(place, false)} class="ranked-main">
                  <span class="ranked-label">{titleOf(id)}</span>
                  <span class="ranked-value" title={`${fullNumber(value)} viewers`}>
                    {shortNumber(value)}
                  </span>
                </Link>
              </li>
            );
          })}
        </ol>
        {query.data?.truncated === true && (
          <p class="panel-note">
            The {ROWS_MAX} most watched.{' '}
            <Link path="/videos" query={sharedQuery(place)} class="link">
              All titles
            </Link>
          </p>
        )}
      </States>
    </Panel>
  );
}
