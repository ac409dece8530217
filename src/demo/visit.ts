/** One visit of one person: pages, searches and playbacks under one session id, as events ready to be sent. */
import type { Catalogue, Title } from './catalogue.ts';
import type { Person } from './people.ts';
import { playback } from './playback.ts';
import type { Random } from './random.ts';

export interface Visit {
  readonly sessionId: string;
  readonly person: Person;
}

/** One playback in a visit. It is over once `ended`, and settled when none of its events is `pending` any more. */
export interface DemoView {
  readonly visit: Visit;
  readonly title: Title;
  ended: boolean;
  /** Events handed out that were neither acknowledged nor given up. */
  pending: number;
}

export interface DemoEvent {
  /** Epoch ms: the event's timestamp. */
  readonly at: number;
  readonly name: string;
  readonly properties: Readonly<Record<string, unknown>>;
  readonly visit: Visit;
  readonly view: DemoView | null;
  /** The event as it goes over the wire. */
  readonly body: unknown;
  /** `copy` is the same event again, `collision` another one under the same id, `bad` has to be refused. */
  readonly role: 'event' | 'copy' | 'collision' | 'bad';
  /** How long it stays with the client before it is sent, ms. */
  readonly heldMs: number;
  /** What comes once this one is acknowledged: copies and collisions. */
  readonly followUps: readonly DemoEvent[];
}

export interface VisitOptions {
  readonly person: Person;
  readonly sessionId: string;
  /** Epoch ms. */
  readonly startAt: number;
  readonly catalogue: Catalogue;
  readonly random: Random;
}

type Fields = Record<string, unknown>;

const queries = ['harbour', 'space', 'algebra', 'fox', 'news', 'cooking', 'guitar', 'train', 'zzz'];
const arrivals = [
  { referrer: '' },
  { referrer: '' },
  { referrer: 'https://search.example/?q=video' },
  {
    referrer: 'https://social.example/post/17',
    utm_source: 'social',
    utm_medium: 'post',
    utm_campaign: 'spring',
  },
  { referrer: '', utm_source: 'newsletter', utm_medium: 'email', utm_campaign: 'weekly' },
];
const camelNames: Readonly<Record<string, string>> = {
  event_id: 'eventId',
  event_name: 'event',
  app_id: 'appId',
  user_id: 'userId',
  anonymous_id: 'anonymousId',
  session_id: 'sessionId',
  video_id: 'videoId',
  view_id: 'viewId',
};

/** A UUIDv7 of that moment (epoch ms) with the rest from the seed. */
function uuidAt(at: number, random: Random): string {
  const time = at.toString(16).padStart(12, '0');
  const hex = [random.bits(), random.bits(), random.bits()]
    .map((n) => n.toString(16).padStart(8, '0'))
    .join('');
  const variant = (8 + (random.bits() & 3)).toString(16);
  return `${time.slice(0, 8)}-${time.slice(8)}-7${hex.slice(0, 3)}-${variant}${hex.slice(3, 6)}-${hex.slice(6, 18)}`;
}

function badBody(body: Fields, random: Random): unknown {
  const kind = random.between(0, 4);
  const { event_name: _, event: __, ...nameless } = body;
  if (kind === 0) return nameless;
  if (kind === 1) return { ...body, timestamp: 'half past nine' };
  if (kind === 2) return { ...body, properties: 'none' };
  if (kind === 3) return { ...body, timestamp: '2001-01-01T00:00:00.000Z' };
  return 'lost in translation';
}

/** Knows how this visitor's events look on the wire, and which of them go wrong on the way. */
interface Scribe {
  write(at: number, name: string, properties: Fields, page: string, view?: DemoView): DemoEvent;
}

