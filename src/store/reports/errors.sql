-- The message is the first that is there of properties.message, .error, .error.message, .error_message and .reason.
-- Its pattern, step by step: URLs; UUIDs, 0x… and eight hex digits or more; words with digits in two places; signs of
-- numbers; numbers; and numbers that the steps before left in pieces.
SELECT lower(substring(hex(MD5(whole)), 1, 16)) AS fingerprint,
  substringUTF8(argMax(said, last), 1, 500) AS message,
  substringUTF8(whole, 1, 500) AS pattern,
  sum(said_times) AS count,
  uniqCombined64Merge(actors) AS users,
  min(first_at) AS first_seen,
  max(last.1) AS last_seen
FROM
(
  SELECT said, said_times, actors, first_at, last,
    replaceRegexpAll(said, '[A-Za-z][A-Za-z0-9+.-]*://[^\\s"''<>()\\[\\]]+', '<url>') AS p1,
    replaceRegexpAll(p1, '[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}', '#') AS p2,
    replaceRegexpAll(p2, '\\b(?:0x[0-9a-fA-F]+|[0-9a-fA-F]{8,})\\b', '#') AS p3,
    replaceRegexpAll(p3, '\\b[\\w-]*[0-9][\\w-]*[A-Za-z_][\\w-]*[0-9][\\w-]*', '#') AS p4,
    replaceRegexpAll(p4, '(^|[\\s(\\[=:,])[-+]([0-9#])', '\\1\\2') AS p5,
    replaceRegexpAll(p5, '[0-9]+', '#') AS p6,
    replaceRegexpAll(p6, '#(?:[.,]?#)+', '#') AS whole
  FROM
  (
    -- Equal messages first: patterns cost more than all else.
    SELECT said, count() AS said_times, uniqCombined64StateIf(actor, actor != '') AS actors, min(at) AS first_at,
      max((at, log_topic, log_partition, log_offset, log_index)) AS last
    FROM
    (
      SELECT actor, toUnixTimestamp64Milli(timestamp) AS at, log_topic, log_partition, log_offset, log_index,
        trimBoth(arrayFirst(text -> text != '', [
          if(JSONType(properties, 'message') = 'String', JSONExtractString(properties, 'message'), ''),
          if(JSONType(properties, 'error') = 'String', JSONExtractString(properties, 'error'), ''),
          if(JSONType(properties, 'error', 'message') = 'String', JSONExtractString(properties, 'error', 'message'), ''),
          if(JSONType(properties, 'error_message') = 'String', JSONExtractString(properties, 'error_message'), ''),
          if(JSONType(properties, 'reason') = 'String', JSONExtractString(properties, 'reason'), '')]), ' \t\r\n') AS said
      FROM {{events}}
      WHERE {{is_error}}
    )
    GROUP BY said
  )
)
GROUP BY whole
ORDER BY count DESC, fingerprint
LIMIT {limit:UInt32}
