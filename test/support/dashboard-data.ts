/** Made-up figures for the dashboard's tests: the same question at the same time has the same answer. */

const DAY_MS = 86_400_000;

/** A number in 0..1 that depends on the text alone. */
export function chance(text: string): number {
  let hash = 2166136261;
  for (let i = 0; i < text.length; i += 1) hash = Math.imul(hash ^ text.charCodeAt(i), 16777619);
  hash ^= hash >>> 15;
  hash = Math.imul(hash, 2246822519);
  hash ^= hash >>> 13;
  return (hash >>> 0) / 4294967296;
}

export const VIDEOS = [
  {
    video_id: 'tt-harbour-01',
    title: 'The Harbour, Episode 1: Low Tide',
    duration_seconds: 3120,
    series: 'The Harbour',
    tags: ['drama', 'new'],
  },
  {
    video_id: 'tt-harbour-02',
    title: 'The Harbour, Episode 2: The Pilot Boat',
    duration_seconds: 2985,
    series: 'The Harbour',
    tags: ['drama'],
  },
  {
    video_id: 'tt-harbour-03',
    title: 'The Harbour, Episode 3: Fog',
    duration_seconds: 3044,
    series: 'The Harbour',
    tags: ['drama'],
  },
  {
    video_id: 'live-cup-final',
    title: 'Cup Final, live from Rotterdam',
    duration_seconds: null,
    series: null,
    tags: ['live', 'sport'],
  },
  {
    video_id: 'doc-salt',
    title: 'Salt: A History in Nine Grains',
    duration_seconds: 5460,
    series: 'Documentaries',
    tags: ['documentary'],
  },
  {
    video_id: 'kids-otter',
    title: 'Otter and the Upside-Down River',
    duration_seconds: 660,
    series: 'Otter',
    tags: ['kids'],
  },
  {
    video_id: 'kids-otter-2',
    title: 'Otter Learns to Whistle',
    duration_seconds: 640,
    series: 'Otter',
    tags: ['kids'],
  },
  {
    video_id: 'cook-bread',
    title: 'Bread in Four Sentences',
    duration_seconds: 480,
    series: 'Kitchen Shorts',
    tags: ['cooking', 'short'],
  },
  {
    video_id: 'cook-stock',
    title: 'Stock, Slowly',
    duration_seconds: 905,
    series: 'Kitchen Shorts',
    tags: ['cooking'],
  },
  {
    video_id: 'film-north',
    title: 'North of the Last Station',
    duration_seconds: 7020,
    series: null,
    tags: ['film'],
  },
  {
    video_id: 'trailer-north',
    title: 'North of the Last Station (Trailer)',
    duration_seconds: 142,
    series: null,
    tags: ['trailer'],
  },
  {
    video_id: 'talk-locks',
    title: 'How Canal Locks Work, and Why They Sometimes Do Not: A Lecture in Two Parts with Demonstrations',
    duration_seconds: 4210,
    series: 'Talks',
    tags: ['talk'],
  },
] as const;

const VALUES: Record<string, readonly string[]> = {
  video_id: VIDEOS.map((video) => video.video_id),
  event_name: [
    'video_heartbeat',
    'video_progress',
    'page_view',
    'video_start',
    'view_end',
    'video_pause',
    'video_resume',
    'video_complete',
    'quality_change',
    'video_buffer',
    'search',
    'video_error',
    'error',
  ],
  country: ['DE', 'NL', 'US', 'FR', 'GB', 'PL', 'ES', 'IT', 'SE', 'JP', 'BR', ''],
  device: ['mobile', 'desktop', 'tv', 'tablet'],
  browser: ['Chrome', 'Safari', 'Firefox', 'Edge', 'Samsung Internet'],
  os: ['Android', 'iOS', 'Windows', 'macOS', 'Tizen', 'Linux'],
  referrer: ['', 'google.com', 'news.ycombinator.com', 'duckduckgo.com', 't.co', 'reddit.com'],
  utm_source: ['', 'newsletter', 'partner', 'podcast'],
  utm_campaign: ['', 'autumn-launch', 'harbour-week'],
  app_id: ['web', 'ios', 'tv'],
};

const PER_HOUR: Record<string, number> = {
  events: 21_400,
  users: 1_510,
  sessions: 1_730,
  page_views: 2_900,
  views: 1_240,
  viewers: 905,
  watch_time_seconds: 1_104_000,
  impressions: 1_180,
  reach: 880,
  completions: 402,
  errors: 96,
};

