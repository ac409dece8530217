import { useContext, useEffect, useRef, useState } from 'preact/hooks';
import { requestKey } from '../data/api.ts';
import type { AnalyticsEvent, Page } from '../data/types.ts';
import { sharedQuery } from '../state/location.ts';
import { usePage } from '../state/page.ts';
import { useReader } from '../state/reader.ts';
import { ServicesContext } from '../state/services.ts';
import { EventRow } from '../ui/event-row.tsx';
import { Icon } from '../ui/icon.tsx';
import { Link } from '../ui/link.tsx';
import { Panel } from '../ui/panel.tsx';
import { Scroller } from '../ui/scroller.tsx';

const KEPT_MAX = 200;
const FIRST_ROWS = 30;
const SHOW_EVERY_MS = 400;

function withoutRepeats(events: readonly AnalyticsEvent[]): AnalyticsEvent[] {
  const byId = new Map(events.map((event) => [event.event_id, event]));
  return [...byId.values()].slice(0, KEPT_MAX);
}

/** Takes events as they come and hands them over a few times a second, so that the page stays calm. */
function useTail(isPaused: boolean, app: string | null): { events: AnalyticsEvent[]; waiting: number } {
  const { api, live } = useContext(ServicesContext);
  const reader = useReader();
  const [events, setEvents] = useState<AnalyticsEvent[]>([]);
  const [waiting, setWaiting] = useState(0);
  const buffer = useRef<AnalyticsEvent[]>([]);
  useEffect(() => {
    const controller = new AbortController();
    buffer.current = [];
    setEvents([]);
    api
      .read<Page<AnalyticsEvent>>(
        requestKey('/v1/events', { limit: FIRST_ROWS, app_id: app }),
        controller.signal,
      )
      .then(
        ({ data }) => setEvents((before) => withoutRepeats([...before, ...data])),
        () => {
          // The tail then begins empty; what is wrong with the store the panels beside it say.
        },
      );
    return () => controller.abort();
  }, [app, api, reader]);
  useEffect(
    () =>
      live.onEvent((event) => {
        buffer.current.unshift(event);
        if (buffer.current.length > KEPT_MAX) buffer.current.length = KEPT_MAX;
      }),
    [live],
  );
  useEffect(() => {
    const timer = setInterval(() => {
      if (isPaused) {
        setWaiting(buffer.current.length);
        return;
      }
      if (buffer.current.length === 0) return;
      const arrived = buffer.current;
      buffer.current = [];
      setWaiting(0);
      setEvents((before) => withoutRepeats([...arrived, ...before]));
    }, SHOW_EVERY_MS);
    return () => clearInterval(timer);
  }, [isPaused]);
  return { events, waiting };
}

function matches(event: AnalyticsEvent, words: readonly string[]): boolean {
  if (words.length === 0) return true;
  const text = `${event.event_name} ${event.video_id ?? ''} ${event.user_id ?? ''} ${event.anonymous_id ?? ''} ${event.session_id ?? ''} ${event.app_id}`;
  const lower = text.toLowerCase();
  return words.every((word) => lower.includes(word));
}

/** Events as they come in; can be paused and narrowed down. */
export function EventTail() {
  const { app, query } = usePage();
  const [isPaused, setPaused] = useState(false);
  const [text, setText] = useState('');
  const { events, waiting } = useTail(isPaused, app);
  const shown = events.filter((event) => matches(event, text.toLowerCase().split(/\s+/).filter(Boolean)));
  return (
    <Panel
      title="Events"
      class="panel-tail"
      tools={
        <>
          <input
            class="input input-small"
            type="search"
            aria-label="Show only events with these words"
            placeholder="Filter"
            value={text}
            onInput={(event) => setText(event.currentTarget.value)}
          />
          <button
            type="button"
            class="button button-small"
            aria-pressed={isPaused}
            onClick={() => setPaused(!isPaused)}
          >
            <Icon name={isPaused ? 'play' : 'pause'} size={14} />
            {isPaused ? 'Resume' : 'Pause'}
            {isPaused && waiting > 0 && (
              <span class="muted">{waiting >= KEPT_MAX ? `${KEPT_MAX}+` : waiting}</span>
            )}
          </button>
        </>
      }
    >
      <Scroller class="tail" label="Latest events">
        <ol>
          {shown.map((event) => (
            <EventRow key={event.event_id} event={event} />
          ))}
          {shown.length === 0 && (
            <li class="state">
              <p>
                <b>{events.length === 0 ? 'Quiet' : 'No match among the latest events'}</b>
                <br />
                <span class="muted">
                  {events.length === 0
                    ? 'Events show up here within a second of their arrival.'
                    : `${events.length} events do not have these words.`}
                </span>
              </p>
            </li>
          )}
        </ol>
      </Scroller>
      <p class="panel-note">
        {events.length >= KEPT_MAX ? `The latest ${KEPT_MAX}; at` : 'At'} high rates a sample.{' '}
        <Link path="/event-log" query={sharedQuery(query)} class="link">
          All events
        </Link>
      </p>
    </Panel>
  );
}
