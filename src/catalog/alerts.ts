import type { Kysely, Selectable } from 'kysely';
import type { FunnelFilter } from './funnels.ts';
import type { AlertsTable, CatalogTables } from './tables.ts';

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

export interface AlertRule extends AlertDefinition {
  readonly name: string;
  /** ISO 8601 UTC with ms. */
  readonly created_at: string;
  readonly updated_at: string;
}

/** One that is there without anybody's doing. */
export interface BuiltInAlert extends AlertCondition {
  readonly name: string;
  readonly title: string;
  readonly metric: string;
  readonly window_seconds: number;
}

export interface AlertCatalog {
  /** Adds a rule, or replaces it as a whole. The name may not hold U+0000. */
  put(name: string, definition: AlertDefinition): Promise<AlertRule>;
  get(name: string): Promise<AlertRule | null>;
  /** By name. */
  list(): Promise<AlertRule[]>;
  /** False when there was none. */
  delete(name: string): Promise<boolean>;
}

export function createAlertCatalog(db: Kysely<CatalogTables>, now: () => number): AlertCatalog {
  return {
    async put(name, definition) {
      if (name.includes('\0')) throw new RangeError('the name of an alert holds U+0000');
      const at = new Date(now()).toISOString();
      const row = await db
        .insertInto('alerts')
        .values({ name, definition: JSON.stringify(definition), created_at: at, updated_at: at })
        .onConflict((conflict) =>
          conflict.column('name').doUpdateSet(({ ref }) => ({
            definition: ref('excluded.definition'),
            updated_at: ref('excluded.updated_at'),
          })),
        )
        .returningAll()
        .executeTakeFirstOrThrow();
      return fromRow(row);
    },
    async get(name) {
      // PostgreSQL holds no such text, so there is no such rule.
      if (name.includes('\0')) return null;
      const row = await db.selectFrom('alerts').selectAll().where('name', '=', name).executeTakeFirst();
      return row === undefined ? null : fromRow(row);
    },
    async list() {
      const rows = await db.selectFrom('alerts').selectAll().execute();
      // Each database sorts texts in its own way.
      return rows.map(fromRow).sort((a, b) => (a.name < b.name ? -1 : 1));
    },
    async delete(name) {
      if (name.includes('\0')) return false;
      const { numDeletedRows } = await db.deleteFrom('alerts').where('name', '=', name).executeTakeFirst();
      return numDeletedRows > 0n;
    },
  };
}

function fromRow({ name, definition, created_at, updated_at }: Selectable<AlertsTable>): AlertRule {
  return { name, ...(JSON.parse(definition) as AlertDefinition), created_at, updated_at };
}
