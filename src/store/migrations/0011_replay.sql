-- Buckets that a replay is about to change in raw. When it is done, or by the next recompute after a crash, what was
-- counted from them is removed, and counted anew. Empty at all other times.
CREATE TABLE IF NOT EXISTS {database}.replay_marks {on_cluster}
(
    app_id LowCardinality(String),
    bucket DateTime('UTC'),
    at DateTime64(3, 'UTC') DEFAULT now64(3)
)
ENGINE = {engine:MergeTree}
ORDER BY (app_id, bucket);
