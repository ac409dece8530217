-- Events sort by one integer: timestamp (ms), offset, partition, index in the record.
SELECT first_utm.1 AS utm_source, first_utm.2 AS utm_medium, first_utm.3 AS utm_campaign,
  count() AS sessions, uniqCombined64If(first_actor, first_actor != '') AS users, sum(session_events) AS events,
  sum(session_pages) AS page_views, countIf(session_pages = 1 AND ended - began < 10000) / sessions AS bounce_rate,
  sum(session_conversions) AS conversions, countIf(session_conversions > 0) / sessions AS conversion_rate
FROM
(
  SELECT min(at) AS began, max(at) AS ended, count() AS session_events, countIf(event_name = 'page_view') AS session_pages,
    argMin(actor, place) AS first_actor,
    argMinIf((utm_source, utm_medium, utm_campaign), place, has_campaign) AS first_utm,
    max(has_campaign) AS is_of_campaign,
    countIf(is_conversion) AS session_conversions
  FROM
  (
    SELECT app_id, session_id, event_name, actor, utm_source, utm_medium, utm_campaign,
      toUnixTimestamp64Milli(timestamp) AS at,
      bitOr(bitShiftLeft(toUInt128(at), 86), bitOr(bitShiftLeft(toUInt128(log_offset), 36),
        bitOr(bitShiftLeft(toUInt128(log_partition), 22), toUInt128(log_index)))) AS place,
      utm_source != '' OR utm_medium != '' OR utm_campaign != '' AS has_campaign,
      event_name IN {conversion_events:Array(String)}
        OR (JSONType(properties, 'conversion') = 'Bool' AND JSONExtractBool(properties, 'conversion')) AS is_conversion
    FROM {{events from -86400 to 86400}}
    WHERE session_id != '' AND (app_id, session_id) IN (
      SELECT app_id, session_id FROM {{events from -86400 to 86400}}
      WHERE session_id != '' AND (utm_source != '' OR utm_medium != '' OR utm_campaign != ''))
  )
  GROUP BY app_id, session_id
  HAVING is_of_campaign AND began >= toUnixTimestamp64Milli({{from}}) AND began < toUnixTimestamp64Milli({{to}})
)
GROUP BY utm_source, utm_medium, utm_campaign
ORDER BY sessions DESC, utm_source, utm_medium, utm_campaign
LIMIT {limit:UInt32}