function createScribe({ person, sessionId, random }: VisitOptions, visit: Visit): Scribe {
  const { app } = person;
  const arrival: Fields = { ...random.pick(arrivals) };
  let events = 0;
  let views = 0;
  let lastView: DemoView | null = null;

  function contextOf(page: string): Fields {
    const context: Fields = {
      user_agent: person.userAgent,
      device: person.device,
      country: person.country,
      language: person.language,
      page: { path: page, url: `https://${app.host}${page}` },
      library: { name: 'sluice-demo', version: '1' },
    };
    // The first page knows where the visitor came from, the others came from the app itself.
    if (events === 0) Object.assign(context, arrival);
    else context.referrer = `https://${app.host}/`;
    return context;
  }

  function bodyOf(at: number, name: string, properties: Fields, page: string, view: DemoView | null): Fields {
    const body: Fields = { event_id: uuidAt(at, random), event_name: name, app_id: app.app_id };
    if (person.knownBy === 'user') body.user_id = person.id;
    if (person.knownBy === 'user' || person.knownBy === 'anonymous' || person.knownBy === 'bot') {
      body.anonymous_id = `${person.id}-device`;
    }
    body.session_id = sessionId;
    if (view) {
      body.video_id = view.title.video_id;
      if (app.sendsViewId) body.view_id = `${sessionId}-${views}`;
    }
    body.timestamp = app.dialect === 'camel' ? at : new Date(at).toISOString();
    body.properties = properties;
    body.context = contextOf(page);
    if (app.dialect === 'canonical') return body;
    return Object.fromEntries(Object.entries(body).map(([key, value]) => [camelNames[key] ?? key, value]));
  }

  function mishapsOf(event: DemoEvent, body: Fields): DemoEvent[] {
    const luck = random.next();
    const again = { ...event, view: null, followUps: [], heldMs: random.between(500, 90_000) };
    if (luck < 0.012)
      return [
        { ...again, role: 'copy', body: { ...body, sent_at: new Date(event.at + 5_000).toISOString() } },
      ];
    if (luck < 0.0125)
      return [{ ...again, role: 'collision', body: { ...body, properties: { changed: true } } }];
    if (luck < 0.016) return [{ ...again, role: 'bad', heldMs: 0, body: badBody(body, random) }];
    return [];
  }

  return {
    write(at, name, properties, page, view) {
      if (view && view !== lastView) {
        lastView = view;
        views++;
      }
      const body = bodyOf(at, name, properties, page, view ?? null);
      events++;
      // One in sixty is held back: a phone in a tunnel.
      const heldMs = random.chance(0.016) ? random.between(1_000, random.chance(0.1) ? 900_000 : 60_000) : 0;
      if (view) view.pending++;
      const event: DemoEvent = {
        at,
        name,
        properties,
        visit,
        view: view ?? null,
        body,
        role: 'event',
        heldMs,
        followUps: [],
      };
      return { ...event, followUps: mishapsOf(event, body) };
    },
  };
}

/** The playback's events with word of which is the last. */
function* playView(
  title: Title,
  at: number,
  visit: Visit,
  scribe: Scribe,
  random: Random,
): Generator<DemoEvent, number> {
  const view: DemoView = { visit, title, ended: false, pending: 0 };
  const events = playback(title, at, random);
  let current = events.next();
  let lastAt = at;
  while (!current.done) {
    const following = events.next();
    const { name, properties } = current.value;
    lastAt = current.value.at;
    view.ended = following.done === true;
    yield scribe.write(lastAt, name, properties, `/watch/${title.video_id}`, view);
    current = following;
  }
  return lastAt + 1;
}

function* search(at: number, scribe: Scribe, random: Random): Generator<DemoEvent, number> {
  const query = random.pick(queries);
  yield scribe.write(
    at,
    'search',
    { query, results: query === 'zzz' ? 0 : random.between(1, 60) },
    '/search',
  );
  return at + random.between(1_500, 12_000);
}

/** The events of a visit in order of time, the first at `startAt`. Made as they are asked for. */
export function* visitEvents(options: VisitOptions): Generator<DemoEvent> {
  const { person, random, catalogue, startAt } = options;
  const visit: Visit = { sessionId: options.sessionId, person };
  const scribe = createScribe(options, visit);
  let at = startAt;
  yield scribe.write(at, 'page_view', { title: 'Home' }, '/');
  if (person.knownBy === 'bot') {
    for (let page = 1; page < 6; page++) {
      at += random.between(400, 4_000);
      yield scribe.write(at, 'page_view', {}, `/watch/${catalogue.pick(person.app, random).video_id}`);
    }
    return;
  }
  at += random.between(20, 400);
  if (random.chance(0.3))
    yield scribe.write(at, 'web_vital', { name: 'LCP', value: random.between(600, 4_500), page: '/' }, '/');
  at += random.between(300, 6_000);
  if (random.chance(0.12)) return;
  const seen = new Set<Title>();
  const wanted = random.pick([1, 1, 1, 2, 2, 3]);
  for (let i = 0; i < wanted; i++) {
    if (random.chance(0.25)) at = yield* search(at, scribe, random);
    const title = catalogue.pick(person.app, random);
    // Without a view_id two playbacks of one title in a session would be one view.
    if (seen.has(title)) continue;
    seen.add(title);
    yield scribe.write(at, 'page_view', { title: title.title }, `/watch/${title.video_id}`);
    if (random.chance(0.004))
      yield scribe.write(at + 5, 'error', { message: `Cannot read poster ${title.index}` }, '/watch');
    at = yield* playView(title, at + random.between(100, 1_500), visit, scribe, random);
    at += random.between(2_000, 40_000);
  }
  if (random.chance(0.05))
    yield scribe.write(at, 'subscribe', { plan: random.pick(['month', 'year']) }, '/account');
}
