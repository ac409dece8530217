import type { Kysely, Selectable } from 'kysely';
import type { CatalogTables, DefinitionsTable } from './tables.ts';

/** Definitions that people give a name: kept whole, as JSON, in a table of their own. */

export type Named<T> = T & {
  readonly name: string;
  /** ISO 8601 UTC with ms. */
  readonly created_at: string;
  readonly updated_at: string;
};

export interface Definitions<T> {
  /** Adds one, or replaces it as a whole. The name may not hold U+0000. */
  put(name: string, definition: T): Promise<Named<T>>;
  get(name: string): Promise<Named<T> | null>;
  /** By name. */
  list(): Promise<Named<T>[]>;
  /** False when there was none. */
  delete(name: string): Promise<boolean>;
}

/** `what`: one of them, for people. */
export function createDefinitions<T>(
  db: Kysely<CatalogTables>,
  table: 'alerts' | 'funnels',
  what: string,
  now: () => number,
): Definitions<T> {
  const read = ({ name, definition, created_at, updated_at }: Selectable<DefinitionsTable>): Named<T> => ({
    name,
    ...(JSON.parse(definition) as T),
    created_at,
    updated_at,
  });
  return {
    async put(name, definition) {
      if (name.includes('\0')) throw new RangeError(`the name of ${what} holds U+0000`);
      const at = new Date(now()).toISOString();
      const row = await db
        .insertInto(table)
        .values({ name, definition: JSON.stringify(definition), created_at: at, updated_at: at })
        .onConflict((conflict) =>
          conflict.column('name').doUpdateSet(({ ref }) => ({
            definition: ref('excluded.definition'),
            updated_at: ref('excluded.updated_at'),
          })),
        )
        .returningAll()
        .executeTakeFirstOrThrow();
      return read(row);
    },
    async get(name) {
      // PostgreSQL holds no such text, so there is none of that name.
      if (name.includes('\0')) return null;
      const row = await db.selectFrom(table).selectAll().where('name', '=', name).executeTakeFirst();
      return row === undefined ? null : read(row);
    },
    async list() {
      const rows = await db.selectFrom(table).selectAll().execute();
      // Each database sorts texts in its own way.
      return rows.map(read).sort((a, b) => (a.name < b.name ? -1 : 1));
    },
    async delete(name) {
      if (name.includes('\0')) return false;
      const { numDeletedRows } = await db.deleteFrom(table).where('name', '=', name).executeTakeFirst();
      return numDeletedRows > 0n;
    },
  };
}
