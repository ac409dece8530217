import { useContext } from 'preact/hooks';
import type { Session } from '../../data/types.ts';
import { usePages } from '../../data/use-pages.ts';
import { countryName } from '../../format/country.ts';
import { duration } from '../../format/number.ts';
import { eventTime, exactTime } from '../../format/time.ts';
import { toggleFilter } from '../../state/filters.ts';
import { sharedQuery } from '../../state/location.ts';
import { useFilters, usePage } from '../../state/page.ts';
import { spellRange } from '../../state/range.ts';
import { ServicesContext } from '../../state/services.ts';
import { Icon } from '../../ui/icon.tsx';
import { Link } from '../../ui/link.tsx';
import { ListFoot } from '../../ui/list-foot.tsx';
import { Empty, Panel, SkeletonRows, States } from '../../ui/panel.tsx';
import { sessionPath } from '../routes.ts';
import { listKey } from './measures.ts';

const SORTS = [
  { sort: 'started_at', label: 'Newest' },
  { sort: 'duration_seconds', label: 'Longest' },
  { sort: 'page_views', label: 'Most pages' },
  { sort: 'events', label: 'Most events' },
];

/** The sessions themselves; each leads to what happened in it. */
export function SessionList() {
  const { location } = useContext(ServicesContext);
  const page = usePage();
  const asked = page.query.get('sort') ?? '';
  const sort = SORTS.some((one) => one.sort === asked) ? asked : 'started_at';
  const list = usePages<Session>(
    (cursor) => listKey(page, sort, cursor),
    page.asked,
    (session) => `${session.app_id} ${session.session_id}`,
  );
  return (
    <Panel
      title="Sessions"
      label="List of sessions"
      class="panel-sessions"
      tools={
        <div class="segments">
          {SORTS.map((one) => (
            <button
              key={one.sort}
              type="button"
              class="segment"
              aria-pressed={sort === one.sort}
              onClick={() =>
                location.change({ sort: one.sort === 'started_at' ? null : one.sort }, 'replace')
              }
            >
              {one.label}
            </button>
          ))}
        </div>
      }
    >
      <States
        query={list.first}
        skeleton={<SkeletonRows count={10} />}
        isEmpty={list.items.length === 0}
        empty={
          <Empty>
            <p>
              <b>No sessions match</b>
              <br />
              <span class="muted">Remove a filter or pick a longer range.</span>
            </p>
          </Empty>
        }
      >
        <SessionTable sessions={list.items} />
        <ListFoot list={list} rest="more" />
      </States>
    </Panel>
  );
}

function SessionTable({ sessions }: { sessions: readonly Session[] }) {
  return (
    <div class="table-scroll">
      <table class="table table-sessions">
        <thead>
          <tr>
            <th scope="col">Began</th>
            <th scope="col">User</th>
            <th scope="col" class="column-wide">
              Pages from and to
            </th>
            <th scope="col" class="num">
              Duration
            </th>
            <th scope="col" class="num">
              Pages
            </th>
            <th scope="col" class="num column-events">
              Events
            </th>
            <th scope="col" class="column-wide">
              With
            </th>
            <th scope="col">
              <span class="sr-only">What happened in it</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {sessions.map((session) => (
            <SessionRow key={`${session.app_id} ${session.session_id}`} session={session} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function SessionRow({ session }: { session: Session }) {
  const { filters, setFilters } = useFilters();
  const { query } = usePage();
  const field = session.user_id !== null ? 'user_id' : 'anonymous_id';
  const actor = session[field];
  const made = [session.country && countryName(session.country), session.device, session.browser];
  return (
    <tr>
      <td title={exactTime(session.started_at)}>{eventTime(session.started_at, new Date())}</td>
      <td class="cell-actor">
        {actor === null ? (
          <span class="muted">–</span>
        ) : (
          <button
            type="button"
            class="cell-button cut"
            title={`Show only ${actor}`}
            onClick={() => setFilters(toggleFilter(filters, { field, op: 'eq', value: actor }))}
          >
            {actor}
          </button>
        )}{' '}
        {session.is_new && <span class="tag">new</span>} {session.bounced && <span class="tag">bounced</span>}
        {session.errors > 0 && <span class="tag tag-bad">{session.errors} errors</span>}
      </td>
      <td class="column-wide cut">
        {session.entry_page ?? <span class="muted">–</span>}
        {session.exit_page !== null && session.exit_page !== session.entry_page && ` → ${session.exit_page}`}
      </td>
      <td class="num">{duration(session.duration_seconds)}</td>
      <td class="num">{session.page_views}</td>
      <td class="num column-events">{session.events}</td>
      <td class="column-wide cut muted">{made.filter(Boolean).join(' · ') || '–'}</td>
      <td>
        <Link
          path={sessionPath(session.session_id)}
          query={spanOf(session, query)}
          class="row-link"
          label="What happened in this session"
        >
          <Icon name="arrow" size={14} />
        </Link>
      </td>
    </tr>
  );
}

/** All of the session's events lie between its first and its last; the range of the other pages goes along. */
function spanOf(session: Session, page: URLSearchParams): URLSearchParams {
  const query = sharedQuery(page);
  const { from, to } = spellRange(
    new Date(session.started_at),
    new Date(Date.parse(session.ended_at) + 60_000),
  );
  query.set('of', session.app_id);
  query.set('since', from);
  query.set('until', to);
  return query;
}