const INTERVAL_MS: Record<string, number> = {
  '1m': 60_000,
  '5m': 300_000,
  '1h': 3_600_000,
  '1d': DAY_MS,
  '1w': 7 * DAY_MS,
  '1mo': 30 * DAY_MS,
};

/** More in the evening, a little more each week, never twice the same. */
function level(metric: string, timeMs: number, part: string): number {
  const hour = (((timeMs / 3_600_000) % 24) + 24) % 24;
  const evening = 0.35 + 0.65 * Math.exp(-((((hour - 20 + 36) % 24) - 12) ** 2) / 22);
  const weekend = [0, 6].includes(new Date(timeMs).getUTCDay()) ? 1.25 : 1;
  const growth = 1 + ((timeMs / DAY_MS) % 90) / 260;
  const noise = 0.86 + 0.28 * chance(`${metric}${part}${Math.floor(timeMs / 60_000)}`);
  return evening * weekend * growth * noise;
}

function weightOf(field: string, value: string): number {
  const values = VALUES[field] ?? [];
  const at = values.indexOf(value);
  if (at < 0) return 0;
  const raw = (index: number): number => 1 / (index + 1.4) ** 1.15;
  const sum = values.reduce((total, _, index) => total + raw(index), 0);
  return raw(at) / sum;
}

interface Filtered {
  weight: number;
  part: string;
}

/** How much of everything a filter leaves. */
function applyFilters(filters: readonly string[]): Filtered {
  let weight = 1;
  for (const filter of filters) {
    const [field = '', op = '', ...rest] = filter.split(':');
    const value = rest.join(':');
    if (op === 'eq') weight *= weightOf(field, value);
    if (op === 'in') weight *= value.split(',').reduce((sum, one) => sum + weightOf(field, one), 0);
  }
  return { weight, part: filters.join('|') };
}

function bucketValue(metric: string, from: number, to: number, { weight, part }: Filtered): number {
  if (metric === 'completion_rate')
    return weight === 0 ? 0 : 0.28 + 0.14 * chance(`${part}${Math.floor(from / DAY_MS)}`);
  const perHour = PER_HOUR[metric] ?? 0;
  const hours = (to - from) / 3_600_000;
  // Long buckets are sampled, so that a year costs no more than a day.
  const samples = Math.max(1, Math.min(12, Math.round(hours)));
  let sum = 0;
  for (let i = 0; i < samples; i += 1) sum += level(metric, from + ((i + 0.5) * (to - from)) / samples, part);
  return Math.round((sum / samples) * perHour * hours * weight);
}

function bucketStarts(from: number, to: number, interval: string): number[] {
  const step = INTERVAL_MS[interval] ?? DAY_MS;
  const starts: number[] = [];
  for (let at = from; at < to; at += step) starts.push(at);
  return starts;
}

/** The answer of `GET /metrics`. */
export function metricAnswer(query: URLSearchParams, groupsMax = 100): Record<string, unknown> {
  const metric = query.get('metric') ?? 'events';
  const from = Date.parse(query.get('from') ?? '');
  const to = Date.parse(query.get('to') ?? '');
  const interval = query.get('interval');
  const field = query.get('group_by');
  const filters = query.getAll('filter');
  const app = query.get('app_id');
  if (app !== null) filters.push(`app_id:eq:${app}`);
  const limit = Math.min(groupsMax, Number(query.get('limit') ?? 100));
  const inFilter = filters.find((filter) => field !== null && filter.startsWith(`${field}:`));
  const allowed = inFilter?.split(':').slice(2).join(':').split(',');
  const groups =
    field === null ? [null] : (VALUES[field] ?? []).filter((value) => allowed?.includes(value) ?? true);
  const all = groups.map((value) => {
    const own =
      value === null ? filters : [...filters.filter((filter) => filter !== inFilter), `${field}:eq:${value}`];
    const filtered = applyFilters(own);
    const points = (interval === null ? [] : bucketStarts(from, to, interval)).map((at) => ({
      time: new Date(at).toISOString(),
      value: bucketValue(metric, at, Math.min(to, at + INTERVAL_MS[interval ?? '']!), filtered),
    }));
    const sum = points.reduce((total, point) => total + point.value, 0);
    const whole = interval === null ? bucketValue(metric, from, to, filtered) : sum;
    const total = metric === 'completion_rate' ? (points.length > 0 ? sum / points.length : whole) : whole;
    return { group: value === null ? {} : { [field!]: value }, total, points };
  });
  all.sort((a, b) => b.total - a.total);
  const series = all.slice(0, limit);
  return {
    metric,
    from: new Date(from).toISOString(),
    to: new Date(to).toISOString(),
    interval,
    timezone: query.get('timezone') ?? 'UTC',
    series,
    ...(all.length > limit ? { truncated: true } : {}),
  };
}

