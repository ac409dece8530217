SELECT query, sum(found) AS searches, uniqCombined64Merge(actors) AS users, sum(empty) AS zero_results,
  sum(clicked) AS clicks, clicks / searches AS click_rate
FROM
(
  SELECT query, countIf(kind = 'search' AND within) AS found,
    uniqCombined64StateIf(actor, kind = 'search' AND within AND actor != '') AS actors,
    countIf(kind = 'search' AND within AND is_empty) AS empty,
    groupArrayIf(at, kind = 'search' AND session_id != '') AS searched,
    groupArrayIf(at, kind = 'start' AND within AND session_id != '') AS started,
    countIf(kind = 'click' AND within) + arrayCount(
      start -> arrayExists(search -> start >= search AND start <= search + 300000, searched), started) AS clicked
  FROM
  (
    SELECT app_id, session_id, actor, toUnixTimestamp64Milli(timestamp) AS at,
      timestamp >= {{from}} AND timestamp < {{to}} AS within,
      transform(toString(event_name), ['search', 'search_click', 'video_start'], ['search', 'click', 'start'], '') AS kind,
      if(JSONType(properties, 'query') = 'String', JSONExtractString(properties, 'query'), '') AS said,
      if(JSONType(properties, 'search_query') = 'String', JSONExtractString(properties, 'search_query'), '') AS searched_for,
      trimBoth(multiIf(kind = 'start' OR (kind = 'click' AND said = ''), searched_for, said), ' \t\r\n') AS query,
      JSONType(properties, 'results') IN ('Int64', 'UInt64', 'Double')
        AND JSONExtractFloat(properties, 'results') = 0 AS is_empty
    FROM {{events from -300 to 0}}
    WHERE event_name IN ('search', 'search_click', 'video_start')
  )
  WHERE query != '' AND ({query:String} = '' OR query = trimBoth({query:String}, ' \t\r\n'))
  GROUP BY app_id, session_id, query
)
GROUP BY query
HAVING searches > 0 AND (NOT {zero_results:Bool} OR zero_results > 0)
ORDER BY searches DESC, query
LIMIT {limit:UInt32}
