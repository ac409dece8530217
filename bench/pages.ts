/** What the pages of the dashboard ask, as they ask it: by a caller's app and range. */

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
/** Ranges end on these. */
const STEP_MS = 300_000;
const FIGURES = ['viewers', 'views', 'watch_time_seconds', 'completion_rate', 'events', 'errors'];
const LISTS = ['video_id', 'referrer', 'country', 'device'];
const APPS = [null, 'tube', 'news', 'kids'];
const DAYS = [1, 7, 7];

/** Callers after whom apps and ranges come again. */
export const CALLERS_DIFFERENT = APPS.length * DAYS.length;

export interface Asked {
  readonly name: string;
  readonly path: string;
}

export function pageQuestions(now: number, caller: number): readonly Asked[] {
  const app = APPS[caller % APPS.length];
  const days = DAYS[caller % DAYS.length]!;
  const end = Math.ceil(now / STEP_MS) * STEP_MS;
  const from =
    days === 1
      ? Math.floor(end / HOUR_MS) * HOUR_MS - 23 * HOUR_MS
      : Math.ceil(end / DAY_MS) * DAY_MS - days * DAY_MS;
  const of = app === null ? '' : `&app_id=${app}`;
  const ask = (name: string, path: string, words: string, [start, stop] = [from, end]): Asked => ({
    name: `${name}, ${days} d`,
    path: `${path}?from=${new Date(start!).toISOString()}&to=${new Date(stop!).toISOString()}${of}${words}`,
  });
  const metric = (name: string, words: string, range?: [number, number]) =>
    ask(name, '/metrics', `&timezone=UTC&${words}`, range);
  const before: [number, number] = [from - days * DAY_MS, end - days * DAY_MS];
  const stats = '&timezone=UTC&interval=1h&limit=50';
  return [
    // Overview
    ...FIGURES.flatMap((figure) => [
      metric(figure, `metric=${figure}&interval=1h`),
      metric(`${figure} before`, `metric=${figure}&interval=1h`, before),
    ]),
    ...LISTS.map((field) => metric(`views by ${field}`, `metric=views&group_by=${field}&limit=100`)),
    metric('events by name', 'metric=events&group_by=event_name&limit=100'),
    // Sessions
    ask('session statistics', '/v1/sessions/stats', stats),
    ask('session statistics before', '/v1/sessions/stats', stats, before),
    ask('session list', '/v1/sessions', '&limit=50'),
    // Pages
    ask('behaviour summary', '/v1/behavior/summary', '&limit=20'),
    // Events
    ask('event list', '/v1/events', '&limit=50'),
  ];
}
