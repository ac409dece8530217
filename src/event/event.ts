/**
 * THE event: its fields, the names each is known by, its limits, the kinds that have a meaning, and the reasons to
 * refuse one. The wire type, the OpenAPI schema and the docs table (describe.ts), the kernel's look-up tables
 * (scripts/build-kernel.ts) and the reference reader derive from these tables; nothing restates them.
 */

/** How a field is read: `name` and `id` are text, `uuid` is the idempotency key, `instant` is a moment. */
export type FieldType = 'name' | 'uuid' | 'id' | 'instant' | 'object';

export interface EventField {
  readonly name: string;
  readonly type: FieldType;
  /** Other top-level names of the same field, in order of preference; the canonical name wins over all of them. */
  readonly aliases: readonly string[];
  /** Names inside `properties` that count when the top level does not say. */
  readonly inProperties: readonly string[];
  /** One sentence or two for people, in Markdown. */
  readonly rule: string;
}

/** In the order in which a bad event is judged: the verdict is the first problem in this order. */
export const eventFields = [
  {
    name: 'event_name',
    type: 'name',
    aliases: ['event_type', 'event', 'name', 'type'],
    inProperties: [],
    rule: 'Required, 1 to 200 characters.',
  },
  {
    name: 'event_id',
    type: 'uuid',
    aliases: ['eventId', 'messageId', 'uuid'],
    inProperties: [],
    rule: 'The idempotency key, a UUID (v7 advised). Made by the server when absent; any other text is hashed to a UUIDv5.',
  },
  {
    name: 'app_id',
    type: 'id',
    aliases: ['appId', 'serviceId'],
    inProperties: [],
    rule: 'Default: the app of the API key.',
  },
  {
    name: 'user_id',
    type: 'id',
    aliases: ['userId', 'actor_id', 'distinct_id'],
    inProperties: [],
    rule: 'Who it was. Partition key of the log (else `anonymous_id`, else `session_id`, else `event_id`).',
  },
  {
    name: 'anonymous_id',
    type: 'id',
    aliases: ['anonymousId', 'device_id'],
    inProperties: [],
    rule: 'Who it was, before anybody signed in.',
  },
  {
    name: 'session_id',
    type: 'id',
    aliases: ['sessionId'],
    inProperties: [],
    rule: 'Without it, 30 minutes of silence of the actor end a session.',
  },
  {
    name: 'video_id',
    type: 'id',
    aliases: ['videoId', 'content_id'],
    inProperties: ['video_id'],
    rule: 'The title that was played.',
  },
  {
    name: 'view_id',
    type: 'id',
    aliases: ['viewId'],
    inProperties: ['view_id'],
    rule: 'One playback of one video. Default: derived from `session_id` and `video_id`.',
  },
  {
    name: 'stream_id',
    type: 'id',
    aliases: ['streamId'],
    inProperties: ['stream_id'],
    rule: 'The stream that was played; `video_id` stands in for it.',
  },
  {
    name: 'timestamp',
    type: 'instant',
    aliases: ['ts', 'time', 'originalTimestamp'],
    inProperties: [],
    rule: 'ISO 8601 (UTC without a zone), or epoch seconds, milliseconds or microseconds by magnitude. Default: the time of receipt.',
  },
  {
    name: 'sent_at',
    type: 'instant',
    aliases: ['sentAt'],
    inProperties: [],
    rule: 'When the client sent it, by the same clock as `timestamp`: repairs a wrong clock. Not part of the payload.',
  },
  {
    name: 'properties',
    type: 'object',
    aliases: ['props', 'params', 'data'],
    inProperties: [],
    rule: 'Free form: at most 32 KB of text, 8 levels, 255 keys. Top-level fields that are not in this table move in here.',
  },
  {
    name: 'context',
    type: 'object',
    aliases: ['metadata'],
    inProperties: [],
    rule: 'Page, device, os, browser, country, referrer, utm_*, library; the same limits. `ip` is not stored.',
  },
] as const satisfies readonly EventField[];

export type EventFieldName = (typeof eventFields)[number]['name'];

type WireTypes = {
  name: string;
  uuid: string | number;
  id: string | number;
  instant: string | number;
  object: { [key: string]: unknown };
};

/** One event on the wire, canonical names. Any further top-level field is taken as a property. */
export type WireEvent = {
  -readonly [F in (typeof eventFields)[number] as F['name']]?: WireTypes[F['type']] | null;
} & { event_name: string; [other: string]: unknown };

