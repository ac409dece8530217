-- A session's events sort as integers: timestamp (ms), offset, partition, index in the record, and a bit for page views.
SELECT page, count() AS views, uniqCombined64If(actor, actor != '') AS users,
  countIf(entry) AS entries, countIf(exit) AS exits, avgOrNullIf(stay_ms, NOT exit) / 1000 AS avg_seconds
FROM
(
  SELECT seen.2 AS page, seen.3 AS actor, number = 1 AS entry, number = length(pages) AS exit, toNullable(stay) AS stay_ms
  FROM
  (
    SELECT
      arraySort(groupArray(place)) AS places,
      arrayMap(x -> toInt64(bitShiftRight(x, 86)), places) AS times,
      arrayMap(x -> least(x, 1800000), arrayPushBack(arrayPopFront(arrayDifference(times)), 0)) AS gaps,
      arrayFilter((gap, x) -> bitAnd(x, 1) = 1, gaps, places) AS stays,
      arraySort(groupArrayIf((place, page, actor, within), is_page)) AS pages
    FROM
    (
      SELECT app_id, session_id, page, actor,
        event_name = 'page_view' AS is_page,
        timestamp >= {{from}} AND timestamp < {{to}} AS within,
        bitOr(bitShiftLeft(toUInt128(toUnixTimestamp64Milli(timestamp)), 86),
          bitOr(bitShiftLeft(toUInt128(log_offset), 37),
          bitOr(bitShiftLeft(toUInt128(log_partition), 23),
          bitOr(bitShiftLeft(toUInt128(log_index), 1), toUInt128(is_page))))) AS place
      FROM {{events from -86400 to 86400}}
      WHERE session_id != '' AND (app_id, session_id) IN (
        SELECT app_id, session_id FROM {{events}} WHERE event_name = 'page_view' AND session_id != '')
    )
    GROUP BY app_id, session_id
  )
  ARRAY JOIN pages AS seen, stays AS stay, arrayEnumerate(pages) AS number
  WHERE seen.4
  UNION ALL
  SELECT page, actor, false AS entry, false AS exit, NULL AS stay_ms
  FROM {{events}}
  WHERE event_name = 'page_view' AND session_id = ''
)
GROUP BY page
ORDER BY multiIf({sort:String} = 'entries', entries, {sort:String} = 'exits', exits, views) DESC, views DESC, page
LIMIT {limit:UInt32}
