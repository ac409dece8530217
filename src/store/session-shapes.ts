import { keptBeforeSql } from './kept-sessions.ts';
import type { Retention } from './retention.ts';
import { quoted } from './sql/quoted.ts';
import { allSessionsSql, conversionSql, SESSION_SOURCES } from './sql/sessions.ts';

/**
 * Seed 003's tables and the targets of its materialized views, as views over raw and, of the time before it, over the
 * sessions that were kept: name to SELECT. They say at every moment what the API says, since the sessions in them are folded
 * by the same text; what they read is all of the events that are kept, unless the question names an app. All are without
 * bots; dates and hours are UTC. Each reaches as far back as the seed says, by the settings of retention.
 */
export function sessionShapes(
  conversionEvents: readonly string[],
  retention: Retention,
): Readonly<Record<string, string>> {
  const names = `CAST([${conversionEvents.map(quoted).join(', ')}], 'Array(String)')`;
  const folded = allSessionsSql(conversionSql(names), keptBeforeSql(retention));
  const { eventsDays, errorsDays, hourlyDays } = retention;
  return {
    sessions: sessionsShape(folded),
    page_views: `
SELECT ${[...EVENT, ...SESSION_SOURCES].join(', ')}
FROM events WHERE event_name = 'page_view' AND NOT is_bot`,
    errors: `
SELECT ${EVENT.join(', ')}, event_name, video_id, fatal, JSONExtractString(properties, 'message') AS message,
  device, browser, os, country, properties
FROM events WHERE event_name IN ('error', 'video_error') AND NOT is_bot AND timestamp >= now('UTC') - INTERVAL ${errorsDays} DAY`,
    user_profiles: USER_PROFILES,
    daily_session_stats: sessionStatsShape('toDate(started_at) AS date', '1'),
    hourly_session_metrics: sessionStatsShape(
      "toDateTime(toStartOfHour(started_at), 'UTC') AS hour",
      `started_at >= toStartOfHour(now('UTC')) - INTERVAL ${hourlyDays} DAY`,
    ),
    hourly_event_counts: `
SELECT app_id, toDateTime(toStartOfHour(timestamp), 'UTC') AS hour, event_name, count() AS event_count,
  uniqCombined64If(actor, actor != '') AS user_count, uniqCombined64If(session_id, session_id != '') AS session_count
FROM events WHERE NOT is_bot
GROUP BY app_id, hour, event_name`,
    session_distributions: `
SELECT app_id, toDate(fromUnixTimestamp64Milli(started_ms, 'UTC')) AS date, dimension.1 AS dimension_type,
  dimension.2 AS dimension_value, count() AS session_count, uniqCombined64(actor) AS user_count, countIf(bounced) AS bounce_count
FROM (${folded})
ARRAY JOIN [${DIMENSIONS.map((name) => `('${name}', ${name})`).join(', ')}] AS dimension
WHERE ${startedWithin(eventsDays)}
GROUP BY app_id, date, dimension_type, dimension_value`,
    utm_campaign_stats: `
SELECT app_id, toDate(fromUnixTimestamp64Milli(started_ms, 'UTC')) AS date, utm_source, utm_medium, utm_campaign,
  count() AS session_count, uniqCombined64(actor) AS user_count, countIf(bounced) AS bounce_count,
  sum(conversions) AS conversion_count
FROM (${folded})
WHERE (utm_source != '' OR utm_medium != '' OR utm_campaign != '') AND ${startedWithin(eventsDays)}
GROUP BY app_id, date, utm_source, utm_medium, utm_campaign`,
    page_performance_stats: PAGE_PERFORMANCE,
    // A day in which nobody begins is no row; only counts are kept of it, for the next round to hold on to.
    funnel_stats: `
SELECT app_id, funnel_name, date, step, step_name, event_name, count, drop_off, conversion_from_start,
  conversion_from_previous, median_seconds_from_previous, as_of
FROM funnel_counts FINAL
WHERE began > 0 AND date > toDate(now('UTC')) - ${eventsDays}`,
    ...feeders(),
  };
}

const FEEDERS: Readonly<Record<string, string>> = {
  daily_session_stats_mv: 'daily_session_stats',
  hourly_event_counts_mv: 'hourly_event_counts',
  hourly_session_metrics_mv: 'hourly_session_metrics',
  utm_campaign_stats_mv: 'utm_campaign_stats',
  funnel_stats_mv: 'funnel_stats',
  page_performance_mv: 'page_performance_stats',
};

