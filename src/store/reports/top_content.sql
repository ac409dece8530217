SELECT video_id, count() AS views, uniqCombined64If(viewer, viewer != '') AS unique_viewers,
  sum(watch_ms) / 1000 AS watch_time_seconds, avgOrNull({{share}}) AS avg_watch_percentage,
  countIf(completed) / views AS completion_rate
FROM {{views}}
WHERE video_id != ''
GROUP BY video_id
ORDER BY multiIf(
    {sort:String} = 'unique_viewers', toFloat64(unique_viewers),
    {sort:String} = 'watch_time_seconds', watch_time_seconds,
    {sort:String} = 'avg_watch_percentage', ifNull(avg_watch_percentage, -1),
    {sort:String} = 'completion_rate', completion_rate,
    toFloat64(views)) DESC,
  views DESC, video_id
LIMIT {limit:UInt32}
