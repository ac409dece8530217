-- Example questions in SQL, for POST /query and for a ClickHouse of your own (ANALYTICS_CH_URL); a test runs each of them.
-- `events` is true at every moment. The recomputed tables follow it within about two insert leases (30 s); read them with
-- FINAL, and leave bots out where the table has is_bot. The sums of the rollups are without bots already.

-- Events a day by name.
SELECT toDate(timestamp) AS day, event_name, count() AS events, uniqCombined64(actor) AS users
FROM events
WHERE timestamp >= now() - INTERVAL 7 DAY AND NOT is_bot
GROUP BY day, event_name
ORDER BY day DESC, events DESC;

-- The videos that were watched longest.
SELECT video_id, count() AS views, uniqCombined64(viewer) AS viewers, round(sum(watch_ms) / 3.6e6, 1) AS hours,
  round(avg(completed), 3) AS completion_rate
FROM views FINAL
WHERE started_at >= now() - INTERVAL 7 DAY AND NOT is_bot
GROUP BY video_id
ORDER BY hours DESC
LIMIT 20;

-- How much of a video people watch, in tenths.
SELECT least(9, intDiv(toUInt64(10 * watch_ms / duration_ms), 1)) AS tenth, count() AS views
FROM views FINAL
WHERE video_id = 'video_789' AND duration_ms > 0 AND NOT is_bot
GROUP BY tenth
ORDER BY tenth;

-- Impressions, reach and completions in five minutes (seed 000's rollup).
SELECT bucket, sum(impressions) AS impressions, uniqCombined64Merge(reach) AS reach, sum(completions) AS completions
FROM video_rollup_5m FINAL
WHERE app_id = 'default' AND bucket >= now() - INTERVAL 1 DAY
GROUP BY bucket
ORDER BY bucket;

-- Events by the hour, from the five-minute counts.
SELECT toStartOfHour(bucket) AS hour, sum(events) AS events, uniqCombined64Merge(users) AS users
FROM event_counts_5m FINAL
WHERE bucket >= now() - INTERVAL 2 DAY
GROUP BY hour
ORDER BY hour;

-- Hourly video metrics (seed 002).
SELECT hour, video_id, views, uniqCombined64Merge(viewers) AS viewers, watch_time_seconds,
  if(watch_percentage_views = 0, NULL, watch_percentage_sum / watch_percentage_views) AS avg_watch_percentage
FROM video_metrics_hourly FINAL
WHERE hour >= now() - INTERVAL 1 DAY
GROUP BY ALL
ORDER BY hour, views DESC;

-- The most engaged users of the week (seed 002).
SELECT user_id, sum(sessions) AS sessions, sum(views) AS views, round(sum(watch_time_seconds) / 3600, 1) AS hours
FROM user_engagement_daily FINAL
WHERE date >= today() - 7
GROUP BY user_id
ORDER BY hours DESC
LIMIT 20;

-- Errors by what they say.
SELECT event_name, JSONExtractString(properties, 'code') AS code, count() AS errors, uniqCombined64(actor) AS users
FROM events
WHERE event_name IN ('error', 'video_error') AND timestamp >= now() - INTERVAL 1 DAY AND NOT is_bot
GROUP BY event_name, code
ORDER BY errors DESC
LIMIT 50;

-- Where visits come from: the first page view of each session that says so.
SELECT referrer, utm_source, count() AS sessions
FROM
(
  SELECT app_id, session_id, argMin(referrer, timestamp) AS referrer, argMin(utm_source, timestamp) AS utm_source
  FROM events
  WHERE session_id != '' AND timestamp >= now() - INTERVAL 7 DAY AND NOT is_bot
  GROUP BY app_id, session_id
)
GROUP BY referrer, utm_source
ORDER BY sessions DESC
LIMIT 50;

-- What became of every event received: `missing` is 0.
SELECT app_id, sum(received) AS received, sum(stored) AS stored, sum(duplicate) AS duplicates,
  sum(filtered) AS filtered, sum(quarantined) AS quarantined, sum(erased) AS erased,
  received - stored - duplicates - filtered - quarantined - erased AS missing
FROM ledger
WHERE minute >= now() - INTERVAL 1 DAY
GROUP BY app_id;

-- Why events were refused.
SELECT reason, count() AS letters, max(received_at) AS last_seen, any(payload) AS example
FROM dead_letters FINAL
GROUP BY reason
ORDER BY letters DESC;

-- The tables of two older services, column for column.
SELECT app_id, event_name, count() AS events FROM ai_analytics_events GROUP BY app_id, event_name;
SELECT event_type, count() AS events FROM analytics_events GROUP BY event_type;

-- Session distributions (seed 003).
SELECT dimension_value, session_count, bounce_count
FROM session_distributions
WHERE dimension_type = 'device' AND date >= today() - 7;

-- UTM campaign performance (seed 003).
SELECT utm_source, session_count, conversion_count
FROM utm_campaign_stats WHERE date = today();
