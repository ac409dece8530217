import { useContext, useEffect, useRef, useState } from 'preact/hooks';
import { requestKey } from '../data/api.ts';
import type { AnalyticsEvent } from '../data/types.ts';
import { usePages } from '../data/use-pages.ts';
import { eventTime, exactTime } from '../format/time.ts';
import { PageHead } from '../shell/page-head.tsx';
import { useLiveSubscription } from '../shell/use-live.ts';
import { FIELD_LABELS, spellFilter, toggleFilter } from '../state/filters.ts';
import { sharedQuery } from '../state/location.ts';
import { type PageState, useFilters, usePage } from '../state/page.ts';
import { ServicesContext } from '../state/services.ts';
import { actorOf, EventDetail, EventName } from '../ui/event-row.tsx';
import { Icon } from '../ui/icon.tsx';
import { Link } from '../ui/link.tsx';
import { ListFoot } from '../ui/list-foot.tsx';
import { Empty, Panel, SkeletonRows, States } from '../ui/panel.tsx';
import { videoPath } from './routes.ts';

const PAGE_ROWS = 50;
/** These have a parameter of their own. */
const OWN_PARAMETERS = ['event_name', 'user_id', 'session_id', 'video_id', 'view_id'];
const FIELDS = [
  ...OWN_PARAMETERS,
  'anonymous_id',
  'country',
  'device',
  'browser',
  'os',
  'referrer',
  'utm_source',
  'utm_campaign',
];

function eventsKey(page: PageState, cursor: string | null): string {
  const own: Record<string, string> = {};
  const rest: string[] = [];
  for (const filter of page.filters) {
    const isOwn =
      filter.op === 'eq' && OWN_PARAMETERS.includes(filter.field) && own[filter.field] === undefined;
    if (isOwn && filter.value !== '') own[filter.field] = filter.value;
    else rest.push(spellFilter(filter));
  }
  const { range } = page;
  return requestKey('/v1/events', {
    ...own,
    filter: rest,
    app_id: page.app,
    from: range.from.toISOString(),
    to: range.to.toISOString(),
    limit: PAGE_ROWS,
    cursor,
  });
}

/** Counts what came in live since the list was read; the list itself stands still under the reader's eyes. */
function useArrivals(page: PageState, shownAt: unknown): number {
  const { live } = useContext(ServicesContext);
  const [count, setCount] = useState(0);
  const names = page.filters.flatMap((filter) =>
    filter.field === 'event_name' && filter.op === 'eq' ? [filter.value] : [],
  );
  const hasOther = page.filters.some((filter) => filter.field !== 'event_name');
  const arrived = useRef(0);
  useEffect(() => {
    arrived.current = 0;
    setCount(0);
  }, [shownAt]);
  useEffect(() => {
    if (!page.range.open || hasOther) return;
    const stop = live.onEvent((event) => {
      if (names.length === 0 || names.includes(event.event_name)) arrived.current += 1;
    });
    const timer = setInterval(() => setCount(arrived.current), 1_000);
    return () => {
      stop();
      clearInterval(timer);
    };
  }, [live, page.asked]);
  return count;
}

/** The events themselves, newest first. */
export function EventsPage() {
  const page = usePage();
  const { filters, setFilters } = useFilters();
  useLiveSubscription(page.app, page.range.open);
  const list = usePages<AnalyticsEvent>(
    (cursor) => eventsKey(page, cursor),
    page.asked,
    (event) => event.event_id,
  );
  const { first, items: events } = list;
  const arrivals = useArrivals(page, first.data);
  return (
    <>
      <PageHead
        title="Events"
        caption={page.caption}
        tools={
          <AddFilter
            onAdd={(field, value) => setFilters(toggleFilter(filters, { field, op: 'eq', value }))}
          />
        }
      />
      <Panel
        title="Newest first"
        class="panel-wide"
        tools={
          <button type="button" class="button button-small" onClick={first.reload}>
            <Icon name="refresh" size={14} />
            <span aria-live="polite">
              {arrivals > 0 ? `${arrivals >= 1000 ? '1,000+' : arrivals} new` : 'Refresh'}
            </span>
          </button>
        }
      >
        <States
          query={first}
          skeleton={<SkeletonRows count={14} />}
          isEmpty={events.length === 0}
          empty={
            <Empty>
              <p>
                <b>No events match</b>
                <br />
                <span class="muted">Remove a filter or pick a longer range.</span>
              </p>
            </Empty>
          }
        >
          <EventTable events={events} query={page.query} />
          <ListFoot list={list} rest="older ones" />
        </States>
      </Panel>
    </>
  );
}

