-- What a replay of a dead letter cannot tell from the event itself; -1 where nobody said.
ALTER TABLE {database}.dead_letters {on_cluster} ADD COLUMN IF NOT EXISTS sent_at Int64 DEFAULT -1;
ALTER TABLE {database}.dead_letters {on_cluster} ADD COLUMN IF NOT EXISTS user_agent String CODEC(ZSTD(1));
ALTER TABLE {database}.dead_letters {on_cluster} ADD COLUMN IF NOT EXISTS country LowCardinality(String);
ALTER TABLE {database}.dead_letters {on_cluster} ADD INDEX IF NOT EXISTS by_id id TYPE bloom_filter GRANULARITY 1;

-- What became of dead letters, a row each time somebody decided; one without a row is open. A table of its own, so that a
-- letter that is written again after a crash stays what it has become.
CREATE TABLE IF NOT EXISTS {database}.dead_letter_states {on_cluster}
(
    id UUID,
    state LowCardinality(String),
    event_id String,
    fix String CODEC(ZSTD(1)),
    changed_by LowCardinality(String),
    changed_at DateTime64(3, 'UTC'),
    received_at DateTime64(3, 'UTC')
)
ENGINE = {engine:ReplacingMergeTree}
ORDER BY (id, changed_at)
TTL toDateTime(received_at) + INTERVAL {retention_events_days} DAY;
