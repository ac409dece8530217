/** The answers of the API as the dashboard reads them. Times are ISO 8601 UTC; rates are 0..1. */

export interface Realtime {
  concurrent_viewers: number;
  active_streams: number;
  bandwidth_gbps: number;
  events_per_second: number;
  error_rate: number;
}

export interface RealtimePoint extends Realtime {
  time: string;
}

export interface History {
  points: RealtimePoint[];
}

export const METRICS = [
  'viewers',
  'views',
  'watch_time_seconds',
  'completion_rate',
  'events',
  'errors',
  'users',
  'sessions',
  'page_views',
  'impressions',
  'reach',
  'completions',
] as const;
export type Metric = (typeof METRICS)[number];

export interface MetricPoint {
  time: string;
  value: number | null;
}

export interface MetricSeries {
  group: Record<string, string>;
  total: number | null;
  points: MetricPoint[];
}

export interface MetricAnswer {
  metric: string;
  from: string;
  to: string;
  interval: string | null;
  timezone: string;
  series: MetricSeries[];
  truncated?: boolean;
}

export interface Quartiles {
  q25: number;
  q50: number;
  q75: number;
  q100: number;
}

export interface VideoMetrics {
  views: number;
  unique_viewers: number;
  watch_time_seconds: number;
  avg_watch_percentage: number | null;
  completion_rate: number;
  engagement_score: number;
  title: string | null;
  duration_ms: number | null;
  quartiles: Quartiles | null;
}

export interface Video {
  video_id: string;
  title: string | null;
  duration_seconds: number | null;
  series: string | null;
  tags: string[] | null;
}

export interface Page<T> {
  data: T[];
  next_cursor: string | null;
}

export interface App {
  app_id: string;
  name: string | null;
}

export interface AnalyticsEvent {
  event_id: string;
  event_name: string;
  app_id: string;
  timestamp: string;
  received_at?: string;
  user_id?: string | null;
  anonymous_id?: string | null;
  session_id?: string | null;
  video_id?: string | null;
  view_id?: string | null;
  page?: string | null;
  referrer?: string | null;
  utm_source?: string | null;
  utm_campaign?: string | null;
  device?: string | null;
  os?: string | null;
  browser?: string | null;
  country?: string | null;
  is_bot?: boolean;
  properties?: Record<string, unknown>;
  context?: Record<string, unknown>;
}

export interface LedgerCounts {
  received: number;
  stored: number;
  duplicate: number;
  filtered: number;
  quarantined: number;
  erased: number;
  in_flight: number;
  unaccounted: number;
}

export interface LedgerMinute extends LedgerCounts {
  minute: string;
  app_id: string;
}

export interface Ledger {
  totals: LedgerCounts;
  data: LedgerMinute[];
}

export interface DeadLetterGroup {
  reason: string;
  count: number;
  open: number;
  replayed: number;
  discarded: number;
  first_seen: string;
  last_seen: string;
}

export type LetterState = 'open' | 'replayed' | 'discarded';

export interface DeadLetter {
  id: string;
  reason: string;
  detail: string | null;
  source: { topic?: string; partition?: number; offset?: number; index?: number; path?: string } | null;
  received_at: string;
  app_id: string | null;
  event_id: string | null;
  payload: string;
  truncated: boolean;
  state: LetterState;
}

export interface LetterChange {
  state: LetterState;
  at: string;
  by: string | null;
  event_id: string | null;
  fix: FixStep[];
}

export interface InspectedLetter extends DeadLetter {
  /** The oldest first. */
  history: LetterChange[];
}

export type FixOp = 'set' | 'rename' | 'remove' | 'cast';

export interface FixStep {
  op: FixOp;
  field: string;
  value?: unknown;
}

export interface LetterResult {
  id: string;
  status?: 'accepted' | 'rejected';
  code: string | null;
  reason: string | null;
  event_id?: string | null;
  duplicate?: boolean;
  payload?: string | null;
  event?: string | null;
}

export interface LettersDone {
  matched: number;
  accepted?: number;
  discarded?: number;
  rejected: number;
  results: LetterResult[];
  next_cursor: string | null;
}

/** What is null here is of all apps together, and not for somebody who is limited to some. */
export interface PipelineStep {
  name: string;
  events: number | null;
  seconds_per_million: number;
  drops: Record<string, number> | null;
}

