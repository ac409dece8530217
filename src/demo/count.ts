/**
 * The demo's own count of what it sent, by the rules of counting (product, section 5), event by event.
 * In: every event once, when the server has taken it, in any order. Out: what the server has to say about them.
 * It can count by construction, because it knows who is behind each event. Memory: one bit per person and title, and
 * the events of views that are not settled yet.
 */
import type { Catalogue, Title } from './catalogue.ts';
import { createPeopleSet, type PeopleSet } from './people-set.ts';
import type { DemoEvent, DemoView, Visit } from './visit.ts';

/** Cap of one stretch of watch time, the default of the service. */
const gapLimitMs = 30_000;
const dayMs = 86_400_000;

/** Distinct people: those with a number, and those known by one session only. */
export interface People {
  readonly numbered: PeopleSet;
  nameless: number;
}

export interface AppCount {
  events: number;
  page_views: number;
  sessions: number;
  errors: number;
  impressions: number;
  completions: number;
  views: number;
  completedViews: number;
  watchMs: number;
  readonly users: People;
  readonly viewers: People;
  readonly reach: People;
  /** By UTC day (YYYY-MM-DD). */
  readonly days: Map<string, DayCount>;
}

export interface DayCount {
  events: number;
  views: number;
}

export interface TitleCount {
  views: number;
  completedViews: number;
  watchMs: number;
  /** Views with a known duration, and the sum of their percentages. */
  knownViews: number;
  percentages: number;
  readonly viewers: People;
}

export interface Count {
  readonly apps: Map<string, AppCount>;
  readonly titles: Map<string, TitleCount>;
}

export interface Counter {
  /** An event that was taken. Copies, collisions and bad events may come too: they count nothing. */
  add(event: DemoEvent): void;
  /** An event that was given up: it never reached the server. */
  giveUp(event: DemoEvent): void;
  /** Settles the views that are still open; nothing may be added to them afterwards. */
  settle(): void;
  readonly count: Count;
}

export function createPeople(numbered = '', nameless = 0): People {
  return { numbered: createPeopleSet(numbered), nameless };
}

export function peopleSize(people: People): number {
  return people.numbered.size + people.nameless;
}

export function createAppCount(): AppCount {
  return {
    events: 0,
    page_views: 0,
    sessions: 0,
    errors: 0,
    impressions: 0,
    completions: 0,
    views: 0,
    completedViews: 0,
    watchMs: 0,
    users: createPeople(),
    viewers: createPeople(),
    reach: createPeople(),
    days: new Map(),
  };
}

function createTitleCount(): TitleCount {
  return { views: 0, completedViews: 0, watchMs: 0, knownViews: 0, percentages: 0, viewers: createPeople() };
}

export function createCount(catalogue: Catalogue): Count {
  return {
    apps: new Map(catalogue.apps.map((app) => [app.app_id, createAppCount()])),
    titles: new Map(catalogue.titles.map((title) => [title.video_id, createTitleCount()])),
  };
}

/** What is kept of an event until its view is settled. */
interface Moment {
  readonly at: number;
  readonly name: string;
  readonly watchMs: number | undefined;
}

/** In which of the sets a visit was already counted; it matters for people known by their session alone. */
interface Marks {
  user: boolean;
  viewer: boolean;
  reach: boolean;
}

interface ViewSum {
  readonly startedAt: number;
  readonly watchMs: number;
  readonly completed: boolean;
}

const beats = new Set(['video_heartbeat', 'video_progress']);
const starts = new Set(['video_start', 'video_complete', 'view_end', ...beats]);
const plays = new Set(['video_start', 'video_resume']);
const stops = new Set([
  'video_pause',
  'video_buffer',
  'video_buffering',
  'video_complete',
  'video_error',
  'view_end',
]);

/** One walk over a view in order of time; null when nothing in it makes it a view. */
function sumView(moments: readonly Moment[]): ViewSum | null {
  let startedAt: number | null = null;
  let before: Moment | null = null;
  let playing = false;
  let played = 0;
  let beaten: number | null = null;
  let ended: number | null = null;
  let completed = false;
  for (const moment of moments.toSorted((a, b) => a.at - b.at)) {
    const { name, watchMs } = moment;
    const gap: number = before === null ? 0 : Math.min(moment.at - before.at, gapLimitMs);
    if (starts.has(name)) startedAt ??= moment.at;
    if (playing) played += gap;
    if (plays.has(name)) playing = true;
    if (stops.has(name)) playing = false;
    if (beats.has(name)) beaten = (beaten ?? 0) + (watchMs ?? gap);
    if (name === 'view_end' && watchMs !== undefined) ended = Math.max(ended ?? 0, watchMs);
    if (name === 'video_complete') completed = true;
    before = moment;
  }
  return startedAt === null ? null : { startedAt, watchMs: ended ?? beaten ?? played, completed };
}

