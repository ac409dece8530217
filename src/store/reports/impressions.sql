SELECT app_id, video_id, sum(shown) AS impressions, uniqCombined64Merge(shown_to) AS reach,
  sum(shown_whole) AS completions, completions / impressions AS completion_rate, sum(watched) / 1000 AS watch_time_seconds
FROM (SELECT app_id, video_id, impressions AS shown, reach AS shown_to, completions AS shown_whole, watched_ms AS watched FROM {{impressions}})
WHERE {video_id:String} = '' OR video_id = {video_id:String}
GROUP BY app_id, video_id
ORDER BY impressions DESC, app_id, video_id
LIMIT {limit:UInt32}
