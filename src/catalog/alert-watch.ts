import { randomBytes } from 'node:crypto';
import type { Kysely, Selectable, Transaction } from 'kysely';
import { createLeases, holdsLease } from './leases.ts';
import type { AlertHistoryTable, AlertStatesTable, CatalogTables } from './tables.ts';

/**
 * What alerts were found to be. Of all processes one watches at a time: whoever holds the lease. A round that is recorded
 * is recorded whole, what is to be told of it too, and only by the holder: so a restart neither forgets nor repeats.
 */

export type AlertPhase = 'ok' | 'pending' | 'firing';

export interface AlertState {
  readonly name: string;
  readonly app_id: string | null;
  readonly state: AlertPhase;
  /** When it became that; ISO 8601 UTC with ms. */
  readonly since: string;
  /** Of the last evaluation that succeeded; null: there was nothing to measure. */
  readonly value: number | null;
  /** Of that one; null: none did yet. */
  readonly evaluated_at: string | null;
  /** Why the last evaluation failed; null: it did not. */
  readonly failure: string | null;
  /** Who was told that it fires, and is to be told of its end. */
  readonly told: readonly string[];
}

export interface AlertTransition {
  readonly was: AlertPhase;
  readonly became: AlertPhase;
  readonly value: number | null;
  /** Null when the rule was deleted. */
  readonly threshold: number | null;
}

/** To be posted as it is. */
export interface NewNotice {
  readonly url: string;
  readonly body: string;
}

export interface AlertChange {
  readonly state: AlertState;
  /** There is no such alert any more. */
  readonly isGone?: boolean;
  readonly transition: AlertTransition | null;
  readonly notices: readonly NewNotice[];
}

/** How many receivers know of it, wait for it, and were given up. */
export interface Deliveries {
  readonly delivered: number;
  readonly waiting: number;
  readonly given_up: number;
}

export interface AlertHistoryEntry extends AlertTransition {
  readonly history_id: string;
  readonly name: string;
  readonly app_id: string | null;
  /** ISO 8601 UTC with ms. */
  readonly at: string;
  readonly webhooks: Deliveries;
}

/** Where a page ended. */
export interface HistoryPlace {
  readonly at: string;
  readonly history_id: string;
}

export interface HistoryQuestion {
  readonly limit: number;
  /** Null: of every alert. */
  readonly name: string | null;
  readonly after?: HistoryPlace | null;
}

export interface AlertWatch {
  /** True when this holder has the lease from now on. */
  takeLease(holder: string, forMs: number): Promise<boolean>;
  /** False when it is another's, who may have recorded since. */
  renewLease(holder: string, forMs: number): Promise<boolean>;
  releaseLease(holder: string): Promise<void>;
  states(): Promise<AlertState[]>;
  /** All of it, or nothing and false when the lease is another's. */
  record(holder: string, changes: readonly AlertChange[]): Promise<boolean>;
  /** The latest first. */
  history(question: HistoryQuestion): Promise<AlertHistoryEntry[]>;
}

const LEASE = 'alerts';
const DAY_MS = 86_400_000;
const HISTORY_DAYS = 90;
export const HISTORY_OF_ONE_MAX = 200;
export const NOTICES_WAITING_MAX = 1_000;

export function createAlertWatch(db: Kysely<CatalogTables>, now: () => number): AlertWatch {
  const iso = (inMs = 0) => new Date(now() + inMs).toISOString();
  const leases = createLeases(db, now);
  return {
    takeLease: (holder, forMs) => leases.take(LEASE, holder, forMs),
    renewLease: (holder, forMs) => holdsLease(db, LEASE, holder, iso(forMs)),
    releaseLease: (holder) => leases.release(LEASE, holder),
    async states() {
      return (await db.selectFrom('alert_states').selectAll().execute()).map(readState);
    },
    async record(holder, changes) {
      return await db.transaction().execute(async (all) => {
        // First, and as a write: in PostgreSQL too nobody else takes it until all is recorded.
        if (!(await holdsLease(all, LEASE, holder, null))) return false;
        for (const change of changes) await recordChange(all, change, iso());
        if (changes.some(({ transition }) => transition !== null)) {
          await boundNotices(all);
          await prune(all, changes, iso(-HISTORY_DAYS * DAY_MS));
        }
        return true;
      });
    },
    history: (question) => listHistory(db, question),
  };
}

