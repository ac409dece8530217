-- Who was erased, as keyed hashes: events of theirs that were received before are not stored any more, whether they are
-- still on their way or read again from the log. The key is in the catalogue; without apps it holds for all of them.
CREATE TABLE IF NOT EXISTS {database}.erased_subjects {on_cluster}
(
    erasure_id String,
    digest String,
    app_ids Array(String),
    received_before DateTime64(3, 'UTC'),
    kept_until DateTime('UTC')
)
ENGINE = {engine:ReplacingMergeTree}
ORDER BY erasure_id;

-- The rows of raw that a sweep of an erasure is removing: what it does with them can be done again after a crash. Empty
-- while nobody is being erased.
CREATE TABLE IF NOT EXISTS {database}.erasure_plan {on_cluster}
(
    erasure_id String,
    sweep UInt32,
    app_id LowCardinality(String),
    video_id String,
    view_id String,
    bucket DateTime('UTC'),
    minute DateTime('UTC'),
    log_topic LowCardinality(String),
    log_partition UInt16,
    log_offset UInt64,
    log_index UInt32
)
ENGINE = {engine:MergeTree}
ORDER BY (erasure_id, app_id, bucket);