/** The `id` fields, in schema order. Each is text of at most `idBytesMax` bytes; '' and null mean absent. */
export const idFields = [
  'app_id',
  'user_id',
  'anonymous_id',
  'session_id',
  'video_id',
  'view_id',
  'stream_id',
] as const satisfies readonly EventFieldName[];

export type IdField = (typeof idFields)[number];

export const eventLimits = {
  /** Code points. */
  nameCharsMax: 200,
  /** UTF-8 bytes, after decoding. */
  idBytesMax: 256,
  /** Bytes of JSON text as sent, braces included. */
  objectBytesMax: 32 * 1024,
  /** Levels of objects and arrays; the object itself is the first. */
  objectDepthMax: 8,
  /** Keys on all levels together. */
  objectKeysMax: 255,
  /** Bytes of one text taken out of the context (a user agent, a URL); the rest is cut off. */
  textBytesMax: 2048,
  /** Levels of a body as such. Anything deeper counts as broken syntax, so that no reader's stack can be exhausted. */
  nestingMax: 500,
  /** The years that ClickHouse's DateTime64 can hold, epoch ms, both included. */
  timestampMin: Date.UTC(1900, 0, 1),
  timestampMax: Date.UTC(2299, 11, 31, 23, 59, 59, 999),
} as const;

/** Event names that have a meaning, by code. Any other name is kind 0, stored and counted like any event. */
export const eventKinds = {
  video_start: 1,
  video_progress: 2,
  video_heartbeat: 3,
  video_pause: 4,
  video_resume: 5,
  video_complete: 6,
  video_error: 7,
  video_buffer: 8,
  video_buffering: 9,
  quality_change: 10,
  seek: 11,
  view_end: 12,
  session_start: 13,
  session_end: 14,
  page_view: 15,
  web_vital: 16,
  error: 17,
  identify: 18,
  search: 19,
} as const;

export type EventKindName = keyof typeof eventKinds;

/** The kind of an event name, 0 for a name without a meaning. */
export function eventKind(name: string): number {
  return Object.hasOwn(eventKinds, name) ? eventKinds[name as EventKindName] : 0;
}

/** Every reason to refuse one event, with what its sender can do about it. The list is closed. */
export const refusals = {
  not_an_object: 'An event is a JSON object: send {"event_name": "…"} for each event.',
  duplicate_key: 'Give each top-level field of an event once; only one of two values could be kept.',
  missing_event_name: 'Give every event an event_name (or event_type, event, name, type).',
  invalid_event_name: 'event_name is a string of 1 to 200 characters.',
  invalid_event_id: 'event_id is a string, best a UUID that stays the same when the event is sent again.',
  invalid_field: 'Identifiers are strings or numbers; leave a field out, or send null, when there is none.',
  field_too_long: 'Identifiers have at most 256 bytes.',
  invalid_timestamp: 'timestamp is ISO 8601 or a number of seconds, milliseconds or microseconds since 1970.',
  timestamp_too_old: 'The event is older than what is kept. Raise the retention to import history.',
  timestamp_in_future:
    "The event is more than 24 hours ahead. Check the sender's clock, or send sent_at with it.",
  invalid_properties: 'properties is a JSON object.',
  properties_too_large: 'properties has at most 32,768 bytes of JSON text.',
  properties_too_deep: 'properties has at most 8 levels.',
  properties_too_many_keys: 'properties has at most 255 keys, on all levels together.',
  invalid_context: 'context is a JSON object.',
  context_too_large: 'context has at most 32,768 bytes of JSON text.',
  context_too_deep: 'context has at most 8 levels.',
  context_too_many_keys: 'context has at most 255 keys, on all levels together.',
  invalid_json: 'The line, or record, is not valid JSON in UTF-8.',
  app_forbidden: 'The key is limited to other apps. Leave app_id out, or send with a key of that app.',
  do_not_track: 'The sender asked not to be tracked (DNT or GPC). Do not send again.',
  id_collision: 'An event with this event_id but another payload came before. Make a new id for every event.',
} as const;

export type RefusalCode = keyof typeof refusals;

/** Why one event was refused. `detail` is a sentence that may name the field and the limit. */
export interface Refusal {
  readonly code: RefusalCode;
  readonly detail: string;
}
