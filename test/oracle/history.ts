/**
 * Random histories for the oracle and for whatever is held against it.
 * A history is a list of deliveries in order of receipt, made from a seed alone: the same seed and options give the same
 * history. `arbitraryHistory` wraps it for fast-check: a failure shrinks to the fewest deliveries and prints the seed.
 *
 * What it keeps apart, because the rules do not say which wins: actors belong to one app (unless `sharedActors`), an
 * event_id stays with its actor, events of one view by different actors never share a millisecond, a bot is a bot for
 * all its events, stream_id is said by all events of a view or by none, and limits are crossed clearly or not at all.
 */
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import type { Delivery, Json } from './accept.ts';
import { badEvents } from './bad-events.ts';
import { startOfDate } from './calendar.ts';
import { createRandom, type Random } from './random.ts';

export interface HistoryOptions {
  /** Middle of what happens, epoch ms. Default: near a midnight or a change of the clocks in the zone. */
  readonly around?: number;
  readonly timezone?: string;
  /** Deliveries at most. Default: 1 to 200 by the seed. */
  readonly eventsMax?: number;
  /** Default 90 days. */
  readonly retentionMs?: number;
  /** Prefix of all app ids and video ids, so that histories can share a server. Default ''. */
  readonly prefix?: string;
  /** Whether the same user ids occur in several apps. Default false. */
  readonly sharedActors?: boolean;
  /** Whether refused events are among them. Default true. */
  readonly bad?: boolean;
  /** Whether every event carries an event_id and a timestamp, so that it can be sent again. Default false. */
  readonly complete?: boolean;
}

export interface History {
  readonly seed: number;
  readonly timezone: string;
  /** In order of receipt. */
  readonly deliveries: Delivery[];
  readonly apps: string[];
  readonly videos: string[];
  /** The catalogue: duration in ms by video_id, for some of the videos. */
  readonly durations: Record<string, number>;
  /** Local dates (YYYY-MM-DD) of the first and last thing that happens, one day of margin included. */
  readonly startDate: string;
  readonly endDate: string;
  /** Epoch ms of the last receipt. */
  readonly now: number;
}

export const botAgent = 'Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)';
export const humanAgent =
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/147.0.0.0 Safari/537.36';
/** The bot predicate that fits the two agents. */
export const isBot = (userAgent: string) => /bot/i.test(userAgent);

export const timezones = [
  'UTC',
  'Asia/Kathmandu',
  'America/St_Johns',
  'Europe/Berlin',
  'Australia/Lord_Howe',
  'America/New_York',
];

/** Instants at which clocks change. */
const clockChanges: Record<string, number[]> = {
  'America/St_Johns': [Date.UTC(2025, 10, 2, 4, 30), Date.UTC(2026, 2, 8, 5, 30)],
  'Europe/Berlin': [Date.UTC(2025, 9, 26, 1), Date.UTC(2026, 2, 29, 1)],
  'Australia/Lord_Howe': [Date.UTC(2025, 9, 4, 15, 30), Date.UTC(2026, 3, 4, 15)],
  'America/New_York': [Date.UTC(2025, 10, 2, 6), Date.UTC(2026, 2, 8, 7)],
};

const secondMs = 1000;
const minuteMs = 60 * secondMs;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

interface Actor {
  readonly app: string;
  readonly fields: Json;
  readonly agent: string;
  readonly sendsSessions: boolean;
}

/** One event with its moment, before it is decided when and how often it arrives. */
interface Happening {
  at: number;
  readonly actor: Actor;
  readonly event: Json;
}

interface World {
  readonly random: Random;
  readonly options: HistoryOptions;
  readonly apps: string[];
  readonly videos: string[];
  readonly actors: Actor[];
  /** Things happen from here on, for `spanMs`. */
  readonly base: number;
  readonly spanMs: number;
  ids: number;
}