function dayOf(app: AppCount, at: number): DayCount {
  const date = new Date(Math.floor(at / dayMs) * dayMs).toISOString().slice(0, 10);
  let day = app.days.get(date);
  if (!day) {
    day = { events: 0, views: 0 };
    app.days.set(date, day);
  }
  return day;
}

/** Counts a visitor once per set; `counted` says whether this visit already is in it. */
function addPerson(people: People, { person }: Visit, counted: boolean): void {
  if (person.knownBy !== 'session') people.numbered.add(person.number);
  else if (!counted) people.nameless++;
}

function addEvent(app: AppCount, { name, at, properties, visit }: DemoEvent, marks: Marks): void {
  app.events++;
  dayOf(app, at).events++;
  if (!marks.user) app.sessions++;
  addPerson(app.users, visit, marks.user);
  marks.user = true;
  if (name === 'page_view') app.page_views++;
  if (name === 'error' || name === 'video_error') app.errors++;
  if (name !== 'view_end' || Number(properties.watch_ms ?? 0) < 600 || properties.instant_skip === true)
    return;
  app.impressions++;
  if (properties.completed === true) app.completions++;
  addPerson(app.reach, visit, marks.reach);
  marks.reach = true;
}

function addView(app: AppCount, title: TitleCount, view: DemoView, sum: ViewSum, marks: Marks): void {
  const { startedAt, watchMs, completed } = sum;
  for (const count of [app, title]) {
    count.views++;
    count.watchMs += watchMs;
    if (completed) count.completedViews++;
  }
  dayOf(app, startedAt).views++;
  addPerson(app.viewers, view.visit, marks.viewer);
  marks.viewer = true;
  // A visit plays a title once at most, so that a nameless visitor is new to every title.
  addPerson(title.viewers, view.visit, false);
  const seconds = view.title.duration_seconds;
  if (seconds === null) return;
  title.knownViews++;
  title.percentages += Math.min(100, (0.1 * watchMs) / seconds);
}

/** Counts on from `count`, which it changes. */
export function createCounter(count: Count): Counter {
  const open = new Map<DemoView, Moment[]>();
  const completedByEnd = new WeakSet<DemoView>();
  const visits = new WeakMap<Visit, Marks>();

  function marksOf(visit: Visit): Marks {
    let marks = visits.get(visit);
    if (!marks) {
      marks = { user: false, viewer: false, reach: false };
      visits.set(visit, marks);
    }
    return marks;
  }

  function close(view: DemoView): void {
    const sum = sumView(open.get(view) ?? []);
    open.delete(view);
    if (!sum) return;
    const app = count.apps.get(view.title.app.app_id)!;
    const title = titleOf(view.title);
    const completed = sum.completed || completedByEnd.has(view);
    addView(app, title, view, { ...sum, completed }, marksOf(view.visit));
  }

  function titleOf({ video_id }: Title): TitleCount {
    return count.titles.get(video_id)!;
  }

  function release(view: DemoView | null): void {
    if (!view) return;
    view.pending--;
    if (view.ended && view.pending === 0) close(view);
  }

  return {
    count,
    add(event) {
      if (event.role !== 'event') return;
      const { view, visit, name, at, properties } = event;
      if (visit.person.knownBy !== 'bot') {
        addEvent(count.apps.get(visit.person.app.app_id)!, event, marksOf(visit));
        if (view) {
          const moments = open.get(view) ?? [];
          open.set(view, moments);
          moments.push({ at, name, watchMs: properties.watch_ms as number | undefined });
          if (properties.completed === true) completedByEnd.add(view);
        }
      }
      release(view);
    },
    giveUp: (event) => release(event.role === 'event' ? event.view : null),
    settle() {
      for (const view of [...open.keys()]) close(view);
    },
  };
}
