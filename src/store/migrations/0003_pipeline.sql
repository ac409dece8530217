-- The conservation ledger, one row a committed block: received = stored + duplicate + filtered + quarantined, per app and
-- minute of receipt. In the view below what was stored is split into what still is, and what was erased since. A block starts where the last commit ended, so a block written again after a crash has the same key.
CREATE TABLE IF NOT EXISTS {database}.ledger_blocks {on_cluster}
(
    log_topic LowCardinality(String),
    log_partition UInt16,
    first_offset UInt64,
    next_offset UInt64,
    app_id Array(String),
    minute Array(DateTime('UTC')),
    received Array(UInt64),
    stored Array(UInt64),
    duplicate Array(UInt64),
    filtered Array(UInt64),
    quarantined Array(UInt64),
    -- What of the block breaks a tracking plan, each kind once: with the ledger, so that both are counted once.
    violation_app_id Array(String),
    violation_event_name Array(String),
    violation_mode Array(String),
    violation_path Array(String),
    violation_expected Array(String),
    violation_event_id Array(String),
    violation_count Array(UInt64),
    lease_until DateTime64(3, 'UTC') DEFAULT now64(3) + INTERVAL 1 HOUR,
    version DateTime64(3, 'UTC') DEFAULT now64(3),
    -- As for events: what a process wrote that has lost the partition, and does not know it yet.
    CONSTRAINT lease CHECK lease_until >= now64(3)
)
ENGINE = {engine:ReplacingMergeTree(version)}
ORDER BY (log_topic, log_partition, first_offset)
TTL toDateTime(version) + INTERVAL {retention_events_days} DAY;

-- Rows of raw that were stored, and removed since because somebody asked to be erased, by the minute of their receipt. A
-- sweep that is repeated after a crash writes the same rows again.
CREATE TABLE IF NOT EXISTS {database}.ledger_erased {on_cluster}
(
    erasure_id String,
    sweep UInt32,
    app_id LowCardinality(String),
    minute DateTime('UTC'),
    erased UInt64,
    version DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = {engine:ReplacingMergeTree(version)}
ORDER BY (erasure_id, sweep, app_id, minute)
TTL minute + INTERVAL {retention_events_days} DAY;

CREATE OR REPLACE VIEW {database}.ledger {on_cluster} AS
SELECT
    app_id, minute, sum(r) AS received, sum(s) - least(sum(s), sum(e)) AS stored, sum(d) AS duplicate, sum(f) AS filtered,
    sum(q) AS quarantined, least(sum(s), sum(e)) AS erased
FROM
(
    SELECT a.1 AS app_id, a.2 AS minute, a.3 AS r, a.4 AS s, a.5 AS d, a.6 AS f, a.7 AS q, 0 AS e
    FROM
    (
        SELECT arrayJoin(arrayZip(app_id, minute, received, stored, duplicate, filtered, quarantined)) AS a
        FROM {database}.ledger_blocks FINAL
    )
    UNION ALL
    SELECT app_id, minute, 0, 0, 0, 0, 0, erased FROM {database}.ledger_erased FINAL
)
GROUP BY app_id, minute;

-- Dead letters, read from the log's topic; one may be written again after a crash, under the same id.
CREATE TABLE IF NOT EXISTS {database}.dead_letters {on_cluster}
(
    id UUID,
    reason LowCardinality(String),
    detail String CODEC(ZSTD(1)),
    source_topic LowCardinality(String),
    source_partition Int32,
    source_offset Int64,
    source_index Int64,
    source_path LowCardinality(String),
    app_id LowCardinality(String),
    event_id String,
    payload String CODEC(ZSTD(1)),
    truncated Bool,
    received_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    version DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = {engine:ReplacingMergeTree(version)}
PARTITION BY toYYYYMM(received_at)
ORDER BY (received_at, id)
TTL toDateTime(received_at) + INTERVAL {retention_events_days} DAY;

-- Seed 001's table and seed 002's events, column for column.
CREATE OR REPLACE VIEW {database}.ai_analytics_events {on_cluster} AS
SELECT toDateTime(timestamp, 'UTC') AS timestamp, CAST(app_id, 'String') AS app_id, CAST(event_name, 'String') AS event_name, user_id, properties
FROM {database}.events;

CREATE OR REPLACE VIEW {database}.analytics_events {on_cluster} AS
SELECT
    event_id,
    CAST(event_name, 'String') AS event_type,
    nullIf(user_id, '') AS user_id,
    nullIf(session_id, '') AS session_id,
    nullIf(video_id, '') AS video_id,
    toDateTime(timestamp, 'UTC') AS timestamp,
    properties,
    nullIf(context, '') AS metadata
FROM {database}.events;

-- What stands on the topic of derived events, read back from there: which of them need not be published again.
CREATE TABLE IF NOT EXISTS {database}.derived_events {on_cluster}
(
    app_id LowCardinality(String),
    video_id String CODEC(ZSTD(1)),
    view_id String CODEC(ZSTD(1)),
    event_id UUID,
    event_name LowCardinality(String),
    payload String CODEC(ZSTD(1)),
    published_at DateTime64(3, 'UTC') CODEC(Delta, ZSTD(1)),
    version DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = {engine:ReplacingMergeTree(version)}
ORDER BY (app_id, video_id, view_id, event_id)
TTL toDateTime(version) + INTERVAL {retention_sessions_days} DAY
SETTINGS index_granularity = 1024;

-- Up to which offset stored events were looked at: for ends of views and errors, and for views that fell silent.
-- The row without a topic says since when (epoch ms, by time of receipt) derived events are published at all.
CREATE TABLE IF NOT EXISTS {database}.derived_progress {on_cluster}
(
    log_topic LowCardinality(String),
    log_partition UInt16,
    ended UInt64,
    silent UInt64,
    version DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = {engine:ReplacingMergeTree(version)}
ORDER BY (log_topic, log_partition);
