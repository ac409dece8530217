/** The answers of `GET /v1/retention` and `GET /v1/paths`. */

export const RETENTION_UNITS = ['day', 'week', 'month'] as const;
export type RetentionUnit = (typeof RETENTION_UNITS)[number];

export interface Cohort {
  /** The first date of its period, `YYYY-MM-DD` in the zone of the question. */
  date: string;
  size: number;
  /** By period, that of the beginning first; null where a period has not begun. */
  returned: (number | null)[];
}

export interface Retention {
  unit: RetentionUnit;
  cohorts: Cohort[];
}

export interface PathNode {
  step: number;
  name: string;
  sessions: number;
}

/** Joins a node of its step with one of the next; `from` and `to` are in the order of time. */
export interface PathLink {
  step: number;
  from: string;
  to: string;
  sessions: number;
}

export interface Paths {
  by: 'page' | 'event';
  start: string | null;
  end: string | null;
  nodes: PathNode[];
  links: PathLink[];
}
