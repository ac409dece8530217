/** The tables of SQL of one's own: those of the seeds, and ours that are of use to others. Each has `app_id`. */
export const QUERYABLE = [
  'events',
  'current_views',
  'views',
  'video_rollup_5m',
  'event_counts_5m',
  'actor_buckets',
  'video_metrics_hourly',
  'user_engagement_daily',
  'video_metrics',
  'ai_analytics_events',
  'analytics_events',
  'derived_events',
  'sessions',
  'page_views',
  'errors',
  'user_profiles',
  'daily_session_stats',
  'hourly_session_metrics',
  'hourly_event_counts',
  'session_distributions',
  'utm_campaign_stats',
  'page_performance_stats',
  'funnel_events',
  'funnel_stats',
  'daily_session_stats_mv',
  'hourly_event_counts_mv',
  'hourly_session_metrics_mv',
  'session_dist_device_mv',
  'session_dist_browser_mv',
  'session_dist_os_mv',
  'session_dist_country_mv',
  'utm_campaign_stats_mv',
  'funnel_stats_mv',
  'page_performance_mv',
] as const;

/** What these read from, too. */
export const READABLE = [
  ...QUERYABLE,
  'view_buckets',
  'bucket_state',
  'kept_sessions',
  'funnel_counts',
] as const;

/** Tables whose rows are of an app: the rest of QUERYABLE is made of them when it is read. */
export const OF_APPS = [
  'events',
  'views',
  'view_buckets',
  'video_rollup_5m',
  'event_counts_5m',
  'actor_buckets',
  'video_metrics_hourly',
  'user_engagement_daily',
  'derived_events',
  'kept_sessions',
  'funnel_counts',
] as const;

/**
 * Rows of the apps that the request names. ClickHouse has no setting of one's own here, so that one takes their list which
 * means nothing else to us; without it nothing is seen.
 */
export const ROWS_OF_CALLER =
  "getSetting('log_comment') = 'every app' OR has(JSONExtract(getSetting('log_comment'), 'Array(String)'), app_id)";

/** The settings by which a request says whose rows it may see; null: everybody's. */
export function rowsOf(apps: readonly string[] | null): { readonly log_comment: string } {
  return { log_comment: apps === null ? 'every app' : JSON.stringify(apps) };
}