export function realtimeAt(timeMs: number): Record<string, number> {
  const wave = Math.sin(timeMs / 240_000) * 0.12 + Math.sin(timeMs / 37_000) * 0.05;
  const viewers = Math.round(1_284 * (1 + wave));
  return {
    concurrent_viewers: viewers,
    active_streams: 9 + Math.round(3 * Math.abs(wave * 8)),
    bandwidth_gbps: Number((viewers * 0.0046).toFixed(3)),
    events_per_second: Number((viewers / 9.4 + 6 * chance(String(Math.floor(timeMs / 10_000)))).toFixed(1)),
    error_rate: Number((0.0035 + 0.003 * chance(`e${Math.floor(timeMs / 10_000)}`)).toFixed(5)),
  };
}

export function historyAt(nowMs: number): Record<string, unknown> {
  const last = Math.floor(nowMs / 10_000) * 10_000;
  const points = Array.from({ length: 180 }, (_, index) => {
    const at = last - (179 - index) * 10_000;
    return { time: new Date(at).toISOString(), ...realtimeAt(at) };
  });
  return { points };
}

/** The n-th event before a moment; `n` may be negative for events to come. */
export function eventAt(nowMs: number, n: number): Record<string, unknown> {
  const slot = Math.floor(nowMs / 1_000) - n;
  const pick = (field: string): string => {
    const values = VALUES[field]!;
    return values[Math.floor(chance(`${field}${slot}`) ** 2 * values.length)]!;
  };
  const name = pick('event_name');
  const isVideo = name.startsWith('video_') || name === 'view_end' || name === 'quality_change';
  const id = Math.floor(chance(`id${slot}`) * 0xffffffff)
    .toString(16)
    .padStart(8, '0');
  return {
    event_id: `0193${id.slice(0, 4)}-${id.slice(4)}-7000-8000-${String(slot).padStart(12, '0').slice(-12)}`,
    event_name: name,
    app_id: pick('app_id'),
    timestamp: new Date(slot * 1_000 + 240).toISOString(),
    received_at: new Date(slot * 1_000 + 380).toISOString(),
    user_id: chance(`u${slot}`) > 0.3 ? `user-${Math.floor(chance(`user${slot}`) * 900)}` : null,
    anonymous_id: `anon-${id}`,
    session_id: `s_${id}${id}`,
    video_id: isVideo ? pick('video_id') : null,
    view_id: isVideo ? `v_${id}${id}` : null,
    properties: isVideo
      ? { watch_ms: Math.round(chance(`w${slot}`) * 900_000), bitrate_kbps: 4_800, quality: '1080p' }
      : { path: '/browse', title: 'Browse' },
    context: {
      country: pick('country'),
      device: pick('device'),
      browser: pick('browser'),
      library: { name: 'sluice-js', version: '0.1.0' },
    },
  };
}

/** The answer of `GET /api/metrics/video/:id`. */
export function videoAnswer(id: string, startDate: string): Record<string, unknown> {
  const video = VIDEOS.find((one) => one.video_id === id);
  const nothing = video === undefined;
  const views = nothing ? 0 : Math.round(4_000 + 40_000 * chance(`${id}${startDate}`));
  const shares = [0.82, 0.64, 0.55, 0.41].map((share) => share * (0.9 + 0.15 * chance(`${id}${share}`)));
  const [q25, q50, q75, q100] = shares.map((share) => Math.round(views * share));
  const hasLength = !nothing && video.duration_seconds !== null;
  const average = 38 + 30 * chance(`${id}avg`);
  return {
    views,
    unique_viewers: Math.round(views * 0.71),
    watch_time_seconds: hasLength
      ? Math.round((views * video.duration_seconds * average) / 100)
      : views * 1_100,
    avg_watch_percentage: hasLength ? average : null,
    completion_rate: nothing ? 0 : (q100 ?? 0) / views,
    engagement_score: nothing ? 0 : Number((0.07 * average + (3 * (q100 ?? 0)) / views).toFixed(2)),
    title: video?.title ?? null,
    duration_ms: hasLength ? video.duration_seconds * 1_000 : null,
    quartiles: hasLength ? { q25, q50, q75, q100 } : null,
  };
}
