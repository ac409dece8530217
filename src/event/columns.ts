/**
 * The columns of the raw table `events`, in the table's order. The DDL, the Native block and the test that compares
 * both with the live table derive from this list.
 *
 * How the pipeline encodes each: `text` from an interned text (a dictionary of the block), `topic` the one of the batch, `string` finished bytes of
 * the kernel, `uuid` from idWords, `datetime64` epoch ms, `float64?` NaN as null, the rest little-endian numbers.
 */
export const eventColumns = [
  { name: 'app_id', type: 'LowCardinality(String)', encoding: 'text' },
  { name: 'event_name', type: 'LowCardinality(String)', encoding: 'text' },
  { name: 'timestamp', type: "DateTime64(3, 'UTC')", encoding: 'datetime64' },
  { name: 'event_id', type: 'UUID', encoding: 'uuid' },
  { name: 'user_id', type: 'String', encoding: 'string' },
  { name: 'anonymous_id', type: 'String', encoding: 'string' },
  { name: 'session_id', type: 'String', encoding: 'string' },
  { name: 'video_id', type: 'String', encoding: 'string' },
  { name: 'view_id', type: 'String', encoding: 'string' },
  { name: 'stream_id', type: 'String', encoding: 'string' },
  { name: 'watch_ms', type: 'Nullable(Float64)', encoding: 'float64?' },
  { name: 'duration_ms', type: 'Nullable(Float64)', encoding: 'float64?' },
  { name: 'bitrate', type: 'Nullable(Float64)', encoding: 'float64?' },
  { name: 'completed', type: 'Bool', encoding: 'bool' },
  { name: 'instant_skip', type: 'Bool', encoding: 'bool' },
  { name: 'fatal', type: 'Bool', encoding: 'bool' },
  { name: 'page', type: 'String', encoding: 'text' },
  { name: 'referrer', type: 'String', encoding: 'text' },
  { name: 'utm_source', type: 'String', encoding: 'text' },
  { name: 'utm_medium', type: 'String', encoding: 'text' },
  { name: 'utm_campaign', type: 'String', encoding: 'text' },
  { name: 'utm_term', type: 'String', encoding: 'text' },
  { name: 'utm_content', type: 'String', encoding: 'text' },
  { name: 'device', type: 'LowCardinality(String)', encoding: 'text' },
  { name: 'os', type: 'LowCardinality(String)', encoding: 'text' },
  { name: 'browser', type: 'LowCardinality(String)', encoding: 'text' },
  { name: 'country', type: 'LowCardinality(String)', encoding: 'text' },
  { name: 'is_bot', type: 'Bool', encoding: 'bool' },
  { name: 'session_assigned', type: 'Bool', encoding: 'bool' },
  { name: 'properties', type: 'String', encoding: 'string' },
  { name: 'context', type: 'String', encoding: 'string' },
  { name: 'received_at', type: "DateTime64(3, 'UTC')", encoding: 'datetime64' },
  { name: 'payload_hash', type: 'UInt64', encoding: 'uint64' },
  { name: 'log_topic', type: 'LowCardinality(String)', encoding: 'topic' },
  { name: 'log_partition', type: 'UInt16', encoding: 'uint16' },
  { name: 'log_offset', type: 'UInt64', encoding: 'uint64' },
  { name: 'log_index', type: 'UInt32', encoding: 'uint32' },
  { name: 'lease_until', type: "DateTime64(3, 'UTC')", encoding: 'datetime64' },
] as const;

export type EventColumn = (typeof eventColumns)[number];
export type EventColumnName = EventColumn['name'];
export type ColumnEncoding = EventColumn['encoding'];
