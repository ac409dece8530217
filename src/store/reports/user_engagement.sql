SELECT user_id, sum(of_events) AS events, sum(of_sessions) AS sessions, sum(of_pages) AS page_views, sum(of_errors) AS errors,
  sum(of_views) AS views, sum(of_watch) / 1000 AS watch_time_seconds, sum(of_completed) AS completed_views,
  min(first_at) AS first_seen, max(last_at) AS last_seen
FROM
(
  SELECT actor AS user_id, count() AS of_events, uniqExactIf((app_id, session_id), session_id != '') AS of_sessions,
    countIf(event_name = 'page_view') AS of_pages, countIf({{is_error}}) AS of_errors,
    toUInt64(0) AS of_views, toFloat64(0) AS of_watch, toUInt64(0) AS of_completed,
    toNullable(min(toUnixTimestamp64Milli(timestamp))) AS first_at,
    toNullable(max(toUnixTimestamp64Milli(timestamp))) AS last_at
  FROM {{events}}
  WHERE actor != '' AND ({user_id:String} = '' OR actor = {user_id:String})
  GROUP BY actor
  UNION ALL
  SELECT viewer AS user_id, 0, 0, 0, 0, count(), sum(watch_ms), countIf(completed), NULL, NULL
  FROM {{views}}
  WHERE viewer != '' AND ({user_id:String} = '' OR viewer = {user_id:String})
  GROUP BY viewer
)
GROUP BY user_id
ORDER BY multiIf(
    {sort:String} = 'events', toFloat64(events),
    {sort:String} = 'sessions', toFloat64(sessions),
    {sort:String} = 'page_views', toFloat64(page_views),
    {sort:String} = 'views', toFloat64(views),
    watch_time_seconds) DESC,
  events DESC, user_id
LIMIT {limit:UInt32}
