import { randomBytes } from 'node:crypto';
import type { Kysely, Selectable } from 'kysely';
import type { CatalogTables, ErasuresTable } from './tables.ts';

/**
 * Who is to be erased, how far that is, and who was. The name is here in clear only until that is done; what stays is its
 * keyed hash.
 */

export interface ErasureRequest {
  readonly subject: string;
  /** Keyed hash of the subject. */
  readonly digest: string;
  /** Null: every app. */
  readonly apps: readonly string[] | null;
}

export interface Erasure {
  readonly erasure_id: string;
  /** Null once it is done. */
  readonly subject: string | null;
  readonly digest: string;
  readonly apps: readonly string[] | null;
  /** ISO 8601 UTC with ms: what was received before goes. */
  readonly requested_at: string;
  readonly finished_at: string | null;
  /** JSON; what it means is its worker's business. */
  readonly progress: string;
}

export interface ErasureCatalog {
  /** The key of the hashes, made when it is first asked for. */
  key(): Promise<Uint8Array>;
  add(request: ErasureRequest): Promise<Erasure>;
  get(id: string): Promise<Erasure | null>;
  /** The latest first. */
  list(limit: number): Promise<Erasure[]>;
  /** How many are not done. */
  waiting(): Promise<number>;
  /** The oldest that is not done and that nobody works on, from now on for `forMs` this worker's; null when there is none. */
  claim(worker: string, forMs: number): Promise<Erasure | null>;
  /** Writes down how far it is, and claims it for longer. False when another worker has it. */
  save(id: string, worker: string, progress: string, forMs: number): Promise<boolean>;
  /** Forgets the name. */
  finish(id: string, progress: string): Promise<void>;
  /** Forgets those done that were asked for before this moment (epoch ms). */
  prune(before: number): Promise<void>;
}

const DIGEST_KEY = 'erasure_key';
const KEY_BYTES = 32;

/** @param forget makes sure that what was overwritten cannot be read from the files any more, where that takes something */
export function createErasureCatalog(
  db: Kysely<CatalogTables>,
  now: () => number,
  forget: () => Promise<unknown>,
): ErasureCatalog {
  const at = (ms = now()) => new Date(ms).toISOString();
  let key: Promise<Uint8Array> | null = null;

  async function readKey(): Promise<Uint8Array> {
    // Of two processes that make one at once the first wins.
    await db
      .insertInto('secrets')
      .values({ name: DIGEST_KEY, value: randomBytes(KEY_BYTES).toString('hex') })
      .onConflict((conflict) => conflict.column('name').doNothing())
      .execute();
    const row = await db
      .selectFrom('secrets')
      .select('value')
      .where('name', '=', DIGEST_KEY)
      .executeTakeFirstOrThrow();
    return Buffer.from(row.value, 'hex');
  }

  return {
    key() {
      key ??= readKey().catch((error: unknown) => {
        key = null;
        throw error;
      });
      return key;
    },
    async add({ subject, digest, apps }) {
      const row = await db
        .insertInto('erasures')
        .values({
          erasure_id: randomBytes(8).toString('hex'),
          subject,
          digest,
          apps: apps === null ? null : JSON.stringify(apps),
          requested_at: at(),
          finished_at: null,
          worker: '',
          claimed_until: '',
          progress: '{}',
        })
        .returningAll()
        .executeTakeFirstOrThrow();
      return fromRow(row);
    },
    async get(id) {
      const row = await db.selectFrom('erasures').selectAll().where('erasure_id', '=', id).executeTakeFirst();
      return row === undefined ? null : fromRow(row);
    },
    async list(limit) {
      const all = db.selectFrom('erasures').selectAll();
      const rows = await all.orderBy('requested_at', 'desc').orderBy('erasure_id').limit(limit).execute();
      return rows.map(fromRow);
    },
    async waiting() {
      const { n } = await db
        .selectFrom('erasures')
        .select(({ fn }) => fn.countAll().as('n'))
        .where('finished_at', 'is', null)
        .executeTakeFirstOrThrow();
      return Number(n);
    },
    async claim(worker, forMs) {
      const next = await db
        .selectFrom('erasures')
        .select('erasure_id')
        .where('finished_at', 'is', null)
        .where('claimed_until', '<', at())
        .orderBy('requested_at')
        .limit(1)
        .executeTakeFirst();
      if (next === undefined) return null;
      const row = await db
        .updateTable('erasures')
        .set({ worker, claimed_until: at(now() + forMs) })
        .where('erasure_id', '=', next.erasure_id)
        .where('finished_at', 'is', null)
        .where('claimed_until', '<', at())
        .returningAll()
        .executeTakeFirst();
      return row === undefined ? null : fromRow(row);
    },
    async save(id, worker, progress, forMs) {
      const { numUpdatedRows } = await db
        .updateTable('erasures')
        .set({ progress, claimed_until: at(now() + forMs) })
        .where('erasure_id', '=', id)
        .where('worker', '=', worker)
        .where('finished_at', 'is', null)
        .executeTakeFirst();
      return numUpdatedRows > 0n;
    },
    async finish(id, progress) {
      await db
        .updateTable('erasures')
        .set({ progress, subject: null, finished_at: at() })
        .where('erasure_id', '=', id)
        .execute();
      await forget();
    },
    async prune(before) {
      await db
        .deleteFrom('erasures')
        .where('finished_at', 'is not', null)
        .where('requested_at', '<', at(before))
        .execute();
    },
  };
}

function fromRow(row: Selectable<ErasuresTable>): Erasure {
  const { erasure_id, subject, digest, apps, requested_at, finished_at, progress } = row;
  return {
    erasure_id,
    subject,
    digest,
    apps: apps === null ? null : (JSON.parse(apps) as string[]),
    requested_at,
    finished_at,
    progress,
  };
}
