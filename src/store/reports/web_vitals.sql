-- A value that is no number, or below 0, is none.
SELECT name, if({by_page:Bool}, of_page, NULL) AS page,
  quantileExactInclusive(0.75)(value) AS p75,
  multiIf(p75 <= any(good_until), 'good', p75 <= any(poor_after), 'needs-improvement', 'poor') AS rating,
  countIf(value <= good_until) AS good,
  countIf(value > good_until AND value <= poor_after) AS needs_improvement,
  countIf(value > poor_after) AS poor,
  count() AS count
FROM
(
  SELECT upper(JSONExtractString(properties, 'name')) AS name, if({by_page:Bool}, page, '') AS of_page,
    JSONExtract(properties, 'value', 'Nullable(Float64)') AS value,
    transform(name, ['LCP', 'INP', 'CLS', 'FCP', 'TTFB'], [2500, 200, 0.1, 1800, 800], 0) AS good_until,
    transform(name, ['LCP', 'INP', 'CLS', 'FCP', 'TTFB'], [4000, 500, 0.25, 3000, 1800], 0) AS poor_after
  FROM {{events}}
  WHERE event_name = 'web_vital' AND ({page:String} = '' OR page = {page:String})
    AND JSONType(properties, 'value') IN ('Int64', 'UInt64', 'Double')
)
WHERE good_until > 0 AND value >= 0
GROUP BY name, of_page
ORDER BY count DESC, name, of_page
LIMIT {limit:UInt32}
