SELECT video_id, sum(of_views) AS views, max(of_viewers) AS unique_viewers, sum(of_watch) / 1000 AS watch_time_seconds,
  if(views = 0, NULL, watch_time_seconds / views) AS avg_watch_seconds, max(percentage) AS avg_watch_percentage,
  if(views = 0, 0, sum(of_completed) / views) AS completion_rate,
  round(if(isNull(avg_watch_percentage), 10 * completion_rate, 0.07 * avg_watch_percentage + 3 * completion_rate), 9) AS engagement_score,
  sum(reached25) AS q25, sum(reached50) AS q50, sum(reached75) AS q75, sum(reached100) AS q100,
  sum(shown) AS impressions, max(shown_to) AS reach, sum(shown_whole) AS completions
FROM
(
  SELECT video_id, count() AS of_views, uniqCombined64If(viewer, viewer != '') AS of_viewers, sum(watch_ms) AS of_watch,
    avgOrNull(share) AS percentage, countIf(completed) AS of_completed,
    countIf(share >= 25) AS reached25, countIf(share >= 50) AS reached50, countIf(share >= 75) AS reached75,
    countIf(share >= 99.5) AS reached100, toUInt64(0) AS shown, toUInt64(0) AS shown_to, toUInt64(0) AS shown_whole
  FROM (SELECT video_id, viewer, watch_ms, completed, {{share}} AS share FROM {{views}})
  WHERE video_id != '' AND ({video_id:String} = '' OR video_id = {video_id:String})
  GROUP BY video_id
  UNION ALL
  SELECT video_id, 0, 0, 0, NULL, 0, 0, 0, 0, 0, sum(impressions), uniqCombined64Merge(reach), sum(completions)
  FROM {{impressions}}
  WHERE video_id != '' AND ({video_id:String} = '' OR video_id = {video_id:String})
  GROUP BY video_id
)
GROUP BY video_id
ORDER BY watch_time_seconds DESC, views DESC, video_id
LIMIT {limit:UInt32}