export interface LogPartition {
  topic: string;
  partition: number;
  end_offset: number | null;
  committed: number | null;
  lag_records: number | null;
  lag_ms: number;
}

export interface Pipeline {
  version: string;
  started_at: string;
  roles: string[];
  log: { kind: string; partitions: LogPartition[]; bytes: number | null };
  steps: PipelineStep[];
  rates: { ingest_eps: number; insert_eps: number };
  freshness_ms: { p50: number | null; p95: number | null };
  store: { kind: string; version: string | null; state: string; rows: number | null; bytes: number | null };
  buckets: { dirty: number | null; refreshed_at: string | null };
}

export interface HealthPart {
  name: string;
  state: string;
  reason?: string | null;
}

export interface Health {
  status: string;
  parts: HealthPart[];
}

/** One value of an answer in SQL: integers beyond 2^53 are strings, and so are times. */
export type SqlCell = string | number | boolean | null | readonly unknown[] | Record<string, unknown>;

export interface SqlColumn {
  name: string;
  type: string;
}

export interface SqlAnswer {
  columns: SqlColumn[];
  rows: SqlCell[][];
  row_count: number;
  truncated: boolean;
  elapsed_ms: number;
  read_rows: number | null;
}

export interface SessionCounts {
  sessions: number;
  users: number;
  new_users: number;
  returning_users: number;
  page_views: number;
  avg_duration_seconds: number;
  median_duration_seconds: number;
  pages_per_session: number;
  bounce_rate: number;
}

export interface SessionValue {
  value: string;
  sessions: number;
  users: number;
  bounce_rate: number;
}

export interface SessionStats extends SessionCounts {
  series: (SessionCounts & { time: string })[];
  by: Record<string, SessionValue[]>;
  truncated?: true;
}

export interface Session {
  session_id: string;
  app_id: string;
  user_id: string | null;
  anonymous_id: string | null;
  started_at: string;
  ended_at: string;
  duration_seconds: number;
  events: number;
  page_views: number;
  entry_page: string | null;
  exit_page: string | null;
  bounced: boolean;
  is_new: boolean;
  device: string | null;
  browser: string | null;
  os: string | null;
  country: string | null;
  referrer: string | null;
  utm_source: string | null;
  utm_campaign: string | null;
  errors: number;
  conversions: number;
}

/** JSON Schema of one parameter, as far as reports use it. */
export interface ReportParam {
  type?: 'string' | 'integer' | 'number' | 'boolean' | 'array';
  enum?: string[];
  default?: unknown;
  description?: string;
  minimum?: number;
  maximum?: number;
}

export interface ReportColumn {
  name: string;
  type: 'string' | 'integer' | 'number' | 'time' | 'object';
  description?: string;
}

export interface ReportTemplate {
  template: string;
  title: string;
  description: string;
  params: { properties: Record<string, ReportParam> };
  columns: ReportColumn[];
}

export interface Report {
  template: string;
  columns: ReportColumn[];
  rows: Record<string, SqlCell>[];
  generated_at: string;
  cached: boolean;
}

export interface FunnelFilter {
  field: string;
  op: string;
  value: string | number | (string | number)[];
}

export interface FunnelStep {
  name: string | null;
  event_name: string;
  filters: FunnelFilter[];
}

/** As `PUT /v1/funnels/{name}` takes it. */
export interface FunnelDefinition {
  title: string | null;
  app_id: string | null;
  steps: FunnelStep[];
  window_seconds: number;
  step_window_seconds: number | null;
  order: 'ordered' | 'strict' | 'unordered';
  count_by: 'actor' | 'session';
  exclusions: unknown[];
}

export interface Funnel extends FunnelDefinition {
  name: string;
}

export interface FunnelStepCount {
  step: number;
  name: string | null;
  event_name: string;
  count: number;
  conversion_from_start: number;
  conversion_from_previous: number;
  drop_off: number;
  median_seconds_from_previous: number | null;
}

export interface FunnelAnswer {
  name: string;
  count_by: 'actor' | 'session';
  steps: FunnelStepCount[];
  total_conversion: number;
  breakdown: { value: string; steps: FunnelStepCount[] }[];
  truncated?: true;
}
