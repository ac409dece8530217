/**
 * The events that the benchmark sends: views of videos, each with its user, session and video, in the order a player
 * would report them. Bodies are built once; what makes an event distinct and current is patched in place, since a load
 * generator on the same two cores must cost next to nothing.
 *
 * The n-th event of a run is step `n mod 12` of a view. A view's steps lie far apart, so that some 100,000 views are
 * under way at any moment, as they would be at such a rate.
 */

export interface BodyPlan {
  /** Events in a request. */
  readonly batch: number;
  readonly host: string;
  readonly path: string;
  /** Tells the ids of one run from those of every other: 24 bits. */
  readonly run: number;
  /** Between two steps of one view so many other views begin. Default: 8,000. */
  readonly viewsBetweenSteps?: number;
}

/** Where the parts that change stand in the request, per event. */
interface Places {
  readonly id: number;
  readonly timestamp: number;
  readonly app: number;
  readonly user: number;
  readonly session: number;
  readonly video: number;
  readonly view: number;
  /** How long ago the event happened, ms. */
  readonly ageMs: number;
}

/** A whole HTTP request, ready to be written. */
export interface Request {
  readonly bytes: Buffer;
  /** Which requests of the run it can stand for: those with `number % templates` equal to it. */
  readonly template: number;
  readonly places: readonly Places[];
  readonly headBytes: number;
  /** True once the service has acknowledged it: only then can a part sent again be called a duplicate. */
  acknowledged: boolean;
}

const STEPS = 12;
const VIEWS_BETWEEN_STEPS = 8_000;
const VIEWS_PER_SESSION = 2;
const USERS = 400_000;
const VIDEOS = 20_000;
const MINUTE_MS = 60_000;
/** Of 200 events one is sent again by itself, and of 200 requests one is sent again as a whole: 1 % duplicates. */
export const DUPLICATE_EVERY = 200;
const DUPLICATE_AT = 50;

const apps = ['tube', 'news', 'kids', 'tube'].map((name) => Buffer.from(name));
const agents = [
  'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36',
  'Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1',
  'Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0',
];
const names = [
  'video_start',
  'video_progress',
  'video_heartbeat',
  'video_heartbeat',
  'video_progress',
  'video_pause',
  'video_resume',
  'video_heartbeat',
  'video_progress',
  'video_heartbeat',
  'quality_change',
  'view_end',
] as const;
const qualities = ['1080p', '720p', '2160p', '480p'];

export function templateCount(batch: number): number {
  let [a, b] = [STEPS, batch];
  while (b !== 0) [a, b] = [b, a % b];
  return STEPS / a;
}

function properties(step: number, slot: number): object {
  const quality = qualities[slot % qualities.length]!;
  const playing = { quality, bitrate: 1_500_000 + 250_000 * (slot % 20) };
  const at = { position_ms: step * 10_000 + slot * 7 };
  const whole = { ...playing, ...at, duration_ms: 1_440_000 };
  switch (names[step]) {
    case 'video_start':
      return { ...whole, title: 'Café Zürich: "Der Anfang"' };
    case 'video_pause':
    case 'video_resume':
      return { ...at, reason: 'user' };
    case 'quality_change':
      return { ...playing, from: '480p', reason: 'abr' };
    case 'view_end':
      return { ...whole, watch_ms: 90_000 + slot, completed: slot % 4 === 0 };
    default:
      return { ...playing, ...at, watch_ms: 10_000 };
  }
}

function context(step: number, slot: number): object {
  if ((slot + step) % 8 !== 0) return {};
  const path = `/watch/${slot % 50}`;
  return {
    context: {
      page: { path, referrer: slot % 8 === 0 ? 'https://search.example/?q=film' : '' },
      user_agent: agents[slot % agents.length],
    },
  };
}

/** Newest last; 2 % are late by minutes, as events of a phone that was under ground are. */
function ageOf(slot: number, batch: number): number {
  if (slot % 50 === 7) return (1 + (slot % 9)) * MINUTE_MS;
  return Math.floor(((batch - slot - 1) * 900) / batch);
}

const blankId = '00000000-0000-7000-8000-000000000000';
const blankTime = '0000-00-00T00:00:00.000Z';

function eventText(step: number, slot: number): string {
  return JSON.stringify({
    event_id: blankId,
    event_name: names[step],
    app_id: 'tube',
    timestamp: blankTime,
    user_id: 'u_00000000',
    session_id: 's_00000000',
    video_id: 'v_00000000',
    view_id: 'w_00000000',
    properties: properties(step, slot),
    ...context(step, slot),
  });
}

function find(event: Buffer, key: string, base: number): number {
  const mark = `"${key}":"`;
  return base + event.indexOf(mark) + mark.length;
}

/** Every place is the first after its key, since properties and context come last. */
function placesOf(event: Buffer, base: number, ageMs: number): Places {
  return {
    id: find(event, 'event_id', base),
    timestamp: find(event, 'timestamp', base),
    app: find(event, 'app_id', base),
    user: find(event, 'user_id', base) + 2,
    session: find(event, 'session_id', base) + 2,
    video: find(event, 'video_id', base) + 2,
    view: find(event, 'view_id', base) + 2,
    ageMs,
  };
}

