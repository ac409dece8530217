-- Tables recomputed from raw, never added to. Each row carries the moment of its recompute; the latest wins.

-- What one view did in one bucket. Two such rows of a view combine exactly (store/sql/views.ts says how).
CREATE TABLE IF NOT EXISTS {database}.view_buckets {on_cluster}
(
    app_id LowCardinality(String),
    video_id String CODEC(ZSTD(1)),
    view_id String CODEC(ZSTD(1)),
    bucket DateTime('UTC') CODEC(Delta, ZSTD(1)),
    start_key UInt128 CODEC(ZSTD(1)),
    viewer String CODEC(ZSTD(1)),
    event_name LowCardinality(String),
    country LowCardinality(String),
    device LowCardinality(String),
    browser LowCardinality(String),
    os LowCardinality(String),
    referrer LowCardinality(String),
    utm_source LowCardinality(String),
    utm_campaign LowCardinality(String),
    is_bot Bool,
    first_ms Int64 CODEC(Delta, ZSTD(1)),
    last_ms Int64 CODEC(Delta, ZSTD(1)),
    first_implied Bool,
    last_state UInt8,
    implied_ms Float64 CODEC(ZSTD(1)),
    play_ms Float64 CODEC(ZSTD(1)),
    carry_ms Float64 CODEC(ZSTD(1)),
    explicit_ms Float64 CODEC(ZSTD(1)),
    increments UInt32,
    end_watch_ms Nullable(Float64) CODEC(ZSTD(1)),
    duration_ms Nullable(Float64) CODEC(ZSTD(1)),
    duration_key UInt128 CODEC(ZSTD(1)),
    completed Bool,
    events UInt32,
    errors UInt32,
    version DateTime64(3, 'UTC') CODEC(ZSTD(1))
)
ENGINE = {engine:ReplacingMergeTree(version)}
PARTITION BY toYYYYMM(bucket)
ORDER BY (app_id, video_id, view_id, bucket)
TTL bucket + INTERVAL {retention_events_days} DAY;

-- One row a view, folded from all of its buckets.
CREATE TABLE IF NOT EXISTS {database}.views {on_cluster}
(
    app_id LowCardinality(String),
    video_id String CODEC(ZSTD(1)),
    view_id String CODEC(ZSTD(1)),
    started_at DateTime64(3, 'UTC') CODEC(ZSTD(1)),
    ended_at DateTime64(3, 'UTC') CODEC(ZSTD(1)),
    viewer String CODEC(ZSTD(1)),
    event_name LowCardinality(String),
    country LowCardinality(String),
    device LowCardinality(String),
    browser LowCardinality(String),
    os LowCardinality(String),
    referrer LowCardinality(String),
    utm_source LowCardinality(String),
    utm_campaign LowCardinality(String),
    is_bot Bool,
    watch_ms Float64 CODEC(ZSTD(1)),
    duration_ms Nullable(Float64) CODEC(ZSTD(1)),
    completed Bool,
    events UInt32,
    errors UInt32,
    version DateTime64(3, 'UTC') CODEC(ZSTD(1)),
    INDEX by_start started_at TYPE minmax GRANULARITY 1
)
ENGINE = {engine:ReplacingMergeTree(version)}
ORDER BY (app_id, video_id, view_id)
TTL toDateTime(started_at) + INTERVAL {retention_sessions_days} DAY;

-- The same views by the hour in which they begin, so that a question about a week reads a week. A view whose beginning
-- moved leaves a row that says it is gone in the hour where it was.
CREATE TABLE IF NOT EXISTS {database}.views_by_hour {on_cluster}
(
    app_id LowCardinality(String),
    hour DateTime('UTC') CODEC(Delta, ZSTD(1)),
    video_id String CODEC(ZSTD(1)),
    view_id String CODEC(ZSTD(1)),
    started_at DateTime64(3, 'UTC') CODEC(ZSTD(1)),
    ended_at DateTime64(3, 'UTC') CODEC(ZSTD(1)),
    viewer String CODEC(ZSTD(1)),
    event_name LowCardinality(String),
    country LowCardinality(String),
    device LowCardinality(String),
    browser LowCardinality(String),
    os LowCardinality(String),
    referrer LowCardinality(String),
    utm_source LowCardinality(String),
    utm_campaign LowCardinality(String),
    is_bot Bool,
    watch_ms Float64 CODEC(ZSTD(1)),
    duration_ms Nullable(Float64) CODEC(ZSTD(1)),
    completed Bool,
    events UInt32,
    errors UInt32,
    version DateTime64(3, 'UTC') CODEC(ZSTD(1)),
    gone UInt8
)
ENGINE = {engine:ReplacingMergeTree(version, gone)}
PARTITION BY toYYYYMM(hour)
ORDER BY (app_id, hour, video_id, view_id)
TTL hour + INTERVAL {retention_sessions_days} DAY;

