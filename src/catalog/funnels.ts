import type { Kysely, Selectable } from 'kysely';
import type { CatalogTables, FunnelsTable } from './tables.ts';

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

export interface Funnel extends FunnelDefinition {
  readonly name: string;
  /** ISO 8601 UTC with ms. */
  readonly created_at: string;
  readonly updated_at: string;
}

export interface FunnelCatalog {
  /** Adds a funnel, or replaces it as a whole. The name may not hold U+0000. */
  put(name: string, definition: FunnelDefinition): Promise<Funnel>;
  get(name: string): Promise<Funnel | null>;
  /** By name. */
  list(): Promise<Funnel[]>;
  /** False when there was none. */
  delete(name: string): Promise<boolean>;
}

export function createFunnelCatalog(db: Kysely<CatalogTables>, now: () => number): FunnelCatalog {
  async function get(name: string): Promise<Funnel | null> {
    // PostgreSQL holds no such text, so there is no such funnel.
    if (name.includes('\0')) return null;
    const row = await db.selectFrom('funnels').selectAll().where('name', '=', name).executeTakeFirst();
    return row === undefined ? null : fromRow(row);
  }
  return {
    async put(name, definition) {
      if (name.includes('\0')) throw new RangeError('the name of a funnel holds U+0000');
      const at = new Date(now()).toISOString();
      const row = await db
        .insertInto('funnels')
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
    get,
    async list() {
      const rows = await db.selectFrom('funnels').selectAll().execute();
      // Each database sorts texts in its own way.
      return rows.map(fromRow).sort((a, b) => (a.name < b.name ? -1 : 1));
    },
    async delete(name) {
      if (name.includes('\0')) return false;
      const { numDeletedRows } = await db.deleteFrom('funnels').where('name', '=', name).executeTakeFirst();
      return numDeletedRows > 0n;
    },
  };
}

function fromRow({ name, definition, created_at, updated_at }: Selectable<FunnelsTable>): Funnel {
  return { name, ...(JSON.parse(definition) as FunnelDefinition), created_at, updated_at };
}