/** One request as bytes with everything but its changing parts. Each connection needs its own. */
export function createRequest(plan: BodyPlan, template: number): Request {
  const events: Buffer[] = [];
  for (let slot = 0; slot < plan.batch; slot++)
    events.push(Buffer.from(eventText((template * plan.batch + slot) % STEPS, template + slot)));
  const bodyBytes = events.reduce((sum, event) => sum + event.length, 0) + events.length + 1;
  const head = Buffer.from(
    `POST ${plan.path} HTTP/1.1\r\nhost: ${plan.host}\r\ncontent-type: application/json\r\n` +
      `user-agent: sluice-bench/1\r\ncontent-length: ${bodyBytes}\r\n\r\n`,
  );
  const parts: Buffer[] = [head];
  const places: Places[] = [];
  let at = head.length;
  for (const [slot, event] of events.entries()) {
    parts.push(Buffer.from(slot === 0 ? '[' : ','), event);
    places.push(placesOf(event, at + 1, ageOf(slot, plan.batch)));
    at += 1 + event.length;
  }
  parts.push(Buffer.from(']'));
  const bytes = Buffer.concat(parts);
  return { bytes, template, places, headBytes: head.length, acknowledged: false };
}

const hex = Buffer.from('0123456789abcdef');

function writeHex8(to: Buffer, at: number, value: number): void {
  for (let i = 7, rest = value; i >= 0; i--, rest >>>= 4) to[at + i] = hex[rest & 15]!;
}

function copy(from: Buffer, to: Buffer, at: number): void {
  // A loop, since a call out of JavaScript costs more than so few bytes.
  for (let i = 0; i < from.length; i++) to[at + i] = from[i]!;
}

/** Few titles are watched by many and many by few: the rank is log-uniform, which is Zipf's law. */
function createVideoTable(): Uint32Array {
  const table = new Uint32Array(65_536);
  for (let i = 0; i < table.length; i++) table[i] = Math.floor(VIDEOS ** ((i + 0.5) / table.length));
  return table;
}

/** The id of the n-th most watched video, 1 being the hottest. */
export function videoId(rank: number): string {
  return `v_${rank.toString(16).padStart(8, '0')}`;
}

const SECONDS_KEPT = 1_024;

/** Makes requests current and distinct. */
export class Patcher {
  readonly #plan: BodyPlan;
  readonly #videos = createVideoTable();
  /** `YYYY-MM-DDTHH:MM:SS.` of seconds looked at lately, by second modulo. */
  readonly #seconds: { second: number; text: Buffer }[] = [];
  readonly #millis = Array.from({ length: 1000 }, (_, ms) => Buffer.from(String(ms).padStart(3, '0')));
  readonly #idHead = Buffer.from(blankId.slice(0, 28));

  constructor(plan: BodyPlan) {
    this.#plan = plan;
  }

  /**
   * Makes it the `number`-th request of the run, happening now (epoch ms). Returns how many of its events were never
   * sent before: the others are left as this buffer sent them last, exact duplicates.
   */
  patch(request: Request, number: number, now: number): number {
    const { bytes, places } = request;
    const first = number * this.#plan.batch;
    this.#beginIds(now);
    let fresh = 0;
    for (let slot = 0; slot < places.length; slot++) {
      const n = first + slot;
      if (n % DUPLICATE_EVERY === DUPLICATE_AT && request.acknowledged) continue;
      this.#patchEvent(bytes, places[slot]!, n, now);
      fresh++;
    }
    request.acknowledged = false;
    return fresh;
  }

  #patchEvent(bytes: Buffer, place: Places, n: number, now: number): void {
    copy(this.#idHead, bytes, place.id);
    writeHex8(bytes, place.id + 28, n);
    this.#writeTime(bytes, place.timestamp, now - place.ageMs);
    const { viewsBetweenSteps = VIEWS_BETWEEN_STEPS } = this.#plan;
    const view = (Math.floor(n / STEPS) - (n % STEPS) * viewsBetweenSteps) >>> 0;
    const session = Math.floor(view / VIEWS_PER_SESSION);
    copy(apps[session & 3]!, bytes, place.app);
    writeHex8(bytes, place.view, view);
    writeHex8(bytes, place.session, session);
    writeHex8(bytes, place.user, (Math.imul(session, 0x9e3779b1) >>> 0) % USERS);
    writeHex8(bytes, place.video, this.#videos[Math.imul(view, 0x85ebca6b) >>> 16]!);
  }

  /** Version 7: the time, then what tells this run from others; the number of the event ends it. */
  #beginIds(now: number): void {
    const time = Math.floor(now).toString(16).padStart(12, '0');
    const run = this.#plan.run.toString(16).padStart(6, '0');
    const text = `${time.slice(0, 8)}-${time.slice(8)}-7${run.slice(0, 3)}-8${run.slice(3)}-0000`;
    this.#idHead.write(text, 'latin1');
  }

  #writeTime(bytes: Buffer, at: number, epochMs: number): void {
    const second = Math.floor(epochMs / 1000);
    let known = this.#seconds[second % SECONDS_KEPT];
    if (known?.second !== second) {
      known = { second, text: Buffer.from(new Date(second * 1000).toISOString().slice(0, 20)) };
      this.#seconds[second % SECONDS_KEPT] = known;
    }
    copy(known.text, bytes, at);
    copy(this.#millis[Math.floor(epochMs) - second * 1000]!, bytes, at + 20);
  }
}
