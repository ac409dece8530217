import type { Kysely } from 'kysely';
import { type Migration, Migrator } from 'kysely/migration';
import { CatalogUnavailable } from './catalog-unavailable.ts';
import type { CatalogTables } from './tables.ts';

/** Numbered steps from an empty database to this version's tables. A step that was released is never changed. */
const migrations: Readonly<Record<string, Migration>> = {
  '0001_videos_and_apps': {
    async up(db: Kysely<unknown>) {
      await db.schema
        .createTable('videos')
        .addColumn('video_id', 'text', (column) => column.primaryKey())
        .addColumn('title', 'text')
        .addColumn('duration_seconds', 'double precision')
        .addColumn('series', 'text')
        .addColumn('season', 'integer')
        .addColumn('episode', 'integer')
        .addColumn('tags', 'text', (column) => column.notNull())
        .addColumn('published_at', 'text')
        .addColumn('live', 'integer', (column) => column.notNull())
        .addColumn('search_text', 'text', (column) => column.notNull())
        .addColumn('created_at', 'text', (column) => column.notNull())
        .addColumn('updated_at', 'text', (column) => column.notNull())
        .execute();
      await db.schema
        .createIndex('videos_by_creation')
        .on('videos')
        .columns(['created_at', 'video_id'])
        .execute();
      await db.schema
        .createTable('apps')
        .addColumn('app_id', 'text', (column) => column.primaryKey())
        .addColumn('name', 'text')
        .addColumn('created_at', 'text', (column) => column.notNull())
        .execute();
    },
  },
  '0003_funnels': {
    async up(db: Kysely<unknown>) {
      await db.schema
        .createTable('funnels')
        .addColumn('name', 'text', (column) => column.primaryKey())
        .addColumn('definition', 'text', (column) => column.notNull())
        .addColumn('created_at', 'text', (column) => column.notNull())
        .addColumn('updated_at', 'text', (column) => column.notNull())
        .execute();
    },
  },
  '0002_keys': {
    async up(db: Kysely<unknown>) {
      await db.schema
        .createTable('keys')
        .addColumn('key_id', 'text', (column) => column.primaryKey())
        .addColumn('name', 'text')
        .addColumn('prefix', 'text', (column) => column.notNull())
        .addColumn('digest', 'text', (column) => column.notNull().unique())
        .addColumn('scopes', 'text', (column) => column.notNull())
        .addColumn('apps', 'text')
        .addColumn('created_at', 'text', (column) => column.notNull())
        .addColumn('rotated_at', 'text')
        .addColumn('revoked_at', 'text')
        .execute();
    },
  },
  '0005_plans': {
    async up(db: Kysely<unknown>) {
      await db.schema
        .createTable('plans')
        .addColumn('event_name', 'text', (column) => column.notNull())
        .addColumn('app_id', 'text', (column) => column.notNull())
        .addColumn('revision', 'integer', (column) => column.notNull())
        .addColumn('definition', 'text')
        .addColumn('created_at', 'text', (column) => column.notNull())
        .addColumn('effective_at', 'text', (column) => column.notNull())
        .addPrimaryKeyConstraint('plans_key', ['event_name', 'app_id', 'revision'])
        .execute();
    },
  },
  '0004_audit': {
    async up(db: Kysely<unknown>) {
      await db.schema
        .createTable('audit')
        .addColumn('audit_id', 'text', (column) => column.primaryKey())
        .addColumn('at', 'text', (column) => column.notNull())
        .addColumn('caller', 'text', (column) => column.notNull())
        .addColumn('apps', 'text')
        .addColumn('action', 'text', (column) => column.notNull())
        .addColumn('target', 'text')
        .execute();
      await db.schema.createIndex('audit_by_time').on('audit').columns(['at', 'audit_id']).execute();
    },
  },
  '0006_alerts': {
    async up(db: Kysely<unknown>) {
      await db.schema
        .createTable('alerts')
        .addColumn('name', 'text', (column) => column.primaryKey())
        .addColumn('definition', 'text', (column) => column.notNull())
        .addColumn('created_at', 'text', (column) => column.notNull())
        .addColumn('updated_at', 'text', (column) => column.notNull())
        .execute();
      await db.schema
        .createTable('alert_states')
        .addColumn('name', 'text', (column) => column.primaryKey())
        .addColumn('app_id', 'text')
        .addColumn('state', 'text', (column) => column.notNull())
        .addColumn('since', 'text', (column) => column.notNull())
        .addColumn('value', 'double precision')
        .addColumn('evaluated_at', 'text')
        .addColumn('failure', 'text')
        .addColumn('told', 'text', (column) => column.notNull())
        .execute();
      await db.schema
        .createTable('alert_history')
        .addColumn('history_id', 'text', (column) => column.primaryKey())
        .addColumn('name', 'text', (column) => column.notNull())
        .addColumn('app_id', 'text')
        .addColumn('at', 'text', (column) => column.notNull())
        .addColumn('was', 'text', (column) => column.notNull())
        .addColumn('became', 'text', (column) => column.notNull())
        .addColumn('value', 'double precision')
        .addColumn('threshold', 'double precision')
        .execute();
      await db.schema
        .createIndex('alert_history_by_time')
        .on('alert_history')
        .columns(['at', 'history_id'])
        .execute();
      await createAlertNotices(db);
      await db.schema
        .createTable('leases')
        .addColumn('name', 'text', (column) => column.primaryKey())
        .addColumn('holder', 'text', (column) => column.notNull())
        .addColumn('until_at', 'text', (column) => column.notNull())
        .execute();
      await createIngestCounts(db);
    },
  },
  '0007_erasures': {
    async up(db: Kysely<unknown>) {
      await db.schema
        .createTable('erasures')
        .addColumn('erasure_id', 'text', (column) => column.primaryKey())
        .addColumn('subject', 'text')
        .addColumn('digest', 'text', (column) => column.notNull())
        .addColumn('apps', 'text')
        .addColumn('requested_at', 'text', (column) => column.notNull())
        .addColumn('finished_at', 'text')
        .addColumn('worker', 'text', (column) => column.notNull())
        .addColumn('claimed_until', 'text', (column) => column.notNull())
        .addColumn('progress', 'text', (column) => column.notNull())
        .execute();
      await db.schema
        .createIndex('erasures_by_time')
        .on('erasures')
        .columns(['requested_at', 'erasure_id'])
        .execute();
      await db.schema
        .createTable('secrets')
        .addColumn('name', 'text', (column) => column.primaryKey())
        .addColumn('value', 'text', (column) => column.notNull())
        .execute();
    },
  },
};