-- What the views that begin in an hour add up to: all of them (field ''), and by each value of one of their fields.
CREATE TABLE IF NOT EXISTS {database}.view_hours {on_cluster}
(
    app_id LowCardinality(String),
    field LowCardinality(String),
    hour DateTime('UTC') CODEC(Delta, ZSTD(1)),
    value String CODEC(ZSTD(1)),
    views UInt64,
    viewers AggregateFunction(uniqCombined64, String),
    watch_ms Float64,
    completed UInt64,
    version DateTime64(3, 'UTC') CODEC(ZSTD(1))
)
ENGINE = {engine:ReplacingMergeTree(version)}
PARTITION BY toYYYYMM(hour)
ORDER BY (field, app_id, hour, value)
TTL hour + INTERVAL {retention_sessions_days} DAY
-- A question reads some hundred rows.
SETTINGS index_granularity = 1024;

-- Seed 000's five-minute rollup.
CREATE TABLE IF NOT EXISTS {database}.video_rollup_5m {on_cluster}
(
    app_id LowCardinality(String),
    video_id String CODEC(ZSTD(1)),
    bucket DateTime('UTC') CODEC(Delta, ZSTD(1)),
    impressions UInt64,
    completions UInt64,
    reach AggregateFunction(uniqCombined64, String),
    watch_ms Float64,
    version DateTime64(3, 'UTC') CODEC(ZSTD(1))
)
ENGINE = {engine:ReplacingMergeTree(version)}
PARTITION BY toYYYYMM(bucket)
ORDER BY (app_id, video_id, bucket)
TTL bucket + INTERVAL {retention_sessions_days} DAY;

-- Events by name, with the actors and sessions behind them.
CREATE TABLE IF NOT EXISTS {database}.event_counts_5m {on_cluster}
(
    app_id LowCardinality(String),
    event_name LowCardinality(String),
    bucket DateTime('UTC') CODEC(Delta, ZSTD(1)),
    events UInt64,
    users AggregateFunction(uniqCombined64, String),
    sessions AggregateFunction(uniqCombined64, String),
    version DateTime64(3, 'UTC') CODEC(ZSTD(1))
)
ENGINE = {engine:ReplacingMergeTree(version)}
PARTITION BY toYYYYMM(bucket)
ORDER BY (app_id, bucket, event_name)
TTL bucket + INTERVAL {retention_events_days} DAY;

-- Seed 002: hourly video metrics, over the views that begin in the hour.
CREATE TABLE IF NOT EXISTS {database}.video_metrics_hourly {on_cluster}
(
    app_id LowCardinality(String),
    video_id String CODEC(ZSTD(1)),
    hour DateTime('UTC') CODEC(Delta, ZSTD(1)),
    views UInt64,
    viewers AggregateFunction(uniqCombined64, String),
    watch_time_seconds Float64,
    watch_percentage_sum Float64,
    watch_percentage_views UInt64,
    completed_views UInt64,
    version DateTime64(3, 'UTC') CODEC(ZSTD(1))
)
ENGINE = {engine:ReplacingMergeTree(version)}
PARTITION BY toYYYYMM(hour)
ORDER BY (app_id, hour, video_id)
TTL hour + INTERVAL {retention_sessions_days} DAY;

-- What one actor did in one bucket: the ground of the daily engagement.
CREATE TABLE IF NOT EXISTS {database}.actor_buckets {on_cluster}
(
    app_id LowCardinality(String),
    bucket DateTime('UTC') CODEC(Delta, ZSTD(1)),
    actor String CODEC(ZSTD(1)),
    events UInt64,
    page_views UInt64,
    errors UInt64,
    sessions AggregateFunction(uniqCombined64, String),
    version DateTime64(3, 'UTC') CODEC(ZSTD(1))
)
ENGINE = {engine:ReplacingMergeTree(version)}
PARTITION BY toYYYYMM(bucket)
ORDER BY (app_id, bucket, actor)
TTL bucket + INTERVAL {retention_events_days} DAY;

-- Seed 002: daily user engagement, by the day in UTC.
CREATE TABLE IF NOT EXISTS {database}.user_engagement_daily {on_cluster}
(
    app_id LowCardinality(String),
    date Date,
    user_id String CODEC(ZSTD(1)),
    events UInt64,
    page_views UInt64,
    errors UInt64,
    sessions UInt64,
    views UInt64,
    watch_time_seconds Float64,
    completed_views UInt64,
    version DateTime64(3, 'UTC') CODEC(ZSTD(1))
)
ENGINE = {engine:ReplacingMergeTree(version)}
PARTITION BY toYYYYMM(date)
ORDER BY (app_id, date, user_id)
TTL date + INTERVAL {retention_sessions_days} DAY;
