-- Where there are several shards. On one server these stay empty, and nobody reads them.

-- Views of which events lie on more than one shard, with every bucket they have: an actor's events lie on one shard, but
-- a view may go on under another actor. The first shard holds such a view whole in `views`; what other shards have of it
-- there is a part, and is not read.
CREATE TABLE IF NOT EXISTS {database}.split_views {on_cluster}
(
    app_id LowCardinality(String),
    video_id String CODEC(ZSTD(1)),
    view_id String CODEC(ZSTD(1)),
    bucket DateTime('UTC') CODEC(Delta, ZSTD(1))
)
ENGINE = {engine:ReplacingMergeTree}
ORDER BY (app_id, video_id, view_id, bucket)
TTL bucket + INTERVAL {retention_sessions_days} DAY;

-- Which partitions' rows this server was given, as of when: where an id may lie depends on every layout it may have been
-- received under. `shard` is the server's own place.
CREATE TABLE IF NOT EXISTS {database}.shard_layouts {on_cluster}
(
    -- '' where it was not told: that row speaks of every topic.
    log_topic LowCardinality(String),
    shards UInt16,
    partitions UInt16,
    shard UInt16,
    at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = {engine:ReplacingMergeTree(at)}
ORDER BY (log_topic, shards, partitions, shard)
TTL toDateTime(at) + INTERVAL {retention_events_days} DAY;