/** A UUID that the seed decides. */
function uuid(world: World, seed: number): string {
  const hex = createHash('sha1')
    .update(`${seed} ${world.options.prefix} ${world.ids++}`)
    .digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-7${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

function createActors(random: Random, apps: readonly string[], shared: boolean): Actor[] {
  return Array.from({ length: 1 + random.below(6) }, (_, i) => {
    const app = random.pick(apps);
    const name = shared ? `${i % 3}` : `${app}-${i}`;
    const kind = random.below(10);
    const sendsSessions = random.chance(0.6);
    const fields: Json = {};
    if (kind < 4 || kind === 7) fields.user_id = `u-${name}`;
    if ((kind >= 4 && kind < 7) || kind === 7) fields.anonymous_id = `a-${name}`;
    return {
      app,
      fields,
      agent: random.chance(0.1) ? botAgent : humanAgent,
      // Whoever has no id at all is known by the session alone, if by anything.
      sendsSessions: kind === 8 || kind === 9 ? random.chance(0.85) : sendsSessions,
    };
  });
}

const countries = ['DE', 'NP', 'CA', ''];
const devices = ['desktop', 'mobile', 'tv'];
const referrers = [
  'https://news.example/story?id=1',
  'https://search.example/',
  'https://tube.example/home',
  '',
];

function contextOf({ random }: World, actor: Actor): Json {
  const context: Json = { user_agent: actor.agent };
  const country = random.pick(countries);
  if (country) context.country = country;
  if (random.chance(0.6))
    Object.assign(context, { device: random.pick(devices), os: 'Linux', browser: 'Firefox' });
  const referrer = random.pick(referrers);
  if (referrer)
    Object.assign(context, { referrer, page: { url: 'https://tube.example/watch?v=1', path: '/watch' } });
  if (random.chance(0.3))
    Object.assign(context, { utm_source: 'mail', utm_campaign: random.pick(['may', 'june']) });
  return context;
}

const gapsMs = [
  0,
  0,
  1,
  400,
  599,
  5_000,
  10_000,
  29_999,
  30_000,
  30_001,
  95_000,
  29 * minuteMs,
  31 * minuteMs,
];
const viewNames = [
  'video_start',
  'video_progress',
  'video_progress',
  'video_heartbeat',
  'video_heartbeat',
  'video_pause',
  'video_resume',
  'video_complete',
  'video_error',
  'video_buffer',
  'video_buffering',
  'quality_change',
  'seek',
  'view_end',
  'view_end',
  'ad_shown',
];

function propertiesOf(random: Random, name: string): Json {
  const properties: Json = {};
  const beat = name === 'video_progress' || name === 'video_heartbeat';
  if (beat && random.chance(0.6)) properties.watch_ms = random.pick([0, 1, 5_000, 9_999.5, 10_000, 45_000]);
  if (name === 'view_end') {
    if (random.chance(0.75)) properties.watch_ms = random.pick([0, 599, 599.9, 600, 601, 30_000, 3_600_000]);
    if (random.chance(0.2)) properties.instant_skip = random.pick<unknown>([true, true, false, 'true', 1]);
    if (random.chance(0.4)) properties.completed = random.pick<unknown>([true, true, false, 'true']);
  } else if (random.chance(0.03)) properties.completed = true;
  if (name === 'video_error') properties.fatal = random.chance(0.5);
  if (random.chance(0.12)) properties.duration_ms = random.pick([30_000, 60_000, 61_500]);
  if (random.chance(0.08)) properties.duration = random.pick([45, 90.5]);
  if (name === 'quality_change' || random.chance(0.1)) {
    if (random.chance(0.5)) properties.bitrate = random.pick([800_000, 2_500_000, 6_000_000]);
    else properties.bitrate_kbps = random.pick([800, 4500]);
  }
  if (random.chance(0.1)) properties.note = random.pick(['ü', 'a"b\\', '\u2028', 'line\nbreak', '']);
  return properties;
}

/** One playback: events of one view, in random order of names, sometimes with a change of who watches. */
function playback(world: World): Happening[] {
  const { random } = world;
  const actor = random.pick(world.actors);
  const video = random.pick(world.videos);
  const name = `${actor.app}-${world.actors.indexOf(actor)}`;
  const viewId = random.chance(0.45) ? `view-${name}-${random.below(5)}-${video}` : '';
  const sessionId = actor.sendsSessions ? `session-${name}-${random.below(3)}` : '';
  const streamId = random.chance(0.3) ? `stream-${random.below(3)}` : '';
  // Someone signs in while watching: the view stays, the actor changes.
  const signsIn = viewId !== '' && random.chance(0.1);
  let at = world.base + random.below(world.spanMs);
  return Array.from({ length: 1 + random.below(12) }, (_, i) => {
    const eventName = i === 0 && random.chance(0.7) ? 'video_start' : random.pick(viewNames);
    at += random.pick(gapsMs);
    const properties = propertiesOf(random, eventName);
    if (streamId) properties.stream_id = streamId;
    const event: Json = { event_name: eventName, ...actor.fields, video_id: video };
    if (signsIn && i > 2) event.user_id = `late-${name}`;
    if (sessionId) event.session_id = sessionId;
    if (viewId) event.view_id = viewId;
    if (Object.keys(properties).length > 0) event.properties = properties;
    return { at, actor, event };
  });
}

/** Everything around the playbacks. */
function surroundings(world: World): Happening[] {
  const { random } = world;
  const actor = random.pick(world.actors);
  const sessionId = actor.sendsSessions
    ? `session-${actor.app}-${world.actors.indexOf(actor)}-${random.below(3)}`
    : '';
  let at = world.base + random.below(world.spanMs);
  const names = [
    'page_view',
    'page_view',
    'search',
    'error',
    'session_start',
    'session_end',
    'identify',
    'web_vital',
    'purchase',
  ];
  return Array.from({ length: 1 + random.below(4) }, () => {
    at += random.pick(gapsMs);
    const event: Json = { event_name: random.pick(names), ...actor.fields };
    if (sessionId) event.session_id = sessionId;
    if (random.chance(0.2)) event.video_id = random.pick(world.videos);
    event.properties = { page: random.pick(['/', '/watch', '/search']) };
    return { at, actor, event };
  });
}

/** Ties between actors of one view have no defined winner, so the later made of the two moves by a millisecond. */
function partTies(happenings: readonly Happening[]): void {
  const taken = new Map<string, unknown>();
  for (const happening of happenings) {
    const { view_id, user_id, anonymous_id, session_id } = happening.event;
    if (!view_id) continue;
    const actor = user_id ?? anonymous_id ?? session_id ?? null;
    const key = () => `${String(view_id)} ${happening.at}`;
    while (taken.has(key()) && taken.get(key()) !== actor) happening.at++;
    taken.set(key(), actor);
  }
}

function timestampOf(random: Random, at: number, zoned: boolean): unknown {
  if (!zoned) return new Date(at).toISOString();
  const kind = random.below(4);
  if (kind === 0) return at;
  if (kind === 1) return at * 1000;
  if (kind === 2) return `${new Date(at + 5.75 * hourMs).toISOString().slice(0, -1)}+05:45`;
  return new Date(at).toISOString();
}

function delayOf(random: Random): number {
  const kind = random.below(100);
  if (kind < 70) return random.below(5 * secondMs);
  if (kind < 85) return random.below(10 * minuteMs);
  if (kind < 93) return random.below(6 * hourMs);
  if (kind < 97) return random.below(3 * dayMs);
  // A clock that is ahead: the event arrives before it happens.
  return kind === 97 ? -random.below(hourMs) : 0;
}

/** The event as sent, and how often and when it arrives. */
function deliver(world: World, happening: Happening, seed: number): Delivery[] {
  const { random, options } = world;
  const { actor, at } = happening;
  const receivedAt = at + delayOf(random);
  const hasTime = options.complete || random.chance(0.97);
  const event: Json = { ...happening.event };
  if (options.complete || random.chance(0.9)) event.event_id = uuid(world, seed);
  if (hasTime) event.timestamp = timestampOf(random, at, random.chance(0.3));
  event.context = contextOf(world, actor);
  const namesApp = random.chance(0.7);
  if (namesApp) event.app_id = actor.app;
  const app = namesApp ? world.apps[0]! : actor.app;
  const first: Delivery = { event, receivedAt, app };
  if (options.bad !== false && random.chance(0.04))
    return [{ ...first, event: random.pick(badEvents)(event) }];
  const deliveries = [first];
  if (event.event_id === undefined) return deliveries;
  while (random.chance(0.12)) {
    const again = receivedAt + random.pick([0, 1, 40, secondMs, 20 * minuteMs, 2 * hourMs]);
    const turned = Object.fromEntries(Object.entries(event).reverse());
    const copy: Json = random.chance(0.3) ? turned : { ...event };
    if (random.chance(0.3)) copy.sent_at = new Date(again).toISOString();
    if (random.chance(0.3)) copy.properties = { ...(copy.properties as Json), changed: random.below(1000) };
    deliveries.push({ event: copy, receivedAt: again, app });
  }
  return deliveries;
}

function createWorld(random: Random, timezone: string, options: HistoryOptions): World {
  const prefix = options.prefix ?? '';
  const apps = ['tube', 'learn', 'kids'].slice(0, 1 + random.below(3)).map((app) => prefix + app);
  const videos = Array.from({ length: 1 + random.below(4) }, (_, i) => `${prefix}video-${i}`);
  const changes = clockChanges[timezone];
  const midnight = startOfDate(timezone, `2026-0${1 + random.below(4)}-1${random.below(10)}`);
  const around = options.around ?? (changes && random.chance(0.6) ? random.pick(changes) : midnight);
  const spanMs = random.pick([minuteMs, 2 * hourMs, 2 * dayMs, 10 * dayMs]);
  const base = Math.floor(around - spanMs / 2);
  const actors = createActors(random, apps, options.sharedActors ?? false);
  return { random, options, apps, videos, actors, base, spanMs, ids: 0 };
}

/** The history of a seed: 1 to 200 deliveries (or `eventsMax`) in order of receipt. */
export function generateHistory(seed: number, options: HistoryOptions = {}): History {
  const random = createRandom(seed);
  const timezone = options.timezone ?? random.pick(timezones);
  const world = createWorld(random, timezone, options);
  const wanted = Math.min(options.eventsMax ?? 200, 1 + random.below(random.chance(0.5) ? 30 : 200));
  const happenings: Happening[] = [];
  while (happenings.length < wanted) {
    happenings.push(...(random.chance(0.75) ? playback(world) : surroundings(world)));
  }
  partTies(happenings);
  const deliveries = happenings
    .flatMap((happening) => deliver(world, happening, seed))
    .sort((a, b) => a.receivedAt - b.receivedAt)
    .slice(0, wanted);
  const durations: Record<string, number> = {};
  for (const video of world.videos)
    if (random.chance(0.5)) durations[video] = random.pick([20_000, 95_000, 600_000]);
  const date = (at: number) => new Date(at).toISOString().slice(0, 10);
  return {
    seed,
    timezone,
    deliveries,
    apps: world.apps,
    videos: world.videos,
    durations,
    startDate: date(world.base - 2 * dayMs),
    endDate: date(world.base + world.spanMs + 5 * dayMs),
    now: Math.max(...deliveries.map((d) => d.receivedAt)),
  };
}

/** Histories for fast-check. What shrinks is the list of deliveries; the seed stays and is printed with it. */
export function arbitraryHistory(options: HistoryOptions = {}): fc.Arbitrary<History> {
  return fc.noShrink(fc.nat({ max: 2 ** 31 - 1 })).chain((seed) => {
    const history = generateHistory(seed, options);
    return fc.subarray(history.deliveries, { minLength: 1 }).map((deliveries) => ({
      ...history,
      deliveries,
      now: Math.max(...deliveries.map((d) => d.receivedAt)),
    }));
  });
}
