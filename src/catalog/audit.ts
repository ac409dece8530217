import { randomBytes } from 'node:crypto';
import type { Kysely } from 'kysely';
import type { CatalogTables } from './tables.ts';

/** Who administered what, and when. Never what was in it: a body may hold secrets. */

export interface AuditEntry {
  /** The caller's id, as in the rate limits. */
  readonly by: string;
  /** The apps that the caller was limited to; null: none. */
  readonly apps: readonly string[] | null;
  /** Method and route, or the words of the command. */
  readonly action: string;
  /** What it was done to, where that has an id. */
  readonly target: string | null;
}

export interface KnownAuditEntry extends AuditEntry {
  readonly audit_id: string;
  /** ISO 8601 UTC with ms. */
  readonly at: string;
}

/** Where a page ended. */
export interface AuditPlace {
  readonly at: string;
  readonly audit_id: string;
}

export interface AuditTrail {
  add(entry: AuditEntry): Promise<void>;
  /** The latest first. */
  list(question: { readonly limit: number; readonly after?: AuditPlace | null }): Promise<KnownAuditEntry[]>;
}

const DAY_MS = 86_400_000;
const KEPT_DAYS = 400;

export function createAuditTrail(db: Kysely<CatalogTables>, now: () => number): AuditTrail {
  let pruneAt = Number.NEGATIVE_INFINITY;

  async function prune(): Promise<void> {
    if (now() < pruneAt) return;
    pruneAt = now() + DAY_MS;
    const oldest = new Date(now() - KEPT_DAYS * DAY_MS).toISOString();
    await db.deleteFrom('audit').where('at', '<', oldest).execute();
  }

  return {
    async add({ by, apps, action, target }) {
      await db
        .insertInto('audit')
        .values({
          audit_id: randomBytes(8).toString('hex'),
          at: new Date(now()).toISOString(),
          // What PostgreSQL cannot hold, a client may still have put into a path.
          caller: by.replaceAll('\0', ''),
          apps: apps === null ? null : JSON.stringify(apps),
          action,
          target: target?.replaceAll('\0', '') ?? null,
        })
        .execute();
      await prune();
    },
    async list({ limit, after }) {
      let query = db.selectFrom('audit').selectAll();
      if (after) {
        query = query.where((is) =>
          is.or([
            is('at', '<', after.at),
            is.and([is('at', '=', after.at), is('audit_id', '>', after.audit_id)]),
          ]),
        );
      }
      const rows = await query.orderBy('at', 'desc').orderBy('audit_id').limit(limit).execute();
      return rows.map(({ caller, apps, ...rest }) => ({
        ...rest,
        by: caller,
        apps: apps === null ? null : (JSON.parse(apps) as string[]),
      }));
    },
  };
}
