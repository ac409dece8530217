import { appsSql, SqlValues } from '../sql/values.ts';
import type { StoreReader } from './buckets.ts';

/** How events move through all pipelines together, wherever they run: their ledger tells. */
export interface Flow {
  /** Events decided on, and rows stored, per second over the last ten. */
  readonly received_eps: number;
  readonly stored_eps: number;
  /** Events in a record, over the last hour; null when there was none. */
  readonly events_per_record: number | null;
}

/** Rejects with StoreError. */
export async function askFlow(store: StoreReader): Promise<Flow> {
  const [flow] = await store.select<Flow>(`
SELECT sumIf(events, recent) / 10 AS received_eps, sumIf(rows, recent) / 10 AS stored_eps,
  if(sum(records) = 0, NULL, sum(events) / sum(records)) AS events_per_record
FROM
(
  SELECT arraySum(received) AS events, arraySum(stored) AS rows, next_offset - first_offset AS records,
    version >= now64(3) - INTERVAL 10 SECOND AS recent
  FROM ledger_blocks FINAL
  WHERE version >= now64(3) - INTERVAL 1 HOUR AND notEmpty(app_id)
)`);
  return flow!;
}

/** What these apps' part of it is; a record holds events of several, so that there is no mean of it. Rejects with StoreError. */
export async function askAppFlow(
  store: StoreReader,
  apps: readonly string[],
): Promise<Omit<Flow, 'events_per_record'>> {
  const values = new SqlValues();
  const [flow] = await store.select<Omit<Flow, 'events_per_record'>>(
    `SELECT sum(events) / 10 AS received_eps, sum(rows) / 10 AS stored_eps
     FROM (SELECT app_id, received AS events, stored AS rows FROM ledger_blocks FINAL ARRAY JOIN app_id, received, stored
           WHERE version >= now64(3) - INTERVAL 10 SECOND)
     WHERE ${appsSql(values, apps)}`,
    values.params,
  );
  return flow!;
}
