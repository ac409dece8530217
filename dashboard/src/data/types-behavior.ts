/** `GET /v1/behavior/summary` as the service answers it. */

export type Rating = 'good' | 'needs-improvement' | 'poor';

export interface Vital {
  /** In ms; CLS has no unit. Null without any. */
  p75: number | null;
  rating: Rating | null;
  good: number;
  needs_improvement: number;
  poor: number;
  count: number;
}

export interface PageRow {
  /** '' where the events did not say. */
  page: string;
  views: number;
  users: number;
  entries: number;
  exits: number;
  /** Null where nobody went on from it. */
  avg_seconds: number | null;
}

export interface ErrorGroup {
  fingerprint: string;
  /** The latest of the group. */
  message: string;
  /** What the messages share. */
  pattern: string;
  count: number;
  users: number;
  first_seen: string;
  last_seen: string;
}

export interface Behavior {
  page_views: number;
  events: number;
  pages: PageRow[];
  events_top: { event_name: string; count: number; users: number }[];
  web_vitals: Record<string, Vital>;
  errors: ErrorGroup[];
}
