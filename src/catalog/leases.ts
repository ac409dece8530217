import type { Kysely, Transaction } from 'kysely';
import type { CatalogTables } from './tables.ts';

/** Work that one process at a time does: whoever holds the lease of its name. */
export interface Leases {
  /** True when this holder has it from now on. */
  take(name: string, holder: string, forMs: number): Promise<boolean>;
  release(name: string, holder: string): Promise<void>;
}

export function createLeases(db: Kysely<CatalogTables>, now: () => number): Leases {
  const iso = (inMs = 0) => new Date(now() + inMs).toISOString();
  return {
    async take(name, holder, forMs) {
      const until_at = iso(forMs);
      const { numInsertedOrUpdatedRows: taken } = await db
        .insertInto('leases')
        .values({ name, holder, until_at })
        .onConflict((conflict) =>
          conflict
            .column('name')
            .doUpdateSet({ holder, until_at })
            .where((is) => is.or([is('leases.holder', '=', holder), is('leases.until_at', '<', iso())])),
        )
        .executeTakeFirstOrThrow();
      return Number(taken) === 1;
    },
    async release(name, holder) {
      await db.deleteFrom('leases').where('name', '=', name).where('holder', '=', holder).execute();
    },
  };
}

/** Whether the holder has the lease still; renews it with a time, else only makes sure. */
export async function holdsLease(
  db: Kysely<CatalogTables> | Transaction<CatalogTables>,
  name: string,
  holder: string,
  until_at: string | null,
): Promise<boolean> {
  const { numUpdatedRows } = await db
    .updateTable('leases')
    .set(until_at === null ? { holder } : { until_at })
    .where('name', '=', name)
    .where('holder', '=', holder)
    .executeTakeFirstOrThrow();
  return numUpdatedRows === 1n;
}
