/** What people do on a site, and by what campaigns they come, in the shapes of the API. */

const PAGES = [
  '/',
  '/watch/harbour-lights',
  '/plans',
  '/about',
  `/series/${'a-very-long-name-'.repeat(8)}`,
  '',
];

export function behaviorAnswer(isEmpty: boolean, isMuch: boolean): unknown {
  const vital = (p75: number, rating: string, good: number, middle: number, poor: number) => ({
    p75,
    rating,
    good,
    needs_improvement: middle,
    poor,
    count: good + middle + poor,
  });
  const none = { p75: null, rating: null, good: 0, needs_improvement: 0, poor: 0, count: 0 };
  const at = (hours: number) => new Date(Date.now() - hours * 3_600_000).toISOString();
  return {
    page_views: isEmpty ? 0 : 245_000,
    users: isEmpty ? 0 : 41_000,
    sessions: isEmpty ? 0 : 58_000,
    events: isEmpty ? 0 : 812_000,
    pages: isEmpty ? [] : pageRows(false, isMuch),
    events_top: isEmpty
      ? []
      : ['page_view', 'web_vital', 'video_heartbeat', 'video_start', 'search'].map((event_name, i) => ({
          event_name,
          count: 245_000 - i * 41_000,
          users: 41_000 - i * 6_000,
        })),
    web_vitals: {
      LCP: isEmpty ? none : vital(2_310, 'good', 8_120, 900, 210),
      INP: isEmpty ? none : vital(264, 'needs-improvement', 5_200, 2_100, 340),
      CLS: isEmpty ? none : vital(0.31, 'poor', 3_000, 1_200, 2_900),
      FCP: isEmpty ? none : vital(1_420, 'good', 8_800, 300, 44),
      TTFB: none,
    },
    errors: isEmpty
      ? []
      : [
          ['Segment # failed', 412],
          [`Cannot read properties of undefined (reading '${'deep.'.repeat(24)}')`, 96],
          ['', 7],
        ].map(([pattern, count], i) => ({
          fingerprint: `f${i}`,
          message: String(pattern).replace('#', '17'),
          pattern,
          count,
          users: Math.ceil(Number(count) / 3),
          first_seen: at(90 - i),
          last_seen: at(i * 5),
        })),
  };
}

/** Most seen first. */
export function pageRows(isEmpty: boolean, isMuch = false): unknown[] {
  const count = isEmpty ? 0 : isMuch ? 100 : PAGES.length;
  return Array.from({ length: count }, (_, i) => ({
    page: PAGES[i] ?? `/page/${i}`,
    views: 84_000 - i * 700,
    users: 31_000 - i * 300,
    entries: 40_000 - i * 380,
    exits: 12_000 + i * 110,
    avg_seconds: i === 2 ? null : 48 + i * 7,
  }));
}

export const PAGE_COLUMNS = [
  { name: 'page', type: 'string' },
  ...['views', 'users', 'entries', 'exits'].map((name) => ({ name, type: 'integer' })),
  { name: 'avg_seconds', type: 'number' },
];

const NUMBERS = ['sessions', 'users', 'events', 'page_views', 'conversions'];

export const CAMPAIGN_COLUMNS = [
  ...['utm_source', 'utm_medium', 'utm_campaign'].map((name) => ({ name, type: 'string' })),
  ...NUMBERS.map((name) => ({ name, type: 'integer' })),
  ...['bounce_rate', 'conversion_rate'].map((name) => ({ name, type: 'number' })),
];

export function campaignRows(isEmpty: boolean): unknown[] {
  const sources = ['newsletter', 'search', 'social', `partner-${'of-ours-'.repeat(9)}`];
  return Array.from({ length: isEmpty ? 0 : 14 }, (_, i) => ({
    utm_source: sources[i % 4],
    utm_medium: i % 5 === 4 ? '' : ['email', 'cpc'][i % 2],
    utm_campaign: `season-${1 + (i % 3)}`,
    sessions: 9_400 - i * 610,
    users: 8_100 - i * 560,
    events: 52_000 - i * 3_000,
    page_views: 21_000 - i * 1_300,
    bounce_rate: 0.22 + i / 60,
    conversions: 610 - i * 38,
    conversion_rate: 0.06 - i / 400,
  }));
}
