/**
 * The catalogue: what people tell the service about apps, videos, funnels, plans and alerts, the keys they call it with,
 * what was administered, and what alerts were found to be. In: upserts. Out: look-ups. What was answered is on disk.
 * SQLite in the process, or PostgreSQL by URL: two dialects of the same Kysely, the same migrations.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Dialect, Kysely, sql } from 'kysely';
import { type AlertNotices, createAlertNotices } from './alert-notices.ts';
import { type AlertWatch, createAlertWatch } from './alert-watch.ts';
import { type AlertCatalog, createAlertCatalog } from './alerts.ts';
import { type AppCatalog, createAppCatalog } from './apps.ts';
import { type AuditTrail, createAuditTrail } from './audit.ts';
import { CatalogUnavailable } from './catalog-unavailable.ts';
import { createErasureCatalog, type ErasureCatalog } from './erasures.ts';
import { createFunnelCatalog, type FunnelCatalog } from './funnels.ts';
import { createIngestCounts, type IngestCountsCatalog } from './ingest-counts.ts';
import { createKeyCatalog, type KeyCatalog } from './keys.ts';
import { createLeases, type Leases } from './leases.ts';
import { migrateCatalog } from './migrations.ts';
import { createPlanCatalog, type PlanCatalog } from './plans.ts';
import { createPostgresDialect, type PostgresOptions, placeOf } from './postgres.ts';
import { createSqliteDialect } from './sqlite.ts';
import type { CatalogTables } from './tables.ts';
import { createVideoCatalog, type VideoCatalog } from './videos.ts';

export interface Catalog {
  readonly videos: VideoCatalog;
  readonly apps: AppCatalog;
  readonly funnels: FunnelCatalog;
  readonly plans: PlanCatalog;
  readonly keys: KeyCatalog;
  readonly audit: AuditTrail;
  readonly alerts: AlertCatalog;
  readonly alertWatch: AlertWatch;
  readonly alertNotices: AlertNotices;
  readonly ingestCounts: IngestCountsCatalog;
  readonly erasures: ErasureCatalog;
  readonly leases: Leases;
  /** How the last attempt went; the reason is for the operator. */
  state(): { readonly ok: boolean; readonly reason: string | null };
  close(): Promise<void>;
}

export interface CatalogOptions {
  /** Of SQLite: made when it is missing; the file is `catalog.sqlite` in it. */
  readonly dir: string;
  /** Null or left out: SQLite. */
  readonly postgres?: PostgresOptions | null;
  /** Epoch ms. Default: the clock. */
  readonly now?: () => number;
}

/**
 * Rejects when the file is no database, or was made by a newer version; with CatalogUnavailable when PostgreSQL does
 * not answer. Once open it comes back by itself after an outage.
 */
export async function openCatalog(options: CatalogOptions): Promise<Catalog> {
  const now = options.now ?? Date.now;
  if (options.postgres) return await openPostgres(options.postgres, now);
  mkdirSync(options.dir, { recursive: true });
  const state = () => ({ ok: true, reason: null });
  const dialect = createSqliteDialect(join(options.dir, 'catalog.sqlite'));
  // What was overwritten stands in the write-ahead log until that is written back.
  const writeBack = (db: Kysely<CatalogTables>) => sql`PRAGMA wal_checkpoint(TRUNCATE)`.execute(db);
  return { ...(await openOn(dialect, now, writeBack)), state };
}

async function openPostgres(options: PostgresOptions, now: () => number): Promise<Catalog> {
  const state = { ok: true, reason: null as string | null };
  try {
    return { ...(await openOn(createPostgresDialect(options, state), now)), state: () => state };
  } catch (error) {
    if (!(error instanceof CatalogUnavailable)) throw error;
    const cause = error.cause instanceof Error ? error.cause.message || 'no connection' : error.message;
    throw new CatalogUnavailable(
      `${placeOf(options.url)} cannot be used for the catalogue: ${cause}. Start it, create the database, or correct ANALYTICS_PG_URL; without that setting the catalogue is SQLite in ANALYTICS_DATA_DIR.`,
      { cause: error },
    );
  }
}

/** Over any database that Kysely speaks to. */
async function openOn(
  dialect: Dialect,
  now: () => number,
  forget: (db: Kysely<CatalogTables>) => Promise<unknown> = async () => {},
): Promise<Omit<Catalog, 'state'>> {
  const db = new Kysely<CatalogTables>({ dialect });
  try {
    await migrateCatalog(db);
  } catch (error) {
    await db.destroy();
    throw error;
  }
  return {
    videos: createVideoCatalog(db, now),
    apps: createAppCatalog(db, now),
    funnels: createFunnelCatalog(db, now),
    plans: createPlanCatalog(db, now),
    keys: createKeyCatalog(db, now),
    audit: createAuditTrail(db, now),
    alerts: createAlertCatalog(db, now),
    alertWatch: createAlertWatch(db, now),
    alertNotices: createAlertNotices(db, now),
    ingestCounts: createIngestCounts(db, now),
    erasures: createErasureCatalog(db, now, () => forget(db)),
    leases: createLeases(db, now),
    close: () => db.destroy(),
  };
}
