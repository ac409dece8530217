/**
 * Random visits of people who look at pages, search, meet errors and come from campaigns: what the histories hold little
 * of. Deliveries in order of receipt, made from a seed: some come late, some twice, some from bots, many share an instant.
 */
import type { Delivery, Json } from './accept.ts';
import { botAgent, humanAgent } from './history.ts';
import { createRandom, type Random } from './random.ts';

export interface VisitOptions {
  readonly apps: readonly string[];
  readonly videos: readonly string[];
  /** Epoch ms. */
  readonly from: number;
  readonly to: number;
  readonly count: number;
}

const gapsMs = [0, 0, 0, 1, 900, 9_999, 10_000, 45_000, 299_999, 300_000, 300_001, 1_800_000, 1_800_001];
const paths = ['/', '/watch', '/search', '/about', '/ü b'];
const queries = ['otters', 'Otters', ' river ', 'nothing', "o'brien \\ \u{1F3AC}"];

/** Messages of a few families, each of which differs only in what a fingerprint leaves out. */
function message(random: Random): string {
  const n = random.below(10_000);
  const hex = (n + 0x1000_0000).toString(16);
  return random.pick([
    `Segment ${n} of ${n % 7} failed after ${n / 10} ms`,
    `GET https://cdn${n}.example/v/${hex}.m3u8?t=${n} failed`,
    `User 550e8400-e29b-41d4-a716-${String(n).padStart(12, '0')} not found`,
    `Key 0x${hex} and ${hex}${hex} clash`,
    `Session s_${hex.slice(0, 4)}ab${n} has ended`,
    `MEDIA_ERR_${n % 5}`,
    `offset -${n}, was +${n}`,
    'Codec avc is unknown',
    'Codec hevc is unknown',
    '',
  ]);
}

function errorProperties(random: Random): Json {
  const text = message(random);
  return random.pick<Json>([
    { message: text },
    { error: text },
    { error: { message: text, code: 3 } },
    { error_message: text },
    { message: '', reason: text },
    { message: 7, error_message: text },
  ]);
}

function pageOfEvent(random: Random, event: Json): void {
  const path = random.pick(paths);
  const url = `https://www.tube.example${encodeURI(path)}?x=1#top`;
  const kind = random.below(6);
  const properties = event.properties as Json;
  if (kind === 0) event.context = { page: { path, url: 'https://tube.example/not-this' } };
  if (kind === 1) event.context = { page: { url } };
  if (kind === 2) properties.page = path;
  if (kind === 3) properties.path = `${encodeURI(path)}?y=2`;
  if (kind === 4) properties.url = url;
}

function step(random: Random, videos: readonly string[]): Json {
  const event_name = random.pick([
    'page_view',
    'page_view',
    'page_view',
    'web_vital',
    'web_vital',
    'error',
    'video_error',
    'search',
    'search',
    'search_click',
    'video_start',
    'view_end',
    'purchase',
    'click',
  ]);
  const properties: Json = {};
  const event: Json = { event_name, properties };
  if (event_name === 'web_vital') {
    const values = [0, 0.1, 0.1000001, 0.25, 0.3, 200, 201, 799.5, 800, 1_800, 2_500, 2_500.5, 4_000, 9_000];
    properties.name = random.pick(['LCP', 'INP', 'CLS', 'FCP', 'TTFB', 'lcp', 'FID']);
    properties.value = random.chance(0.9)
      ? random.pick(values)
      : random.pick<unknown>(['12', -1, null, true]);
  }
  if (event_name.endsWith('error')) Object.assign(properties, errorProperties(random));
  if (event_name === 'search')
    Object.assign(properties, {
      query: random.pick(queries),
      results: random.pick<unknown>([0, 0, 3, 0.0, '0', null]),
    });
  if (event_name === 'search_click')
    Object.assign(
      properties,
      random.chance(0.8) ? { query: random.pick(queries) } : { search_query: random.pick(queries) },
    );
  if (event_name === 'video_start' && random.chance(0.8)) properties.search_query = random.pick(queries);
  if (event_name === 'view_end') properties.watch_ms = random.pick([599, 600, 20_000]);
  if (event_name.startsWith('vi') || random.chance(0.1)) event.video_id = random.pick(videos);
  if (random.chance(0.05)) properties.conversion = random.pick<unknown>([true, true, 'true', 1, false]);
  pageOfEvent(random, event);
  return event;
}

function visit(random: Random, options: VisitOptions): { at: number; event: Json }[] {
  const who = random.below(8);
  const app = random.pick(options.apps);
  const common: Json = { app_id: app };
  if (who < 6) common[who < 4 ? 'user_id' : 'anonymous_id'] = `p${who}`;
  // Ids that several apps use, and visits without any.
  if (random.chance(0.6))
    common.session_id = `visit-${who}-${random.below(random.chance(0.5) ? 3 : 1_000_000)}`;
  const campaign = random.chance(0.5)
    ? {
        utm_source: random.pick(['mail', 'ads']),
        utm_medium: random.pick(['', 'cpc']),
        utm_campaign: random.pick(['', 'may']),
      }
    : null;
  const agent = who === 5 ? botAgent : humanAgent;
  let at = options.from + random.below(options.to - options.from);
  return Array.from({ length: 1 + random.below(8) }, () => {
    at += random.pick(gapsMs);
    const event = step(random, options.videos);
    const context = {
      user_agent: agent,
      ...(event.context as Json),
      ...(campaign && random.chance(0.7) ? campaign : {}),
    };
    return { at, event: { ...event, ...common, context } };
  });
}

/** The visits of a seed. */
export function generateVisits(seed: number, options: VisitOptions): Delivery[] {
  const random = createRandom(seed ^ 0x5eed);
  const deliveries: Delivery[] = [];
  while (deliveries.length < options.count) {
    for (const { at, event } of visit(random, options)) {
      const late = random.chance(0.2) ? random.below(6 * 3_600_000) : random.below(2_000);
      const sent = {
        ...event,
        event_id: `visit ${seed} ${deliveries.length}`,
        timestamp: new Date(at).toISOString(),
      };
      const app = options.apps[0]!;
      deliveries.push({ event: sent, receivedAt: at + late, app });
      if (random.chance(0.1)) deliveries.push({ event: { ...sent }, receivedAt: at + late + 5_000, app });
    }
  }
  return deliveries.sort((a, b) => a.receivedAt - b.receivedAt);
}
