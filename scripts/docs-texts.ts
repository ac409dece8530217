/** What the docs say of kinds and columns, one entry each: the types see to it that none is missing. */
import type { EventColumnName } from '../src/event/columns.ts';
import type { EventKindName } from '../src/event/event.ts';

/** What the service makes of an event of this name. Markdown. */
export const kindTexts: Readonly<Record<EventKindName, string>> = {
  video_start: 'A view exists from here on; it plays.',
  video_progress: 'A view exists from here on. Its `watch_ms` is what was watched since the event before.',
  video_heartbeat: 'The same as `video_progress`.',
  video_pause: 'The view does not play. It is not active in realtime.',
  video_resume: 'The view plays again.',
  video_complete: 'A view exists from here on, and is completed. It does not play.',
  video_error:
    'Counts as an error. The view does not play. With `properties.fatal = true` it ends in realtime.',
  video_buffer: 'The view does not play.',
  video_buffering: 'The same as `video_buffer`.',
  quality_change: 'Stored. A `bitrate` in it counts for the bandwidth, as in any event of a view.',
  seek: 'Stored and counted.',
  view_end:
    'A view exists from here on, and has ended. Its `watch_ms` is what was watched in all. An impression, if that is 600 or more and not `instant_skip`.',
  session_start: 'Stored and counted. The name of what `/v1/ingest/session` gets without one.',
  session_end: 'Stored and counted.',
  page_view: 'Counts as a page view. The name of what `/v1/ingest/pageview` gets without one.',
  web_vital: 'A web vital: `properties.name` and `properties.value` (ms; CLS without unit).',
  error: 'Counts as an error. Grouped by `properties.message`.',
  identify: 'Stored and counted.',
  search: 'A search: `properties.query`, and how much it found, `properties.results`.',
};

/** Columns that the server adds to those of src/event/columns.ts. */
type AddedColumn = 'inserted_at' | 'actor' | 'event_type' | 'metadata';

export const columnTexts: Readonly<Record<EventColumnName | AddedColumn, string>> = {
  app_id: 'The app.',
  event_name: 'The name.',
  timestamp: 'When it happened, clock repaired.',
  event_id: 'The idempotency key.',
  user_id: '',
  anonymous_id: '',
  session_id: 'As sent, else the one that was assigned.',
  video_id: '',
  view_id: 'As sent, else `v_` and a hash of `session_id` and `video_id`.',
  stream_id: '',
  watch_ms: '`properties.watch_ms`, if it is a number and not negative.',
  duration_ms: '`properties.duration_ms`, else `properties.duration` in seconds.',
  bitrate: 'Bit/s: `properties.bitrate`, else `properties.bitrate_kbps` × 1000.',
  completed: '`properties.completed` is `true`.',
  instant_skip: '`properties.instant_skip` is `true`.',
  fatal: '`properties.fatal` is `true`.',
  page: 'The path of the page.',
  referrer: "The referrer's host without `www.`; empty for the page's own host.",
  utm_source: "As the context says, else from the page's URL; so the next four.",
  utm_medium: '',
  utm_campaign: '',
  utm_term: '',
  utm_content: '',
  device: '`desktop`, `mobile`, `tablet`, `tv`, or what the event said.',
  os: '',
  browser: '',
  country: 'As the event says, else as a trusted edge says of the request.',
  is_bot: 'The visitor is a bot. Left out of every number unless `bots=true`.',
  session_assigned: 'The service found the session; the event named none.',
  properties: 'JSON text, top-level strangers among them.',
  context: 'JSON text, without `ip`.',
  received_at: 'When the service received it.',
  payload_hash: 'Tells a duplicate from a collision of ids.',
  log_topic:
    'Topic and which log it is, as in `analytics.v1@587b482f30177f49`. With the next three the coordinate in the log; each has at most one row.',
  log_partition: '',
  log_offset: '',
  log_index: 'Place of the event in its record.',
  lease_until: 'After this moment the server refuses the row.',
  inserted_at: 'When ClickHouse stored it.',
  actor: 'Alias: `user_id`, else `anonymous_id`, else `session_id`.',
  event_type: 'Alias of `event_name` (seed 002).',
  metadata: 'Alias of `context`, NULL when empty (seed 002).',
};
