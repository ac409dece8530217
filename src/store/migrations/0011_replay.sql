-- Buckets that a replay is about to change in raw. They are marked dirty when it is done; after a crash, by the next
-- recompute that finds them here. Empty at all other times.
CREATE TABLE IF NOT EXISTS {database}.replay_marks {on_cluster}
(
    app_id LowCardinality(String),
    bucket DateTime('UTC'),
    at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = {engine:MergeTree}
ORDER BY (app_id, bucket);
