import { requestKey } from '../data/api.ts';
import type { AnalyticsEvent } from '../data/types.ts';
import { type Pages, usePages } from '../data/use-pages.ts';
import { countryName } from '../format/country.ts';
import { duration, fullNumber, shortNumber } from '../format/number.ts';
import { exactTime } from '../format/time.ts';
import { useLiveSubscription } from '../shell/use-live.ts';
import { FIELD_LABELS, spellFilter } from '../state/filters.ts';
import { sharedQuery } from '../state/location.ts';
import { usePage } from '../state/page.ts';
import { Figure } from '../ui/figure.tsx';
import { Icon } from '../ui/icon.tsx';
import { Link } from '../ui/link.tsx';
import { ListFoot } from '../ui/list-foot.tsx';
import { Empty, Panel, SkeletonRows, States } from '../ui/panel.tsx';
import { Moments } from './session/moments.tsx';
import { Scale } from './session/scale.tsx';
import { factsOf, type Timeline, timelineOf } from './session/timeline.ts';

const PAGE_EVENTS = 500;
/** Where the address names no span, the session is looked for in these. */
const LOOK_BACK_DAYS = 90;
const DAY_MS = 86_400_000;

/** The session's own span, if the address names it; the range of other pages is not about it. */
function spanOf(query: URLSearchParams, now: number): { from: string; to: string } {
  const [from, to] = [query.get('since'), query.get('until')];
  if (from !== null && to !== null) return { from, to };
  const today = Math.ceil(now / DAY_MS) * DAY_MS;
  return {
    from: new Date(today - LOOK_BACK_DAYS * DAY_MS).toISOString(),
    to: new Date(today + DAY_MS).toISOString(),
  };
}

/** One session from its first event to its last. */
export function SessionPage({ id }: { id: string }) {
  const page = usePage();
  useLiveSubscription(page.app, false);
  const span = spanOf(page.query, Date.now());
  const list = usePages<AnalyticsEvent>(
    (cursor) =>
      requestKey('/v1/events', {
        session_id: id,
        app_id: page.query.get('of') ?? page.app,
        ...span,
        // A session of a bot has a timeline, too.
        bots: 'true',
        order: 'asc',
        limit: PAGE_EVENTS,
        cursor,
      }),
    page.asked,
    (event) => event.event_id,
  );
  const timeline = timelineOf(list.items);
  return (
    <>
      <Head id={id} timeline={timeline} span={span} />
      <section class="panel panel-wide" aria-label="Figures and timeline">
        <Figures timeline={timeline} isLoading={list.first.loading} isCut={list.hasMore} />
        <States
          query={list.first}
          skeleton={<SkeletonRows count={10} />}
          isEmpty={timeline === null}
          empty={
            <Empty>
              <p>
                <b>No event of this session is there</b>
                <br />
                <span class="muted">
                  Its events may be older than those that are kept, of another app, or not stored yet.
                </span>
              </p>
            </Empty>
          }
        >
          {timeline !== null && <Scale timeline={timeline} />}
        </States>
      </section>
      {timeline !== null && <Story timeline={timeline} list={list} />}
    </>
  );
}

interface HeadProps {
  id: string;
  timeline: Timeline | null;
  span: { from: string; to: string };
}

function Head({ id, timeline, span }: HeadProps) {
  const { query, app } = usePage();
  const events = new URLSearchParams(span);
  const of = query.get('of') ?? app;
  if (of !== null) events.set('app', of);
  events.append('f', spellFilter({ field: 'session_id', op: 'eq', value: id }));
  const last =
    timeline === null ? '' : `${exactTime(timeline.startedAt)}, ${duration(timeline.durationMs / 1000)}`;
  return (
    <div class="page-head poster">
      <Link path="/sessions" query={sharedQuery(query)} class="icon-button" label="All sessions">
        <Icon name="back" />
      </Link>
      <div class="poster-text">
        <h1 class="cut" title={id}>
          {id}
        </h1>
        <p class="caption">
          Session
          {last !== '' && <span>{last}</span>}
          {timeline !== null && <span class="tag">{timeline.moments[0]!.event.app_id}</span>}
          {timeline?.moments.some(({ event }) => event.is_bot === true) && <span class="tag">bot</span>}
        </p>
      </div>
      <div class="panel-tools">
        <Link path="/event-log" query={events} class="button button-small">
          <Icon name="events" size={14} /> In the event list
        </Link>
      </div>
    </div>
  );
}

interface FiguresProps {
  timeline: Timeline | null;
  isLoading: boolean;
  isCut: boolean;
}

function Figures({ timeline, isLoading, isCut }: FiguresProps) {
  const of = isCut ? ', as far as they are read' : '';
  const number = { short: shortNumber, full: fullNumber, color: '--series-blue', isLoading };
  return (
    <div class="figures">
      <Figure
        {...number}
        label="Duration"
        help={`From the first event to the last${of}`}
        value={timeline === null ? null : timeline.durationMs / 1000}
        short={duration}
        full={duration}
      />
      <Figure {...number} label="Events" help={`All events${of}`} value={timeline?.moments.length ?? null} />
      <Figure {...number} label="Page views" help={`Pages seen${of}`} value={timeline?.pages ?? null} />
      <Figure {...number} label="Plays" help={`Playbacks begun${of}`} value={timeline?.plays ?? null} />
      <Figure {...number} label="Errors" help={`Errors of any kind${of}`} value={timeline?.errors ?? null} />
    </div>
  );
}

function Story({ timeline, list }: { timeline: Timeline; list: Pages<AnalyticsEvent> }) {
  const facts = factsOf(timeline.moments);
  return (
    <div class="video-grid session-grid">
      <Panel title="What happened">
        <Moments moments={timeline.moments} />
        {list.hasMore ? (
          <ListFoot list={list} rest="later ones" />
        ) : (
          <p class="panel-note">The end, {exactTime(timeline.endedAt)}.</p>
        )}
      </Panel>
      <Panel title="Who and with what" class="session-facts">
        <dl>
          {facts.map(({ field, value }) => (
            <div key={field}>
              <dt>{FIELD_LABELS[field] ?? field}</dt>
              <dd>{field === 'country' ? countryName(value) : value}</dd>
            </div>
          ))}
        </dl>
        {facts.length === 0 && <p class="panel-note">Its events say neither.</p>}
      </Panel>
    </div>
  );
}
