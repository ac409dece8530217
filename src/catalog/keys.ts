import { randomBytes } from 'node:crypto';
import type { Kysely, Selectable } from 'kysely';
import type { CatalogTables, KeysTable } from './tables.ts';

/** API keys: who may do what. A secret never comes here, only its digest. */

/** What is kept of a secret. */
export interface KeyMark {
  /** Its first characters. */
  readonly prefix: string;
  /** SHA-256, in hex. */
  readonly digest: string;
}

export interface NewKey {
  readonly name: string | null;
  readonly scopes: readonly string[];
  /** Null: every app; []: none. */
  readonly apps: readonly string[] | null;
}

export interface CatalogKey extends NewKey {
  readonly key_id: string;
  readonly prefix: string;
  /** ISO 8601 UTC with ms. */
  readonly created_at: string;
  /** When it got the secret that it has now; null: at its creation. */
  readonly rotated_at: string | null;
  /** Null while it opens something. */
  readonly revoked_at: string | null;
}

/** Where a page ended. */
export interface KeyPlace {
  readonly created_at: string;
  readonly key_id: string;
}

export interface KeyList {
  readonly limit: number;
  /** Those that were revoked as well. */
  readonly revoked: boolean;
  readonly after?: KeyPlace | null;
}

export interface KeyCatalog {
  create(key: NewKey, mark: KeyMark): Promise<CatalogKey>;
  /** The key of this digest, unless it was revoked. */
  find(digest: string): Promise<CatalogKey | null>;
  get(keyId: string): Promise<CatalogKey | null>;
  /** Those that came last first. */
  list(question: KeyList): Promise<CatalogKey[]>;
  /** Gives it another secret; null when there is no such key, or it was revoked. */
  rotate(keyId: string, mark: KeyMark): Promise<CatalogKey | null>;
  /** False when there is no such key, or it was revoked before. */
  revoke(keyId: string): Promise<boolean>;
  /**
   * The key of everything that a service makes for itself when nobody can administer it: made, or given a new secret
   * after it was revoked. Null while another key of the scope `admin` is there. Of several processes one makes it.
   */
  createFirst(mark: KeyMark): Promise<CatalogKey | null>;
}

const FIRST_KEY: NewKey = { name: 'made at the first start', scopes: ['read', 'admin'], apps: null };
export const FIRST_KEY_ID = 'key_first';

export function createKeyCatalog(db: Kysely<CatalogTables>, now: () => number): KeyCatalog {
  const at = () => new Date(now()).toISOString();
  const changed = ({ numUpdatedRows }: { numUpdatedRows: bigint }) => numUpdatedRows === 1n;
  const select = (keyId: string) => db.selectFrom('keys').selectAll().where('key_id', '=', keyId);

  return {
    async create(key, mark) {
      const row = newRow(`key_${randomBytes(6).toString('hex')}`, key, mark, at());
      await db.insertInto('keys').values(row).execute();
      return fromRow(row);
    },
    async find(digest) {
      const row = await db
        .selectFrom('keys')
        .selectAll()
        .where('digest', '=', digest)
        .where('revoked_at', 'is', null)
        .executeTakeFirst();
      return row === undefined ? null : fromRow(row);
    },
    async get(keyId) {
      if (keyId.includes('\0')) return null;
      const row = await select(keyId).executeTakeFirst();
      return row === undefined ? null : fromRow(row);
    },
    async list({ limit, revoked, after }) {
      let query = db.selectFrom('keys').selectAll();
      if (!revoked) query = query.where('revoked_at', 'is', null);
      if (after) {
        query = query.where((is) =>
          is.or([
            is('created_at', '<', after.created_at),
            is.and([is('created_at', '=', after.created_at), is('key_id', '>', after.key_id)]),
          ]),
        );
      }
      const rows = await query.orderBy('created_at', 'desc').orderBy('key_id').limit(limit).execute();
      return rows.map(fromRow);
    },
    async rotate(keyId, mark) {
      if (keyId.includes('\0')) return null;
      const outcome = await db
        .updateTable('keys')
        .set({ ...mark, rotated_at: at() })
        .where('key_id', '=', keyId)
        .where('revoked_at', 'is', null)
        .executeTakeFirstOrThrow();
      return changed(outcome) ? fromRow(await select(keyId).executeTakeFirstOrThrow()) : null;
    },
    async revoke(keyId) {
      if (keyId.includes('\0')) return false;
      const outcome = await db
        .updateTable('keys')
        .set({ revoked_at: at() })
        .where('key_id', '=', keyId)
        .where('revoked_at', 'is', null)
        .executeTakeFirstOrThrow();
      return changed(outcome);
    },
    async createFirst(mark) {
      const open = await db
        .selectFrom('keys')
        .select(['scopes', 'apps'])
        .where('revoked_at', 'is', null)
        .execute();
      // One that is limited to apps cannot hand out keys of others.
      if (open.some(({ scopes, apps }) => apps === null && readScopes(scopes).includes('admin'))) return null;
      const row = newRow(FIRST_KEY_ID, FIRST_KEY, mark, at());
      const { numInsertedOrUpdatedRows: made } = await db
        .insertInto('keys')
        .values(row)
        .onConflict((conflict) =>
          conflict
            .column('key_id')
            .doUpdateSet({ ...mark, rotated_at: row.created_at, revoked_at: null })
            .where('keys.revoked_at', 'is not', null),
        )
        .executeTakeFirstOrThrow();
      return Number(made) === 1 ? fromRow(await select(FIRST_KEY_ID).executeTakeFirstOrThrow()) : null;
    },
  };
}

function newRow(keyId: string, { name, scopes, apps }: NewKey, mark: KeyMark, at: string): KeysTable {
  return {
    ...mark,
    key_id: keyId,
    name,
    scopes: scopes.join(' '),
    apps: apps === null ? null : JSON.stringify(apps),
    created_at: at,
    rotated_at: null,
    revoked_at: null,
  };
}

const readScopes = (scopes: string): string[] => scopes.split(' ').filter((scope) => scope !== '');

function fromRow({ digest: _, scopes, apps, ...rest }: Selectable<KeysTable>): CatalogKey {
  return {
    ...rest,
    scopes: readScopes(scopes),
    apps: apps === null ? null : (JSON.parse(apps) as string[]),
  };
}
