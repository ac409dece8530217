import type { Kysely } from 'kysely';
import { createDefinitions, type Definitions, type Named } from './definitions.ts';
import type { FunnelFilter } from './funnels.ts';
import type { CatalogTables } from './tables.ts';

/** Rules of alerts: what to watch, and when it is too much. What they were found to be is in alert-watch.ts. */

export const COMPARISONS = ['>', '>=', '<', '<='] as const;
export type Comparison = (typeof COMPARISONS)[number];

/** When a number is too much, and for how long it has to be. */
export interface AlertCondition {
  readonly comparison: Comparison;
  readonly threshold: number;
  readonly for_seconds: number;
}

export interface AlertDefinition extends AlertCondition {
  readonly title: string | null;
  /** Null: every app. */
  readonly app_id: string | null;
  /** One of `GET /metrics`. */
  readonly metric: string;
  readonly filters: readonly FunnelFilter[];
  readonly bots: boolean;
  /** The metric is asked of so long up to now. */
  readonly window_seconds: number;
  readonly webhook_url: string | null;
  readonly enabled: boolean;
}

export type AlertRule = Named<AlertDefinition>;

/** One that is there without anybody's doing. */
export interface BuiltInAlert extends AlertCondition {
  readonly name: string;
  readonly title: string;
  readonly metric: string;
  readonly window_seconds: number;
}

export type AlertCatalog = Definitions<AlertDefinition>;

export function createAlertCatalog(db: Kysely<CatalogTables>, now: () => number): AlertCatalog {
  return createDefinitions<AlertDefinition>(db, 'alerts', 'an alert', now);
}