async function createAlertNotices(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('alert_notices')
    .addColumn('notice_id', 'text', (column) => column.primaryKey())
    .addColumn('history_id', 'text', (column) => column.notNull())
    .addColumn('name', 'text', (column) => column.notNull())
    .addColumn('url', 'text', (column) => column.notNull())
    .addColumn('body', 'text', (column) => column.notNull())
    .addColumn('created_at', 'text', (column) => column.notNull())
    .addColumn('next_at', 'text', (column) => column.notNull())
    .addColumn('attempts', 'integer', (column) => column.notNull())
    .addColumn('outcome', 'text')
    .addColumn('failure', 'text')
    .execute();
  await db.schema
    .createIndex('alert_notices_by_history')
    .on('alert_notices')
    .columns(['history_id'])
    .execute();
}

async function createIngestCounts(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('ingest_counts')
    .addColumn('process_id', 'text', (column) => column.primaryKey())
    .addColumn('at', 'text', (column) => column.notNull())
    .addColumn('events', 'double precision', (column) => column.notNull())
    .addColumn('rejected', 'double precision', (column) => column.notNull())
    .addColumn('requests', 'double precision', (column) => column.notNull())
    .addColumn('failed', 'double precision', (column) => column.notNull())
    .execute();
}

/**
 * Brings the database up to date. Processes that start at once take turns (an advisory lock in PostgreSQL, the file's own
 * in SQLite). Rejects with what the failing step said.
 */
export async function migrateCatalog(db: Kysely<CatalogTables>): Promise<void> {
  const migrator = new Migrator({ db, provider: { getMigrations: async () => ({ ...migrations }) } });
  const { error, results } = await migrator.migrateToLatest();
  if (error === undefined) return;
  if (error instanceof CatalogUnavailable) throw error;
  const failed = results?.find((result) => result.status === 'Error')?.migrationName;
  throw new Error(`The catalogue could not be migrated${failed === undefined ? '' : ` (${failed})`}.`, {
    cause: error,
  });
}
