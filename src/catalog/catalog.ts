/**
 * The catalogue: what people tell the service about apps and videos. In: upserts. Out: look-ups. What was answered is on
 * disk. SQLite in the process; another engine is another dialect of the same Kysely.
 */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Dialect, Kysely } from 'kysely';
import { type AppCatalog, createAppCatalog } from './apps.ts';
import { migrateCatalog } from './migrations.ts';
import { createSqliteDialect } from './sqlite.ts';
import type { CatalogTables } from './tables.ts';
import { createVideoCatalog, type VideoCatalog } from './videos.ts';

export interface Catalog {
  readonly videos: VideoCatalog;
  readonly apps: AppCatalog;
  close(): Promise<void>;
}

export interface CatalogOptions {
  /** Made when it is missing; the file is `catalog.sqlite` in it. */
  readonly dir: string;
  /** Epoch ms. Default: the clock. */
  readonly now?: () => number;
}

/** Rejects when the file is no database, or was made by a newer version. */
export async function openCatalog(options: CatalogOptions): Promise<Catalog> {
  mkdirSync(options.dir, { recursive: true });
  return await openCatalogOn(
    createSqliteDialect(join(options.dir, 'catalog.sqlite')),
    options.now ?? Date.now,
  );
}

/** The same over any database that Kysely speaks to. */
export async function openCatalogOn(dialect: Dialect, now: () => number): Promise<Catalog> {
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
    close: () => db.destroy(),
  };
}
