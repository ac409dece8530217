-- Raw events, one row an event, with the coordinate that the log gave it: topic, partition, offset, index. Everything else is recomputed from here.
-- The sort key puts a bucket (app, 5 minutes) in one place: a recompute and a look at an open bucket read just its rows,
-- and one video's rows of a bucket lie together. Measured against keys that begin with the event name in docs/decisions.md.
CREATE TABLE IF NOT EXISTS {database}.events {on_cluster}
(
    app_id LowCardinality(String),
    event_name LowCardinality(String),
    timestamp DateTime64(3, 'UTC') CODEC(Delta, LZ4),
    event_id UUID,
    user_id String,
    anonymous_id String,
    session_id String,
    video_id String,
    view_id String,
    stream_id String,
    watch_ms Nullable(Float64),
    duration_ms Nullable(Float64),
    bitrate Nullable(Float64),
    completed Bool,
    instant_skip Bool,
    fatal Bool,
    page String,
    referrer String,
    utm_source String,
    utm_medium String,
    utm_campaign String,
    utm_term String,
    utm_content String,
    device LowCardinality(String),
    os LowCardinality(String),
    browser LowCardinality(String),
    country LowCardinality(String),
    is_bot Bool,
    session_assigned Bool,
    properties String CODEC(ZSTD(1)),
    context String CODEC(ZSTD(1)),
    received_at DateTime64(3, 'UTC') CODEC(Delta, LZ4),
    payload_hash UInt64,
    log_topic LowCardinality(String),
    log_partition UInt16,
    log_offset UInt64 CODEC(Delta, LZ4),
    log_index UInt32,
    lease_until DateTime64(3, 'UTC'),
    inserted_at DateTime64(3, 'UTC') DEFAULT now64(3),
    actor String ALIAS multiIf(user_id != '', user_id, anonymous_id != '', anonymous_id, session_id),
    event_type LowCardinality(String) ALIAS event_name,
    metadata Nullable(String) ALIAS if(context = '', NULL, context),
    INDEX by_event_id event_id TYPE bloom_filter(0.01) GRANULARITY 1,
    INDEX by_offset log_offset TYPE minmax GRANULARITY 1,
    INDEX by_received received_at TYPE minmax GRANULARITY 1,
    -- The fence: the server itself refuses a block whose writer's lease has ended, however late it arrives.
    CONSTRAINT lease CHECK lease_until >= now64(3)
)
ENGINE = {engine:MergeTree}
PARTITION BY toYYYYMM(timestamp)
ORDER BY (app_id, toStartOfFiveMinutes(timestamp), video_id)
TTL toDateTime(timestamp) + INTERVAL {retention_events_days} DAY
-- Merging costs more than inserting: fewer, larger merges write each row less often.
-- A block stays in one file until the first merge: two files a column cost more to write than they save to read.
SETTINGS min_parts_to_merge_at_once = 30, index_granularity = 16384, min_bytes_for_wide_part = 104857600;

-- Which buckets were touched and which were recomputed since. A mark is written before the rows that it announces.
-- A bucket is clean once it was recomputed (as_of) after the lease of its last mark had ended.
CREATE TABLE IF NOT EXISTS {database}.bucket_state {on_cluster}
(
    app_id LowCardinality(String),
    bucket DateTime('UTC'),
    lease_until SimpleAggregateFunction(max, DateTime64(3, 'UTC')),
    as_of SimpleAggregateFunction(max, DateTime64(3, 'UTC'))
)
ENGINE = {engine:AggregatingMergeTree}
ORDER BY (app_id, bucket)
TTL bucket + INTERVAL {retention_sessions_days} DAY;
