import type { TimeRange } from '../sql/range.ts';
import { appsSql, SqlValues } from '../sql/values.ts';
import type { StoreReader } from './buckets.ts';

export interface LedgerCounts {
  readonly received: number;
  readonly stored: number;
  readonly duplicate: number;
  readonly filtered: number;
  readonly quarantined: number;
  /** Stored, and removed since because somebody asked to be erased. */
  readonly erased: number;
}

export interface LedgerMinute extends LedgerCounts {
  readonly app_id: string;
  /** Epoch seconds. */
  readonly second: number;
}

export interface LedgerAnswer {
  readonly totals: LedgerCounts;
  /** The newest first, at most `limit`. */
  readonly minutes: readonly LedgerMinute[];
}

const COUNTS = ['received', 'stored', 'duplicate', 'filtered', 'quarantined', 'erased'] as const;

/** What became of the events received in a range, by minute and app. Rejects with StoreError. */
export async function askLedger(
  store: StoreReader,
  question: { readonly range: TimeRange; readonly apps: readonly string[] | null; readonly limit: number },
): Promise<LedgerAnswer> {
  const values = new SqlValues();
  const from = values.second(Math.ceil(question.range.from / 1000));
  const to = values.second(Math.ceil(question.range.to / 1000));
  const where = `minute >= ${from} AND minute < ${to} AND ${appsSql(values, question.apps)}`;
  // Both in one statement, so that the totals are those of the same moment.
  const sums = COUNTS.map((name) => `sum(${name}) AS ${name}`).join(', ');
  const rows = await store.select<LedgerMinute & { whole: boolean }>(
    `SELECT ${COUNTS.join(', ')}, app_id, toUnixTimestamp(minute) AS second, false AS whole
     FROM ledger WHERE ${where} ORDER BY minute DESC, app_id LIMIT ${question.limit}
     UNION ALL
     SELECT ${sums}, '' AS app_id, 0 AS second, true AS whole FROM (SELECT * FROM ledger WHERE ${where})`,
    values.params,
  );
  const minutes = rows.filter((row) => !row.whole);
  minutes.sort((a, b) => b.second - a.second || (a.app_id < b.app_id ? -1 : 1));
  return { minutes, totals: rows.find((row) => row.whole)! };
}