function AddFilter({ onAdd }: { onAdd: (field: string, value: string) => void }) {
  const [field, setField] = useState('event_name');
  const [value, setValue] = useState('');
  return (
    <form
      class="add-filter"
      onSubmit={(event) => {
        event.preventDefault();
        if (value.trim() === '') return;
        onAdd(field, value.trim());
        setValue('');
      }}
    >
      <select
        class="input input-small"
        aria-label="Field to filter by"
        value={field}
        onChange={(event) => setField(event.currentTarget.value)}
      >
        {FIELDS.map((name) => (
          <option key={name} value={name}>
            {FIELD_LABELS[name] ?? name}
          </option>
        ))}
      </select>
      <input
        class="input input-small"
        aria-label="Value to filter by"
        placeholder="is exactly …"
        value={value}
        onInput={(event) => setValue(event.currentTarget.value)}
      />
      <button type="submit" class="button button-small" disabled={value.trim() === ''}>
        Add
      </button>
    </form>
  );
}

function EventTable({ events, query }: { events: readonly AnalyticsEvent[]; query: URLSearchParams }) {
  const [open, setOpen] = useState<string | null>(null);
  return (
    <div class="table-scroll">
      <table class="table table-events">
        <thead>
          <tr>
            <th scope="col">Time</th>
            <th scope="col">Event</th>
            <th scope="col" class="column-video">
              Video
            </th>
            <th scope="col" class="column-actor">
              User
            </th>
            <th scope="col" class="column-app">
              App
            </th>
            <th scope="col">
              <span class="sr-only">Details</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {events.map((event) => (
            <EventTableRow
              key={event.event_id}
              event={event}
              query={query}
              isOpen={open === event.event_id}
              onToggle={() => setOpen(open === event.event_id ? null : event.event_id)}
            />
          ))}
        </tbody>
      </table>
    </div>
  );
}

interface RowProps {
  event: AnalyticsEvent;
  query: URLSearchParams;
  isOpen: boolean;
  onToggle: () => void;
}

function EventTableRow({ event, query, isOpen, onToggle }: RowProps) {
  const { filters, setFilters } = useFilters();
  const add = (field: string, value: string) => () =>
    setFilters(toggleFilter(filters, { field, op: 'eq', value }));
  const actor = actorOf(event);
  const actorField = event.user_id ? 'user_id' : event.anonymous_id ? 'anonymous_id' : 'session_id';
  return (
    <>
      <tr class={isOpen ? 'row-open' : ''}>
        <td title={exactTime(event.timestamp)}>{eventTime(event.timestamp, new Date())}</td>
        <td>
          <button
            type="button"
            class="cell-button"
            title={`Show only ${event.event_name}`}
            onClick={add('event_name', event.event_name)}
          >
            <EventName name={event.event_name} />
          </button>
        </td>
        <td class="column-video">
          {event.video_id ? (
            <Link path={videoPath(event.video_id)} query={sharedQuery(query, false)} class="cell-link cut">
              {event.video_id}
            </Link>
          ) : (
            <span class="muted">–</span>
          )}
        </td>
        <td class="column-actor">
          {actor === '' ? (
            <span class="muted">–</span>
          ) : (
            <button
              type="button"
              class="cell-button cut"
              title={`Show only ${actor}`}
              onClick={add(actorField, actor)}
            >
              {actor}
            </button>
          )}
        </td>
        <td class="column-app cut muted">{event.app_id}</td>
        <td class="column-open">
          <button
            type="button"
            class="icon-button"
            aria-expanded={isOpen}
            aria-label={`Details of ${event.event_name}`}
            onClick={onToggle}
          >
            <Icon name="chevron" size={14} />
          </button>
        </td>
      </tr>
      {isOpen && (
        <tr class="row-detail">
          <td colSpan={6}>
            <EventDetail event={event} />
          </td>
        </tr>
      )}
    </>
  );
}
