import type { Kysely } from 'kysely';
import type { CatalogTables } from './tables.ts';

export interface App {
  readonly app_id: string;
  readonly name: string | null;
}

export interface AppCatalog {
  /** False, and nothing changed, when it is there already. */
  create(app: App): Promise<boolean>;
  /** Adds an app, or gives one another name. */
  upsert(app: App): Promise<void>;
  /** By id. */
  list(): Promise<App[]>;
}

export function createAppCatalog(db: Kysely<CatalogTables>, now: () => number): AppCatalog {
  return {
    async create({ app_id, name }) {
      const { numInsertedOrUpdatedRows: made } = await db
        .insertInto('apps')
        .values({ app_id, name, created_at: new Date(now()).toISOString() })
        .onConflict((conflict) => conflict.column('app_id').doNothing())
        .executeTakeFirst();
      return Number(made) === 1;
    },
    async upsert({ app_id, name }) {
      await db
        .insertInto('apps')
        .values({ app_id, name, created_at: new Date(now()).toISOString() })
        .onConflict((conflict) =>
          conflict.column('app_id').doUpdateSet(({ ref }) => ({ name: ref('excluded.name') })),
        )
        .execute();
    },
    async list() {
      return await db.selectFrom('apps').select(['app_id', 'name']).orderBy('app_id').execute();
    },
  };
}
