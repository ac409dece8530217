import { chance } from './dashboard-data.ts';

/** Sessions as the service answers them, made of the time asked for. */

const HOUR_MS = 3_600_000;
const STEP_MS: Readonly<Record<string, number>> = { '1h': HOUR_MS, '1d': 24 * HOUR_MS, '1w': 168 * HOUR_MS };
const NONE = {
  sessions: 0,
  users: 0,
  new_users: 0,
  returning_users: 0,
  page_views: 0,
  avg_duration_seconds: 0,
  median_duration_seconds: 0,
  pages_per_session: 0,
  bounce_rate: 0,
};
const BY = {
  device: ['desktop', 'mobile', 'tv'],
  browser: ['Chrome', 'Safari', 'Firefox', ''],
  os: ['Windows', 'iOS', 'Android', 'macOS'],
  country: ['DE', 'FR', 'US', ''],
  referrer: ['', 'news.example', 'search.example'],
  utm_source: ['', 'newsletter', 'a very long name of a source that has to be cut somewhere'],
  utm_campaign: ['', 'spring'],
};

function countsAt(at: number, hours: number) {
  const sessions = Math.round((180 + 90 * Math.sin(at / 9_000_000) + 40 * chance(`s${at}`)) * hours);
  const users = Math.round(sessions * 0.8);
  const new_users = Math.round(users * (0.2 + 0.2 * chance(`n${at}`)));
  return {
    sessions,
    users,
    new_users,
    returning_users: users - new_users,
    page_views: sessions * 4,
    avg_duration_seconds: 240 + 120 * chance(`d${at}`),
    median_duration_seconds: 180,
    pages_per_session: 4,
    bounce_rate: 0.2 + 0.2 * chance(`b${at}`),
  };
}

export function sessionStatsAnswer(isEmpty: boolean, query: URLSearchParams): unknown {
  const [from, to] = [Date.parse(query.get('from') ?? ''), Date.parse(query.get('to') ?? '')];
  const step = STEP_MS[query.get('interval') ?? '1d']!;
  const series: unknown[] = [];
  for (let at = Math.floor(from / step) * step; at < to; at += step) {
    series.push({ time: new Date(at).toISOString(), ...(isEmpty ? NONE : countsAt(at, step / HOUR_MS)) });
  }
  const total = isEmpty ? NONE : countsAt(from, (to - from) / HOUR_MS);
  const by = Object.entries(BY).map(([name, values]) => {
    const rows = values.map((value, index) => {
      const sessions = Math.round(total.sessions / 2 ** (index + 1));
      return { value, sessions, users: Math.round(sessions * 0.8), bounce_rate: 0.3 };
    });
    return [name, isEmpty ? [] : rows];
  });
  return { ...total, series, by: Object.fromEntries(by) };
}

export function sessionsAnswer(isEmpty: boolean, query: URLSearchParams): unknown {
  if (isEmpty) return { data: [], next_cursor: null };
  const limit = Number(query.get('limit') ?? 50);
  const start = Number(query.get('cursor') ?? 0);
  const to = Math.min(Date.parse(query.get('to') ?? ''), Date.now());
  const data = Array.from({ length: limit }, (_, index) => {
    const n = start + index;
    const began = to - n * 41_000;
    const seconds = Math.round(900 * chance(`l${n}`));
    const user = chance(`u${n}`);
    return {
      session_id: n === 3 ? 's'.repeat(256) : `session-${n}`,
      app_id: 'web',
      user_id:
        user > 0.3 ? (n === 3 ? `somebody-with-${'a-long-'.repeat(12)}name` : `viewer-${n % 37}`) : null,
      anonymous_id: user > 0.3 || user < 0.05 ? null : `device-${n}`,
      started_at: new Date(began).toISOString(),
      ended_at: new Date(began + seconds * 1_000).toISOString(),
      duration_seconds: seconds,
      events: 3 + (n % 40),
      page_views: 1 + (n % 7),
      entry_page: n % 9 === 0 ? null : '/series/harbour-lights',
      exit_page: n % 9 === 0 ? null : n % 2 === 0 ? '/watch/tt-harbour-01' : '/series/harbour-lights',
      bounced: seconds < 10,
      is_new: n % 5 === 0,
      device: 'desktop',
      browser: 'Firefox',
      os: 'Linux',
      country: n % 4 === 0 ? null : 'DE',
      referrer: null,
      utm_source: null,
      utm_campaign: null,
      errors: n % 11 === 0 ? 2 : 0,
      conversions: 0,
    };
  });
  return { data, next_cursor: String(start + limit) };
}

const STORY: readonly [seconds: number, name: string, more?: Record<string, unknown>][] = [
  [0, 'session_start'],
  [0.4, 'page_view', { page: '/series/harbour-lights', referrer: 'news.example' }],
  [42, 'search', { properties: { query: 'harbour' } }],
  [55, 'page_view', { page: `/watch/${'a-long-name-'.repeat(14)}` }],
  [58, 'video_start', { video_id: 'tt-harbour-01', view_id: 'v1' }],
  [68, 'video_heartbeat', { video_id: 'tt-harbour-01', view_id: 'v1' }],
  [78, 'video_buffer_start', { video_id: 'tt-harbour-01', view_id: 'v1' }],
  [
    81,
    'video_error',
    { video_id: 'tt-harbour-01', properties: { message: 'The segment 14 cannot be read' } },
  ],
  [1_460, 'video_start', { video_id: 'tt-harbour-02', view_id: 'v2' }],
  [4_100, 'video_complete', { video_id: 'tt-harbour-02', view_id: 'v2' }],
  [4_130, 'page_view', { page: '/' }],
];

/** One session from its beginning to its end, with silences. */
export function sessionEventsAnswer(session_id: string): unknown {
  const began = Date.now() - 7_200_000;
  const data = STORY.map(([seconds, event_name, more = {}], index) => ({
    event_id: `e-${index}`,
    event_name,
    app_id: 'web',
    timestamp: new Date(began + seconds * 1_000).toISOString(),
    user_id: 'viewer-1',
    anonymous_id: 'device-1',
    session_id,
    country: 'DE',
    device: 'desktop',
    browser: 'Firefox',
    os: 'Linux',
    is_bot: false,
    properties: {},
    context: {},
    ...more,
  }));
  return { data, next_cursor: null };
}
