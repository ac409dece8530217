import type { Kysely } from 'kysely';
import { createDefinitions, type Definitions, type Named } from './definitions.ts';
import type { CatalogTables } from './tables.ts';

/** One condition on an event; `value` is an array for `in` alone. */
export interface FunnelFilter {
  readonly field: string;
  readonly op: string;
  readonly value: string | number | boolean | readonly (string | number | boolean)[];
}

export interface FunnelStep {
  readonly name: string | null;
  readonly event_name: string;
  readonly filters: readonly FunnelFilter[];
}

export interface FunnelExclusion {
  readonly event_name: string;
  readonly filters: readonly FunnelFilter[];
  /** Numbered from 1. */
  readonly after_step: number;
  readonly before_step: number;
}

export interface FunnelDefinition {
  readonly title: string | null;
  /** Null: every app that the caller may see. */
  readonly app_id: string | null;
  readonly steps: readonly FunnelStep[];
  readonly window_seconds: number;
  readonly step_window_seconds: number | null;
  readonly order: 'ordered' | 'strict' | 'unordered';
  readonly count_by: 'actor' | 'session';
  readonly exclusions: readonly FunnelExclusion[];
}

export type Funnel = Named<FunnelDefinition>;

export type FunnelCatalog = Definitions<FunnelDefinition>;

export function createFunnelCatalog(db: Kysely<CatalogTables>, now: () => number): FunnelCatalog {
  return createDefinitions<FunnelDefinition>(db, 'funnels', 'a funnel', now);
}