/** Seed 003's names of what feeds its tables: here the same rows, since nothing has to be fed. */
function feeders(): Record<string, string> {
  const plain = Object.entries(FEEDERS).map(([name, target]) => [name, `SELECT * FROM ${target}`]);
  const split = DIMENSIONS.map((name) => [
    `session_dist_${name}_mv`,
    `SELECT * FROM session_distributions WHERE dimension_type = '${name}'`,
  ]);
  return Object.fromEntries([...plain, ...split]);
}

const DIMENSIONS = ['device', 'browser', 'os', 'country'];
const EVENT = ['app_id', 'timestamp', 'event_id', 'session_id', 'user_id', 'anonymous_id', 'page'];

function sessionsShape(folded: string): string {
  const texts = ['entry_page', 'exit_page', ...SESSION_SOURCES];
  return `
SELECT app_id, session_id, user_id, anonymous_id, actor, fromUnixTimestamp64Milli(started_ms, 'UTC') AS started_at,
  fromUnixTimestamp64Milli(ended_ms, 'UTC') AS ended_at, duration_ms / 1000 AS duration_seconds,
  events, page_views, errors, conversions, bounced,
  CAST(start_key = min(start_key) OVER (PARTITION BY app_id, actor), 'Bool') AS is_new, ${texts.join(', ')}
FROM (${folded})`;
}

/** Condition on a session: it began on one of the last days, in UTC. */
function startedWithin(days: number): string {
  return `started_ms >= 1000 * toInt64(toUnixTimestamp(toStartOfDay(now('UTC')) - INTERVAL ${days} DAY))`;
}

/** `period`: of `started_at`, under a name. */
function sessionStatsShape(period: string, where: string): string {
  return `
SELECT app_id, ${period}, count() AS session_count, uniqCombined64(actor) AS user_count,
  uniqCombined64If(actor, is_new) AS new_user_count, sum(page_views) AS page_view_count,
  avg(duration_seconds) AS avg_duration_seconds, quantileExactInclusive(0.5)(duration_seconds) AS median_duration_seconds,
  countIf(bounced) AS bounce_count, bounce_count / session_count AS bounce_rate
FROM sessions
WHERE ${where}
GROUP BY app_id, ${period.split(' AS ')[1]}`;
}

/** Actors by their text, as in every count. */
const USER_PROFILES = `
SELECT app_id, actor AS user_id, min(timestamp) AS first_seen, max(timestamp) AS last_seen, count() AS event_count,
  uniqCombined64If(session_id, session_id != '') AS session_count, countIf(event_name = 'page_view') AS page_view_count,
  countIf(event_name IN ('error', 'video_error')) AS error_count,
  ${['device', 'browser', 'os', 'country'].map((name) => `argMaxIf(toString(${name}), timestamp, ${name} != '') AS last_${name}`).join(', ')}
FROM events
WHERE NOT is_bot AND actor != ''
GROUP BY app_id, actor`;

/** Core Web Vitals: up to the first it is good, above the second poor (web.dev). In ms; CLS has no unit. */
const VITALS: Readonly<Record<string, readonly [number, number]>> = {
  LCP: [2500, 4000],
  INP: [200, 500],
  CLS: [0.1, 0.25],
  FCP: [1800, 3000],
  TTFB: [800, 1800],
};

const limitOf = (which: 0 | 1) =>
  `transform(metric, [${Object.keys(VITALS).map(quoted).join(', ')}], [${Object.values(VITALS)
    .map((limits) => `toFloat64(${limits[which]})`)
    .join(', ')}], toFloat64(0))`;

const PAGE_PERFORMANCE = `
SELECT app_id, date, page, metric, count() AS sample_count, quantileExactInclusive(0.75)(value) AS p75,
  countIf(value <= good_until) AS good_count, countIf(value > good_until AND value <= poor_from) AS needs_improvement_count,
  countIf(value > poor_from) AS poor_count
FROM
(
  SELECT app_id, toDate(timestamp) AS date, page, JSONExtractString(properties, 'name') AS metric,
    JSONExtract(properties, 'value', 'Nullable(Float64)') AS said, assumeNotNull(said) AS value,
    ${limitOf(0)} AS good_until, ${limitOf(1)} AS poor_from
  FROM events
  WHERE event_name = 'web_vital' AND NOT is_bot AND said IS NOT NULL AND metric IN (${Object.keys(VITALS).map(quoted).join(', ')})
)
GROUP BY app_id, date, page, metric`;