async function recordChange(
  all: Transaction<CatalogTables>,
  { state, isGone = false, transition, notices }: AlertChange,
  at: string,
): Promise<void> {
  const { name, app_id, told, ...rest } = state;
  if (isGone) await all.deleteFrom('alert_states').where('name', '=', name).execute();
  else {
    const row = { ...rest, app_id, told: JSON.stringify(told) };
    await all
      .insertInto('alert_states')
      .values({ name, ...row })
      .onConflict((conflict) => conflict.column('name').doUpdateSet(row))
      .execute();
  }
  if (transition === null) return;
  const history_id = `alert_${randomBytes(12).toString('hex')}`;
  await all
    .insertInto('alert_history')
    .values({ history_id, name, app_id, at, ...transition })
    .execute();
  for (const [i, { url, body }] of notices.entries()) {
    const row = { notice_id: `${history_id}_${i}`, history_id, name, url, body, created_at: at };
    await all
      .insertInto('alert_notices')
      .values({ ...row, next_at: at, attempts: 0, outcome: null, failure: null })
      .execute();
  }
}

/** Of more than may wait, the oldest are given up. */
async function boundNotices(all: Transaction<CatalogTables>): Promise<void> {
  const kept = all
    .selectFrom('alert_notices')
    .select('notice_id')
    .where('outcome', 'is', null)
    .orderBy('created_at', 'desc')
    .orderBy('notice_id', 'desc')
    .limit(NOTICES_WAITING_MAX);
  await all
    .updateTable('alert_notices')
    .set({ outcome: 'given_up', failure: `More than ${NOTICES_WAITING_MAX} waited.` })
    .where('outcome', 'is', null)
    .where('notice_id', 'not in', kept)
    .execute();
}

async function prune(
  all: Transaction<CatalogTables>,
  changes: readonly AlertChange[],
  oldest: string,
): Promise<void> {
  await all.deleteFrom('alert_history').where('at', '<', oldest).execute();
  for (const { state, transition } of changes) {
    if (transition === null) continue;
    const kept = all
      .selectFrom('alert_history')
      .select('history_id')
      .where('name', '=', state.name)
      .orderBy('at', 'desc')
      .orderBy('history_id')
      .limit(HISTORY_OF_ONE_MAX);
    await all
      .deleteFrom('alert_history')
      .where('name', '=', state.name)
      .where('history_id', 'not in', kept)
      .execute();
  }
  await all
    .deleteFrom('alert_notices')
    .where('outcome', 'is not', null)
    .where('history_id', 'not in', all.selectFrom('alert_history').select('history_id'))
    .execute();
}

async function listHistory(
  db: Kysely<CatalogTables>,
  { limit, name, after }: HistoryQuestion,
): Promise<AlertHistoryEntry[]> {
  if (name?.includes('\0')) return [];
  let query = db.selectFrom('alert_history').selectAll();
  if (name !== null) query = query.where('name', '=', name);
  if (after) {
    query = query.where((is) =>
      is.or([
        is('at', '<', after.at),
        is.and([is('at', '=', after.at), is('history_id', '>', after.history_id)]),
      ]),
    );
  }
  const rows = await query.orderBy('at', 'desc').orderBy('history_id').limit(limit).execute();
  const ids = rows.map(({ history_id }) => history_id);
  const notices =
    ids.length === 0
      ? []
      : await db
          .selectFrom('alert_notices')
          .select(['history_id', 'outcome'])
          .where('history_id', 'in', ids)
          .execute();
  const count = (id: string, wanted: string | null) =>
    notices.filter(({ history_id, outcome }) => history_id === id && outcome === wanted).length;
  return rows.map((row) => ({
    ...readHistory(row),
    webhooks: {
      delivered: count(row.history_id, 'delivered'),
      waiting: count(row.history_id, null),
      given_up: count(row.history_id, 'given_up'),
    },
  }));
}

function readState({ state, told, ...rest }: Selectable<AlertStatesTable>): AlertState {
  return { ...rest, state: state as AlertPhase, told: JSON.parse(told) as string[] };
}

function readHistory({ was, became, ...rest }: Selectable<AlertHistoryTable>) {
  return { ...rest, was: was as AlertPhase, became: became as AlertPhase };
}
