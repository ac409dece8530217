import type { Kysely } from 'kysely';
import type { CatalogTables } from './tables.ts';

/**
 * What webhooks are to be told of alerts. It was written with the change that it tells of (alert-watch.ts), and stays until
 * a receiver took it. Any process delivers; it takes a notice for a while first, so that no other sends it meanwhile.
 */

export interface Notice {
  readonly notice_id: string;
  readonly name: string;
  readonly url: string;
  readonly body: string;
  /** ISO 8601 UTC with ms. */
  readonly created_at: string;
  /** Before this one. */
  readonly attempts: number;
}

export interface AlertNotices {
  /**
   * Takes up to `limit` that are due, for so long; then, unless it is settled or postponed, each is due again. Of one
   * alert and receiver only the oldest: the end is told after the beginning.
   */
  take(limit: number, forMs: number): Promise<Notice[]>;
  settle(id: string, outcome: 'delivered' | 'given_up', failure: string | null): Promise<void>;
  postpone(id: string, inMs: number, failure: string): Promise<void>;
}

export function createAlertNotices(db: Kysely<CatalogTables>, now: () => number): AlertNotices {
  const iso = (inMs = 0) => new Date(now() + inMs).toISOString();

  async function listDue() {
    const waiting = await db
      .selectFrom('alert_notices')
      .select(['notice_id', 'name', 'url', 'next_at'])
      .where('outcome', 'is', null)
      .orderBy('created_at')
      .orderBy('notice_id')
      .execute();
    const lanes = new Set<string>();
    return waiting.filter(({ name, url, next_at }) => {
      const lane = JSON.stringify([name, url]);
      const isFirst = !lanes.has(lane);
      lanes.add(lane);
      return isFirst && next_at <= iso();
    });
  }

  return {
    async take(limit, forMs) {
      const taken: Notice[] = [];
      for (const { notice_id, next_at } of await listDue()) {
        if (taken.length >= limit) break;
        // Whoever changes the time that both saw has it.
        const row = await db
          .updateTable('alert_notices')
          .set((is) => ({ next_at: iso(forMs), attempts: is('attempts', '+', 1) }))
          .where('notice_id', '=', notice_id)
          .where('next_at', '=', next_at)
          .where('outcome', 'is', null)
          .returningAll()
          .executeTakeFirst();
        if (row === undefined) continue;
        const { name, url, body, created_at, attempts } = row;
        taken.push({ notice_id, name, url, body, created_at, attempts: attempts - 1 });
      }
      return taken;
    },
    async settle(id, outcome, failure) {
      await db.updateTable('alert_notices').set({ outcome, failure }).where('notice_id', '=', id).execute();
    },
    async postpone(id, inMs, failure) {
      await db
        .updateTable('alert_notices')
        .set({ next_at: iso(inMs), failure })
        .where('notice_id', '=', id)
        .where('outcome', 'is', null)
        .execute();
    },
  };
}
