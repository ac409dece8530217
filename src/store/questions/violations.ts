import { appsSql, SqlValues } from '../sql/values.ts';
import { VIOLATION_COLUMNS } from '../violations.ts';
import type { StoreReader } from './buckets.ts';

export interface ViolationsQuestion {
  readonly event: string;
  /** Null: every app. */
  readonly apps: readonly string[] | null;
  /** Epoch ms: of what was read from the log since. */
  readonly since: number;
  readonly limit: number;
}

export interface ViolationRow {
  readonly app_id: string;
  readonly mode: string;
  readonly path: string;
  readonly expected: string;
  readonly count: number;
  /** The last event that was like this. */
  readonly event_id: string;
  /** Epoch ms. */
  readonly last_ms: number;
}

/** What events of one name had against their plan, the most frequent first. Rejects with StoreError. */
export async function askViolations(
  store: StoreReader,
  { event, apps, since, limit }: ViolationsQuestion,
): Promise<ViolationRow[]> {
  const values = new SqlValues();
  return await store.select<ViolationRow>(
    `SELECT app_id, mode, path, expected, sum(n) AS count, argMax(id, version) AS event_id,
       toUnixTimestamp64Milli(max(version)) AS last_ms
     FROM (
       SELECT version, v.1 AS app_id, v.2 AS event_name, v.3 AS mode, v.4 AS path, v.5 AS expected, v.6 AS id, v.7 AS n
       FROM (
         SELECT version, arrayJoin(arrayZip(${VIOLATION_COLUMNS.join(', ')})) AS v
         FROM ledger_blocks FINAL WHERE version >= ${values.instant(since)}
       )
     )
     WHERE event_name = ${values.text(event)} AND ${appsSql(values, apps)}
     GROUP BY app_id, mode, path, expected ORDER BY count DESC, app_id, path LIMIT ${limit}`,
    values.params,
  );
}
