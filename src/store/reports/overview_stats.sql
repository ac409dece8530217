SELECT counted.events AS events, counted.users AS users, counted.sessions AS sessions, counted.page_views AS page_views,
  watched.views AS views, watched.watch_time_seconds AS watch_time_seconds,
  watched.avg_watch_percentage AS avg_watch_percentage, watched.completion_rate AS completion_rate,
  shown.impressions AS impressions, shown.reach AS reach, counted.errors AS errors
FROM
(
  -- A session's id is its app's own: equal ids of two apps are two sessions.
  SELECT sum(app_events) AS events, uniqCombined64Merge(app_users) AS users, sum(app_sessions) AS sessions,
    sum(app_page_views) AS page_views, sum(app_errors) AS errors
  FROM
  (
    SELECT sum(events) AS app_events, uniqCombined64MergeState(users) AS app_users,
      uniqCombined64Merge(sessions) AS app_sessions,
      sumIf(events, event_name = 'page_view') AS app_page_views, sumIf(events, {{is_error}}) AS app_errors
    FROM {{counts}}
    GROUP BY app_id
  )
) AS counted
CROSS JOIN
(
  SELECT count() AS views, sum(watch_ms) / 1000 AS watch_time_seconds, avgOrNull({{share}}) AS avg_watch_percentage,
    if(views = 0, 0, countIf(completed) / views) AS completion_rate
  FROM {{views}}
) AS watched
CROSS JOIN
(
  SELECT sum(impressions) AS impressions, uniqCombined64Merge(reach) AS reach FROM {{impressions}}
) AS shown
