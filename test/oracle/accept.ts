/**
 * First half of the oracle: which deliveries become events, and what those events are.
 * Refusal, identity, deduplication and the sessions of those who sent no session id.
 */

/** One event as a client sent it, in order of receipt. `app` is the app of its API key. */
export interface Delivery {
  readonly event: unknown;
  /** Epoch ms. */
  readonly receivedAt: number;
  readonly app: string;
  /** The request's own user agent, for events whose context names none. */
  readonly userAgent?: string;
}

export type Json = Record<string, unknown>;

/** An event that was stored. Texts that were not sent are ''. */
export interface StoredEvent {
  readonly order: number;
  readonly receivedAt: number;
  readonly app_id: string;
  readonly event_name: string;
  /** Epoch ms. */
  readonly at: number;
  readonly user_id: string;
  readonly anonymous_id: string;
  readonly actor: string;
  /** As sent, or assigned on arrival. */
  readonly session_id: string;
  readonly session_assigned: boolean;
  readonly video_id: string;
  /** Identity of its view as one text, or '' without a view. */
  readonly view: string;
  readonly properties: Json;
  readonly context: Json;
  readonly is_bot: boolean;
}

export interface LedgerLine {
  received: number;
  stored: number;
  duplicate: number;
  quarantined: number;
}

export interface AcceptOptions {
  readonly retentionMs: number;
  readonly isBot: (userAgent: string) => boolean;
}

export interface Accepted {
  readonly events: StoredEvent[];
  readonly ledger: Map<string, LedgerLine>;
}

/** Every name under which a field may come; the first is canonical and wins. */
const aliases = {
  event_id: ['event_id', 'eventId', 'messageId', 'uuid'],
  event_name: ['event_name', 'event_type', 'event', 'name', 'type'],
  app_id: ['app_id', 'appId', 'serviceId'],
  user_id: ['user_id', 'userId', 'actor_id', 'distinct_id'],
  anonymous_id: ['anonymous_id', 'anonymousId', 'device_id'],
  session_id: ['session_id', 'sessionId'],
  video_id: ['video_id', 'videoId', 'content_id'],
  view_id: ['view_id', 'viewId'],
  timestamp: ['timestamp', 'ts', 'time', 'originalTimestamp'],
  properties: ['properties', 'props', 'params', 'data'],
  context: ['context', 'metadata'],
} as const;
/** Send times are no payload. No history has a wrong clock, so the oracle repairs none. */
const sendTimes = ['sent_at', 'sentAt'];
const knownNames = new Set<string>([...Object.values(aliases).flat(), ...sendTimes]);

const sessionGapMs = 30 * 60_000;
const dayMs = 24 * 60 * 60_000;

export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function field(event: Json, name: keyof typeof aliases): unknown {
  for (const key of aliases[name]) {
    const value = event[key];
    if (value !== undefined && value !== null && value !== '') return value;
  }
  return undefined;
}

/** Identifiers may be sent as numbers. */
function text(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}

/** ISO 8601 (UTC unless it says otherwise) or epoch s, ms or us by magnitude, to whole ms; NaN when it is neither. */
function readTimestamp(value: unknown): number {
  if (typeof value === 'number') {
    const size = Math.abs(value);
    return Math.floor(size < 1e11 ? value * 1000 : size < 1e14 ? value : value / 1000);
  }
  if (typeof value !== 'string' || !/^\d{4}-\d\d-\d\d/.test(value)) return Number.NaN;
  const zoned = /(Z|[+-]\d\d:?\d\d)$/i.test(value) || value.length === 10;
  return Date.parse(zoned ? value : `${value}Z`);
}

function measure(value: unknown): { depth: number; keys: number } {
  if (typeof value !== 'object' || value === null) return { depth: 0, keys: 0 };
  let depth = 0;
  let keys = Array.isArray(value) ? 0 : Object.keys(value).length;
  for (const inner of Object.values(value)) {
    const below = measure(inner);
    depth = Math.max(depth, below.depth);
    keys += below.keys;
  }
  return { depth: depth + 1, keys };
}

/** Why an event is refused, or null when it is good. Its own time of receipt decides about its timestamp. */
function refusal(event: unknown, receivedAt: number, retentionMs: number): string | null {
  if (!isObject(event)) return 'not an object';
  const name = field(event, 'event_name');
  if (typeof name !== 'string' || name.length > 200) return 'event_name';
  for (const id of ['app_id', 'user_id', 'anonymous_id', 'session_id', 'video_id', 'view_id'] as const) {
    const value = field(event, id);
    const readable = typeof value === 'string' || typeof value === 'number';
    if (value !== undefined && (!readable || Buffer.byteLength(String(value)) > 256)) return id;
  }
  for (const part of ['properties', 'context'] as const) {
    const value = field(event, part);
    if (value !== undefined && !isObject(value)) return part;
  }
  const properties = field(event, 'properties') ?? {};
  const { depth, keys } = measure(properties);
  if (depth > 8 || keys > 255 || Buffer.byteLength(JSON.stringify(properties)) > 32 * 1024)
    return 'properties';
  const sentTime = field(event, 'timestamp');
  if (sentTime === undefined) return null;
  const at = readTimestamp(sentTime);
  if (Number.isNaN(at)) return 'timestamp';
  if (at > receivedAt + dayMs) return 'timestamp_too_new';
  if (at < receivedAt - retentionMs) return 'timestamp_too_old';
  return null;
}

