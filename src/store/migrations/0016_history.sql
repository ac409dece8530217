-- What outlives raw, or is made of it for people who write SQL.

-- Sessions that began before raw begins, as they were while it was there (store/sql/kept-sessions.ts). Columns as of a fold
-- of raw, so that both can be read as one; `start_key` is the place of the first event.
CREATE TABLE IF NOT EXISTS {database}.kept_sessions {on_cluster}
(
    app_id LowCardinality(String),
    session_id String CODEC(ZSTD(1)),
    start_key UInt128 CODEC(ZSTD(1)),
    ended_ms Int64 CODEC(Delta, ZSTD(1)),
    events UInt64 CODEC(T64, ZSTD(1)),
    page_views UInt64 CODEC(T64, ZSTD(1)),
    errors UInt64 CODEC(T64, ZSTD(1)),
    user_id String CODEC(ZSTD(1)),
    anonymous_id String CODEC(ZSTD(1)),
    actor String CODEC(ZSTD(1)),
    entry_page String CODEC(ZSTD(1)),
    exit_page String CODEC(ZSTD(1)),
    device LowCardinality(String),
    browser LowCardinality(String),
    os LowCardinality(String),
    country LowCardinality(String),
    referrer String CODEC(ZSTD(1)),
    utm_source LowCardinality(String),
    utm_medium LowCardinality(String),
    utm_campaign LowCardinality(String),
    utm_term String CODEC(ZSTD(1)),
    utm_content String CODEC(ZSTD(1)),
    conversions UInt64 CODEC(T64, ZSTD(1)),
    day Date CODEC(Delta, ZSTD(1)),
    version DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    -- It begins on another day than this row says, or was never there.
    gone UInt8,
    INDEX by_end ended_ms TYPE minmax
)
ENGINE = {engine:ReplacingMergeTree(version, gone)}
ORDER BY (app_id, day, session_id)
TTL day + INTERVAL {retention_sessions_days} DAY;

-- How far people get in the funnels of the catalogue, by the UTC day on which they begin, of one app each; read as
-- `funnel_stats`. A row holds as long as nothing landed in its day or the window behind it since `as_of`.
CREATE TABLE IF NOT EXISTS {database}.funnel_counts {on_cluster}
(
    app_id LowCardinality(String),
    funnel_name String CODEC(ZSTD(1)),
    date Date CODEC(Delta, ZSTD(1)),
    -- From 1.
    step UInt8,
    step_name String CODEC(ZSTD(1)),
    event_name String CODEC(ZSTD(1)),
    -- Who reached the first step.
    began UInt64 CODEC(T64, ZSTD(1)),
    count UInt64 CODEC(T64, ZSTD(1)),
    drop_off UInt64 CODEC(T64, ZSTD(1)),
    conversion_from_start Float64,
    conversion_from_previous Float64,
    median_seconds_from_previous Nullable(Float64),
    -- When the funnel was defined as it was counted.
    defined_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    as_of DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    -- There is no such step or funnel any more.
    gone UInt8
)
ENGINE = {engine:ReplacingMergeTree(as_of, gone)}
ORDER BY (app_id, funnel_name, date, step)
TTL date + INTERVAL {retention_events_days} DAY;
