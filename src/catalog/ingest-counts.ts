import type { Kysely } from 'kysely';
import type { CatalogTables } from './tables.ts';

/** What each process of the role ingest took and refused lately: alerts are about all of them together. */

export interface IngestCounts {
  /** That were sent, whatever became of them. */
  readonly events: number;
  readonly rejected: number;
  readonly requests: number;
  /** Refused as a whole. */
  readonly failed: number;
}

export interface IngestCountsCatalog {
  put(process: string, counts: IngestCounts): Promise<void>;
  remove(process: string): Promise<void>;
  /** Of all that were put within `ageMaxMs`, added up. */
  sum(ageMaxMs: number): Promise<IngestCounts>;
}

const KEPT_MS = 86_400_000;

export function createIngestCounts(db: Kysely<CatalogTables>, now: () => number): IngestCountsCatalog {
  const iso = (agoMs = 0) => new Date(now() - agoMs).toISOString();
  return {
    async put(process_id, counts) {
      const row = { at: iso(), ...counts };
      await db
        .insertInto('ingest_counts')
        .values({ process_id, ...row })
        .onConflict((conflict) => conflict.column('process_id').doUpdateSet(row))
        .execute();
      await db.deleteFrom('ingest_counts').where('at', '<', iso(KEPT_MS)).execute();
    },
    async remove(process) {
      await db.deleteFrom('ingest_counts').where('process_id', '=', process).execute();
    },
    async sum(ageMaxMs) {
      const rows = await db
        .selectFrom('ingest_counts')
        .selectAll()
        .where('at', '>=', iso(ageMaxMs))
        .execute();
      const sum = (pick: (counts: IngestCounts) => number) => rows.reduce((all, row) => all + pick(row), 0);
      return {
        events: sum((row) => row.events),
        rejected: sum((row) => row.rejected),
        requests: sum((row) => row.requests),
        failed: sum((row) => row.failed),
      };
    },
  };
}