/** All that was said but the id and the send time, in an order that does not depend on the client's. */
function payloadOf(event: Json): string {
  const left: [string, unknown][] = [];
  for (const [key, value] of Object.entries(event)) {
    if (sendTimes.includes(key) || (aliases.event_id as readonly string[]).includes(key)) continue;
    left.push([key, value]);
  }
  return JSON.stringify(left.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Top-level fields nobody knows count as properties; a property of that name wins. */
function propertiesOf(event: Json): Json {
  const properties: Json = {};
  for (const [key, value] of Object.entries(event)) {
    if (!knownNames.has(key)) properties[key === 'streamId' ? 'stream_id' : key] = value;
  }
  return Object.assign(properties, field(event, 'properties'));
}

interface AssignedSession {
  id: string;
  first: number;
  last: number;
}

/** Sessions of one (app, actor) for events without a session id: the nearest within 30 minutes, the earlier on a tie. */
function assignSession(sessions: AssignedSession[], at: number, newId: string): string {
  let best: AssignedSession | null = null;
  let bestGap = Number.POSITIVE_INFINITY;
  for (const session of sessions) {
    const gap = Math.max(0, session.first - at, at - session.last);
    if (gap > sessionGapMs) continue;
    if (gap < bestGap || (gap === bestGap && best && session.first < best.first)) {
      best = session;
      bestGap = gap;
    }
  }
  if (!best) {
    best = { id: newId, first: at, last: at };
    sessions.push(best);
  }
  best.first = Math.min(best.first, at);
  best.last = Math.max(best.last, at);
  return best.id;
}

function storedEvent(
  delivery: Delivery,
  event: Json,
  order: number,
  sessions: Map<string, AssignedSession[]>,
  options: AcceptOptions,
): StoredEvent {
  const properties = propertiesOf(event);
  const context = (field(event, 'context') ?? {}) as Json;
  const app = text(field(event, 'app_id')) || delivery.app;
  const sent = field(event, 'timestamp');
  const at = sent === undefined ? delivery.receivedAt : readTimestamp(sent);
  const userId = text(field(event, 'user_id'));
  const anonymousId = text(field(event, 'anonymous_id'));
  let sessionId = text(field(event, 'session_id'));
  const actor = userId || anonymousId || sessionId;
  const assigned = sessionId === '' && actor !== '';
  if (assigned) {
    const key = JSON.stringify([app, actor]);
    const known = sessions.get(key) ?? [];
    sessions.set(key, known);
    sessionId = assignSession(known, at, `assigned ${key} ${known.length}`);
  }
  const videoId = text(field(event, 'video_id')) || text(properties.video_id);
  const viewId = text(field(event, 'view_id')) || text(properties.view_id);
  let view = '';
  if (viewId !== '') view = JSON.stringify([app, videoId, 'sent', viewId]);
  else if (videoId !== '' && sessionId !== '')
    view = JSON.stringify([app, videoId, assigned ? 'assigned' : 'session', sessionId]);
  const agent = text(context.user_agent) || text(context.userAgent) || delivery.userAgent || '';
  return {
    order,
    receivedAt: delivery.receivedAt,
    app_id: app,
    event_name: text(field(event, 'event_name')),
    at,
    user_id: userId,
    anonymous_id: anonymousId,
    actor,
    session_id: sessionId,
    session_assigned: assigned,
    video_id: videoId,
    view,
    properties,
    context,
    is_bot: options.isBot(agent),
  };
}

/** Takes deliveries in order of receipt to the stored events and the ledger by app. */
export function accept(deliveries: readonly Delivery[], options: AcceptOptions): Accepted {
  const events: StoredEvent[] = [];
  const ledger = new Map<string, LedgerLine>();
  const payloads = new Map<string, string>();
  const sessions = new Map<string, AssignedSession[]>();
  for (const [order, delivery] of deliveries.entries()) {
    const { event, receivedAt } = delivery;
    const app = (isObject(event) && text(field(event, 'app_id'))) || delivery.app;
    const line = ledger.get(app) ?? { received: 0, stored: 0, duplicate: 0, quarantined: 0 };
    ledger.set(app, line);
    line.received++;
    if (refusal(event, receivedAt, options.retentionMs) !== null || !isObject(event)) {
      line.quarantined++;
      continue;
    }
    const id = field(event, 'event_id');
    if (id !== undefined) {
      const key = JSON.stringify([app, String(id).toLowerCase()]);
      const payload = payloadOf(event);
      const before = payloads.get(key);
      if (before !== undefined) {
        if (before === payload) line.duplicate++;
        else line.quarantined++;
        continue;
      }
      payloads.set(key, payload);
    }
    line.stored++;
    events.push(storedEvent(delivery, event, order, sessions, options));
  }
  return { events, ledger };
}
